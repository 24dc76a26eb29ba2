"""The files of a state directory that qlogship makes: which they are, and how they are opened.

Theory of operation. Whoever owns the directory may have put a link or a FIFO in their
place, and a command of root's may be the one that opens it: so no link is followed, and
nothing is waited for. And the database and its index (`-shm`) are opened by SQLite alone:
when a process closes a file, all its record locks on that are gone, SQLite's too
(https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from qlogship.config.model import SECRETS
from qlogship.config.secret import CREDENTIALS_VARIABLE, credential
from qlogship.errors import StateError
from qlogship.installation.doors import kind_of
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.config import Settings

DATABASE: Final = "qlogship.db"
LOCK: Final = "lock"
SENT: Final = "sent"

_PIECE: Final = 1024 * 1024

_OF_SQLITE: Final = tuple(f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal"))


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file of the state directory, never through a link and without waiting.

    Raises OSError, and `StateError` for what is no regular file.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _foreign(path, "a link") from error
        raise
    try:
        _check_regular(path, os.fstat(handle).st_mode)
    except BaseException:
        os.close(handle)
        raise
    return handle


def check_database(directory: Path) -> None:
    """See that SQLite will meet files of its own, and no link or FIFO. Raises `StateError`."""
    for name in _OF_SQLITE:
        path = directory / name
        with suppress(FileNotFoundError):
            _check_regular(path, path.lstat().st_mode)


def pieces(directory: Path, *, behind: int) -> Iterator[bytes]:
    """Yield the bytes of the database and its log, in pieces that share `behind` bytes.

    Only for a process that has not opened the database, for the sake of SQLite's locks. What
    cannot be read yields nothing.
    """
    for name in (DATABASE, f"{DATABASE}-wal"):
        with suppress(OSError), os.fdopen(open_own(directory / name, os.O_RDONLY), "rb") as file:
            before = b""
            while piece := file.read(_PIECE):
                yield before + piece
                before = (before + piece)[-behind:]


def own_files(settings: Settings) -> frozenset[tuple[int, int]]:
    """Return device and inode of what is no queue_log, whatever leads to it: state and secrets."""
    # Asked for each file that is opened, and there may be very many: a Path takes longer than stat.
    paths = [f"{settings.state.directory}/{name}" for name in (*_OF_SQLITE, LOCK, SENT)]
    secrets = settings.dashboard.password_file, settings.dashboard.token_file
    paths += [str(file) for file in secrets if file is not None]
    if credentials := os.environ.get(CREDENTIALS_VARIABLE):
        paths += [f"{credentials}/{credential(key)}" for key in SECRETS]
    found = set()
    for path in paths:
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise _foreign(path, kind_of(mode))


def _foreign(path: Path, kind: str) -> StateError:
    return StateError(
        f"{path} is {kind}: qlogship did not make it, and does not open it",
        hint=f"Find out who did, with `ls -l {typed(path)}`, and move it away.",
    )
