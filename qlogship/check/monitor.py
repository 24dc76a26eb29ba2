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

from qlogship.check.judging.state import lag_of
from qlogship.check.words import lasting
from qlogship.errors import QlogshipError
from qlogship.terminal.output import printable
from qlogship.wording import count

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.state.figures import Figures
    from qlogship.troubles.rows import Trouble


class Status(IntEnum):
    """What the exit code says to a monitoring system."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


# Half an hour of calls is what a supervisor begins to miss.
WARNING_LAG: Final = 900.0
CRITICAL_LAG: Final = 3600.0

# Troubles that end only when a person does something.
_CRITICAL_TROUBLES: Final = frozenset(
    {
        "dashboard_refuses_credentials",
        "dashboard_refuses_everything",
        "dashboard_redirects",
        "dashboard_not_cleared",
        "source",
        "state",
    }
)

# A trouble about which nothing need be done.
_IDLE_TROUBLES: Final = frozenset({"count_unreadable"})


@dataclass(frozen=True, slots=True)
class Standing:
    """What the state directory says; `now` is in epoch seconds."""

    figures: Figures
    troubles: tuple[Trouble, ...]
    holder: int | None
    now: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lag, in seconds, beyond which there is a warning, and an alarm."""

    warning: float = WARNING_LAG
    critical: float = CRITICAL_LAG


def read(directory: Path, *, now: float) -> Standing:
    """Read the state directory. Raises StateError when it may not be read."""
    from qlogship.state.lock import holder
    from qlogship.state.reader import Reader

    with Reader(directory) as reader:
        return Standing(
            reader.figures(), tuple(reader.troubles()), holder=holder(directory), now=now
        )


def judge(standing: Standing, limits: Thresholds) -> tuple[Status, list[str]]:
    """Return the status and its reasons, the gravest first; without a reason it is OK."""
    figures, lag = standing.figures, lag_of(standing.figures, standing.now)
    reasons: list[tuple[Status, str]] = []
    if standing.holder is None:
        reasons.append((Status.CRITICAL, "the service is not running"))
    else:
        for trouble in standing.troubles:
            if trouble.kind in _CRITICAL_TROUBLES:
                reasons.append((Status.CRITICAL, trouble.message))
            elif trouble.kind not in _IDLE_TROUBLES:
                reasons.append((Status.WARNING, trouble.message))
    if lag > limits.critical:
        reasons.append((Status.CRITICAL, f"calls have waited for {lasting(lag)}"))
    elif lag > limits.warning:
        reasons.append((Status.WARNING, f"calls have waited for {lasting(lag)}"))
    if figures.quarantined:
        reasons.append((Status.WARNING, f"{count(figures.quarantined, 'upload')} quarantined"))
    if figures.unknown:
        reasons.append((Status.WARNING, f"{count(figures.unknown, 'upload')} of unknown outcome"))
    reasons.sort(key=lambda reason: -reason[0])
    return (reasons[0][0] if reasons else Status.OK), [text for _, text in reasons]


def line(standing: Standing, limits: Thresholds) -> tuple[Status, str]:
    """Return the status, and the line that tells it."""
    status, reasons = judge(standing, limits)
    words = "; ".join(reasons) or _all_well(standing)
    return status, f"{words_of(status, words)} | {_performance(standing, limits)}"


def failure(error: QlogshipError, *, closed: bool) -> tuple[Status, str]:
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
    return Status.UNKNOWN, words_of(Status.UNKNOWN, f"{message}. {hint}" if hint else message)


def words_of(status: Status, words: str) -> str:
    """Return the part of the line that is for people; it has no | and no line break."""
    return f"QLOGSHIP {status.name} - {printable(words).replace('|', '/')}"


def _all_well(standing: Standing) -> str:
    figures = standing.figures
    parts = []
    if figures.resync != "idle":
        parts.append(f"a resync is under way ({figures.resync})")
    waits = figures.waiting_since is not None
    lag = lag_of(figures, standing.now)
    parts.append(f"the oldest call has waited for {lasting(lag)}" if waits else "nothing waits")
    if figures.last_accepted_at is not None:
        parts.append(f"last upload {lasting(standing.now - figures.last_accepted_at)} ago")
    return ", ".join(parts)


def _performance(standing: Standing, limits: Thresholds) -> str:
    figures = standing.figures
    values = [f"lag={lag_of(figures, standing.now):.0f}s;{limits.warning:g};{limits.critical:g};0"]
    values += [
        f"held={figures.held_calls};;;0",
        f"unknown={figures.unknown};0;;0",
        f"quarantined={figures.quarantined};0;;0",
        f"pending={figures.pending};;;0",
        f"possible_duplicates={figures.possible_duplicates};;;0",
        # Counters: the unit c makes a monitoring system draw their growth.
        f"archived={figures.archive_calls}c;;;0",
        f"shipped={figures.shipped_calls}c;;;0",
    ]
    return " ".join(values)
