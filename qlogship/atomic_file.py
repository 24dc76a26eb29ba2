"""Writing a file so that it is there whole or not at all.

A new file is made beside the place it is for, under another name, and renamed into
it when it is complete. Whoever reads the place finds the old file or the new one.

One rule for all: the bytes are on the disk before the rename, because after a power
cut the name could else lead to an empty file; and so is the directory after it,
because the old file could else be back. Where a file system cannot do the latter the
file is in place all the same, so that is no failure.

And nobody else can read it, unless somebody said so: callers' numbers are in most of
what is written here.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


_PRIVATE: Final = 0o600


def _mode_of(target: Path) -> int:
    """Return the mode that the owner gave a file; what others put there says nothing."""
    with suppress(FileNotFoundError):
        found = target.lstat()
        if found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
            return stat.S_IMODE(found.st_mode)
    return _PRIVATE


def behind(path: Path) -> Path:
    """Return the file that is replaced when one is written to `path`: what a link leads to.

    But not the link of another user, who would choose a file of ours: that one is replaced itself.
    """
    with suppress(FileNotFoundError):
        if _is_strange(path.lstat()):
            return path
    return Path(os.path.realpath(path))


def is_stream(path: Path) -> bool:
    """Return whether this is a pipe or a device, which is written to as it is."""
    with suppress(FileNotFoundError):
        found = path.lstat()
        return not _is_strange(found) and not stat.S_ISREG(path.stat().st_mode)
    return False


def _is_strange(found: os.stat_result) -> bool:
    """Return whether this is a link that neither root nor who asks has made."""
    return stat.S_ISLNK(found.st_mode) and found.st_uid not in {0, os.geteuid()}


def open_stream(path: Path) -> int:
    """Open a pipe or a device for writing, and no disk or file that was put there meanwhile."""
    handle = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_IFMT(os.fstat(handle).st_mode) in {stat.S_IFREG, stat.S_IFBLK}:
        os.close(handle)
        raise OSError(errno.EEXIST, "a file has taken its place", str(path))
    return handle


def open_new(path: Path, mode: int) -> int:
    """Make a file and open it for writing; what a killed run left under this name is removed."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, mode)


class NewFile:
    """A file that takes the place of `target` when it is complete.

    Use it in a `with`: write to `file`, then call `put_in_place`; without that, the
    end of the block removes it. `path` is where it is until then. All raise OSError.
    """

    def __init__(
        self,
        target: Path,
        *,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        path: Path | None = None,
        opener: Callable[[Path, int], int] = open_new,
    ) -> None:
        """Make the file; it has its owner and its mode before anything is in it.

        `mode` holds whatever the umask; without one it is that of the file which is
        replaced, if that is ours, else 0600. `owner` is the ids of user and group.
        Who names `path` sees to it that nobody else writes there at the same time.
        `opener` is like that of `open`, with the mode to make the file with.
        """
        if mode is None:
            mode = _mode_of(target)
        self.target = target
        self.path = path or target.with_name(f".{target.name}.{token_hex(4)}.new")
        self.file = os.fdopen(opener(self.path, _PRIVATE), "wb")
        self._placed = False
        try:
            status = os.fstat(self.file.fileno())
            if owner not in {None, (status.st_uid, status.st_gid)}:
                os.fchown(self.file.fileno(), *owner)
            os.fchmod(self.file.fileno(), mode)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            if not self._placed:
                self.path.unlink()
        with suppress(OSError):  # of bytes that nobody wants any more
            self.file.close()

    def put_in_place(self) -> None:
        """Give the file the name of its target; it stays open, and so does a lock on it."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.path.replace(self.target)
        self._placed = True
        with suppress(OSError):
            directory = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
