"""The archive: every record ever read, numbered, and the order of time."""
