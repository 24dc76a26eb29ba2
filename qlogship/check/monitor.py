"""One line for a monitoring system, by the guidelines for plugins of Nagios and Icinga.

Here live the status and the line. It is asked for every minute, so it reads the
state directory and nothing else: no network, no login, no process but this one.

A line is `QLOGSHIP STATUS - words | label=value[unit];warn;crit;min …`; the exit
code is 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A threshold is a number of seconds
that lag may reach; beyond it, it is an alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from qlogship.check.judging.ledger import LAG_MAX
from qlogship.dashboard.verdicts import TROUBLES
from qlogship.errors import QlogshipError
from qlogship.shipping.belonging import HINT, TROUBLE
from qlogship.terminal.output import printable
from qlogship.verdict.facts import Kind
from qlogship.wording import lasting

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.state.figures import Figures
    from qlogship.troubles.rows import Trouble
    from qlogship.verdict.assessment import Assessment


class MonitorStatus(IntEnum):
    """What the exit code says to a monitoring system."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


# An hour of calls is what a supervisor misses.
WARNING_LAG: Final = LAG_MAX
CRITICAL_LAG: Final = 3600.0

# Troubles that end only when a person does something.
_CRITICAL_TROUBLES: Final = {"source", "state", "disk", TROUBLE} | {
    one.kind for one in TROUBLES.values() if one.person
}

# A trouble about which nothing need be done.
_IDLE_TROUBLES: Final = frozenset({"count_unreadable"})


@dataclass(frozen=True, slots=True)
class MonitorSnapshot:
    """What the state directory says; `now` is in epoch seconds."""

    figures: Figures
    troubles: tuple[Trouble, ...]
    holder: int | None
    now: float
    verdict: Assessment

    @property
    def lag(self) -> float:
        """For how many seconds the oldest record has waited that could be shipped."""
        return self.figures.lag(self.now)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lag, in seconds, beyond which there is a warning, and an alarm."""

    warning: float = WARNING_LAG
    critical: float = CRITICAL_LAG


def read(settings: Settings, *, now: float) -> MonitorSnapshot:
    """Read the state directory. Raises StateError when it may not be read."""
    from qlogship.shipping.destination import destination_of
    from qlogship.state.lock import holder
    from qlogship.state.reader import Reader
    from qlogship.verdict.quick import read_assessment

    directory = settings.state.directory
    with Reader(directory, destination_of(settings.dashboard)) as reader:
        return MonitorSnapshot(
            reader.figures(),
            tuple(reader.troubles()),
            holder=holder(directory),
            now=now,
            verdict=read_assessment(reader, settings),
        )


def judge(snapshot: MonitorSnapshot, limits: Thresholds) -> tuple[MonitorStatus, list[str]]:
    """Return the status and its reasons, the gravest first; without a reason it is OK."""
    critical, warning, verdict = [], [], snapshot.verdict
    if snapshot.holder is None:
        critical.append("the service is not running")
    else:
        for trouble in snapshot.troubles:
            if trouble.kind in _CRITICAL_TROUBLES:
                hint = f". {HINT}" if trouble.kind == TROUBLE else ""
                critical.append(f"{trouble.message}{hint}")
            elif trouble.kind not in _IDLE_TROUBLES:
                warning.append(trouble.message)
    if snapshot.figures.undecided and not any(one.kind == TROUBLE for one in snapshot.troubles):
        critical.append(f"nobody has decided about the dashboard of the settings. {HINT}")
    if snapshot.lag > limits.warning:
        late = critical if snapshot.lag > limits.critical else warning
        late.append(f"calls have waited for {lasting(snapshot.lag)}")
    # No alarm at night: nothing gets lost, and what ends it can wait for the day.
    # Of what nobody can end, such as a shared tenant, nobody wants to be told every minute.
    if any(reason.ends and reason.kind is not Kind.UNDECIDED for reason in verdict.reasons):
        warning.append(verdict.text.removesuffix("."))
    status = MonitorStatus.WARNING if warning else MonitorStatus.OK
    return MonitorStatus.CRITICAL if critical else status, critical + warning


def line(snapshot: MonitorSnapshot, limits: Thresholds) -> tuple[MonitorStatus, str]:
    """Return the status and its line: what it comes to, in words and in numbers."""
    status, reasons = judge(snapshot, limits)
    figures = snapshot.figures
    numbers = (
        f"lag={snapshot.lag:.0f}s;{limits.warning:g};{limits.critical:g};0",
        f"held={figures.held.calls};;;0",
        f"unknown={figures.uploads.unknown};0;;0",
        f"quarantined={figures.uploads.quarantined};0;;0",
        f"pending={figures.uploads.pending};;;0",
        f"possible_duplicates={figures.uploads.possible_duplicates};;;0",
        # Counters: the unit c makes a monitoring system draw their growth.
        f"archived={figures.archive.calls}c;;;0",
        f"shipped={figures.shipped.calls}c;;;0",
    )
    return status, f"{_words(status, reasons or _all_well(snapshot))} | {' '.join(numbers)}"


def failure(error: QlogshipError, *, closed: bool) -> tuple[MonitorStatus, str]:
    """Return the line for what could not be looked at, with what to type.

    `closed`: whoever asks may not read the settings or the state.
    """
    hint = (
        "Run it as the service's user, with a line in sudoers such as `nagios ALL=(qlogship)"
        " NOPASSWD: /usr/bin/qlogship check --monitor`"
        if closed
        else error.hint
    )
    faults = [f"{fault.place}: {fault.problem}" for fault in getattr(error, "faults", ())]
    message = "; ".join([error.message, *faults])
    said = f"{message}. {hint}" if hint else message
    return MonitorStatus.UNKNOWN, _words(MonitorStatus.UNKNOWN, [said])


def _all_well(snapshot: MonitorSnapshot) -> list[str]:
    figures = snapshot.figures
    parts = []
    if figures.resync != "idle":
        parts.append(f"a resync is under way ({figures.resync})")
    waits = figures.waiting.since is not None
    parts.append(
        f"the oldest call has waited for {lasting(snapshot.lag)}" if waits else "nothing waits"
    )
    if figures.last_accepted_at is not None:
        parts.append(f"last upload {lasting(snapshot.now - figures.last_accepted_at)} ago")
    return [", ".join(parts)]


def _words(status: MonitorStatus, reasons: list[str]) -> str:
    """Return the part of the line that is for people; it has no | and no line break."""
    return f"QLOGSHIP {status.name} - {printable('; '.join(reasons)).replace('|', '/')}"
