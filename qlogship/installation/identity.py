"""Acting as another user when called by root: the owner of the state, or the service's own.

A command that writes state must leave no file that the service cannot write,
and what the service may read is best found out by trying as its user.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# The user whom the package makes, and whom the unit names.
SERVICE_USER: Final = "qlogship"

_READ, _SEARCH = 4, 1
# Who is in one of these can become root, or read what only root should (Debian, Red Hat).
_MIGHTY: Final = frozenset({"disk", "docker", "kmem", "lxd", "shadow", "sudo", "wheel"})


@dataclass(frozen=True, slots=True)
class Step:
    """A directory on the way to a file, or the file: what it takes, who owns it, its mode.

    `need` is made of 4 (read, list) and 1 (search), as in a mode.
    """

    path: Path
    need: int
    uid: int
    gid: int
    mode: int
    group: str


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and all groups that the user is in."""

    name: str
    uid: int
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Barrier:
    """What keeps a user from reading a file.

    `path` is the directory or file at which it ends, `problem` says so in words.
    `commands` are what root may run to change it, empty when no permission is
    to blame: the file is missing, or is none.
    """

    path: Path
    problem: str
    commands: tuple[tuple[str, ...], ...] = ()


def become_owner(directory: Path) -> None:
    """Give up root for the user who owns `directory`, for good; nothing for anybody else.

    Read secrets before: that user may not be allowed to.
    """
    if os.geteuid() != 0:
        return
    try:
        status = directory.stat()
    except OSError:
        return  # it will be made, and be root's
    if status.st_uid == 0:
        return
    try:
        user = pwd.getpwuid(status.st_uid)
    except KeyError:  # a user of a container, or one that was removed
        os.setgroups([])
        os.setgid(status.st_gid)
        os.setuid(status.st_uid)
    else:
        _become(user)


def can_read_as(user: str, path: Path) -> Barrier | None:
    """Find out whether `user` can read a file and list the directory it is in; None: yes.

    Root tries it as that user in a process of its own, so that groups and access
    lists count as they do for the service. Others can try only for themselves;
    for another user they go by owners and modes alone.

    Raises KeyError when there is no such user.
    """
    entry = pwd.getpwnam(user)
    account = Account(user, entry.pw_uid, frozenset(os.getgrouplist(user, entry.pw_gid)))
    found = _steps(path)
    if isinstance(found, Barrier):
        return found
    if os.geteuid() == entry.pw_uid:
        failed = _try(found)
    elif os.geteuid() == 0:
        failed = _try_as(entry, found)
    else:
        barred = (index for index, step in enumerate(found) if lacks(account, step))
        failed = next(((index, errno.EACCES) for index in barred), None)
    if failed is None:
        return None
    index, number = failed
    step = found[index]
    if number not in {errno.EACCES, errno.EPERM}:
        return Barrier(step.path, f"{step.path} cannot be read: {os.strerror(number)}")
    return Barrier(step.path, _words(account, step), permitting(account, found[index:]))


def lacks(account: Account, step: Step) -> bool:
    """Return whether owner and mode keep a user from a step. Access lists are not known here."""
    if account.uid == 0:
        return False
    if account.uid == step.uid:
        granted = step.mode >> 6
    elif step.gid in account.gids:
        granted = step.mode >> 3
    else:
        granted = step.mode
    return step.need & ~granted != 0


def permitting(account: Account, steps: Sequence[Step]) -> tuple[tuple[str, ...], ...]:
    """Return the commands that let a user take these steps, the first of which failed.

    The group that owns them is joined, which also holds for the files to come; but
    never root's or another mighty one, which opens more than a queue_log: an access list
    does it then, and where owner and mode are not to blame.
    """
    commands: dict[tuple[str, ...], None] = {}
    for index, step in enumerate(steps):
        if index and not lacks(account, step):
            continue
        letters = ("r" if step.need & _READ else "") + ("x" if step.need & _SEARCH else "")
        nameless = step.group == str(step.gid)
        mighty = step.gid == 0 or step.group in _MIGHTY
        if mighty or nameless or account.uid == step.uid or not lacks(account, step):
            entry = f"user:{account.name}:{letters}"
            commands["setfacl", "--modify", entry, str(step.path)] = None
            continue
        if step.need & ~(step.mode >> 3):
            commands["chmod", f"g+{letters}", str(step.path)] = None
        if step.gid not in account.gids:
            commands["usermod", "--append", "--groups", step.group, account.name] = None
    return tuple(commands)


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
        group = group_name(status.st_gid)
        steps.append(Step(one, need, status.st_uid, status.st_gid, status.st_mode, group))
    return steps


def _try(steps: Sequence[Step]) -> tuple[int, int] | None:
    """Take the steps; return the index and the errno of the one that fails."""
    for index, step in enumerate(steps):
        if step.need & _SEARCH and not os.access(step.path, os.X_OK):
            return index, errno.EACCES
        try:
            if step.need & _READ:
                os.close(os.open(step.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
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


def _words(account: Account, step: Step) -> str:
    if step.need == _READ:
        what = "read"
    elif step.need == _SEARCH:
        what = "enter"
    else:
        what = "list"
    owner = f"{_user(step.uid)}:{step.group}"
    return f"{account.name} may not {what} {step.path} ({stat.filemode(step.mode)}, {owner})"


def _user(uid: int) -> str:
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
