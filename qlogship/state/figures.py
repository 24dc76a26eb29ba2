"""The figures of archive and ledger in one reading, as `status` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.archive.archive import Archive
from qlogship.shipping.position import ShippingPosition
from qlogship.shipping.unshipped import waiting

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over the archive, and over the ledger's present generation.

    Bytes are of text, not of disk. Uploads of earlier generations are `superseded`.
    `last_accepted_at` and `waiting_since` are in epoch seconds; what waits is told
    in `shipping/unshipped.py`.
    """

    archive_lines: int
    archive_calls: int
    archive_bytes: int
    odd_lines: int
    torn_lines: int
    held_calls: int
    held_lines: int
    accepted: int
    unknown: int
    quarantined: int
    pending: int
    superseded: int
    possible_duplicates: int
    shipped_calls: int
    shipped_lines: int
    reported_calls: int
    last_accepted_at: float | None
    generation: int
    resync: str
    waiting_lines: int
    waiting_since: float | None

    def lag(self, now: float) -> float:
        """Return for how many seconds the oldest record has waited that could be shipped."""
        return max(0.0, now - self.waiting_since) if self.waiting_since is not None else 0.0


NOTHING = Figures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, 1, "idle", 0, None)
"""The figures of a state directory that nothing was written to yet."""


def figures(connection: sqlite3.Connection, *, count_all: bool = True) -> Figures:
    """Read all figures in one snapshot.

    With `count_all`, calls of a backlog that the service has not counted yet are
    counted here, which takes as long as reading it.
    """
    connection.execute("BEGIN")
    try:
        lines, calls, size, torn = connection.execute(
            "SELECT coalesce(sum(lines), 0), coalesce(sum(calls), 0), coalesce(sum(bytes), 0),"
            " coalesce(sum(torn), 0) FROM chunk"
        ).fetchone()
        archive = Archive(connection)
        calls += archive.calls.uncounted_calls() if count_all else 0
        position = ShippingPosition(connection).get()
        generation = position.generation
        held_calls, held_lines = connection.execute(
            "SELECT held_calls, held_lines FROM shipping"
        ).fetchone()
        waits = waiting(connection, archive, position, held_lines=held_lines)
        resync = connection.execute("SELECT state FROM resync WHERE ended_at IS NULL").fetchone()
        states = dict.fromkeys(
            ("accepted", "unknown", "rejected", "prepared", "split", "dropped"), 0
        )
        for state, count in connection.execute(
            "SELECT state, count(*) FROM upload WHERE generation = ? GROUP BY state", (generation,)
        ):
            states[state] = count
        superseded = connection.execute(
            "SELECT count(*) FROM upload WHERE generation < ?", (generation,)
        ).fetchone()[0]
        shipped_calls, shipped_lines, reported, duplicates = connection.execute(
            "SELECT coalesce(sum(calls), 0), coalesce(sum(lines), 0),"
            " coalesce(sum(reported_calls), 0), coalesce(sum(possible_duplicate), 0)"
            " FROM upload WHERE generation = ? AND state = 'accepted'",
            (generation,),
        ).fetchone()
        last = connection.execute(
            "SELECT answered_at FROM upload WHERE state = 'accepted' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    finally:
        connection.execute("COMMIT")
    return Figures(
        archive_lines=lines,
        archive_calls=calls,
        archive_bytes=size,
        odd_lines=position.odd,
        torn_lines=torn,
        held_calls=held_calls,
        held_lines=held_lines,
        accepted=states["accepted"],
        unknown=states["unknown"],
        quarantined=states["rejected"],
        pending=states["prepared"],
        superseded=superseded,
        possible_duplicates=duplicates,
        shipped_calls=shipped_calls,
        shipped_lines=shipped_lines,
        reported_calls=reported,
        last_accepted_at=last[0] if last else None,
        generation=generation,
        resync=resync[0] if resync else "idle",
        waiting_lines=waits.lines,
        waiting_since=waits.since,
    )
