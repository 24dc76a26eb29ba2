"""How many calls of an upload an earlier one carried, too: they travel in two uploads.

A call may: it came back to a queue after its first part had left, or stayed open for too
long. The dashboard counts it once or twice, which the answer tells to whoever knows the
number. What counts are the accepted uploads of the present generation, in the order in
which they were accepted, which is that in which the dashboard got them.

Counting them would cost an outage's backlog time, so the column `upload.again` is NULL
until `count_next` is called, when there is nothing better to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.archive.runs import decode_runs
from qlogship.errors import StateError
from qlogship.queue_log.counting import MEMORY, CallCounter
from qlogship.queue_log.records import entered_calls

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from qlogship.archive.archive import Archive

# As the partial index upload_uncounted has them; nothing of an earlier generation is counted.
_UNCOUNTED = "state = 'accepted' AND again IS NULL"
_OF_THIS_GENERATION = "generation = (SELECT generation FROM shipping)"


class RepeatedCalls:
    """Count them; the caller holds the transaction.

    The counter knows the calls of what was counted in `_generation`. It is made anew, from
    the archive, when there is none.
    """

    def __init__(self, connection: sqlite3.Connection, archive: Archive) -> None:
        self._db = connection
        self._archive = archive
        self._counter: CallCounter | None = None
        self._generation = 0

    @property
    def all_counted(self) -> bool:
        """Whether there is no accepted upload left that is to be counted."""
        return not self._uncounted(limit=1)

    def count_next(self) -> bool:
        """Count the calls of one upload; false when there is none."""
        found = self._uncounted(limit=1)
        for number, runs in found:
            self._db.execute(
                "UPDATE upload SET again = ? WHERE id = ?", (self._count(runs), number)
            )
        return bool(found)

    def uncounted(self) -> Mapping[int, int]:
        """Return, by upload, the number for all that were not counted yet; nothing is written."""
        return {number: self._count(runs) for number, runs in self._uncounted(limit=-1)}

    def _count(self, runs: bytes) -> int:
        """Return how many calls in these records were in an upload counted before."""
        generation = self._db.execute("SELECT generation FROM shipping").fetchone()[0]
        if self._counter is None or generation != self._generation:
            self._counter, self._generation = self._recall(), generation
        callids = self._callids(runs)
        return len(callids) - self._counter.count_new(callids)

    def _uncounted(self, *, limit: int) -> list[tuple[int, bytes]]:
        return self._db.execute(
            f"SELECT id, runs FROM upload WHERE {_OF_THIS_GENERATION}"  # noqa: S608
            f" AND {_UNCOUNTED} ORDER BY answered_at, id LIMIT ?",
            (limit,),
        ).fetchall()

    def _recall(self) -> CallCounter:
        """Return a counter that knows the calls of what was counted last."""
        newest: list[set[bytes]] = []
        for (runs,) in self._db.execute(
            f"SELECT runs FROM upload WHERE {_OF_THIS_GENERATION}"  # noqa: S608
            " AND state = 'accepted' AND again IS NOT NULL ORDER BY answered_at DESC, id DESC"
        ):
            newest.append(self._callids(runs))
            if sum(map(len, newest)) >= MEMORY:
                break
        counter = CallCounter()
        for callids in reversed(newest):
            counter.count_new(callids)
        return counter

    def _callids(self, runs: bytes) -> set[bytes]:
        """Return the calls in these records; those in a damaged chunk are not known."""
        found: set[bytes] = set()
        for run in decode_runs(runs):
            try:
                for text in self._archive.blocks([run]):
                    found |= entered_calls(text)
            except StateError:
                continue
        return found
