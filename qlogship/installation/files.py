"""The files of a machine that may be strange: what cannot be looked at or read is None."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

TEXT_MAX: Final = 1024 * 1024
"""What is read of one file, and more than any of these have."""

_HANDLE: Final = os.O_PATH | os.O_CLOEXEC
_READING: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class File:
    """A file or a directory as stat(2) shows it; `key` is device and inode."""

    path: Path
    uid: int = 0
    gid: int = 0
    mode: int = 0
    group: str = ""
    size: int = 0
    key: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> Self:
        """Return what stat(2) showed."""
        return cls(
            path,
            status.st_uid,
            status.st_gid,
            status.st_mode,
            group_name(status.st_gid),
            status.st_size,
            (status.st_dev, status.st_ino),
        )


def look_at(path: Path, *, follow: bool = True) -> File | None:
    """Return what a path leads to, as far as whoever asks may look; perhaps a link itself."""
    try:
        return File.of(path, path.stat(follow_symlinks=follow))
    except (OSError, ValueError):  # a name with a NUL in it is no name
        return None


def user_name(uid: int) -> str:
    """Return the name of a user, its number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Return the name of a group, its number when it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def read_text(path: Path) -> str | None:
    """Return the text of a regular file; bytes beyond UTF-8 are replaced.

    Nothing else is opened: a device may do something when it is, and a FIFO has no end.
    """
    try:
        handle = os.open(path, _HANDLE)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            with open(os.open(f"/proc/self/fd/{handle}", _READING), "rb") as file:  # noqa: PTH123
                return file.read(TEXT_MAX).decode(errors="replace")
        finally:
            os.close(handle)
    except (OSError, ValueError):
        return None


class Texts:
    """Read configuration files; `unread` are those that exist and cannot be read."""

    def __init__(self) -> None:
        self.unread: list[Path] = []

    def read(self, path: Path) -> str | None:
        """Return the text of a file."""
        text = read_text(path)
        if text is None and os.path.lexists(path) and path not in self.unread:
            self.unread.append(path)
        return text
