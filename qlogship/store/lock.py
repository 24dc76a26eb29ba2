"""The single-writer lock on a state directory.

A POSIX record lock: the kernel drops it with the process, however that ends,
and can be asked who holds it without trying to take it. (It is not held
against other openings of the same file in one process; nothing here opens it
twice.)
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING

from qlogship.errors import LockedError
from qlogship.store.database import reported

if TYPE_CHECKING:
    from pathlib import Path

# struct flock of fcntl(2) with 64-bit offsets: type, whence, start, length, pid.
_FLOCK = "hhqqi"
_NAME = "lock"


class StateLock:
    """Hold the lock on a state directory until `release`.

    Raises `LockedError`, with the holder's pid, when another process has it.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / _NAME
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
            pid = holder(directory)
            raise LockedError(
                f"another qlogship (pid {pid or 'unknown'}) holds the state directory {directory}",
                pid=pid,
                hint=f"Stop it first (`systemctl stop qlogship` or `kill {pid or 'PID'}`), "
                "or give this one a state.directory of its own.",
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._file)


def holder(directory: Path) -> int | None:
    """Return the pid of the process that holds the lock on `directory`, or None.

    Raises `StateError` when the lock may not be looked at.
    """
    path = directory / _NAME
    with reported(path):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
        return pid if kind != fcntl.F_UNLCK else None
    finally:
        os.close(file)
