"""Chunks that are not as they were written: which were noticed, and what was passed over for it.

A row stands here from the moment the service meets a damaged chunk until an import brings its
text back. `passed_over` are those of its records that should have been shipped then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import merged, overlap, records_in
from qlogship.wording import count

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from qlogship.archive.chunks import ChunkFacts, Chunks
    from qlogship.archive.runs import Run

HINT: Final = (
    "Run `qlogship import` with the queue_log that they came from, which puts them right;"
    " `qlogship verify` lists them."
)

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class DamagedRecords:
    """Records that cannot be read: their numbers, and between which times they were written.

    Times are epoch seconds, of the chunk or else of its neighbours; None without any.
    """

    first_seq: int
    last_seq: int
    first_time: int | None
    last_time: int | None
    passed_over: tuple[Run, ...] = ()

    @property
    def lines(self) -> int:
        """How many records there are."""
        return self.last_seq - self.first_seq + 1

    def __str__(self) -> str:
        times = [_stamp(time) for time in (self.first_time, self.last_time) if time is not None]
        when = f" ({' to '.join(dict.fromkeys(times))})" if times else ""
        which = f"record {self.first_seq:,}"
        if self.lines > 1:
            which = f"records {self.first_seq:,} to {self.last_seq:,}"
        return which + when


class Damage:
    """Note damaged chunks and forget those that are mended; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection, chunks: Chunks) -> None:
        self._db = connection
        self._chunks = chunks
        self.untold = True
        """Whether something was noted, or may have been, since somebody last told of it."""

    def all(self) -> list[DamagedRecords]:
        """Return what was noticed, in archive order."""
        rows = self._db.execute(
            "SELECT first_seq, last_seq, passed_over FROM damage ORDER BY first_seq"
        ).fetchall()
        facts = self._chunks.facts() if rows else []
        return [
            damaged(facts, first, last, [(a, z) for a, z in json.loads(passed)])
            for first, last, passed in rows
        ]

    def note(self, runs: Iterable[Run], *, at: float) -> None:
        """Note damaged chunks, should any of them be new."""
        before = self._count()
        self._db.executemany(
            "INSERT INTO damage (first_seq, last_seq, noticed_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(first, last, at) for first, last in runs],
        )
        self.untold = self.untold or self._count() > before

    def pass_over(self, runs: Sequence[Run], *, at: float) -> None:
        """Note that these records, of damaged chunks, are not shipped when they should be."""
        for first, last in runs:
            seq = first
            while seq <= last:
                found = self._chunks.check(seq)
                behind = found[0] if found is not None else last + 1
                start = self._chunks.begin_of(seq)
                self.note([(start, behind - 1)], at=at)
                part = seq, min(last, behind - 1)
                known = self._db.execute(
                    "SELECT passed_over FROM damage WHERE first_seq = ?", (start,)
                ).fetchone()
                passed = merged([part, *((a, z) for a, z in json.loads(known[0]))])
                self._db.execute(
                    "UPDATE damage SET passed_over = ? WHERE first_seq = ?",
                    (json.dumps(passed), start),
                )
                seq = behind

    def mended(self, first_seq: int) -> list[Run]:
        """Forget a chunk that is as it was written again; return what was passed over of it."""
        row = self._db.execute(
            "SELECT passed_over FROM damage WHERE first_seq = ?", (first_seq,)
        ).fetchone()
        self._db.execute("DELETE FROM damage WHERE first_seq = ?", (first_seq,))
        return [(first, last) for first, last in json.loads(row[0])] if row is not None else []

    def _count(self) -> int:
        found: int = self._db.execute("SELECT count(*) FROM damage").fetchone()[0]
        return found


def damaged(
    facts: Sequence[ChunkFacts], first: int, last: int, passed_over: Sequence[Run] = ()
) -> DamagedRecords:
    """Return records that cannot be read, with the time that they or their neighbours tell."""
    own = [row for row in facts if overlap([(row.first_seq, row.behind - 1)], [(first, last)])]
    begin = next((row.first_time for row in own if row.first_time is not None), None)
    end = next((row.last_time for row in own[::-1] if row.last_time is not None), None)
    if begin is None:
        earlier = [row.last_time for row in facts if row.first_seq < first]
        begin = next((time for time in earlier[::-1] if time is not None), None)
    if end is None:
        later = [row.first_time for row in facts if row.first_seq > last]
        end = next((time for time in later if time is not None), None)
    return DamagedRecords(first, last, begin, end, tuple(passed_over))


def told(found: Sequence[DamagedRecords]) -> str:
    """Say in a sentence what is damaged."""
    lines = sum(one.lines for one in found)
    named = ", ".join(map(str, found[:_NAMED]))
    more = f" and {len(found) - _NAMED} more places" if len(found) > _NAMED else ""
    passed = sum(records_in(one.passed_over) for one in found)
    verb = "is" if lines == 1 else "are"
    pronoun = "it was" if lines == 1 else "they were"
    left_out = f"; {passed:,} of them could not be shipped" if passed else ""
    return (
        f"{count(lines, 'record')} of the archive {verb} damaged, not as {pronoun} written:"
        f" {named}{more}{left_out}"
    )


def _stamp(time: int) -> str:
    try:
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return str(time)
