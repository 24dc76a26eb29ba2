"""What the present generation does not ship, though it was there: the cheap facts of it.

Records before the generation's first one, or from before its first day
(`source.history`), are archived; a resync, which clears, ships them. Text that the
first start skipped is not even archived. How many calls there are for sure is
counted by `reconcile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.shipping.generations import Generations
from qlogship.source.cursor import Cursor

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Omitted:
    """`records`: some are archived and not shipped, with `calls` at most; `skipped`: some text was.

    `since` is the day before which they are, in epoch seconds, None when their number decides.
    """

    records: bool
    calls: int
    since: int | None
    skipped: bool


def omitted(connection: sqlite3.Connection) -> Omitted:
    """Return what the present generation does not ship; the caller holds the transaction.

    Where the calls of a chunk were not counted yet, its records are the most there can be.
    """
    generation = Generations(connection).current()
    chunks, calls = connection.execute(
        "SELECT count(*), coalesce(sum(coalesce(calls, lines)), 0) FROM chunk_facts"
        " WHERE first_seq < :first OR first_time < :since OR last_time < :since",
        {"first": generation.first_seq, "since": generation.since},
    ).fetchone()
    skipped = Cursor(connection).skipped_text()
    return Omitted(chunks > 0, calls, generation.since, skipped)
