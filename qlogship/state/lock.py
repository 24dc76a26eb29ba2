"""The single-writer lock on a state directory.

An open-file-description lock (fcntl(2)): the kernel drops it with the process, however
that ends, but not when the process closes another descriptor of the same file, as it would
a plain record lock. It can be asked for without trying to take it; whose it is stands in
the file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from qlogship.errors import LockedError
from qlogship.state.database import reported
from qlogship.state.own_files import LOCK, open_own
from qlogship.troubles.rows import Trouble

if TYPE_CHECKING:
    from pathlib import Path

# struct flock of fcntl(2) with 64-bit offsets: type, whence, start, length, pid.
_FLOCK: Final = struct.Struct("hhqqi")
_WHOLE: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

_BLOCK: Final = 4096
"""Bytes that a file system gives a small file at least."""


class StateLock:
    """Hold the lock on a state directory until `release`.

    Raises `LockedError`, with the holder's pid, when another process has it.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK
        self._file = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _WHOLE)
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
        self._pid = b"%d\n" % os.getpid()
        try:
            os.pwrite(self._file, self._pid, 0)
            os.ftruncate(self._file, len(self._pid))
        except BaseException:
            os.close(self._file)
            raise

    def complain(self, trouble: Trouble | None) -> None:
        """Say what keeps the holder from its database, or that nothing does any more.

        Where that cannot be written either, it is not said.
        """
        text = json.dumps(asdict(trouble)).encode() + b"\n" if trouble is not None else b""
        with suppress(OSError):
            os.ftruncate(self._file, len(self._pid))
            if len(self._pid) + len(text) <= _BLOCK:
                os.pwrite(self._file, text, len(self._pid))

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._file)


def holder(directory: Path) -> int | None:
    """Return the pid of the process that holds the lock on `directory`, or None.

    It is what that process wrote there: 0 while it has not yet, and a number of its own
    container if it runs in one. Raises `StateError` when the lock may not be looked at.
    """
    return _look(directory)[0]


def complaint(directory: Path) -> Trouble | None:
    """Return what keeps the holder of the lock from its database; None without either.

    Raises `StateError` when the lock may not be looked at.
    """
    pid, text = _look(directory)
    if pid is None:
        return None  # what a dead one said is of no interest
    with suppress(ValueError, TypeError):  # none, or it is being written
        return Trouble(**json.loads(text))
    return None


def _look(directory: Path) -> tuple[int | None, bytes]:
    """Return who holds the lock, and what stands behind its pid in the file."""
    path = directory / LOCK
    with reported(path):
        try:
            file = open_own(path, os.O_RDONLY)
        except FileNotFoundError:
            return None, b""
    try:
        kind, *_ = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_OFD_GETLK, _WHOLE))
        pid, _, text = os.pread(file, _BLOCK, 0).partition(b"\n")
        return (int(pid) if pid.isdigit() else 0) if kind != fcntl.F_UNLCK else None, text
    finally:
        os.close(file)
