"""Letting other users get to a test's files."""

from __future__ import annotations

import tempfile
from pathlib import Path


def open_to_all(directory: Path) -> None:
    """Let every user enter and list `directory`, and those above it that pytest made.

    The directory of temporary files itself stays as it is: it belongs to the machine.
    """
    top = Path(tempfile.gettempdir())
    for path in (directory, *directory.parents):
        if path != top and path.is_relative_to(top):
            path.chmod(0o755)
