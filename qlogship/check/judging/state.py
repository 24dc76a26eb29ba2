"""Whether the service can write its state, on a disk with room for it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.wording import count, listed, size, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.state import DiskFacts, StateFacts
    from qlogship.installation.identity import Account

_MIB: Final = 1024 * 1024

# A full day of a large call centre is a few MiB in the archive.
_FULL: Final = 50 * _MIB
_LOW: Final = 500 * _MIB
_LOW_DAYS: Final = 30
_YEARS: Final = 730
_INODES_MIN: Final = 1000
_FREE: Final = "Free some space on that file system."


def judge(facts: StateFacts, account: Account | None, *, unit_runs: bool) -> Iterator[Finding]:
    """Judge the state directory; `account` is the service's."""
    directory = facts.directory
    if not facts.exists and unit_runs:
        yield problem(
            "state.missing",
            directory,
            "the service runs, and its state directory does not exist",
            "Set state.directory to the one that the unit has, and restart the service.",
        )
        return
    if not facts.exists:
        yield ok("state.missing", directory, "the first start makes it")
        return
    findings = list(_directory(facts, account))
    yield from findings
    # A directory that cannot be written or seen, or files that are another's, are why the
    # database cannot be opened: one cause, one finding.
    known = {one.id for one in findings} & {
        "state.unseen",
        "state.not-writable",
        "state.foreign-files",
    }
    if facts.error is not None and not known:
        yield problem("state.damaged", directory, facts.error.message, facts.error.hint)
    elif not findings:
        pieces = f"{size(facts.growth)} a day" if facts.growth is not None else "its owner's alone"
        yield ok("state.sound", directory, f"the service can write it; {pieces}")


def _directory(facts: StateFacts, account: Account | None) -> Iterator[Finding]:
    directory, found = facts.directory, facts.found
    if found is not None and not stat.S_ISDIR(found.mode):
        return
    if not facts.seen:
        yield unknown("state.unseen", directory, "you may not look into it")
    elif facts.read_only:
        yield problem(
            "state.not-writable",
            directory,
            "its file system is mounted read-only",
            "Look at `dmesg`, then remount it for writing or name another state.directory.",
        )
    if found is None:
        return  # whose it is, is not known
    if account is not None and account.uid not in {0, found.uid}:
        yield problem(
            "state.not-writable",
            directory,
            f"it does not belong to {account.name}, so the service cannot write it",
            f"Run `chown -R {account.name}: {typed(directory)}`.",
        )
        return
    if found.mode & stat.S_IRWXU != stat.S_IRWXU:
        yield problem(
            "state.not-writable",
            directory,
            f"its own user may not write it ({stat.filemode(found.mode)})",
            f"Run `chmod 0700 {typed(directory)}`.",
        )
    if found.mode & stat.S_IRWXO:
        yield warning(
            "state.open",
            directory,
            f"anybody on this machine can enter it ({stat.filemode(found.mode)}), and callers'"
            " numbers are in it",
            f"Run `chmod 0700 {typed(directory)}`.",
        )
    if facts.foreign:
        owner = account.name if account is not None else f"#{found.uid}"
        yield problem(
            "state.foreign-files",
            listed(facts.foreign),
            f"not {owner}'s own, so the service cannot write "
            + ("it" if len(facts.foreign) == 1 else "them"),
            f"Run `chown -h {owner}: {' '.join(map(typed, facts.foreign[:3]))}`.",
        )


def judge_disks(
    state: DiskFacts | None, source: DiskFacts | None, growth: float | None
) -> Iterator[Finding]:
    """Judge the room for the archive, and for the queue_log itself."""
    findings = list(_state_disk(state, growth)) if state is not None else []
    if source is not None and (state is None or source.device != state.device):
        if source.free < _FULL:
            message = f"{size(source.free)} free: what Asterisk cannot write is lost"
            findings.append(problem("disk.source-full", source.path, message, _FREE))
        elif source.free < _LOW:
            message = f"{size(source.free)} free for Asterisk's logs"
            findings.append(warning("disk.source-low", source.path, message, _FREE))
    yield from findings
    if state is not None and not findings:
        left = ""
        if growth:
            days = (state.free - state.reserve) / growth
            # Nobody can foresee many years of a PBX.
            left = f", enough for {'years' if days >= _YEARS else count(int(days), 'day')}"
        kept = (
            f", {size(state.reserve)} of it not for the archive (state.reserve)"
            if state.reserve
            else ""
        )
        yield ok("disk.room", state.path, f"{size(state.free)} free{kept}{left}")


def _state_disk(disk: DiskFacts, growth: float | None) -> Iterator[Finding]:
    days = (disk.free - disk.reserve) / growth if growth else None
    if disk.free < disk.reserve:
        yield problem(
            "disk.state-full",
            disk.path,
            f"{size(disk.free)} free: below {size(disk.reserve)} (state.reserve) nothing more is"
            " archived",
            _FREE,
        )
    elif disk.free < _FULL or (disk.inodes and not disk.free_inodes):
        little = f"{size(disk.free)} free: the archive can hardly grow"
        none = "no inode free: the archive cannot grow, and nothing new is shipped"
        yield problem("disk.state-full", disk.path, little if disk.free < _FULL else none, _FREE)
    elif disk.inodes and disk.free_inodes < _INODES_MIN:
        yield warning(
            "disk.state-low",
            disk.path,
            f"{disk.free_inodes:,} of {disk.inodes:,} inodes free",
            "Remove files: `df -i` shows where they are.",
        )
    elif disk.free < _LOW + disk.reserve or (days is not None and days < _LOW_DAYS):
        forecast = f", enough for {count(int(days), 'day')}" if days is not None else ""
        yield warning(
            "disk.state-low",
            disk.path,
            f"{size(disk.free)} free{forecast}{_stop(disk)}",
            "Free some space on that file system, or name another state.directory.",
        )


def _stop(disk: DiskFacts) -> str:
    """Say below what the archive stands still."""
    below = f"; below {size(disk.reserve)} (state.reserve) nothing more is archived"
    return below if disk.reserve else ""
