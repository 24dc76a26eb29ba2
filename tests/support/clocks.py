"""The records' clock as a function, for tests that look at one portion at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.shipping.record_time import RecordClock

if TYPE_CHECKING:
    from collections.abc import Sequence


def advance_clock(lines: Sequence[bytes], previous: int | None, *, hold: float) -> int | None:
    """Return the time of a clock that stood at `previous`, after these lines."""
    clock = RecordClock(previous, hold=hold)
    clock.observe(b"".join(line + b"\n" for line in lines))
    return clock.time
