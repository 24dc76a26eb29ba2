"""How long a service that keeps failing waits before it tries again.

Here live the rules as functions over values; where the last run is remembered, and
who waits, is the service's business. All times are seconds of one monotonic clock.

Theory of operation. systemd starts a failed service again, always after the same
few seconds: a delay that grows came only with systemd 254. So the service looks
back when it starts. A run that ends as it should leaves nothing behind; what is
left behind was a run that failed. A person who has just mended the cause must not
wait. Stopped while it runs or waits, a run ends as it should; between the end of a
run and systemd's next start, only the moment tells who starts: systemd comes when
its seconds are over, a person sooner, or much later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qlogship.shipping.backoff import ceiling

RESTART_SEC: Final = 5.0
"""RestartSec of the unit; a test compares the two."""

WELL_AFTER: Final = 600.0
"""A run this long was a good one: what came before it does not count any more."""

BASE: Final = 5.0
LONGEST: Final = 300.0

_LATE: Final = 15.0
"""A busy machine starts a service some seconds later than it was to."""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that did not end as it should: the last of `failures` in a row, itself included.

    `began` is when it set to work. `ended` and `reason` are None when it could not
    say them: it was killed.
    """

    failures: int
    began: float
    ended: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """What a start is to do: wait so many seconds first, after so many failures in a row."""

    wait: float
    failures: int
    reason: str | None = None


def start(last: FailedRun | None, *, now: float) -> Start:
    """Decide how a start begins after the last run; None when that ended as it should.

    Not at all after the first failure, then 5 s, 10 s, 20 s, to 5 minutes at most,
    each besides systemd's own RestartSec.
    """
    if last is None:
        return Start(0.0, 0)
    ended = now - RESTART_SEC if last.ended is None else last.ended
    # In a row: this run counts, those before it only when it was a short one.
    failures = last.failures if ended - last.began < WELL_AFTER else 1
    if failures <= 1 or _by_hand(last, now):
        return Start(0.0, failures, last.reason)
    return Start(ceiling(failures - 1, base=BASE, cap=LONGEST), failures, last.reason)


def _by_hand(last: FailedRun, now: float) -> bool:
    """Return whether a person starts it: systemd would have come later, or long ago."""
    if last.ended is None:
        return False
    return not RESTART_SEC <= now - last.ended <= RESTART_SEC + _LATE
