"""How many calls each chunk of the archive has: callids that enter a queue for the first time.

What is live is counted as it is archived. A backlog's chunks are not: counting them
would take a twelfth of the time in which they are shipped. Their column is NULL until
`count_next` is called, when there is nothing better to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.errors import StateError
from qlogship.queue_log.counting import MEMORY, CallCounter
from qlogship.queue_log.records import entering

if TYPE_CHECKING:
    import sqlite3

    from qlogship.archive.chunks import Chunks


class ArchivedCalls:
    """Count the calls of what is archived; the caller holds the transaction.

    The counter knows the callids before the record `_position`. It is made anew,
    from the text before, when others are to be counted.
    """

    def __init__(self, connection: sqlite3.Connection, chunks: Chunks) -> None:
        self._db = connection
        self._chunks = chunks
        self._counter = CallCounter()
        self._position = 1

    @property
    def all_counted(self) -> bool:
        """Whether there is no chunk left whose calls are to be counted."""
        return self._chunks.unwritten_are_counted and not self._written_uncounted(limit=1)

    def count(self, first_seq: int, callids: list[bytes], *, behind: int) -> int:
        """Return how many are new of those that enter from `first_seq` up to `behind`."""
        if self._position != first_seq:
            self._counter = self._recall(first_seq)
        self._position = behind
        return self._counter.count_new(callids)

    def count_next(self) -> bool:
        """Count the calls of one chunk that were not counted yet; false when there is none."""
        found = self._uncounted(limit=1)
        for seq, behind in found:
            calls = self.count(seq, self._callids(seq), behind=behind)
            self._db.execute("UPDATE chunk_facts SET calls = ? WHERE first_seq = ?", (calls, seq))
        return bool(found)

    def uncounted_calls(self) -> int:
        """Return the calls in the chunks that were not counted yet."""
        return sum(
            self.count(seq, self._callids(seq), behind=behind)
            for seq, behind in self._uncounted(limit=-1)
        )

    def _uncounted(self, *, limit: int) -> list[tuple[int, int]]:
        """Return the first chunks that were not counted: where they begin, and what is behind."""
        self._chunks.finish()
        return self._written_uncounted(limit=limit)

    def _written_uncounted(self, *, limit: int) -> list[tuple[int, int]]:
        return self._db.execute(
            "SELECT first_seq, first_seq + lines FROM chunk_facts WHERE calls IS NULL"
            " ORDER BY first_seq LIMIT ?",
            (limit,),
        ).fetchall()

    def _recall(self, end: int) -> CallCounter:
        """Return a counter that knows the callids before `end`, as far as they can be read."""
        self._chunks.finish()
        newest: list[list[bytes]] = []
        known: set[bytes] = set()
        for (seq,) in self._db.execute(
            "SELECT first_seq FROM chunk_facts WHERE first_seq < ? ORDER BY first_seq DESC", (end,)
        ):
            newest.append(self._callids(seq))
            known.update(newest[-1])
            if len(known) >= MEMORY:
                break
        counter = CallCounter()
        for callids in reversed(newest):
            counter.count_new(callids)
        return counter

    def _callids(self, seq: int) -> list[bytes]:
        """Return the callids that enter in a chunk; none of a damaged one, which stops no other."""
        try:
            return entering(self._chunks.at(seq).data)
        except StateError:
            return []
