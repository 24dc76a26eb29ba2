"""The .deb and the .rpm: `build` makes them, `lock` says of which libraries."""
