"""Commands, lists and times as the findings word them."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.installation.identity import Barrier

_DAY = 86_400


def commands(barrier: Barrier) -> str:
    """Return the hint that removes what keeps the service from reading a file."""
    if not barrier.commands:
        return f"Look at {barrier.path}."
    joined = " && ".join(shlex.join(command) for command in barrier.commands)
    restart = any(command[0] == "usermod" for command in barrier.commands)
    return f"Run `{joined}`{', then restart the service' if restart else ''}."


def lasting(seconds: float) -> str:
    """Return a duration in the largest unit that fits."""
    whole = max(0, int(seconds))
    for length, unit in ((_DAY, "day"), (3600, "hour"), (60, "minute")):
        if whole >= length:
            return count(whole // length, unit)
    return count(whole, "second")


def moment(when: float) -> str:
    """Return a time in epoch seconds as the clock on the wall shows it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def listed(things: Sequence[object], *, most: int = 3) -> str:
    """Return the first of several things, and how many more there are."""
    shown = ", ".join(map(str, things[:most]))
    more = len(things) - most
    return f"{shown} and {more} more" if more > 0 else shown
