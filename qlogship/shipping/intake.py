"""From the archive to batches: which records are taken in next, and when a batch is cut.

One intake per source. Archived records are taken into a window (`batching`), in which
calls that must wait are held (`call_waits`). A batch is cut when the window is full, or
when what may go has lingered. Where the intake stands is written with each cut; memory
runs ahead of it in between.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from qlogship.archive.chunks import DamagedChunk
from qlogship.archive.runs import without
from qlogship.errors import StateError
from qlogship.queue_log.records import time_of, times_from_the_end
from qlogship.shipping.batching import Window
from qlogship.shipping.call_waits import Lingering, WaitingCalls
from qlogship.shipping.first_day import DatedPart, dated_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlogship.archive.archive import Archive
    from qlogship.archive.chunks import Block
    from qlogship.archive.runs import Run
    from qlogship.config.model import BatchSettings
    from qlogship.shipping.batching import Batch
    from qlogship.shipping.position import ShippingPosition
    from qlogship.shipping.record_time import RunningTime

_READING: Final = 30.0
"""Seconds that what may go waits for more that is there to be read, if it lingers no longer: of
very many small files the reading takes long, and below the reserve it stands still.
"""


class Intake:
    """Take archived records in and cut them into batches of whole calls.

    `begin_time` makes the records' running time, given their time so far. The caller
    holds the transaction. `max_bytes` is the size of one body, `wall` tells the time of day;
    `since` tells the time of the first records that the present generation ships, None when
    it ships all.
    """

    def __init__(
        self,
        archive: Archive,
        position: ShippingPosition,
        settings: BatchSettings,
        *,
        begin_time: Callable[[int | None], RunningTime],
        max_bytes: int,
        wall: Callable[[], float],
        since: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._wall = wall
        self._since_of = since
        self._archive = archive
        self._position = position
        self._settings = settings
        self.rewind(max_bytes)
        self._time = begin_time(self._window.clock)

    def rewind(self, max_bytes: int) -> None:
        """Go on where shipping stands by the position."""
        at = self._position.get()
        self._ahead = list(at.ahead)
        self._frontier = at.frontier
        self._window = Window(
            WaitingCalls(settle=self._settings.settle, hold=self._settings.hold),
            max_bytes=max_bytes,
            hold=self._settings.hold,
            clock=at.clock,
            odd=at.odd,
        )
        lost = self._archive.unreadable(at.held)
        if lost:
            self._pass_over(lost)
        self._window.restore(self._archive.records(without(at.held, lost)))
        self._block: Block | None = None
        self._since = self._since_of()
        self._parts: deque[DatedPart] = deque()
        self._before: tuple[int, int | None] = 0, None  # the last record that was looked at
        self._passed_over = False
        self._held: tuple[int, int] | None = None
        self._lingering = Lingering(self._settings.linger)
        self._reading = Lingering(max(self._settings.linger, _READING))

    @property
    def time(self) -> RunningTime:
        """The time by which calls are measured."""
        return self._time

    @property
    def all_taken(self) -> bool:
        """Whether every archived record was taken into the window."""
        return not self._ahead and self._frontier == self._archive.next_seq

    @property
    def empty(self) -> bool:
        """Whether nothing is in the window."""
        return self._window.empty

    @property
    def fills_a_batch(self) -> bool:
        """Whether what was read last fills a batch: then it need not be read back later."""
        return self._block is not None and len(self._block.data) >= self._window.room

    @property
    def unsettled(self) -> bool:
        """Whether a call has ended and only its silence is awaited."""
        return self._window.unsettled(self._now())

    @property
    def ready(self) -> bool:
        """Whether something may go now."""
        return self._window.ready(self._now())

    def resize(self, max_bytes: int) -> None:
        """Make batches of that size from now on, by what the far end takes."""
        self._window.resize(max_bytes)

    def fill(self, *, written: float | None) -> bool:
        """Take archived records in; return whether the window is full.

        `written` is when their file was last written to, in epoch seconds, where that
        is known. It counts for what stood there before the start, which nobody waited
        for: nothing but the file tells whether there were days of silence before it.
        """
        while (room := self._window.room) > 0:
            if self._block is None:
                self._block = self._next_block()
                if self._block is None:
                    self._write_passed_over()
                    return False
            block, data = self._block, self._block.data
            if len(data) > room:
                data = data[: data.rfind(b"\n", 0, room) + 1 or data.index(b"\n") + 1]
            taken = self._window.add(
                block.first_seq,
                data,
                silence=self._time.take_silence(),
                written=None if self._time.caught_up_once else written,
            )
            self._block = block.after(taken, len(data)) if taken < block.lines else None
            self._move_on(taken)
        self._write_passed_over()
        return True

    def caught_up(self) -> None:
        """Note that all there is was read and taken in."""
        self._time.caught_up(self._window.clock)

    def cut(
        self, *, full: bool, caught_up: bool, hurry: bool, flush: bool, now: float
    ) -> list[Batch]:
        """Cut the window if it is full, due or flushed; `now` is of the monotonic clock."""
        if self._window.empty:
            return []
        if caught_up:
            self._reading.end()
        # Time does not run on while there is more to read: the end of a call may be in that.
        runs = full or caught_up
        at = self._now() if runs else self._time.now(self._window.clock, all_taken=False)
        if not (full or (flush and caught_up)):
            patience = self._lingering if caught_up else self._reading
            ready = self._window.ready(at)
            lingered = patience.over(ready=ready, now=now)
            if not ready or not (lingered or (hurry and caught_up)):
                return []
        self._lingering.end()
        self._reading.end()
        batches = self._window.cut(at, flush=flush and caught_up)
        # Only now is each record that was taken in an upload or held.
        self._position.save(
            ahead=self._ahead,
            frontier=self._frontier,
            held=self._window.held_runs,
            clock=self._window.clock,
            odd=self._window.odd,
        )
        return batches

    def write_held(self) -> None:
        """Write how much is held back, if that has changed, for `status` to show."""
        held = self._window.counts(self._now())
        if held != self._held:
            self._position.save_held(calls=held[0], lines=held[1])
            self._held = held

    def waits(self, now: float) -> list[float]:
        """Return the seconds until something may be cut by the clock alone."""
        if self._window.empty:
            return []
        waits = [self._lingering.rest(now), self._window.next_change(self._now())]
        return [wait for wait in waits if wait is not None]

    def _now(self) -> float:
        return self._time.now(self._window.clock, all_taken=self.all_taken)

    def _next_block(self) -> Block | None:
        """Return the records that are taken next; pass over those that are too old."""
        if self._since is None:
            return self._block_in_order()
        while True:
            while self._parts:
                part = self._parts.popleft()
                if not part.older:
                    return part.block
                self._passed_over = True
                self._move_on(part.block.lines)
            block = self._block_in_order()
            if block is None:
                return None
            number, time = self._before
            before = time if number + 1 == block.first_seq else self._time_before(block)
            parts, last = dated_parts(block, self._since, before)
            self._parts.extend(parts)
            self._before = block.first_seq + block.lines - 1, last

    def _time_before(self, block: Block) -> int | None:
        """Return the time of the record before a block, which counts for a line without one."""
        if block.first_seq == 1 or time_of(block.data[: block.data.index(b"\n")]) is not None:
            return None
        with suppress(StateError):  # a damaged chunk is the trouble of whoever ships it
            earlier = self._archive.chunks.at(block.first_seq - 1).up_to(block.first_seq - 1)
            return next(times_from_the_end(earlier.data), None)
        return None

    def _write_passed_over(self) -> None:
        """Write how far records were passed over, if none is in the window."""
        if not self._passed_over or not self._window.empty:
            return
        self._passed_over = False
        self._position.save(
            ahead=self._ahead,
            frontier=self._frontier,
            held=(),
            clock=self._window.clock,
            odd=self._window.odd,
        )

    def _block_in_order(self) -> Block | None:
        """Return the next records; those of damaged chunks are passed over."""
        while True:
            first, last = self._ahead[0] if self._ahead else (self._frontier, None)
            try:
                block = self._archive.block_at(first)
            except DamagedChunk:
                checked = self._archive.chunks.check(first)
                behind = checked[0] if checked is not None else first + 1
                lost = first, (behind - 1 if last is None else min(last, behind - 1))
                self._pass_over([lost])
                self._move_on(lost[1] - lost[0] + 1)
            else:
                return block.up_to(last) if block is not None and last is not None else block

    def _pass_over(self, lost: Sequence[Run]) -> None:
        """Go on without records that cannot be read."""
        self._position.pass_over(lost)
        self._archive.damage.pass_over(lost, at=self._wall())

    def _move_on(self, taken: int) -> None:
        """Note that so many records more were taken."""
        if not self._ahead:
            self._frontier += taken
            return
        first, last = self._ahead[0]
        if first + taken > last:
            del self._ahead[0]
        else:
            self._ahead[0] = first + taken, last
