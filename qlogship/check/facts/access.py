"""What the service's user may read: tried as that user where root asks."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from glob import glob
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.installation import grants
from qlogship.installation.asterisk_user import writers
from qlogship.installation.doors import NotOpened, open_to_read
from qlogship.installation.files import group_name, look_at, read_text
from qlogship.installation.identity import Account, Barrier, account_of, can_read_as, lacks
from qlogship.source.family import members
from qlogship.source.files import OpenFile
from qlogship.source.foreign import Passage
from qlogship.state.own_files import own_files

if TYPE_CHECKING:
    from qlogship.check.facts.unit import UnitFacts
    from qlogship.check.machine import Machine
    from qlogship.config import Settings
    from qlogship.installation.grants import Grant

# Each file that is tried costs a process; nobody keeps more rotated files than this.
_TRIED_MAX: Final = 200

# But whoever may write to the directory can make any number.
_COUNTED_MAX: Final = 20_000

_LIST: Final = 5  # read and search


@dataclass(frozen=True, slots=True)
class UserFacts:
    """The user that the service runs as; `account` is None when there is no such user.

    `missing_groups` are those the running service does not have, though its user
    is in them by now.
    """

    name: str
    account: Account | None
    groups: tuple[str, ...] = ()
    missing_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """What setup would do to let the service read the queue_log; None: nothing, `refused` says why.

    `group` is the group of Asterisk's user, in which the service is though it need not be.
    """

    grant: Grant | None = None
    refused: str = ""
    group: str | None = None

    @property
    def user(self) -> str:
        """Who would be let in."""
        return self.grant.user if self.grant is not None else ""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The queue_log and its rotated files, and what keeps the service from reading them.

    `key` is device and inode. `refused` says why it is not opened for what it is, `foreign`
    why it is no queue_log, or none any more. `readable` is None when nobody could try.
    `closed_directories` are those of `source.archives` that cannot be listed.
    """

    path: Path
    real: Path
    exists: bool
    key: tuple[int, int] | None = None
    size: int = 0
    readable: bool | None = None
    refused: NotOpened | None = None
    foreign: str | None = None
    barrier: Barrier | None = None
    rotated: int = 0
    barred: tuple[Barrier, ...] = ()
    closed_directories: tuple[Path, ...] = ()
    opening: Opening = Opening()


def known_account(name: str | None) -> Account | None:
    """Return a user with all groups; None when there is none."""
    try:
        return account_of(name or "")
    except KeyError:
        return None


def running_as(home: Path) -> Account | None:
    """Return who a process acts as, named by number, from its directory in /proc.

    None when the process is gone.
    """
    text = read_text(home / "status") or ""
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        uid, gid = int(values["Uid"].split()[1]), int(values["Gid"].split()[1])
        groups = map(int, values.get("Groups", "").split())
        return Account(str(uid), uid, frozenset({gid, *groups}))
    except (KeyError, IndexError, ValueError):
        return None


def gather_user(machine: Machine, unit: UnitFacts) -> UserFacts:
    """Find out who the service is: the unit's user, else the one that the package makes."""
    name = unit.user or ("root" if unit.command.line else machine.service_user)
    account = known_account(name)
    if account is None:
        return UserFacts(name, None)
    runs = running_as(machine.proc / str(unit.pid)) if unit.pid is not None else None
    return user_of(account, missing=account.gids - runs.gids if runs else frozenset())


def user_of(account: Account, *, missing: frozenset[int] = frozenset()) -> UserFacts:
    """Return a user, with the groups by their names."""
    groups, missing_groups = (
        tuple(sorted(map(group_name, gids))) for gids in (account.gids, missing)
    )
    return UserFacts(account.name, account, groups, missing_groups)


def owner_of(path: Path) -> Account | None:
    """Return whose a file or a directory is."""
    try:
        return known_account(path.owner())
    except (OSError, KeyError):
        return None


def gather_source(settings: Settings, user: UserFacts, proc: Path) -> SourceFacts:
    """Try to read the queue_log, its directory, and the files that rotation made of it."""
    path, archives = settings.source.path, settings.source.archives
    facts = SourceFacts(path, Path(os.path.realpath(path)), exists=True)
    try:
        status = path.stat()
    except FileNotFoundError:
        return replace(facts, exists=False)
    except OSError:  # whoever asks may not look
        return facts
    facts = replace(facts, key=(status.st_dev, status.st_ino), size=status.st_size)
    refused = _refused(settings)
    if refused is not None or user.account is None:
        return replace(facts, refused=refused)
    there = islice(members(path, archives), _COUNTED_MAX)
    rotated = [member.path for member in there if member.rotated]
    barriers = [can_read_as(user.name, one) for one in rotated[-_TRIED_MAX:]]
    barrier = can_read_as(user.name, path)
    # glob takes an absolute pattern, Path.glob does not.
    named = {found for one in archives for found in glob(one.rpartition("/")[0] or "/")}  # noqa: PTH207
    directories = [found for name in sorted(named) if (found := look_at(Path(name)))]
    return replace(
        facts,
        readable=barrier is None,
        barrier=barrier,
        foreign=_foreign(path),
        rotated=len(rotated),
        barred=tuple(one for one in barriers if one is not None),
        opening=_opening(path, user.account, proc, barred=any([barrier, *barriers])),
        closed_directories=tuple(
            one.path for one in directories if lacks(user.account, one, _LIST)
        ),
    )


def _refused(settings: Settings) -> NotOpened | None:
    """Return why the queue_log is not opened for what it is, or for who may have put it there."""
    try:
        os.close(open_to_read(settings.source.path, partial(own_files, settings)))
    except NotOpened as refused:
        return refused
    except OSError:
        return None  # who asks may not read it; what the service may is found out below
    return None


def _opening(path: Path, account: Account, proc: Path, *, barred: bool) -> Opening:
    """Find out what would let the service read the queue_log, or would do instead of a group."""
    among = writers(proc)
    # Who is Asterisk's user himself needs no group.
    others = [one for one in among if one.uid != account.uid]
    joined = {one.name: one.group for one in others if one.group in account.gids}
    if not barred and not joined:
        return Opening()
    try:
        grant = grants.find(path, account, among)
    except grants.NotGranted as verdict:
        return Opening(refused=str(verdict))
    group = joined.get(grant.writer) if grant.group is None else None
    return Opening(grant, group=None if group is None else group_name(group))


def _foreign(path: Path) -> str | None:
    """Return why a file is no queue_log, by its beginning and its end; None when it is one."""
    with suppress(SourceUnreadable), OpenFile(path, plain=True) as file:
        passage = Passage()
        end = file.end_of_lines()
        found = passage.refusal(file) or passage.turned(file, end)
        return found.message if found is not None else None
    return None
