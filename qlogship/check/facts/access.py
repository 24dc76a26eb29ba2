"""The service's user, and what it may read: tried as that user where root asks."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.installation.identity import Account, Barrier, Step, can_read_as, lacks
from qlogship.source.family import members

if TYPE_CHECKING:
    from qlogship.check.facts.unit import UnitFacts
    from qlogship.check.machine import Machine
    from qlogship.config import Settings

# Each file that is tried costs a process; nobody keeps more rotated files than this.
_TRIED_MAX: Final = 200

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

    @property
    def known(self) -> str | None:
        """The name, None when there is no such user."""
        return self.name if self.account is not None else None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The queue_log and its rotated files, and what keeps the service from reading them.

    `key` is device and inode. `readable` is None when nobody could try.
    `closed_directories` are those of `source.archives` that cannot be listed.
    """

    path: Path
    real: Path
    exists: bool
    key: tuple[int, int] | None = None
    size: int = 0
    readable: bool | None = None
    barrier: Barrier | None = None
    rotated: int = 0
    barred: tuple[Barrier, ...] = ()
    closed_directories: tuple[Path, ...] = ()


def account_of(name: str) -> Account | None:
    """Return a user with all groups; None when there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, frozenset(os.getgrouplist(name, entry.pw_gid)))


def gather_user(machine: Machine, unit: UnitFacts) -> UserFacts:
    """Find out who the service is: the unit's user, else the one that the package makes."""
    name = unit.user or ("root" if unit.command else machine.service_user)
    account = account_of(name)
    if account is None:
        return UserFacts(name, None)
    missing: tuple[str, ...] = ()
    running = _groups_of(machine.proc, unit.pid)
    if running is not None:
        missing = tuple(sorted(map(_group, account.gids - running)))
    return UserFacts(name, account, groups_of(account), missing)


def groups_of(account: Account) -> tuple[str, ...]:
    """Return the names of the groups that a user is in."""
    return tuple(sorted(map(_group, account.gids)))


def gather_source(settings: Settings, user: UserFacts) -> SourceFacts:
    """Try to read the queue_log, its directory, and the files that rotation made of it."""
    path, archives = settings.source.path, settings.source.archives
    real = Path(os.path.realpath(path))
    try:
        status = path.stat()
    except FileNotFoundError:
        return SourceFacts(path, real, exists=False)
    except OSError:  # whoever asks may not look
        return SourceFacts(path, real, exists=True)
    facts = SourceFacts(
        path, real, exists=True, key=(status.st_dev, status.st_ino), size=status.st_size
    )
    if user.account is None:
        return facts
    rotated = [member.path for member in members(path, archives) if member.rotated]
    barriers = [can_read_as(user.name, one) for one in rotated[-_TRIED_MAX:]]
    barrier = can_read_as(user.name, path)
    return SourceFacts(
        path,
        real,
        exists=True,
        key=facts.key,
        size=facts.size,
        readable=barrier is None,
        barrier=barrier,
        rotated=len(rotated),
        barred=tuple(one for one in barriers if one is not None),
        closed_directories=_closed(archives, user.account),
    )


def _closed(archives: tuple[str, ...], account: Account) -> tuple[Path, ...]:
    """Return the directories that the patterns name and that owner and mode close to the user."""
    closed = []
    # glob takes an absolute pattern, Path.glob does not.
    named = {found for pattern in archives for found in glob(_parent(pattern))}  # noqa: PTH207
    for directory in map(Path, sorted(named)):
        try:
            status = directory.stat()
        except OSError:
            continue
        step = Step(directory, _LIST, status.st_uid, status.st_gid, status.st_mode, "")
        if lacks(account, step):
            closed.append(directory)
    return tuple(closed)


def _parent(pattern: str) -> str:
    return pattern.rpartition("/")[0] or "/"


def _groups_of(proc: Path, pid: int | None) -> frozenset[int] | None:
    """Return the groups a process has; None when it is gone."""
    if pid is None:
        return None
    try:
        text = Path(proc, str(pid), "status").read_text(errors="replace")
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return frozenset(
        int(word) for name in ("Gid", "Groups") for word in values.get(name, "").split()
    )


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
