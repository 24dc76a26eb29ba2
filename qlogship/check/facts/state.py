"""The state directory: whose it is, what is in it, what the ledger says; and the disks."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.config.amounts import room_wanted
from qlogship.errors import StateError
from qlogship.installation.files import File, look_at
from qlogship.installation.owner import acting_as_owner, stepping_down
from qlogship.shipping.destination import destination_of
from qlogship.state.database import FILE_NAME
from qlogship.state.lock import holder
from qlogship.state.reader import Reader
from qlogship.verdict.quick import read_assessment

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.config.model import StateSettings
    from qlogship.installation.identity import Account
    from qlogship.state.figures import Figures
    from qlogship.troubles.rows import Trouble
    from qlogship.verdict.assessment import Assessment

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class StateFacts:
    """The state directory and its contents; `error` says why it could not be read.

    `found` is None when there is none, or it may not be looked at. `foreign` are the files in
    it that are not the service's own, `undecided` says why somebody must decide about the
    dashboard, `holder` is the pid of the running service. `span` are
    the times of the oldest and of the newest record, `growth` the bytes on disk per day of
    records.
    """

    directory: Path
    found: File | None
    exists: bool = True
    seen: bool = True
    read_only: bool = False
    foreign: tuple[Path, ...] = ()
    holder: int | None = None
    figures: Figures | None = None
    troubles: tuple[Trouble, ...] = ()
    span: tuple[int, int] | None = None
    growth: float | None = None
    undecided: str | None = None
    shared: bool = False
    verdict: Assessment | None = None
    error: StateError | None = None


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A file system: what is free on it for a service, in bytes and in inodes.

    Below `reserve` bytes the service archives nothing more.
    """

    path: Path
    device: int
    total: int
    free: int
    inodes: int
    free_inodes: int
    reserve: int = 0


def gather(settings: Settings, account: Account | None) -> StateFacts:
    """Look into the state directory; what stands in it is read, and nothing is changed."""
    directory = settings.state.directory
    try:
        stepping_down(directory)
        status = directory.stat()
    except StateError as error:  # root may not go there; advice would name what others put there
        return StateFacts(directory, None, error=error)
    except FileNotFoundError:
        return StateFacts(directory, None, exists=False)
    except OSError:
        return StateFacts(directory, None, seen=False)
    facts = StateFacts(directory, File.of(directory, status))
    if not stat.S_ISDIR(status.st_mode):
        wrong = StateError(f"{directory} is no directory", hint="Name one with state.directory.")
        return replace(facts, error=wrong)
    try:
        entries = sorted(directory.iterdir())
        read_only = bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
    except OSError:
        return replace(facts, seen=False)
    owner = account.uid if account is not None else status.st_uid
    foreign = tuple(
        one.path
        for one in (look_at(entry, follow=False) for entry in entries)
        # A directory in it is another instance's.
        if one is not None and one.uid != owner and not stat.S_ISDIR(one.mode)
    )
    facts = replace(facts, read_only=read_only, foreign=foreign)
    try:
        with acting_as_owner(directory):
            facts = replace(facts, holder=holder(directory))
        there = destination_of(settings.dashboard)
        with Reader(directory, there) as reader:
            figures, span, troubles = reader.figures(), reader.times(), tuple(reader.troubles())
            verdict = read_assessment(reader, settings)
            found = reader.destinations(there)
    except StateError as error:
        return replace(facts, error=error)
    growth = _growth(directory, span)
    return replace(
        facts,
        figures=figures,
        span=span,
        troubles=troubles,
        growth=growth,
        verdict=verdict,
        shared=settings.dashboard.shared,
        undecided=found.question if found is not None and found.undecided else None,
    )


def gather_disk(path: Path) -> DiskFacts | None:
    """Look at the file system of `path`, or of the directory that it will be made in."""
    while not look_at(path) and path != path.parent:
        path = path.parent
    try:
        found, status = os.statvfs(path), path.stat()
    except OSError:
        return None
    return DiskFacts(
        path,
        status.st_dev,
        total=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
        inodes=found.f_files,
        free_inodes=found.f_favail,
    )


def gather_state_disk(settings: StateSettings) -> DiskFacts | None:
    """Look at the file system of the state directory, of which some is not for the archive."""
    found = gather_disk(settings.directory)
    if found is None:
        return None
    return replace(found, reserve=room_wanted(settings.reserve, total=found.total))


def _growth(directory: Path, span: tuple[int, int] | None) -> float | None:
    """Return the bytes per day that the database has grown by; None before a day is full."""
    database = look_at(directory / FILE_NAME)
    if database is None or span is None or span[1] - span[0] < _DAY:
        return None
    return database.size / ((span[1] - span[0]) / _DAY)
