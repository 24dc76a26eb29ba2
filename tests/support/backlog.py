"""Years of queue_log in seconds: one simulated stretch of time, stamped again and again.

Theory of operation. A stretch starts at a multiple of 100 000 seconds and
ends, with its last call, before the next one. So every time in it, in the
first column and in every channel's unique id, begins with the same five
digits, and another stretch is made by writing five other digits: one
`bytes.replace`. Calls stay whole, and unique ids unique.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from qlogship.demo.callcentre import CallCentre
from qlogship.queue_log.records import entered_calls, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN = 100_000
STRETCH_BYTES = 3 * 1024 * 1024
# A stretch takes calls for a day at most; what is left of it is quiet.
_DAY = 86_400
_CALLS_PER_HOUR = 420.0
_STAFF = 30
_MARK = b"\0"

# The template is simulated in this stretch. Its digits are a time's where they
# open a line or a channel's unique id, which has a dot behind it.
_TEMPLATE_START = 10_000 * SPAN
_TEMPLATE_DIGITS = re.compile(rb"(?m)^10000(?=\d{5}\|)|(?<=\|)10000(?=\d{5}\.\d)")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was written; `first` and `last` are the outermost stamps in epoch seconds."""

    bytes: int
    lines: int
    calls: int
    first: int
    last: int


def write_backlog(
    out: BinaryIO, size: int, *, start: int = 1_600_000_000, seed: int = 1
) -> Backlog:
    """Write whole calls amounting to `size` bytes or a little more, and tell what was written.

    It begins at `start`, rounded down to a multiple of SPAN, and takes one SPAN
    of time for each STRETCH_BYTES. Memory stays within a few stretches,
    whatever the size.
    """
    count = max(1, math.ceil(size / STRETCH_BYTES))
    stretch = _Stretch(size // count, seed)
    first = start // SPAN
    out.writelines(stretch.stamped(number) for number in range(first, first + count))
    return Backlog(
        bytes=stretch.bytes * count,
        lines=stretch.lines * count,
        calls=stretch.calls * count,
        first=first * SPAN,
        last=(first + count - 1) * SPAN + stretch.last,
    )


class _Stretch:
    """Some bytes' worth of whole calls, with a mark where the first five digits of a time were."""

    def __init__(self, size: int, seed: int) -> None:
        centre = CallCentre(
            seed=seed, start=_TEMPLATE_START, calls_per_hour=_CALLS_PER_HOUR, staff=_STAFF
        )
        lines = list(_lines(centre, size))
        text = b"".join(lines)
        self._marked = _TEMPLATE_DIGITS.sub(_MARK, text)
        self.bytes = len(text)
        self.lines = len(lines)
        self.calls = len(entered_calls(text))
        self.last = (time_of(lines[-1]) or _TEMPLATE_START) - _TEMPLATE_START

    def stamped(self, number: int) -> bytes:
        """Return the text with its times moved into the given span."""
        return self._marked.replace(_MARK, b"%05d" % number)


def _lines(centre: CallCentre, size: int) -> Iterator[bytes]:
    written = 0
    for at, line in centre.events():
        yield line
        written += len(line)
        if written >= size or at >= _TEMPLATE_START + _DAY:
            centre.close()
