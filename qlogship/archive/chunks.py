"""The archive's chunk format: how records lie in the table `chunk`, and come back.

A block from a backlog becomes one packed (zstd) chunk; live records collect in
small unpacked ones, which are folded into a packed one when they have grown to
`FOLD_BYTES`, or are `_MOST_UNPACKED`. Reading is sequential, opening is O(1).

A row is written by `finish`, at the end of the transaction: a backlog's chunk is
compressed on another thread until then, and small texts that were appended in one
transaction are one chunk, however many files they come from.

What is known of a chunk stands in the table `chunk_facts`, beside a digest of its text and
of its place. Whenever a chunk is read its text is compared with both: what differs is
damaged, and raises a `DamagedChunk`.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from sqlite3 import DatabaseError, OperationalError
from typing import TYPE_CHECKING, Final, NamedTuple

import zstandard

from qlogship.archive.moment import one_moment
from qlogship.archive.runs import merged
from qlogship.errors import StateError
from qlogship.queue_log.records import times_from_the_end, times_in, times_still_in

if TYPE_CHECKING:
    import sqlite3

    from qlogship.archive.runs import Run

FOLD_BYTES: Final = 256 * 1024

_MOST_UNPACKED: Final = 2_000
"""Unpacked chunks that are folded at once: each takes time, however short its text is."""

RECENT: Final = 4
"""Packed chunks that are kept unpacked: in the order of time, several are read in turn."""

# A line is 8 KiB at most (Asterisk, main/logger.c), so a record with a time is near.
_TIME_SOUGHT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records of the archive: `data` is their text, each with its newline."""

    first_seq: int
    lines: int
    data: bytes

    def first(self, lines: int, size: int) -> Block:
        """Return the first `lines` records of the block, which are `size` bytes."""
        return Block(self.first_seq, lines, self.data[:size])

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


class DamagedChunk(StateError):
    """The records from `first` to `last` cannot be read as they were written."""

    def __init__(self, first: int, last: int, *, message: str = "") -> None:
        super().__init__(
            message
            or f"the archive is damaged: records {first:,} to {last:,} are not as they were"
            " written",
            hint="Run `qlogship import` with the queue_log that they came from;"
            " `qlogship verify` tells which.",
        )
        self.first = first
        self.last = last


class RetiredChunk(DamagedChunk):
    """The records from `first` to `last` have left the archive on purpose."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(
            first,
            last,
            message=f"records {first:,} to {last:,} have left the archive, as state.keep asks",
        )
        self.hint = "The dashboard has them until the next resync; the archive has younger ones."


def digest_of(first_seq: int, text: bytes) -> bytes:
    """Return the digest of a chunk's text and of its place in the archive."""
    return blake2b(text, digest_size=16, salt=first_seq.to_bytes(8, "big", signed=True)).digest()


class ChunkFacts(NamedTuple):
    """What is known of a chunk but for its text, and its digest."""

    first_seq: int
    lines: int
    calls: int | None
    bytes: int
    torn: int
    first_time: int | None
    last_time: int | None
    packed: bool

    @property
    def behind(self) -> int:
        """The number behind its last record."""
        return self.first_seq + self.lines


_FACTS: Final = "first_seq, lines, calls, bytes, torn, first_time, last_time, packed"


