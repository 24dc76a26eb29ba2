"""Times as the findings word them."""

from __future__ import annotations

from qlogship.terminal.times import stamp


def moment(when: float) -> str:
    """Return a time in epoch seconds as the clock on the wall shows it."""
    return stamp(when, seconds=False)
