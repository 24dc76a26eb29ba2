"""The archive: every record ever read, in order, numbered by `seq` from 1 on.

Records lie in chunks. A block from a backlog becomes one packed (zstd) chunk;
live records collect in small unpacked ones, which are folded into a packed one
when they have grown to `FOLD_BYTES`. Reading is sequential, opening is O(1).

Two things about a backlog's chunk are not waited for. It is compressed on
another thread, and its row is written by `finish`, at the end of the
transaction. And its calls are counted later, by `count_next`, when there is
nothing better to do; until then the column is NULL.

Each record is kept with its newline. One that was rotated away unfinished gets
a newline of ours, so that the next one stays a record of its own; `torn` counts
them.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import zstandard

from qlogship.errors import StateError
from qlogship.queue_log.counting import MEMORY, CallCounter
from qlogship.queue_log.records import entered_calls, times_from_the_end, times_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from qlogship.archive.runs import Run

FOLD_BYTES: Final = 256 * 1024

_RECENT: Final = 4
"""Packed chunks that are kept unpacked: in the order of time, several are read in turn."""

_BLOCK_LINES: Final = 4096

# A line is 8 KiB at most (Asterisk, main/logger.c), so a record with a time is near.
_TIME_SOUGHT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records of the archive: `data` is their text, each with its newline."""

    first_seq: int
    lines: int
    data: bytes

    def after(self, lines: int, size: int) -> Block:
        """Return the block without its first `lines` records, which are `size` bytes."""
        return Block(self.first_seq + lines, self.lines - lines, self.data[size:])

    def from_seq(self, seq: int) -> Block:
        """Return the block without the records before `seq`."""
        skip = seq - self.first_seq
        if skip == 0:
            return self
        start = 0
        for _ in range(skip):
            start = self.data.index(b"\n", start) + 1
        return Block(seq, self.lines - skip, self.data[start:])

    def up_to(self, last: int) -> Block:
        """Return the block without the records behind `last`."""
        surplus = self.first_seq + self.lines - 1 - last
        if surplus <= 0:
            return self
        data = self.data.rsplit(b"\n", surplus + 1)[0] + b"\n"
        return Block(self.first_seq, self.lines - surplus, data)


class _Row(NamedTuple):
    """A row of the table `chunk`, but for the data."""

    first_seq: int
    lines: int
    calls: int | None
    bytes: int
    torn: int
    first_time: int | None
    last_time: int | None
    packed: bool


class _Origin(NamedTuple):
    """From `first_seq` on, records come from `bytes` of a stream at `offset`."""

    first_seq: int
    stream: int
    offset: int
    bytes: int
    torn: int


