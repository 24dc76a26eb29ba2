"""The order of time as it is written down: spans of records, and the pieces they belong to.

What the order is, `archive/timeline.py` decides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from qlogship.archive.chunks import DamagedChunk
from qlogship.archive.timeline import Stretch, complete, range_of
from qlogship.queue_log.records import time_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from qlogship.archive.archive import Archive
    from qlogship.archive.origins import Origin
    from qlogship.archive.runs import Run

_CHUNKS_KEPT: Final = 6
"""Chunks that are kept unpacked: what is compared lies close together."""


_LONG: Final = 90 * 86_400
"""Seconds that a chunk may span without a closer look at its times."""


def write_order(connection: sqlite3.Connection, runs: Sequence[Run], *, closed_at: int) -> None:
    """Write the order of all records before `closed_at`; the open run goes on from there."""
    connection.execute("DELETE FROM span")
    rows: list[tuple[int, int | None]] = [*runs, (closed_at, None)]
    if runs and runs[-1][1] == closed_at - 1:
        rows[-2:] = [(runs[-1][0], None)]
    connection.executemany(
        "INSERT INTO span VALUES (?, ?, ?)",
        ((rank, first, last) for rank, (first, last) in enumerate(rows, 1)),
    )


class _Chunk(NamedTuple):
    first_seq: int
    lines: int
    first_time: int | None
    last_time: int | None


class Timeline:
    """Read and write the order of time; the caller holds the transaction.

    It keeps what it learnt: use one for several imports in a row.
    """

    def __init__(self, connection: sqlite3.Connection, archive: Archive) -> None:
        self._db = connection
        self._archive = archive
        self._chunks: OrderedDict[int, tuple[int, list[bytes]]] = OrderedDict()
        self._times: dict[Run, tuple[int, int] | None] = {}
        self._pieces: dict[int, int] = {}
        self._origins: list[Origin] = []
        self._rows: list[_Chunk] = []
        self.refresh()

    def refresh(self) -> None:
        """Look at what was archived since."""
        self._archive.chunks.finish()
        self._chunks.clear()
        self._pieces = dict(self._db.execute("SELECT stream, piece FROM piece"))
        self._origins = self._archive.origins.all()
        rows = self._db.execute(
            "SELECT first_seq, lines, first_time, last_time FROM chunk_facts ORDER BY first_seq"
        )
        self._rows = [_Chunk(*row) for row in rows]

    @property
    def begins_at(self) -> int | None:
        """Where the archive begins, since older records have left it; None when none has."""
        found: int | None = self._db.execute("SELECT max(before) FROM retired").fetchone()[0]
        return found

    def starts(self) -> list[int]:
        """Return the records that are the first ones of a stream, ascending."""
        return [origin.first_seq for origin in self._origins if origin.offset == 0]

    def torn(self) -> list[int]:
        """Return the records whose newline is ours, ascending."""
        following = [row.first_seq for row in self._origins[1:]] + [self._archive.next_seq]
        return [
            seq - 1 for origin, seq in zip(self._origins, following, strict=False) if origin.torn
        ]

    def imported(self) -> set[int]:
        """Return the streams that were imported."""
        return {row[0] for row in self._db.execute("SELECT stream FROM piece WHERE imported")}

    def archived_whole(self) -> set[int]:
        """Return the streams of which everything before the offset is archived."""
        rows = self._db.execute(
            "SELECT id FROM stream WHERE NOT skipped AND offset <="
            " (SELECT sum(bytes) FROM origin WHERE origin.stream = stream.id)"
        )
        return {row[0] for row in rows} | self.imported()

    def stretches(self, runs: Iterable[Run] | None = None) -> list[Stretch]:
        """Return all records in the order of time, or these runs, as stretches.

        Each lies in one chunk and one piece.
        """
        found: list[Stretch] = []
        for first, last in self._archive.order() if runs is None else runs:
            start = first
            while start <= last:
                origin = bisect_right(self._origins, start, key=lambda row: row.first_seq) - 1
                chunk = bisect_right(self._rows, start, key=lambda row: row.first_seq) - 1
                row = self._rows[chunk]
                end = min(last, row.first_seq + row.lines - 1)
                if origin + 1 < len(self._origins):
                    end = min(end, self._origins[origin + 1].first_seq - 1)
                stream = self._origins[origin].stream
                found.append(self._stretch(start, end, self._pieces.get(stream, stream), row))
                start = end + 1
        return complete(found)

    def lines(self, first: int, last: int) -> list[bytes]:
        """Return the records of a run, without their newlines."""
        found: list[bytes] = []
        while first <= last:
            start, lines = self._chunk(first)
            part = lines[first - start : last + 1 - start]
            found += part
            first += len(part)
        return found

    def write(self, runs: Sequence[Run], *, closed_at: int) -> None:
        """Write the order of all records before `closed_at`; the open run goes on from there."""
        write_order(self._db, runs, closed_at=closed_at)

    def join(self, stream: int, pieces: Iterable[int]) -> None:
        """Note that an imported stream and these pieces are one piece now."""
        for piece in pieces:
            self._db.execute("UPDATE piece SET piece = ? WHERE piece = ?", (stream, piece))
            self._db.execute(
                "INSERT INTO piece VALUES (?, ?, 0) ON CONFLICT DO NOTHING", (piece, stream)
            )
        self._db.execute(
            "INSERT INTO piece VALUES (?, ?, 1)"
            " ON CONFLICT DO UPDATE SET piece = excluded.piece, imported = 1",
            (stream, stream),
        )

    def _stretch(self, first: int, last: int, piece: int, row: _Chunk) -> Stretch:
        times = self._times.get((first, last))
        if (first, last) not in self._times:
            whole = first == row.first_seq and last == row.first_seq + row.lines - 1
            begins, latest = row.first_time or 0, row.last_time or 0
            if whole and begins < latest < begins + _LONG:
                times = begins, latest
            else:
                lines = self.lines(first, last)
                times = range_of([time for line in lines if (time := time_of(line)) is not None])
            self._times[first, last] = times
        return Stretch(first, last, piece, *(times or (-1, -1)))

    def _chunk(self, seq: int) -> tuple[int, list[bytes]]:
        row = self._rows[bisect_right(self._rows, seq, key=lambda row: row.first_seq) - 1]
        found = self._chunks.get(row.first_seq)
        if found is None:
            try:
                block = self._archive.chunks.at(seq)
                lines = block.data.split(b"\n")
                lines.pop()
            except DamagedChunk:
                lines = [b""] * row.lines  # like no record of any file
            found = self._chunks[row.first_seq] = row.first_seq, lines
            if len(self._chunks) > _CHUNKS_KEPT:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(row.first_seq)
        return found
