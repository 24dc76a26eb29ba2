"""Whether this machine's clock is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, ok, unknown, warning
from qlogship.terminal.times import stamp
from qlogship.wording import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds of a call centre's reports nobody counts; of a quarter of an hour somebody does.
_CLOCK_TOLERANCE: Final = 120.0

# A call's last record may be of a second that has just begun, or of a clock that was just set.
_AHEAD_TOLERANCE: Final = 300.0


def judge(
    now: float, *, ahead: float | None, newest: int | None, synchronised: bool | None
) -> Iterator[Finding]:
    """Judge the clock against the dashboard's, the archive's, and what a time service says.

    `ahead` is how far it is ahead of the dashboard's, `newest` the time of the newest record.
    """
    clock, hint = moment(now), "Set the clock: `timedatectl set-ntp true`."
    if newest is not None and now < newest - _AHEAD_TOLERANCE:
        yield warning(
            "clock.behind-archive",
            clock,
            f"the newest archived record is of {moment(newest)}: this clock was ahead then, or is"
            " behind now",
            hint,
        )
    elif ahead is not None and abs(ahead) > _CLOCK_TOLERANCE:
        side = "ahead of" if ahead > 0 else "behind"
        yield warning(
            "clock.differs",
            clock,
            f"it is {lasting(abs(ahead))} {side} the dashboard's; calls are reported at the wrong"
            " time",
            hint,
        )
    elif synchronised is False:
        yield warning(
            "clock.unsynchronised",
            clock,
            "no time service keeps it right",
            "Run `timedatectl set-ntp true`, or install chrony.",
        )
    elif ahead is not None:
        yield ok("clock.right", clock, "agrees with the dashboard's")
    elif synchronised:
        yield ok("clock.right", clock, "kept right by a time service")
    else:
        yield unknown("clock.uncompared", clock, "there is nothing to compare it with", hint="")


def moment(when: float) -> str:
    """Return a time in epoch seconds as the clock on the wall shows it."""
    return stamp(when, seconds=False)