class Archive:
    """Append records and read them back; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._pack = zstandard.ZstdCompressor(level=1, write_checksum=True)
        self._unpack = zstandard.ZstdDecompressor()
        row = connection.execute(
            "SELECT first_seq + lines FROM chunk ORDER BY first_seq DESC LIMIT 1"
        ).fetchone()
        self._next_seq: int = row[0] if row else 1
        self._tail_bytes: int = connection.execute(
            "SELECT coalesce(sum(bytes), 0) FROM chunk WHERE first_seq > ?", (self._packed_end(),)
        ).fetchone()[0]
        row = connection.execute(
            "SELECT first_seq, stream, offset, bytes, torn FROM origin"
            " ORDER BY first_seq DESC LIMIT 1"
        ).fetchone()
        self._origin = _Origin(*row) if row else None
        self._counter: CallCounter | None = None
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="pack")
        self._packing: tuple[_Row, Future[bytes]] | None = None
        self._newest: Block | None = None
        self._recent: list[Block] = []
        self._counted = self._uncounted() is None

    @property
    def next_seq(self) -> int:
        """The number the next record will get."""
        return self._next_seq

    @property
    def all_counted(self) -> bool:
        """Whether there is no chunk left whose calls are to be counted."""
        return self._counted

    def order(self) -> list[Run]:
        """Return the runs of all records in the order of time."""
        rows = self._db.execute("SELECT first_seq, last_seq FROM span ORDER BY rank")
        runs = [
            (first, self._next_seq - 1 if last is None else last) for first, last in rows.fetchall()
        ]
        return [(first, last) for first, last in runs if first <= last]

    def size(self) -> int:
        """Return the bytes of all text."""
        self.finish()
        total: int = self._db.execute("SELECT coalesce(sum(bytes), 0) FROM chunk").fetchone()[0]
        return total

    def append(self, data: bytes, *, stream: int, offset: int) -> int:
        """Add records that were read from a stream at an offset; return the first one's seq.

        Only the last one may lack its newline.
        """
        first_seq = self._next_seq
        torn = not data.endswith(b"\n")
        text = data + b"\n" if torn else data
        lines = text.count(b"\n")
        packed = self._tail_bytes == 0 and len(text) >= FOLD_BYTES
        calls = None if packed or not self._counted else self._count(text)
        self.finish()
        self._note_origin(stream, offset, size=len(data), torn=torn)
        row = _Row(
            first_seq,
            lines,
            calls,
            len(text),
            int(torn),
            next(times_in(text[:_TIME_SOUGHT]), None),
            next(times_from_the_end(text[-_TIME_SOUGHT:]), None),
            packed,
        )
        self._next_seq += lines
        if packed:
            self._counted = False
            self._packing = row, self._packer.submit(self._pack.compress, text)
            self._newest = Block(first_seq, lines, text)
        else:
            self._insert(row, text)
            self._tail_bytes += len(text)
            if self._tail_bytes >= FOLD_BYTES:
                self._fold()
        return first_seq

    def finish(self) -> None:
        """Write what `append` left to be written; to be called before the commit."""
        if self._packing is not None:
            row, packed = self._packing
            self._packing = None
            self._insert(row, packed.result())

    def close(self) -> None:
        """Let the thread end."""
        self._packer.shutdown()

    def count_next(self) -> bool:
        """Count the calls of one chunk that were not counted yet; false when there is none."""
        if self._counted:
            return False
        first_seq = self._uncounted()
        if first_seq is None:
            self._counted = True
            return False
        if self._counter is None:
            self._counter = self._recall(first_seq)
        block = self._readable(first_seq)
        calls = self._count(block.data) if block is not None else 0
        self._db.execute("UPDATE chunk SET calls = ? WHERE first_seq = ?", (calls, first_seq))
        return True

    def uncounted_calls(self) -> int:
        """Return the calls in the chunks that were not counted yet."""
        first_seq = self._uncounted()
        if first_seq is None:
            return 0
        counter, calls = self._recall(first_seq), 0
        for (seq,) in self._db.execute(
            "SELECT first_seq FROM chunk WHERE first_seq >= ? ORDER BY first_seq", (first_seq,)
        ):
            block = self._readable(seq)
            if block is not None:
                calls += counter.count_new(entered_calls(block.data))
        return calls

    def chunk_at(self, seq: int) -> Block:
        """Return the whole chunk that a record is in."""
        return self._chunk_of(seq)

    def block_at(self, seq: int) -> Block | None:
        """Return the records from `seq` to the end of its chunk; None beyond the end."""
        if seq >= self._next_seq:
            return None
        newest = self._newest
        block = newest if newest and seq == newest.first_seq else self._chunk_of(seq)
        return block.from_seq(seq)

    def check(self, seq: int) -> tuple[int, bool] | None:
        """Try to read the chunk with the record `seq`; None beyond the end.

        Return the number behind it, and whether its records are all there. What
        is missing between two chunks counts as a chunk that cannot be read.
        """
        self.finish()
        if seq >= self._next_seq:
            return None
        row = self._db.execute(
            "SELECT first_seq, lines FROM chunk WHERE first_seq <= ?"
            " ORDER BY first_seq DESC LIMIT 1",
            (seq,),
        ).fetchone()
        if row is None or seq >= row[0] + row[1]:
            row = self._db.execute(
                "SELECT min(first_seq) FROM chunk WHERE first_seq > ?", (seq,)
            ).fetchone()
            return row[0] or self._next_seq, False
        first_seq, lines = row
        try:
            whole = self._chunk_of(seq).data.count(b"\n") == lines
        except StateError:
            whole = False
        return first_seq + lines, whole

    def records(self, runs: Iterable[Run]) -> Iterator[tuple[int, bytes]]:
        """Yield `(seq, line)` for each record of ascending runs, without the newline."""
        block: Block | None = None
        lines: Sequence[bytes] = ()
        for first, last in runs:
            seq = first
            while seq <= last:
                if block is None or not block.first_seq <= seq < block.first_seq + block.lines:
                    block = self._chunk_of(seq)
                    lines = block.data.split(b"\n")
                stop = min(last + 1, block.first_seq + block.lines)
                for number in range(seq, stop):
                    yield number, lines[number - block.first_seq]
                seq = stop

    def blocks(self, runs: Iterable[Run]) -> Iterator[bytes]:
        """Yield the text of runs in their order, some hundred KiB at a time."""
        lines: OrderedDict[int, list[bytes]] = OrderedDict()  # of chunks that are read in parts
        parts: list[bytes] = []
        size = 0
        for first, last in runs:
            seq = first
            while seq <= last:
                block = self._chunk_of(seq)
                end = min(last + 1, block.first_seq + block.lines)
                if (seq, end) == (block.first_seq, block.first_seq + block.lines):
                    parts.append(block.data)
                else:
                    if block.first_seq not in lines:
                        lines[block.first_seq] = block.data.split(b"\n")
                        if len(lines) > _RECENT:
                            lines.popitem(last=False)
                    start = block.first_seq
                    parts += b"\n".join(lines[start][seq - start : end - start]), b"\n"
                size += end - seq
                seq = end
                if size >= _BLOCK_LINES:
                    yield b"".join(parts)
                    parts, size = [], 0
        if parts:
            yield b"".join(parts)

    def text(self, runs: Iterable[Run]) -> bytes:
        """Return the text of ascending runs, each record with its newline."""
        return b"".join(line + b"\n" for _, line in self.records(runs))

    def last_text_of(self, stream: int, want: int, end: int | None = None) -> bytes:
        """Return the text of a stream before the offset `end`, at least `want` bytes if archived.

        Without `end` it is what was archived last. A newline of ours is no part of it.
        """
        text = b""
        after = self._next_seq
        rows = self._db.execute(
            "SELECT first_seq, stream, offset, bytes, torn FROM origin ORDER BY first_seq DESC"
        )
        for origin in (_Origin(*row) for row in rows):
            if origin.stream == stream:
                end = origin.offset + origin.bytes if end is None else end
                here = end - len(text)
                surplus = origin.offset + origin.bytes - here
                if surplus < 0:
                    break  # what stood between was never archived
                if origin.offset < here:
                    part = self._end_of(origin, after, want=surplus + want - len(text))
                    text = part[: len(part) - surplus] + text
                if len(text) >= want:
                    break
            after = origin.first_seq
        return text

    def _end_of(self, origin: _Origin, seq: int, *, want: int) -> bytes:
        """Return the end of what came from one origin, up to `seq`, as it was read."""
        text = b""
        while seq > origin.first_seq and len(text) <= want:
            start = max(origin.first_seq, self._chunk_of(seq - 1).first_seq)
            text = self.text([(start, seq - 1)]) + text
            seq = start
        return text[:-1] if origin.torn else text

    def _note_origin(self, stream: int, offset: int, *, size: int, torn: bool) -> None:
        """Note where the records that come next are from."""
        last = self._origin
        if last is None or last.torn or (last.stream, last.offset + last.bytes) != (stream, offset):
            self._origin = _Origin(self._next_seq, stream, offset, size, int(torn))
            self._db.execute("INSERT INTO origin VALUES (?, ?, ?, ?, ?)", self._origin)
        else:
            self._origin = last._replace(bytes=last.bytes + size, torn=int(torn))
            self._db.execute(
                "UPDATE origin SET bytes = ?, torn = ? WHERE first_seq = ?",
                (self._origin.bytes, self._origin.torn, last.first_seq),
            )

    def _insert(self, row: _Row, data: bytes) -> None:
        self._db.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, data))

    def _chunk_of(self, seq: int) -> Block:
        if self._packing is not None and seq >= self._packing[0].first_seq:
            self.finish()
        for block in self._recent:
            if block.first_seq <= seq < block.first_seq + block.lines:
                return block
        row = self._db.execute(
            "SELECT first_seq, lines, packed, data FROM chunk WHERE first_seq <= ?"
            " ORDER BY first_seq DESC LIMIT 1",
            (seq,),
        ).fetchone()
        if row is None or seq >= row[0] + row[1]:
            raise StateError(
                f"the archive has no record {seq}",
                hint="Restore the state directory from a backup.",
            )
        first_seq, lines, packed, data = row
        if not packed:
            return Block(first_seq, lines, bytes(data))
        block = Block(first_seq, lines, self._unpacked(first_seq, data))
        self._recent = [*self._recent[1 - _RECENT :], block]
        return block

    def _readable(self, seq: int) -> Block | None:
        """Return the chunk that a record is in; None when it is damaged.

        Counting does without it: that is no reason to stop archiving.
        """
        try:
            return self._chunk_of(seq)
        except StateError:
            return None

    def _unpacked(self, first_seq: int, data: bytes) -> bytes:
        with suppress(zstandard.ZstdError):
            return self._unpack.decompress(data)
        raise StateError(
            f"the archive's chunk at record {first_seq} is damaged",
            hint="Restore the state directory from a backup.",
        )

    def _packed_end(self) -> int:
        row = self._db.execute(
            "SELECT first_seq FROM chunk WHERE packed ORDER BY first_seq DESC LIMIT 1"
        ).fetchone()
        return row[0] if row else 0

    def _fold(self) -> None:
        """Make one packed chunk of the unpacked ones at the end."""
        after = self._packed_end()
        rows = self._db.execute(
            "SELECT first_seq, lines, calls, bytes, torn, first_time, last_time, packed, data"
            " FROM chunk WHERE first_seq > ? ORDER BY first_seq",
            (after,),
        ).fetchall()
        self._db.execute("DELETE FROM chunk WHERE first_seq > ?", (after,))
        parts = [_Row(*row[:-1]) for row in rows]
        calls = [part.calls for part in parts]
        folded = _Row(
            parts[0].first_seq,
            sum(part.lines for part in parts),
            None if None in calls else sum(filter(None, calls)),
            sum(part.bytes for part in parts),
            sum(part.torn for part in parts),
            next((part.first_time for part in parts if part.first_time is not None), None),
            next((part.last_time for part in parts[::-1] if part.last_time is not None), None),
            packed=True,
        )
        if folded.calls is None:
            self._counter = None  # it may know some of what is to be counted anew
        self._insert(folded, self._pack.compress(b"".join(row[-1] for row in rows)))
        self._tail_bytes = 0

    def _uncounted(self) -> int | None:
        """Return where the first chunk begins whose calls were not counted."""
        self.finish()
        row = self._db.execute(
            "SELECT first_seq FROM chunk WHERE calls IS NULL ORDER BY first_seq LIMIT 1"
        ).fetchone()
        return row[0] if row else None

    def _count(self, text: bytes) -> int:
        """Count the calls that are new in what comes behind all that was counted."""
        if self._counter is None:
            self._counter = self._recall(self._next_seq)
        return self._counter.count_new(entered_calls(text))

    def _recall(self, seq: int) -> CallCounter:
        """Return a counter that knows the callids before `seq`, as far as they can be read."""
        newest: list[set[bytes]] = []
        for (first_seq,) in self._db.execute(
            "SELECT first_seq FROM chunk WHERE first_seq < ? ORDER BY first_seq DESC", (seq,)
        ):
            block = self._readable(first_seq)
            if block is not None:
                newest.append(entered_calls(block.data))
            if sum(map(len, newest)) >= MEMORY:
                break
        counter = CallCounter()
        for callids in reversed(newest):
            counter.count_new(callids)
        return counter
