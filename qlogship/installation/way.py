"""The way to a file, taken step by step with a handle on each, so that nobody can lead it astray.

Whoever may place names in a directory decides where a path through it leads. So what
stands at the end is judged, not its name; and what was judged is what is used
afterwards: by its handle (open(2), O_PATH), never by its name again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from qlogship.installation.access_list import ACCESS, AccessList, Tag
from qlogship.installation.files import File, group_name, user_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from qlogship.installation.asterisk_user import Writer

_HANDLE: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_MAX: Final = 40


class Astray(Exception):
    """The way leads through the hands of somebody else; the message says where."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file or directory with a handle on it.

    `rights` is who may do what with it; `lists` says whether its file system keeps
    access lists.
    """

    handle: int
    file: File
    rights: AccessList
    lists: bool

    @property
    def name(self) -> str:
        """A name that leads to this very thing, whatever its path leads to by now."""
        return name_of(self.handle)


class Way:
    """The way to a regular file; its handles are open until the end of a `with`.

    It belongs to one of `writers`, and nobody but that one and root can place names in the
    directory that it is in. Links and `..` are followed where root alone can place
    names. Raises Astray, and OSError.
    """

    def __init__(self, path: Path, writers: Collection[Writer] = ()) -> None:
        self._writers = {one.uid: one for one in writers}
        with ExitStack() as stack:
            self._stack = stack
            self.directories: list[Held] = []
            self.file = self._walk(path)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def beside(self, name: str) -> Iterator[Held]:
        """Show a name in the last directory, whatever it is, for a moment; no link is followed."""
        directory = self.directories[-1]
        handle = os.open(name, _HANDLE, dir_fd=directory.handle)
        try:
            yield _held(handle, directory.file.path / name)
        finally:
            os.close(handle)

    def _take(self, name: str, path: Path, directory: Held | None = None) -> Held:
        handle = os.open(name, _HANDLE, dir_fd=None if directory is None else directory.handle)
        self._stack.callback(os.close, handle)
        return _held(handle, path)

    def _walk(self, path: Path) -> Held:
        parts, links = deque(path.parts[1:]), 0
        self.directories = [self._take("/", Path("/"))]
        while parts:
            part, here = parts.popleft(), self.directories[-1]
            if part == "..":
                if not _is_roots(here):
                    raise Astray(f"{here.file.path}, which the way leaves by .., is not root's")
                self.directories[1:] = self.directories[1:-1]
                continue
            found = self._take(part, here.file.path / part, here)
            if stat.S_ISLNK(found.file.mode):
                links += 1
                if links > _LINKS_MAX or not _is_roots(here):
                    raise Astray(f"{found.file.path} is a link in a directory that is not root's")
                target = Path(os.readlink("", dir_fd=found.handle))
                if target.is_absolute():
                    self.directories = self.directories[:1]
                parts.extendleft(reversed([one for one in target.parts if one != "/"]))
            elif stat.S_ISDIR(found.file.mode):
                self.directories.append(found)
            elif parts or not stat.S_ISREG(found.file.mode):
                raise Astray(f"{found.file.path} is no regular file")
            else:
                return self._ended(found)
        raise Astray(f"{self.directories[-1].file.path} is a directory")

    def _ended(self, found: Held) -> Held:
        """Return the file at the end, if it is Asterisk's, and nobody else places files there."""
        owner, here = self._writers.get(found.file.uid), self.directories[-1]
        if owner is None:
            raise Astray(f"{found.file.path} is a file of {user_name(found.file.uid)}")
        if here.file.uid not in {0, owner.uid}:
            raise Astray(f"{here.file.path} is a directory of {user_name(here.file.uid)}")
        if who := _others(here, owner):
            raise Astray(f"{who} can place files in {here.file.path}")
        return found


def _is_roots(directory: Held) -> bool:
    """Return whether root alone can place names in a directory."""
    return directory.file.uid == 0 and not _others(directory, None)


def _others(directory: Held, writer: Writer | None) -> str:
    """Return who, besides root, the owner and `writer`, can place names there; empty: nobody."""
    users, groups = {0}, {0}
    if writer is not None:
        users.add(writer.uid)
        if writer.group is not None and not writer.shared:
            groups.add(writer.group)
    for entry in directory.rights.writers():
        number = directory.file.gid if entry.tag is Tag.OWNING_GROUP else entry.number
        if entry.tag is Tag.OTHER:
            return "everybody"
        if entry.tag is Tag.USER and number not in users:
            return user_name(number)
        if entry.tag is not Tag.USER and number not in groups:
            return f"group {group_name(number)}"
    return ""


def _held(handle: int, path: Path) -> Held:
    file = File.of(path, os.fstat(handle))
    rights, lists = AccessList.of_mode(file.mode), not stat.S_ISLNK(file.mode)
    if lists:
        try:
            rights = AccessList.of_bytes(os.getxattr(name_of(handle), ACCESS))
        except ValueError:
            lists = False
        except OSError as error:
            lists = error.errno == errno.ENODATA
    return Held(handle, file, rights, lists)


def name_of(handle: int) -> str:
    """Return the name of a handle, in this process and in those that inherit it."""
    return f"/proc/self/fd/{handle}"
