"""One way to open a file that others may have put there, or put in the place of another.

Theory of operation
-------------------
Whoever owns a log directory says what its names lead to, and may change that at any
moment: to a link, a FIFO, a second name of somebody else's file. So a name is never
opened for reading. The way to it is taken one name at a time with handles that open
nothing (O_PATH); what stands at its end is judged by what it is; and that very thing
is then opened, through its handle. Between look and open there is nothing to change.

A link is followed where nobody could place it but root or who asks, and where whoever
could place it owns the file that it leads to: so nobody gets a file opened that is not
his own.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from qlogship.installation.files import user_name
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Own = Callable[[], Collection[tuple[int, int]]]
    """Tells device and inode of the files that are qlogship's own."""

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MOST_LINKS: Final = 40  # as path_resolution(7) has it


class NotOpened(Exception):
    """A file that is not opened for what it is; `problem` says so of the path that was named."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory on the way, as fstat(2) shows it."""

    path: str
    uid: int
    mode: int
    gid: int = 0

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> Self:
        """Return what fstat(2) showed."""
        return cls(path or "/", status.st_uid, status.st_mode, status.st_gid)

    def is_closed(self, *others: int) -> bool:
        """Return whether nobody but root and these users can place names in it."""
        return self.uid in {0, *others} and not self.mode & (stat.S_IWGRP | stat.S_IWOTH)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was followed, whose it is, and the directory it lies in."""

    path: str
    uid: int
    directory: Directory


@dataclass(frozen=True, slots=True)
class Way:
    """How a path leads to what it names: `status` is that of its end, `handle` opens nothing."""

    handle: int
    status: os.stat_result
    directories: tuple[Directory, ...]
    links: tuple[Link, ...]


@contextmanager
def way_to(path: Path) -> Iterator[Way]:
    """Take the way to a path and hold its end. Raises OSError where it does not lead on."""
    handle, at = os.open("/", _LOOK | os.O_DIRECTORY), ""
    try:
        status = os.fstat(handle)
        directories = [Directory.of("/", status)]
        links: list[Link] = []
        left = _names(os.fspath(path.absolute()))
        while left:
            name = left.pop()
            found = _step(name, handle, last=not left)
            status, at = os.fstat(found), f"{at}/{name}"
            if stat.S_ISLNK(status.st_mode):
                try:
                    target = os.readlink("", dir_fd=found)
                finally:
                    os.close(found)
                links.append(Link(at, status.st_uid, directories[-1]))
                if len(links) > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                left += _names(target)
                if not target.startswith("/"):
                    at = directories[-1].path.rstrip("/")
                    continue
                found, at = os.open("/", _LOOK | os.O_DIRECTORY), ""
                status = os.fstat(found)
            os.close(handle)
            handle = found
            if stat.S_ISDIR(status.st_mode):
                directories.append(Directory.of(at, status))
        yield Way(handle, status, tuple(directories), tuple(links))
    finally:
        os.close(handle)


def open_to_read(path: Path, own: Own = frozenset) -> int:
    """Open a regular file for reading; `own` tells which files are qlogship's own, if any.

    Raises OSError, and `NotOpened` for what it is, or who may have put it there.
    """
    asks = os.geteuid()
    handle = os.open(path, _LOOK)
    try:
        # Nearly always it is a file as any other, and lies where its path says: then no link
        # led to it, and `refuse` would find nothing. That takes half the time.
        this, status = Path("/proc/self/fd", str(handle)), os.fstat(handle)
        single = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        another = not asks or asks != status.st_uid
        plain = single and another and this.readlink() == path
        if plain and (status.st_dev, status.st_ino) not in own():
            return os.open(this, _READ)
    finally:
        os.close(handle)
    with way_to(path) as way:
        refuse(path, way, own(), asks=asks)
        return os.open(f"/proc/self/fd/{way.handle}", _READ)


def look(path: Path) -> os.stat_result:
    """Return what stat(2) says of a file that `open_to_read` would open. Raises the same."""
    with way_to(path) as way:
        refuse(path, way, (), asks=os.geteuid())
        return way.status


def refuse(path: Path, way: Way, own: Collection[tuple[int, int]], *, asks: int) -> None:
    """Raise `NotOpened` unless what a path leads to is a file that may be read by who asks."""
    status = way.status
    if not stat.S_ISREG(status.st_mode):
        raise NotOpened(
            f"{path} is {kind_of(status.st_mode)}, not a regular file",
            "Name the file that Asterisk writes, or what rotation made of it.",
        )
    if (status.st_dev, status.st_ino) in own:
        raise NotOpened(
            f"{path} leads to a file of qlogship's own",
            f"Find out who put it there: `ls -li {typed(path)}`.",
        )
    if not all(may_follow(link, status.st_uid, asks=asks) for link in way.links):
        # The first that others may have placed; what comes behind it, names included, is theirs.
        made = next(link for link in way.links if not link.directory.is_closed(asks)).path
        whose = user_name(status.st_uid)
        raise NotOpened(
            f"{path} leads over the link {made} to a file of {whose}, and it may be somebody else"
            " who placed it",
            f"Find out who made it: `ls -l {typed(made)}`; if it is right, name the file itself.",
        )
    last = way.directories[-1]
    if last.is_closed(asks) or status.st_uid == last.uid:
        return
    if status.st_nlink > 1 or (asks and status.st_uid == asks):
        whose = user_name(status.st_uid)
        raise NotOpened(
            f"{path} may be another file's second name: it is one of {whose}, in a directory where"
            " others may place names",
            f"Find out who put it there: `ls -li {typed(path)}`; if it is right, put a copy in"
            " its place.",
        )


def may_follow(link: Link, uid: int, *, asks: int) -> bool:
    """Return whether a link may be followed to a file of this user.

    It may where root or who asks must have placed it, or where it leads whoever may
    have placed it to nothing but a file of the same user, who is not root.
    """
    return link.directory.is_closed(asks) or uid in {link.uid, link.directory.uid} - {0}


def kind_of(mode: int) -> str:
    """Return what there is by a mode of stat(2), in words."""
    return _KINDS.get(stat.S_IFMT(mode), "a file")


_KINDS: Final = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _names(path: str) -> list[str]:
    """Return the names in a path, the last first."""
    return [name for name in reversed(path.split("/")) if name not in {"", "."}]


def _step(name: str, directory: int, *, last: bool) -> int:
    """Hold what has this name in a directory, links included."""
    if not last:
        try:
            # Asked for as a directory, one that is mounted on demand is mounted.
            return os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=directory)
        except NotADirectoryError:
            pass  # perhaps a link
    return os.open(name, _LOOK, dir_fd=directory)
