"""Acting as the owner of the state directory when called by root.

A command must leave no file that the service cannot write. And whoever owns the
directory, or one on the way to it, says what the names in it lead to: root would open
and make files wherever they like. So root steps down before it opens anything there,
also to read (SQLite makes files then, too), and takes no way that others could turn
while it is still root.
"""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from qlogship.errors import StateError
from qlogship.installation.doors import Directory, way_to
from qlogship.installation.files import user_name
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from qlogship.installation.doors import Link


class User(NamedTuple):
    """Who a process may become."""

    uid: int
    gid: int
    groups: list[int]


def become_owner(directory: Path) -> None:
    """Give up root for the user who owns `directory`, for good; nothing for anybody else.

    Read secrets before: that user may not be allowed to. Raises `StateError` where only
    root could use it and others could lead root elsewhere.
    """
    owner = stepping_down(directory)
    if owner is not None:
        os.setgroups(owner.groups)
        os.setgid(owner.gid)
        os.setuid(owner.uid)


@contextmanager
def acting_as_owner(directory: Path) -> Iterator[None]:
    """Do what is in the block as `become_owner` would, and be root again behind it."""
    owner = stepping_down(directory)
    if owner is None:
        yield
        return
    before = User(os.geteuid(), os.getegid(), os.getgroups())
    os.setgroups(owner.groups)
    os.setegid(owner.gid)
    os.seteuid(owner.uid)
    try:
        yield
    finally:
        os.seteuid(before.uid)
        os.setegid(before.gid)
        os.setgroups(before.groups)


@contextmanager
def acting_as_caller() -> Iterator[None]:
    """Be root again for a while within `acting_as_owner`, to look at what the owner may not."""
    owner = os.geteuid()
    if os.getuid() != 0 or owner == 0:
        yield
        return
    os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(owner)


def stepping_down(directory: Path) -> User | None:
    """Return whom root becomes for a state directory: its owner, or whose it would be made in.

    None where nothing changes: it is root's, or somebody else asks. Raises `StateError` when
    root may not take the way to it.
    """
    if os.geteuid() != 0:
        return None
    there = directory
    while True:
        try:
            with way_to(there) as way:
                status = way.status
        except FileNotFoundError:
            there = there.parent
            continue
        except OSError as error:
            raise StateError(
                f"the state directory {directory} cannot be used: {error.strerror}",
                hint="Look at the names on the way to it.",
            ) from error
        break
    if not stat.S_ISDIR(status.st_mode):
        raise StateError(
            f"the state directory {directory} cannot be used: {there} is no directory",
            hint="Name one with state.directory.",
        )
    fault = astray(way.directories, way.links)
    if fault is not None:
        problem, hint = fault
        raise StateError(
            f"the state directory {directory} is not used by root: {problem}", hint=hint
        )
    if status.st_uid == 0:
        return None
    try:
        user = pwd.getpwuid(status.st_uid)
    except KeyError:  # a user of a container, or one that was removed
        return User(status.st_uid, status.st_gid, [])
    return User(user.pw_uid, user.pw_gid, os.getgrouplist(user.pw_name, user.pw_gid))


def astray(directories: Sequence[Directory], links: Sequence[Link]) -> tuple[str, str] | None:
    """Return why root may not take a way, and what to do; None when nobody else can turn it.

    A link is root's own where only root can place names. Behind a directory that is not
    root's alone nothing may be: neither a link, nor a directory of root, in which root
    would not step down.
    """
    for link in links:
        if not link.directory.is_closed():
            return (
                f"the link {link.path} lies where {_others(link.directory)} may place names",
                "Find out who made it; if it is right, name what it leads to in state.directory.",
            )
    last = directories[-1]
    for directory, below in zip(directories, [*directories[1:], last], strict=True):
        # In a sticky directory nobody can move what is another's.
        kept = directory.is_closed() or (
            directory.uid == 0 and directory.mode & stat.S_ISVTX and directory is not below
        )
        if not kept and last.uid == 0:
            hint = "Give it to the user of the service, or name another state.directory."
            if directory.uid == 0:
                hint = (
                    f"Type `chmod go-w {typed(directory.path)}`, or name another state.directory."
                )
            who = _others(directory)
            return f"{last.path} is root's, and {who} may place names in {directory.path}", hint
    return None


def _others(directory: Directory) -> str:
    return "others" if directory.uid == 0 else user_name(directory.uid)
