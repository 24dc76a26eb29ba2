"""Which day a time belongs to, in some time zone.

Days are those of a calendar on the wall: where the clocks change, one has 23
hours and another 25. Most times that are asked for one after the other are of
one day, so the borders of the last day are remembered.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MINUTE = 60


class Days:
    """The day of a time. `zone` None is the machine's own time zone."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.zone = zone
        self._first = self._end = 0
        self._day = date.min

    def of(self, seconds: int) -> date:
        """Return the day of a time in epoch seconds."""
        if not self._first <= seconds < self._end:
            self._move_to(seconds)
        return self._day

    def parts(self, times: Sequence[int]) -> list[tuple[int, int, date]]:
        """Cut a sequence of times where the day changes: `(first index, last index, day)`."""
        parts, begin = [], 0
        for day, group in groupby(times, key=self.of):
            end = begin + sum(1 for _ in group)
            parts.append((begin, end - 1, day))
            begin = end
        return parts

    def seconds_of(self, day: date) -> tuple[float, float]:
        """Return when a day begins and when it ends, in epoch seconds."""
        begin = datetime.combine(day, time(), tzinfo=self.zone)
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=self.zone)
        return begin.timestamp(), end.timestamp()

    def _move_to(self, seconds: int) -> None:
        day = datetime.fromtimestamp(seconds, self.zone).date()
        first, end = (int(border) for border in self.seconds_of(day))
        moments = (datetime.fromtimestamp(at, self.zone) for at in (first, end))
        if len({moment.astimezone(self.zone).utcoffset() for moment in moments}) > 1:
            # The clocks change on this day, perhaps at midnight, back over it: a
            # minute is the longest piece that is surely of one day.
            first = seconds - seconds % _MINUTE
            end = first + _MINUTE
        self._first, self._end, self._day = first, end, day
