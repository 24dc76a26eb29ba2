"""Letting the service's user read a queue_log, and nothing more than that.

Here live which right is given, and the giving. It is given to what `Way` has judged, by
its handle: a file of Asterisk's user, never one of root.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.installation.access_list import ACCESS, DEFAULT, AccessList, Tag, for_new_files
from qlogship.installation.asterisk_user import writers
from qlogship.installation.files import group_name
from qlogship.installation.unit import run_program
from qlogship.installation.way import Astray, Held, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from qlogship.installation.asterisk_user import Writer
    from qlogship.installation.identity import Account

_READ, _SEARCH = 4, 1
_LIST: Final = _READ | _SEARCH


@dataclass(frozen=True, slots=True)
class Grant:
    """What would let a user read the queue_log, and what comes after it.

    `group` is joined where there can be no access lists, and None where there can;
    `why_group` says why there cannot.
    """

    user: str
    directory: Path
    writer: str
    group: str | None = None
    why_group: str = ""

    @property
    def words(self) -> str:
        """What it does, in a sentence."""
        if self.group is not None:
            return (
                f"{self.user} joins group {self.group}, and may do all that this group may"
                f" ({self.why_group})"
            )
        return (
            f"access lists let {self.user} list {self.directory} and read the queue_log, its"
            " rotated files and what is made there from now on; nothing else"
        )


class NotGranted(Exception):
    """Nothing is given to anybody; the message says why."""


def find(path: Path, account: Account, among: Collection[Writer] | None = None) -> Grant:
    """Return what would let a user read the file. Raises NotGranted."""
    among = writers() if among is None else among
    try:
        with Way(path, among) as way:
            return _decided(way, account, among)
    except Astray as verdict:
        raise NotGranted(str(verdict)) from None
    except OSError as error:
        raise NotGranted(f"{path} cannot be looked at: {error.strerror}") from None


def give(
    path: Path,
    account: Account,
    *,
    belongs: Callable[[str], bool],
    among: Collection[Writer] | None = None,
) -> Grant:
    """Let a user read the file, and those beside it whose names belong to it. Raises NotGranted."""
    among = writers() if among is None else among
    try:
        with Way(path, among) as way:
            grant = _decided(way, account, among)
            if grant.group is None:
                _open(way, account.without(_writer(way, among).group), belongs)
    except Astray as verdict:
        raise NotGranted(str(verdict)) from None
    except OSError as error:
        raise NotGranted(f"{path} cannot be opened to {account.name}: {error.strerror}") from None
    if grant.group is not None:
        command = ["usermod", "--append", "--groups", grant.group, account.name]
        done = run_program(command)
        if done.returncode:
            raise NotGranted(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return grant


def may(account: Account, held: Held, need: int) -> bool:
    """Return whether a user may do something with a file, as the kernel decides it."""
    rights, file = held.rights, held.file
    if account.uid in {0, file.uid}:
        return account.uid == 0 or need & ~rights.rights(Tag.OWNER) == 0
    if any(one[:2] == (Tag.USER, account.uid) for one in rights.entries):
        return need & ~rights.rights(Tag.USER, account.uid) == 0
    of_groups = [
        rights.rights(one.tag, one.number)
        for one in rights.entries
        if (one.tag is Tag.OWNING_GROUP and file.gid in account.gids)
        or (one.tag is Tag.GROUP and one.number in account.gids)
    ]
    if of_groups:
        return any(need & ~found == 0 for found in of_groups)
    return need & ~rights.rights(Tag.OTHER) == 0


def _decided(way: Way, account: Account, among: Collection[Writer]) -> Grant:
    """Return the narrowest right that does. Raises NotGranted."""
    writer = _writer(way, among)
    directory = way.directories[-1].file.path
    steps = _steps(way)
    alone = account.without(writer.group)
    own = [held for held, _ in steps if held.file.uid == writer.uid]
    barring = [
        held.file.path for held, need in steps if held not in own and not may(alone, held, need)
    ]
    without = [held.file.path for held in own if not held.lists]
    if way.directories[-1] not in own:
        barring.append(directory)  # what is made there has to be opened, too
    if not barring and not without:
        return Grant(account.name, directory, writer.name)
    why = (
        f"{barring[0]} is not {writer.name}'s"
        if barring
        else f"there are no access lists where {without[0]} is"
    )
    if writer.group is None:
        raise NotGranted(f"{why}, and {writer.name} has no group of its own to be joined")
    member = account.joined(writer.group)
    for held, need in steps:
        if not may(member, held, need):
            raise NotGranted(f"{why}, and group {group_name(writer.group)} has no right there")
    return Grant(account.name, directory, writer.name, group_name(writer.group), why)


def _writer(way: Way, among: Collection[Writer]) -> Writer:
    return next(one for one in among if one.uid == way.file.file.uid)


def _steps(way: Way) -> list[tuple[Held, int]]:
    """Return what must be passed, and what is needed of it; the last directory is listed."""
    *above, directory = way.directories
    return [*((one, _SEARCH) for one in above), (directory, _LIST), (way.file, _READ)]


def _open(way: Way, account: Account, belongs: Callable[[str], bool]) -> None:
    """Put the user into the access lists of what Asterisk's user owns on the way."""
    directory, file = way.directories[-1], way.file
    for held, need in _steps(way):
        if not may(account, held, need) or held is directory or held is file:
            _let_in(held, account, need)
    _open_what_comes(directory, file, account)
    listed = os.open(directory.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(listed) as entries:
            names = [entry.name for entry in entries if belongs(entry.name)]
    finally:
        os.close(listed)
    for name in names:
        with suppress(FileNotFoundError), way.beside(name) as beside:
            if stat.S_ISREG(beside.file.mode) and beside.file.uid == file.file.uid:
                _let_in(beside, account, _READ)


def _let_in(held: Held, account: Account, need: int) -> None:
    wanted = held.rights.with_user(account.uid, need)
    if wanted != held.rights:
        os.setxattr(held.name, ACCESS, wanted.as_bytes())


def _open_what_comes(directory: Held, file: Held, account: Account) -> None:
    """Let the user read what is made in a directory; for others it is as open as the file is."""
    try:
        present = AccessList.of_bytes(os.getxattr(directory.name, DEFAULT))
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        group = file.rights.rights(Tag.OWNING_GROUP)
        other = file.rights.rights(Tag.OTHER)
        present = for_new_files(group << 3 | other)
    wanted = present.with_user(account.uid, _READ)
    os.setxattr(directory.name, DEFAULT, wanted.as_bytes())
