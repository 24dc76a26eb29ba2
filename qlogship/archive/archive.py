"""The archive: every record ever read, in order, numbered by `seq` from 1 on.

How records lie in the database is the business of `chunks`, where they came from
that of `origins`, and what is counted of them that of `counting`.

Each record is kept with its newline. One that was rotated away unfinished gets
a newline of ours, so that the next one stays a record of its own; `torn` counts
them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from qlogship.archive.chunks import RECENT, Block, Chunks, DamagedChunk
from qlogship.archive.counting import ArchivedCalls
from qlogship.archive.damage import Damage
from qlogship.archive.origins import Origins
from qlogship.archive.runs import extend, merged
from qlogship.queue_log.records import entering

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qlogship.archive.runs import Run

_BLOCK_LINES: Final = 4096


class Archive:
    """Append records and read them back; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.chunks = Chunks(connection)
        self.origins = Origins(connection, self.chunks)
        self.calls = ArchivedCalls(connection, self.chunks)
        self.damage = Damage(connection, self.chunks)

    @property
    def next_seq(self) -> int:
        """The number the next record will get."""
        return self.chunks.next_seq

    def order(self) -> list[Run]:
        """Return the runs of all records in the order of time."""
        rows = self._db.execute("SELECT first_seq, last_seq FROM span ORDER BY rank")
        runs = [
            (first, self.next_seq - 1 if last is None else last) for first, last in rows.fetchall()
        ]
        return [(first, last) for first, last in runs if first <= last]

    def size(self) -> int:
        """Return the bytes of all text that is there."""
        self.chunks.finish()
        total: int = self._db.execute(
            "SELECT coalesce(sum(bytes), 0) FROM chunk_facts"
            " WHERE first_seq NOT IN (SELECT first_seq FROM retired)"
        ).fetchone()[0]
        return total

    def append(self, data: bytes, *, stream: int, offset: int) -> int:
        """Add records that were read from a stream at an offset; return the first one's seq.

        Only the last one may lack its newline. Call `chunks.finish` before the commit.
        """
        first_seq = self.next_seq
        torn = not data.endswith(b"\n")
        text = data + b"\n" if torn else data
        lines = text.count(b"\n")
        calls = None
        # Behind what is not counted yet, the counter would have to be recalled each time.
        if not self.chunks.packs(text) and self.calls.all_counted:
            calls = self.calls.count(first_seq, entering(text), behind=first_seq + lines)
        self.origins.note(stream, offset, size=len(data), torn=torn)
        self.chunks.append(text, lines=lines, calls=calls, torn=torn)
        return first_seq

    def block_at(self, seq: int) -> Block | None:
        """Return the records from `seq` to the end of its chunk; None beyond the end."""
        return self.chunks.from_seq(seq)

    def records(self, runs: Iterable[Run]) -> Iterator[tuple[int, bytes]]:
        """Yield `(seq, line)` for each record of ascending runs, without the newline."""
        block: Block | None = None
        lines: Sequence[bytes] = ()
        for first, last in runs:
            seq = first
            while seq <= last:
                if block is None or not block.first_seq <= seq < block.first_seq + block.lines:
                    block = self.chunks.at(seq)
                    lines = block.data.split(b"\n")
                stop = min(last + 1, block.first_seq + block.lines)
                for number in range(seq, stop):
                    yield number, lines[number - block.first_seq]
                seq = stop

    def unreadable(self, runs: Iterable[Run]) -> list[Run]:
        """Return those of the records of these runs that are in damaged chunks, ascending."""
        found: list[Run] = []
        for first, last in merged(runs):
            seq = first
            while seq <= last:
                checked = self.chunks.check(seq)
                behind, block = checked if checked is not None else (last + 1, None)
                if block is None:
                    extend(found, (seq, min(last, behind - 1)))
                seq = behind
        return found

    def blocks(
        self, runs: Iterable[Run], *, lost: Callable[[Run], object] | None = None
    ) -> Iterator[bytes]:
        """Yield the text of runs in their order, some hundred KiB at a time.

        What is damaged is left out if there is a `lost` that is told of it.
        """
        lines: OrderedDict[int, list[bytes]] = OrderedDict()  # of chunks that are read in parts
        parts: list[bytes] = []
        size = 0
        for first, last in runs:
            seq = first
            while seq <= last:
                try:
                    block = self.chunks.at(seq)
                except DamagedChunk:
                    if lost is None:
                        raise
                    checked = self.chunks.check(seq)
                    end = min(last + 1, checked[0] if checked is not None else last + 1)
                    lost((seq, end - 1))
                    seq = end
                    continue
                end = min(last + 1, block.first_seq + block.lines)
                if (seq, end) == (block.first_seq, block.first_seq + block.lines):
                    parts.append(block.data)
                else:
                    if block.first_seq not in lines:
                        lines[block.first_seq] = block.data.split(b"\n")
                        if len(lines) > RECENT:
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
