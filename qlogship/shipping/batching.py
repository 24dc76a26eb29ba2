"""What goes into one upload: the window over the archive, and a batch's composition.

Theory of operation
-------------------
The window holds the records that were taken from the archive and have not left
yet: new ones, as whole blocks, and single records of calls that were held back
at earlier cuts. A cut asks the tracker which calls must stay, and turns all the
rest into batches, in archive order; what stays is the beginning of the next
window. Usually a cut makes one batch. When more was released than fits, it is
divided on call borders; a single call larger than the limit travels alone.

A batch's composition is a list of runs (`archive/runs.py`); with the archive it
gives the bytes of the batch again at any time, and its digest proves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import compress, pairwise
from typing import TYPE_CHECKING, NamedTuple

from qlogship.archive.runs import extend, runs_of
from qlogship.queue_log.calls import NOBODY, CallTracker
from qlogship.queue_log.records import entered_calls, times_from_the_end, times_in
from qlogship.shipping.record_time import RecordClock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from qlogship.archive.runs import Run
    from qlogship.shipping.call_waits import WaitingCalls

HELD_LIMIT = 8 * 1024 * 1024
"""Bytes of held records at most; beyond it the calls that wait longest are let go.

It bounds memory on a log whose calls never end (lost lines, a foreign writer)."""


class WindowRecord(NamedTuple):
    """One record in the window, without its newline."""

    seq: int
    line: bytes
    owner: bytes


@dataclass(frozen=True, slots=True)
class Composition:
    """Which records an upload holds, decided once; with the archive it gives them again.

    `calls` counts the callids that enter a queue in it, `bytes` and `sha256` are
    those of its text. The times are epoch seconds of its first and last record, None
    when there is none with a time.
    """

    runs: tuple[Run, ...]
    lines: int
    calls: int
    bytes: int
    first_time: int | None
    last_time: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one upload, and their text: each with its newline, in archive order."""

    composition: Composition
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Block:
    """Records of consecutive seq: their text, and the owner of each.

    It is cut into lines only when it must be: most blocks leave as they are.
    """

    first_seq: int
    text: bytes
    owners: list[bytes]

    def lines(self) -> list[bytes]:
        """Return the records without their newlines."""
        lines = self.text.split(b"\n")
        lines.pop()
        return lines


class _Parted(NamedTuple):
    """A block at a cut: the records that stay, and the runs and the text of the others."""

    stay: list[WindowRecord]
    runs: list[Run]
    texts: list[bytes]


