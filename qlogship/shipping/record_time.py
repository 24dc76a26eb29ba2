"""The time of a queue_log: what its records say, read with some distrust.

Calls are measured by the times in the records, so a wrong time must neither
hold nor release calls for ever. When a time is believed, `RecordClock` decides; how
it goes on while no record comes, `RunningTime`. What it is used for is the business
of `call_waits` and `batching`.
"""

from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING

from qlogship.queue_log.records import times_from_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SAMPLE = 32


class RecordClock:
    """Epoch seconds by the records taken in so far; None before the first with a time.

    It runs with the records and never backwards, with two exceptions. A time
    more than `hold` ahead of what is expected is believed only when a second
    record agrees, or the file was written to at that time. And when all records
    are more than `hold` behind, they are believed: then the clock was wrong before.
    """

    def __init__(self, time: int | None = None, *, hold: float) -> None:
        self.time = time
        self._hold = hold
        self._doubtful: int | None = None

    def observe(self, text: bytes, *, silence: float = 0.0, written: float | None = None) -> None:
        """Take in whole lines in archive order.

        `silence` is the seconds since those before, `written` when their file was
        last written to, in epoch seconds, where that is known and tells anything.
        """
        times = list(islice(times_from_the_end(text), _SAMPLE))
        if not times:
            return
        if self.time is None:
            # Of the first records, the latest may be the one that is false.
            latest, *others = sorted(times, reverse=True)
            alone = others and latest > others[0] + self._hold and self._agree(latest, written)
            self.time = latest if alone or not others else others[0]
            return
        expected = self.time + silence
        ahead = [
            time
            for time in times
            if time > expected + self._hold and not self._agree(time, written)
        ]
        agreeing = [*ahead, self._doubtful] if self._doubtful is not None else ahead
        self._doubtful = None
        if ahead and not _two_agree(agreeing, self._hold):
            self._doubtful = ahead[0]
            times = [time for time in times if time not in ahead] or [self.time]
        latest = max(times)
        if latest >= self.time or latest < self.time - self._hold:
            self.time = latest

    def _agree(self, time: int, written: float | None) -> bool:
        return written is not None and abs(time - written) <= self._hold


def _two_agree(times: Sequence[int], within: float) -> bool:
    ordered = sorted(times)
    return any(later - earlier <= within for earlier, later in pairwise(ordered))


class RunningTime:
    """The time calls are measured by, from one look at the queue_log to the next.

    It is that of the records while there are more to take in, and runs on with the
    `monotonic` clock when all are in; so a backlog is cut the same way however fast
    it is shipped. `wall` returns epoch seconds; `last` is the records' time so far.
    """

    def __init__(
        self, *, monotonic: Callable[[], float], wall: Callable[[], float], last: int | None
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._still_since = monotonic()
        # How far the records may be ahead; afterwards it is measured.
        self._silence = max(0.0, wall() - (last or 0))
        self._first_look = True
        self.caught_up_once = False
        """Whether all that stood in the queue_log at the start was taken in."""

    def look(self, *, read_something: bool, written: float | None) -> None:
        """Note whether a record came in; at the first look, for how long none did.

        `written` is when the last one came, in epoch seconds; None when that is not known.
        """
        now = self._monotonic()
        if read_something:
            self._silence += now - self._still_since
            self._still_since = now
        elif self._first_look:
            quiet = self._wall() - written if written is not None else 0.0
            self._still_since = now - max(0.0, quiet)
        self._first_look = False

    def caught_up(self, last: int | None) -> None:
        """Note that all is taken in.

        The first time, expect the next record now, not when the `last` one came: nobody
        looked meanwhile. It only lets that record be believed; what is held stays held.
        """
        if not self.caught_up_once and last is not None:
            quiet = self._wall() - last - (self._monotonic() - self._still_since)
            self._silence = max(self._silence, quiet)
        self.caught_up_once = True

    def take_silence(self) -> float:
        """Return the seconds before the records that are taken in now, once."""
        silence, self._silence = self._silence, 0.0
        return silence

    def now(self, last: int | None, *, all_taken: bool) -> float:
        """Return the time, in epoch seconds, when the records' time is `last`."""
        clock = float(last or 0)
        return clock + self._monotonic() - self._still_since if all_taken else clock