class Chunks:
    """Write chunks behind all others, and read them; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._pack = zstandard.ZstdCompressor(level=1, write_checksum=True)
        self._unpack = zstandard.ZstdDecompressor()
        row = connection.execute(
            "SELECT first_seq + lines FROM chunk_facts ORDER BY first_seq DESC LIMIT 1"
        ).fetchone()
        self._next_seq: int = row[0] if row else 1
        self._tail_bytes: int
        self._tail_chunks: int
        self._tail_bytes, self._tail_chunks = connection.execute(
            "SELECT coalesce(sum(bytes), 0), count(*) FROM chunk_facts WHERE first_seq > ?",
            (self._packed_end(),),
        ).fetchone()
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="pack")
        self._packing: tuple[ChunkFacts, Future[tuple[bytes, bytes]]] | None = None
        self._gathered: list[tuple[ChunkFacts, bytes]] = []
        self._newest: Block | None = None
        self._recent: list[Block] = []
        self.damaged: dict[int, int] = {}
        """Chunks that were met and are damaged: the first record of each, and the last one."""

    @property
    def next_seq(self) -> int:
        """The number the next record will get."""
        return self._next_seq

    def packs(self, text: bytes) -> bool:
        """Return whether a text becomes a packed chunk by itself: it is of a backlog."""
        return self._tail_bytes == 0 and len(text) >= FOLD_BYTES

    def append(self, text: bytes, *, lines: int, calls: int | None, torn: bool) -> None:
        """Write records, each with its newline; `torn` if that of the last one is ours."""
        row = ChunkFacts(
            self._next_seq,
            lines,
            calls,
            len(text),
            int(torn),
            next(times_in(text[:_TIME_SOUGHT]), None),
            next(times_from_the_end(text[-_TIME_SOUGHT:]), None),
            packed=self.packs(text),
        )
        if row.packed or self._packing is not None:
            self.finish()
        self._next_seq += row.lines
        if row.packed:
            self._packing = row, self._packer.submit(self._packed, row.first_seq, text)
            self._newest = Block(row.first_seq, row.lines, text)
        else:
            self._gathered.append((row, text))
            self._tail_bytes += len(text)
            if self._tail_bytes >= FOLD_BYTES:
                self.finish()

    def finish(self) -> None:
        """Write the row of a chunk that was being packed, or of what was gathered."""
        if self._packing is not None:
            row, packed = self._packing
            self._packing = None
            self._insert(row, *packed.result())
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            row = _joined([facts for facts, _ in gathered], packed=False)
            text = b"".join(text for _, text in gathered)
            self._insert(row, text, digest_of(row.first_seq, text))
            self._tail_chunks += 1
            if self._tail_bytes >= FOLD_BYTES or self._tail_chunks >= _MOST_UNPACKED:
                self._fold()

    def forget_unwritten(self) -> None:
        """Leave unwritten what was appended in a transaction that has failed."""
        self._packing, self._gathered = None, []

    @property
    def unwritten_are_counted(self) -> bool:
        """Whether the calls are known of all that `finish` is to write."""
        # Behind one that is not counted none is, so the last one tells.
        last = self._gathered[-1][0].calls if self._gathered else 0
        return self._packing is None and last is not None

    def close(self) -> None:
        """Let the thread end."""
        self._packer.shutdown()

    def at(self, seq: int) -> Block:
        """Return the whole chunk that a record is in. Raises `StateError`."""
        unwritten = self._packing or next(iter(self._gathered), None)
        if unwritten is not None and seq >= unwritten[0].first_seq:
            self.finish()
        for block in self._recent:
            if block.first_seq <= seq < block.first_seq + block.lines:
                return block
        with one_moment(self._db):  # else a writer elsewhere folds a chunk between facts and text
            row = self._db.execute(
                f"SELECT {_FACTS}, digest FROM chunk_facts WHERE first_seq <= ?"  # noqa: S608
                " ORDER BY first_seq DESC LIMIT 1",
                (seq,),
            ).fetchone()
            if row is None or seq >= row[0] + row[1]:
                raise DamagedChunk(seq, seq, message=f"the archive has no record {seq}")
            facts, digest = ChunkFacts(*row[:-1]), row[-1]
            block = Block(facts.first_seq, facts.lines, self._text(facts, digest))
        if facts.packed:
            self._recent = [*self._recent[1 - RECENT :], block]
        return block

    def from_seq(self, seq: int) -> Block | None:
        """Return the records from `seq` to the end of its chunk; None beyond the end."""
        if seq >= self._next_seq:
            return None
        newest = self._newest
        block = newest if newest and seq == newest.first_seq else self.at(seq)
        return block.from_seq(seq)

    def check(self, seq: int) -> tuple[int, Block | None] | None:
        """Try to read the chunk with the record `seq`; None beyond the end.

        Return the number behind it, and the chunk if its records are all there. What
        is missing between two chunks counts as a chunk that cannot be read.
        """
        self.finish()
        if seq >= self._next_seq:
            return None
        row = self._db.execute(
            "SELECT first_seq + lines FROM chunk_facts WHERE first_seq <= ?"
            " ORDER BY first_seq DESC LIMIT 1",
            (seq,),
        ).fetchone()
        if row is None or seq >= row[0]:
            row = self._db.execute(
                "SELECT min(first_seq) FROM chunk_facts WHERE first_seq > ?", (seq,)
            ).fetchone()
            return row[0] or self._next_seq, None
        with suppress(DamagedChunk):
            return row[0], self.at(seq)
        return row[0], None

    def retired(self) -> list[Run]:
        """Return the runs of what has left the archive on purpose, ascending."""
        rows = self._db.execute(
            "SELECT first_seq, first_seq + lines - 1"
            " FROM retired JOIN chunk_facts USING (first_seq)"
        )
        return merged(rows.fetchall())

    def facts(self) -> list[ChunkFacts]:
        """Return what is known of every chunk, in archive order."""
        self.finish()
        rows = self._db.execute(f"SELECT {_FACTS} FROM chunk_facts ORDER BY first_seq")  # noqa: S608
        return [ChunkFacts(*row) for row in rows]

    def _insert(self, row: ChunkFacts, data: bytes, digest: bytes) -> None:
        self._db.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, data))
        self._db.execute(
            "INSERT INTO chunk_facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, digest)
        )

    def _packed(self, first_seq: int, text: bytes) -> tuple[bytes, bytes]:
        return self._pack.compress(text), digest_of(first_seq, text)

    def _text(self, facts: ChunkFacts, digest: bytes | None) -> bytes:
        """Return the text of a chunk if it is as it was written. Raises `DamagedChunk`."""
        with suppress(zstandard.ZstdError):
            data = self._data(facts.first_seq)
            if not data and self._is_retired(facts.first_seq):
                raise RetiredChunk(facts.first_seq, facts.behind - 1)
            text = self._unpack.decompress(data) if facts.packed and data else data
            if len(text) == facts.bytes and (
                digest_of(facts.first_seq, text) == digest
                if digest is not None
                else text.count(b"\n") == facts.lines
            ):
                return text
        self.damaged[facts.first_seq] = facts.behind - 1
        raise DamagedChunk(facts.first_seq, facts.behind - 1)

    def begin_of(self, seq: int) -> int:
        """Return where the chunk begins that a record is in, or the gap between two of them."""
        row = self._db.execute(
            "SELECT first_seq, first_seq + lines FROM chunk_facts WHERE first_seq <= ?"
            " ORDER BY first_seq DESC LIMIT 1",
            (seq,),
        ).fetchone()
        if row is None:
            return 1
        first, behind = row
        return int(first) if seq < behind else int(behind)

    def restore(self, first_seq: int, text: bytes) -> bool:
        """Write the text of a damaged chunk again if it is that; return whether it is."""
        facts, digest = self._row(first_seq)
        packed = self._pack.compress(text) if facts.packed else text
        if digest is not None and digest_of(first_seq, text) != digest:
            return False
        if digest is None and packed[-4:] != self._data(first_seq)[-4:]:  # zstd's checksum
            return False
        self._db.execute("DELETE FROM chunk WHERE first_seq = ?", (first_seq,))
        self._db.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*facts, packed))
        self._db.execute(
            "UPDATE chunk_facts SET digest = ?, calls = NULL WHERE first_seq = ?",
            (digest_of(first_seq, text), first_seq),
        )
        self.damaged.pop(first_seq, None)
        return True

    def replace(self, block: Block) -> None:
        """Write another text for a chunk, with as many bytes in each line; the old one is gone.

        Digits that only looked like a time may be gone, too.
        """
        facts, _ = self._row(block.first_seq)
        data = self._pack.compress(block.data) if facts.packed else block.data
        self._db.execute("UPDATE chunk SET data = ? WHERE first_seq = ?", (data, block.first_seq))
        self._db.execute(
            "UPDATE chunk_facts SET digest = ?, first_time = ?, last_time = ? WHERE first_seq = ?",
            (
                digest_of(block.first_seq, block.data),
                *times_still_in(block.data, facts.first_time, facts.last_time),
                block.first_seq,
            ),
        )
        self._newest, self._recent = None, []

    def _row(self, first_seq: int) -> tuple[ChunkFacts, bytes | None]:
        row = self._db.execute(
            f"SELECT {_FACTS}, digest FROM chunk_facts WHERE first_seq = ?",  # noqa: S608
            (first_seq,),
        ).fetchone()
        return ChunkFacts(*row[:-1]), row[-1]

    def _data(self, first_seq: int) -> bytes:
        """Return what the table `chunk` has; nothing when it is not there or cannot be read."""
        try:
            row = self._db.execute(
                "SELECT CAST(data AS BLOB) FROM chunk WHERE first_seq = ?", (first_seq,)
            ).fetchone()
        except OperationalError:
            raise
        except DatabaseError:  # the database's own structure is damaged there
            return b""
        return bytes(row[0]) if row is not None and row[0] is not None else b""

    def _is_retired(self, first_seq: int) -> bool:
        found = self._db.execute("SELECT 1 FROM retired WHERE first_seq = ?", (first_seq,))
        return found.fetchone() is not None

    def retire(self, first_seq: int, *, before: int, generation: int, at: float) -> None:
        """Remove the text of a chunk whose records are older than `before`; its facts stay.

        `generation` is the one that ships them. The pages it had are used again.
        """
        self._db.execute("DELETE FROM chunk WHERE first_seq = ?", (first_seq,))
        self._db.execute(
            "INSERT INTO retired VALUES (?, ?, ?, ?)", (first_seq, before, generation, at)
        )
        self._recent = [block for block in self._recent if block.first_seq != first_seq]

    def split(self, block: Block, lines: int, *, calls: int, torn: int) -> None:
        """Make two chunks of one, with `lines` in the first, which has `calls` and is `torn` so."""
        row = self._db.execute(
            f"SELECT {_FACTS} FROM chunk_facts WHERE first_seq = ?",  # noqa: S608
            (block.first_seq,),
        ).fetchone()
        whole = ChunkFacts(*row)
        first, second = (
            block.up_to(block.first_seq + lines - 1),
            block.from_seq(block.first_seq + lines),
        )
        self._remove(block.first_seq, block.first_seq)
        self._recent = [one for one in self._recent if one.first_seq != block.first_seq]
        rest = (whole.calls or 0) - calls, whole.torn - torn
        for part, (its_calls, its_torn) in ((first, (calls, torn)), (second, rest)):
            times = next(times_in(part.data), None), next(times_from_the_end(part.data), None)
            facts = ChunkFacts(
                *(part.first_seq, part.lines, max(0, its_calls), len(part.data), its_torn),
                *times,
                packed=whole.packed,
            )
            packed = self._pack.compress(part.data) if whole.packed else part.data
            self._insert(facts, packed, digest_of(part.first_seq, part.data))

    def _remove(self, first: int, last: int) -> None:
        for table in ("chunk", "chunk_facts"):
            self._db.execute(
                f"DELETE FROM {table} WHERE first_seq BETWEEN ? AND ?",  # noqa: S608
                (first, last),
            )

    def _packed_end(self) -> int:
        row = self._db.execute(
            "SELECT first_seq FROM chunk_facts WHERE packed ORDER BY first_seq DESC LIMIT 1"
        ).fetchone()
        return row[0] if row else 0

    def _fold(self) -> None:
        """Make packed chunks of the unpacked ones at the end, each compared with its digest.

        One that is damaged stays as it is.
        """
        rows = self._db.execute(
            f"SELECT {_FACTS}, digest FROM chunk_facts WHERE first_seq > ? ORDER BY first_seq",  # noqa: S608
            (self._packed_end(),),
        ).fetchall()
        parts: list[ChunkFacts] = []
        texts: list[bytes] = []
        for *values, digest in rows:
            part = ChunkFacts(*values)
            try:
                texts.append(self._text(part, digest))
                parts.append(part)
            except DamagedChunk:
                self._fold_parts(parts, texts)
                parts, texts = [], []
        self._fold_parts(parts, texts)
        # Not of those that are damaged, should they be the last ones: they were counted enough.
        self._tail_bytes = self._tail_chunks = 0

    def _fold_parts(self, parts: list[ChunkFacts], texts: list[bytes]) -> None:
        """Make one packed chunk of consecutive ones."""
        if not parts:
            return
        self._remove(parts[0].first_seq, parts[-1].first_seq)
        folded = _joined(parts, packed=True)
        self._insert(folded, *self._packed(folded.first_seq, b"".join(texts)))


def _joined(parts: list[ChunkFacts], *, packed: bool) -> ChunkFacts:
    """Return what is known of consecutive chunks as of one."""
    calls = [part.calls for part in parts]
    return ChunkFacts(
        parts[0].first_seq,
        sum(part.lines for part in parts),
        None if None in calls else sum(filter(None, calls)),
        sum(part.bytes for part in parts),
        sum(part.torn for part in parts),
        next((part.first_time for part in parts if part.first_time is not None), None),
        next((part.last_time for part in parts[::-1] if part.last_time is not None), None),
        packed=packed,
    )