class Window:
    """Collect records from the archive; cut them into batches of whole calls.

    `max_bytes` is the size of one body, `hold` that of the calls. Feed it
    while `room` is positive. `clock` and `odd` go on from what was written down.
    """

    def __init__(
        self,
        calls: WaitingCalls,
        *,
        max_bytes: int,
        hold: float,
        clock: int | None = None,
        odd: int = 0,
    ) -> None:
        self._calls = calls
        self._max_bytes = max_bytes
        self._clock = RecordClock(clock, hold=hold)
        self._odd_before = odd
        self._blocks: list[_Block] = []
        self._new_bytes = 0
        self._held: list[WindowRecord] = []
        self._held_bytes = 0

    def resize(self, max_bytes: int) -> None:
        """Make batches of that size from now on, by what the far end takes."""
        self._max_bytes = max_bytes

    @property
    def room(self) -> int:
        """The bytes to add before a cut is due.

        What is held counts, for it may all be released at the next cut; but
        half a batch is always taken, lest many open calls make tiny batches.
        """
        return max(self._max_bytes - self._held_bytes, self._max_bytes // 2) - self._new_bytes

    @property
    def full(self) -> bool:
        """Whether a batch would be full."""
        return self.room <= 0

    @property
    def empty(self) -> bool:
        """Whether there is no record in the window."""
        return not self._blocks and not self._held

    @property
    def clock(self) -> int | None:
        """The records' own time, in epoch seconds."""
        return self._clock.time

    @property
    def odd(self) -> int:
        """How many lines that are no record were taken in, over all restarts."""
        return self._odd_before + self._calls.odd

    @property
    def held_runs(self) -> list[Run]:
        """What was held back at the last cut."""
        return runs_of(entry.seq for entry in self._held)

    def add(
        self, first_seq: int, text: bytes, *, silence: float = 0.0, written: float | None = None
    ) -> int:
        """Take in records, each with its newline; return how many there are.

        `silence` and `written` are for the clock; see `RecordClock.observe`.
        """
        block = _Block(first_seq, text, self._calls.observe(text))
        self._blocks.append(block)
        self._new_bytes += len(text)
        self._clock.observe(text, silence=silence, written=written)
        return len(block.owners)

    def restore(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Take back what was held before a restart: `(seq, line)` in archive order."""
        seqs, lines = [], []
        for seq, line in records:
            seqs.append(seq)
            lines.append(line)
        owners = self._calls.observe(_text(lines))
        self._keep([WindowRecord(*entry) for entry in zip(seqs, lines, owners, strict=True)])

    def next_change(self, now: float) -> float | None:
        """Return the seconds until silence alone lets something go, or None."""
        return self._calls.next_change(now)

    def unsettled(self, now: float) -> bool:
        """Return whether a call has ended and only its silence is awaited."""
        return self._calls.unsettled(now)

    def counts(self, now: float) -> tuple[int, int]:
        """Return how many calls and how many records are held at the time `now`."""
        kept = self._calls.held(now)
        if not kept:
            return 0, 0
        owners = [entry.owner for entry in self._held]
        for block in self._blocks:
            owners += block.owners
        held = [owner for owner in owners if owner in kept]
        return len(set(held)), len(held)

    def ready(self, now: float) -> bool:
        """Return whether a cut at the time `now` would let anything go."""
        kept = self._calls.held(now)
        return any(entry.owner not in kept for entry in self._held) or any(
            owner not in kept for block in self._blocks for owner in block.owners
        )

    def cut(self, now: float, *, flush: bool = False) -> list[Batch]:
        """Let go what need not be held at the time `now`; everything with `flush`.

        The records that stay begin the next window.
        """
        kept: set[bytes] = set() if flush else self._calls.held(now)
        parts = self._parts(kept)
        while _size(held := self._staying(parts, kept)) > HELD_LIMIT:
            kept -= set(self._calls.oldest_first(kept)[: max(1, len(kept) // 4)])
            parts = self._parts(kept)
        batches = self._batches(parts, kept)
        self._keep(held)
        self._blocks, self._new_bytes = [], 0
        return batches

    def _keep(self, held: list[WindowRecord]) -> None:
        """Go on with these records, and forget the calls of all others."""
        self._held, self._held_bytes = held, _size(held)
        self._calls.keep_only({entry.owner for entry in held})

    def _parts(self, kept: Collection[bytes]) -> list[_Parted]:
        """Tell, for each block, the records that stay from those that leave."""
        return [_part(block, kept) for block in self._blocks]

    def _staying(self, parts: list[_Parted], kept: Collection[bytes]) -> list[WindowRecord]:
        """List the records that stay, in archive order."""
        entries = [entry for entry in self._held if entry.owner in kept]
        for part in parts:
            entries += part.stay
        return entries

    def _batches(self, parts: list[_Parted], kept: set[bytes]) -> list[Batch]:
        runs: list[Run] = []
        texts: list[bytes] = []
        for entry in self._held:
            if entry.owner not in kept:
                extend(runs, (entry.seq, entry.seq))
                texts += entry.line, b"\n"
        for part in parts:
            for first, last in part.runs:
                extend(runs, (first, last))
            texts += part.texts
        body = b"".join(texts)
        if not body:
            return []
        if len(body) <= self._max_bytes:
            return [_batch(runs, body, len(self._calls.entered - kept))]
        return self._divided(kept)

    def _divided(self, kept: set[bytes]) -> list[Batch]:
        """Spread what is released over several batches, no call over two of them."""
        entries = [entry for entry in self._held if entry.owner not in kept]
        for block in self._blocks:
            entries += [
                WindowRecord(block.first_seq + index, line, owner)
                for index, (line, owner) in enumerate(zip(block.lines(), block.owners, strict=True))
                if owner not in kept
            ]
        parts = divide(entries, max_bytes=self._max_bytes)
        entered = self._calls.entered
        return [
            _batch(
                runs_of(entry.seq for entry in part),
                _text([entry.line for entry in part]),
                len({entry.owner for entry in part} & entered),
            )
            for part in parts
        ]


def divide(entries: Sequence[WindowRecord], *, max_bytes: int) -> list[list[WindowRecord]]:
    """Spread records over parts of at most `max_bytes`, each call whole in one part.

    Only a call that is larger by itself makes a larger part.
    """
    weight: dict[bytes, int] = {}
    for entry in entries:
        weight[entry.owner] = weight.get(entry.owner, 0) + len(entry.line) + 1
    parts: list[list[WindowRecord]] = [[]]
    place: dict[bytes, int] = {}
    load = 0
    for entry in entries:
        if entry.owner in place:
            parts[place[entry.owner]].append(entry)
            continue
        need = len(entry.line) + 1 if entry.owner == NOBODY else weight[entry.owner]
        if parts[-1] and load + need > max_bytes:
            parts.append([])
            load = 0
        load += need
        parts[-1].append(entry)
        if entry.owner != NOBODY:
            place[entry.owner] = len(parts) - 1
    return parts


def parts_of(runs: Iterable[Run], body: bytes, *, max_bytes: int) -> list[Batch]:
    """Divide the records of one batch into batches of at most `max_bytes` on call borders.

    `body` is the text of `runs`. Each call is whole in one part, a record of no
    call stands alone, and within a part the order stays. What holds but one call,
    or one record, is a single part.
    """
    lines = body.split(b"\n")
    lines.pop()
    owners = CallTracker().observe(body)
    seqs = (seq for first, last in runs for seq in range(first, last + 1))
    entries = [WindowRecord(*entry) for entry in zip(seqs, lines, owners, strict=True)]
    parts = []
    for part in divide(entries, max_bytes=max_bytes):
        text = _text([entry.line for entry in part])
        parts.append(_batch(runs_of(entry.seq for entry in part), text, len(entered_calls(text))))
    return parts


def _part(block: _Block, kept: Collection[bytes]) -> _Parted:
    """Tell the records of these owners from the others."""
    first_seq, count = block.first_seq, len(block.owners)
    staying = list(compress(range(count), map(kept.__contains__, block.owners))) if kept else []
    if not staying:
        return _Parted([], [(first_seq, first_seq + count - 1)], [block.text])
    # Calls that are open began not long ago: only the end need be cut into lines.
    start = staying[0]
    lines = block.text.rsplit(b"\n", count - start + 1)
    lines.pop()
    runs: list[Run] = []
    texts: list[bytes] = []
    if start > 0:
        runs.append((first_seq, first_seq + start - 1))
        texts += lines.pop(0), b"\n"
    stay = []
    for index, following in pairwise((*staying, count)):
        stay.append(WindowRecord(first_seq + index, lines[index - start], block.owners[index]))
        if following > index + 1:
            runs.append((first_seq + index + 1, first_seq + following - 1))
            texts.append(_text(lines[index + 1 - start : following - start]))
    return _Parted(stay, runs, texts)


def _batch(runs: Sequence[Run], body: bytes, calls: int) -> Batch:
    composition = Composition(
        runs=tuple(runs),
        lines=sum(last - first + 1 for first, last in runs),
        calls=calls,
        bytes=len(body),
        first_time=next(times_in(body), None),
        last_time=next(times_from_the_end(body), None),
        sha256=sha256(body).hexdigest(),
    )
    return Batch(composition, body)


def _text(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n" if lines else b""


def _size(entries: Iterable[WindowRecord]) -> int:
    return sum(len(entry.line) + 1 for entry in entries)
