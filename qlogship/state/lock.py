"""The single-writer lock on a state directory.

A POSIX record lock: the kernel drops it with the process, however that ends,
and can be asked who holds it without trying to take it. (It is not held
against other openings of the same file in one process; nothing here opens it
twice.)
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
from qlogship.troubles.rows import Trouble

if TYPE_CHECKING:
    from pathlib import Path

# struct flock of fcntl(2) with 64-bit offsets: type, whence, start, length, pid.
_FLOCK = "hhqqi"
_NAME = "lock"

_BLOCK: Final = 4096
"""Bytes that a file system gives a small file at least."""


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
        self._pid = b"%d\n" % os.getpid()
        os.write(self._file, self._pid)

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

    Never to be asked by the holder itself. Raises `StateError` when the lock may
    not be looked at.
    """
    return _look(directory)[0]


def complaint(directory: Path) -> Trouble | None:
    """Return what keeps the holder of the lock from its database; None without either.

    Never to be asked by the holder itself. Raises `StateError` when the lock may
    not be looked at.
    """
    pid, text = _look(directory)
    if pid is None:
        return None  # what a dead one said is of no interest
    with suppress(ValueError, TypeError):  # none, or it is being written
        return Trouble(**json.loads(text))
    return None


def _look(directory: Path) -> tuple[int | None, bytes]:
    """Return who holds the lock, and what stands behind its pid in the file."""
    path = directory / _NAME
    with reported(path):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None, b""
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
        _, _, text = os.pread(file, _BLOCK, 0).partition(b"\n")
        return pid if kind != fcntl.F_UNLCK else None, text
    finally:
        os.close(file)
