"""What a user may read: root finds it out by trying as that user."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from qlogship.installation.files import File, user_name

if TYPE_CHECKING:
    from collections.abc import Sequence

# The user whom the package makes, and whom the unit names.
SERVICE_USER: Final = "qlogship"

_READ, _SEARCH = 4, 1


class Step(NamedTuple):
    """A directory on the way to a file, or the file, and what is needed of it.

    `need` is made of 4 (read, list) and 1 (search), as in a mode.
    """

    file: File
    need: int


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and all groups that the user is in."""

    name: str
    uid: int
    gids: frozenset[int]

    def joined(self, gid: int) -> Account:
        """Return this user, in one more group."""
        return replace(self, gids=self.gids | {gid})

    def without(self, gid: int | None) -> Account:
        """Return this user, out of a group; None: of none."""
        return replace(self, gids=self.gids - {gid})


@dataclass(frozen=True, slots=True)
class Barrier:
    """What keeps a user from reading a file.

    `path` is the directory or file at which it ends, `problem` says so in words.
    `denied` is false when no permission is to blame: the file is missing, or is none.
    """

    path: Path
    problem: str
    denied: bool = False


def account_of(name: str) -> Account:
    """Return a user with all groups. Raises KeyError when there is none."""
    entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, frozenset(os.getgrouplist(name, entry.pw_gid)))


def can_read_as(user: str, path: Path) -> Barrier | None:
    """Find out whether `user` can read a file and list the directory it is in; None: yes.

    Root tries it as that user in a process of its own, so that groups and access
    lists count as they do for the service. Others can try only for themselves;
    for another user they go by owners and modes alone.

    Raises KeyError when there is no such user.
    """
    entry, account = pwd.getpwnam(user), account_of(user)
    found = _steps(path)
    if isinstance(found, Barrier):
        return found
    if os.geteuid() == entry.pw_uid:
        failed = _try(found)
    elif os.geteuid() == 0:
        failed = _try_as(entry, found)
    else:
        barred = (index for index, step in enumerate(found) if lacks(account, *step))
        failed = next(((index, errno.EACCES) for index in barred), None)
    if failed is None:
        return None
    index, number = failed
    step = found[index]
    path = step.file.path
    if number not in {errno.EACCES, errno.EPERM}:
        return Barrier(path, f"{path} cannot be read: {os.strerror(number)}")
    return Barrier(path, _words(account, *step), denied=True)


def lacks(account: Account, file: File, need: int) -> bool:
    """Return whether owner and mode keep a user from a file. Access lists are not known here."""
    if account.uid == 0:
        return False
    if account.uid == file.uid:
        granted = file.mode >> 6
    elif file.gid in account.gids:
        granted = file.mode >> 3
    else:
        granted = file.mode
    return need & ~granted != 0


def _become(user: pwd.struct_passwd) -> None:
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _steps(path: Path) -> list[Step] | Barrier:
    """Return the way to a file as seen by the caller, who may be stopped on it, too."""
    real = Path(os.path.realpath(path))
    way = [*reversed(path.parents), *reversed(real.parents)]
    steps = []
    for one in dict.fromkeys([*way, real]):
        try:
            status = one.stat()
        except FileNotFoundError:
            return Barrier(one, f"{one} does not exist")
        except OSError as error:
            return Barrier(one, f"{one} cannot be looked at: {error.strerror}")
        need = _READ if one == real else _SEARCH
        if one == real.parent:
            need |= _READ  # it is listed for rotated files
        if one == real and not stat.S_ISREG(status.st_mode):
            return Barrier(one, f"{one} is no regular file")
        steps.append(Step(File.of(one, status), need))
    return steps


def _try(steps: Sequence[Step]) -> tuple[int, int] | None:
    """Take the steps; return the index and the errno of the one that fails."""
    for index, (file, need) in enumerate(steps):
        if need & _SEARCH and not os.access(file.path, os.X_OK):
            return index, errno.EACCES
        try:
            if need & _READ:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                os.close(os.open(file.path, flags))
        except OSError as error:
            return index, error.errno or errno.EIO
    return None


def _try_as(user: pwd.struct_passwd, steps: Sequence[Step]) -> tuple[int, int] | None:
    """Take the steps as another user, in a child that does nothing else."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        failed: tuple[int, int] | None = (0, errno.EPERM)
        try:
            _become(user)
            failed = _try(steps)
        finally:
            os.write(writer, b"ok" if failed is None else b"%d %d" % failed)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if said == b"ok":
        return None
    index, number = map(int, said.split())
    return index, number


def _words(account: Account, file: File, need: int) -> str:
    what = {_READ: "read", _SEARCH: "enter"}.get(need, "list")
    owner = f"{user_name(file.uid)}:{file.group}"
    return f"{account.name} may not {what} {file.path} ({stat.filemode(file.mode)}, {owner})"
