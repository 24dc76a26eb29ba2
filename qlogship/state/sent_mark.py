"""How many requests were ever sent, written down a second time, outside of the database.

A database that is older than what was sent (restored from a backup, its WAL deleted, a disk
that lied) believes that the last uploads were never made, and they are made again. Nothing
inside of it can tell; this file can. It is overwritten in place before each request leaves,
so that it needs no space, and is not part of any transaction. A snapshot of the whole
directory takes it back, too: then nothing here can know.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from qlogship.state.database import reported
from qlogship.state.own_files import SENT, open_own
from qlogship.wording import count

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH: Final = 20


def forgotten(sends: int) -> str:
    """Say that so many attempts were begun of which the database knows nothing."""
    was, may = ("was", "it may") if sends == 1 else ("were", "they may")
    return (
        f"the state database is older than what was uploaded: {count(sends, 'upload')} {was} sent"
        f" of which it knows nothing; {may} be uploaded again, and be counted twice"
    )


class SentMark:
    """Read and write the mark of a state directory; the caller holds its lock.

    Raises `StateError` when it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / SENT
        with reported(self._path):
            self._file = open_own(self._path, os.O_RDWR | os.O_CREAT)

    def read(self) -> int:
        """Return how many requests were sent; 0 when nothing was written, or what is no number."""
        with reported(self._path):
            text = os.pread(self._file, _WIDTH, 0).strip()
        return int(text) if text.isdigit() else 0

    def write(self, sends: int) -> None:
        """Write that so many were sent, and return when that is on the disk."""
        with reported(self._path):
            os.pwrite(self._file, b"%*d\n" % (_WIDTH, sends), 0)
            os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
