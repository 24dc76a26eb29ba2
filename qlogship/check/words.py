"""Lists, durations, times as the findings word them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.terminal.times import stamp
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence


def lasting(seconds: float) -> str:
    """Return a duration in the largest unit that fits."""
    whole = max(0, int(seconds))
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if whole >= length:
            return count(whole // length, unit)
    return count(whole, "second")


def moment(when: float) -> str:
    """Return a time in epoch seconds as the clock on the wall shows it."""
    return stamp(when, seconds=False)


def listed(things: Sequence[object], *, most: int = 3) -> str:
    """Return the first of several things, and how many more there are."""
    shown = ", ".join(map(str, things[:most]))
    more = len(things) - most
    return f"{shown} and {more} more" if more > 0 else shown
