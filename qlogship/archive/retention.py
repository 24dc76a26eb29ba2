"""What leaves the archive, as `state.keep` asks: whole months that the dashboard has accepted.

Theory of operation
-------------------
A record may leave when it is older than the first month that is kept, and is settled: in an
upload of the present generation that was accepted or dropped by hand, given up in a resync,
or a fragment of which an import brought the whole. Of a chunk the first records leave, as far
as all of them may; where that ends within the chunk, it is split. Held, open, unknown and
refused records stay, whatever their age, with what stands behind them in their chunk.

Only the text goes, and the records' place in the order of time. What is known of a chunk
(`chunk_facts`) stays, so numbers, sums and the ledger are as they were. Some chunks are one
transaction: whenever it ends, the archive is whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import decode_runs, merged, overlap, without
from qlogship.archive.spans import write_order
from qlogship.errors import StateError
from qlogship.queue_log.records import entering, line_times

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from qlogship.archive.archive import Archive
    from qlogship.archive.chunks import Block
    from qlogship.archive.runs import Run

_AT_ONCE: Final = 4
"""Chunks in one transaction; each takes about a tenth of a second on a busy machine."""


@dataclass(frozen=True, slots=True)
class Left:
    """What has left an archive: how many records, and the first time that is kept."""

    records: int = 0
    begins_at: int | None = None


def left(connection: sqlite3.Connection) -> Left:
    """Return what has left the archive."""
    records, before = connection.execute(
        "SELECT coalesce(sum(lines), 0), max(before)"
        " FROM retired JOIN chunk_facts USING (first_seq)"
    ).fetchone()
    return Left(records, before)


class Retention:
    """One pass over what is older than `before`, some chunks at a time.

    `given_up` are the records that somebody gave up. The caller holds the transaction, and
    makes a new pass when a resync has begun.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        archive: Archive,
        *,
        before: int,
        given_up: Sequence[Run] = (),
    ) -> None:
        self._db = connection
        self._archive = archive
        self._before = before
        self.records = 0
        """How many have left in this pass."""
        self._chunks: list[int] = [
            seq
            for (seq,) in connection.execute(
                "SELECT first_seq FROM chunk_facts WHERE min(first_time, last_time) < ?"
                " AND calls IS NOT NULL AND first_seq NOT IN (SELECT first_seq FROM retired)"
                " ORDER BY first_seq DESC",
                (before,),
            )
        ]
        self._generation: int = connection.execute("SELECT generation FROM shipping").fetchone()[0]
        self._settled = self._settled_runs(given_up) if self._chunks else []

    def go_on(self, *, at: float) -> bool:
        """Let some chunks leave at a time; return whether there are more to look at."""
        gone: list[Run] = []
        for _ in range(min(_AT_ONCE, len(self._chunks))):
            gone += self._leave(self._chunks.pop(), at=at)
        if gone:
            archive = self._archive
            write_order(self._db, without(archive.order(), gone), closed_at=archive.next_seq)
            self.records += sum(last - first + 1 for first, last in gone)
        return bool(self._chunks)

    def _leave(self, first_seq: int, *, at: float) -> list[Run]:
        """Let the first records of a chunk leave, as many as may; return them."""
        chunks = self._archive.chunks
        try:
            block = chunks.at(first_seq)
        except StateError:  # damaged: nobody can say what leaves
            return []
        if block.first_seq != first_seq:
            return []  # it was folded meanwhile
        lines = min(self._old(block), self._settled_lines(block))
        if lines == 0:
            return []
        if lines < block.lines:
            self._split(block, lines)
        chunks.retire(first_seq, before=self._before, generation=self._generation, at=at)
        return [(first_seq, first_seq + lines - 1)]

    def _old(self, block: Block) -> int:
        """Return how many of the first records are older than what is kept."""
        times = line_times(block.data, None)
        dated = next((time for time in times if time is not None), None)
        if dated is None or dated >= self._before:
            return 0
        return next(
            (
                index
                for index, time in enumerate(times)
                if time is not None and time >= self._before
            ),
            block.lines,
        )

    def _settled_lines(self, block: Block) -> int:
        """Return how many of the first records are settled."""
        whole = block.first_seq, block.first_seq + block.lines - 1
        for first, last in merged(overlap([whole], self._settled)):
            return last - block.first_seq + 1 if first == block.first_seq else 0
        return 0

    def _split(self, block: Block, lines: int) -> None:
        archive, behind = self._archive, block.first_seq + lines
        text = block.up_to(behind - 1).data
        calls = archive.calls.count(block.first_seq, entering(text), behind=behind)
        origins = archive.origins.all()
        ends = [origin.first_seq - 1 for origin in origins[1:]] + [archive.next_seq - 1]
        torn = sum(
            origin.torn and block.first_seq <= end < behind
            for origin, end in zip(origins, ends, strict=True)
        )
        archive.chunks.split(block, lines, calls=calls, torn=torn)

    def _settled_runs(self, given_up: Sequence[Run]) -> list[Run]:
        end = self._archive.next_seq - 1
        runs = [*given_up, *without([(1, end)], merged(self._archive.order()))]
        for (encoded,) in self._db.execute(
            "SELECT runs FROM upload WHERE generation = ? AND first_time < ?"
            " AND ((state = 'accepted' AND again IS NOT NULL) OR state = 'dropped')",
            (self._generation, self._before),
        ):
            runs += decode_runs(encoded)
        return merged(runs)
