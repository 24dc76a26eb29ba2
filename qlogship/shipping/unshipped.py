"""What waits to be shipped: archived, not held back, and in no upload that was answered.

It is asked for every minute, of archives of any size: nothing here reads more
than some thousand records.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import records_in
from qlogship.errors import StateError
from qlogship.shipping.generations import Generations
from qlogship.shipping.lag import waiting_since

if TYPE_CHECKING:
    import sqlite3

    from qlogship.archive.archive import Archive
    from qlogship.archive.runs import Run
    from qlogship.shipping.position import Position

_LOOK: Final = 4096
"""Records that are looked at to tell since when something waits."""

# An upload without a known outcome waits when it is to be sent again, or just is.
_TO_BE_SENT: Final = (
    "generation = ? AND state IN ('prepared', 'unknown')"
    " AND (state = 'prepared' OR not_before IS NOT NULL"
    " OR id IN (SELECT upload FROM attempt WHERE verdict IS NULL))"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many records wait, and since when the oldest of them does, in epoch seconds.

    `since` is None when nothing waits, or when it cannot be told yet.
    """

    lines: int
    since: float | None


def waiting(
    connection: sqlite3.Connection, archive: Archive, position: Position, *, held_lines: int
) -> Waiting:
    """Return what waits; the caller holds the transaction.

    Held, by the last count, are `held_lines`. An upload waits since it was
    decided. A record that is in none yet waits since it could have left by its
    own time, but not since before qlogship shipped at all, or cleared the
    dashboard: years of history at the first start, or a resync, make no lag of
    years. Of an imported record nothing of the kind is known, so it counts and
    tells no time.
    """
    lines, since = connection.execute(
        f"SELECT coalesce(sum(lines), 0), min(prepared_at) FROM upload WHERE {_TO_BE_SENT}",  # noqa: S608
        (position.generation,),
    ).fetchone()
    end = archive.next_seq - 1
    ahead = [(first, min(last, end)) for first, last in position.ahead if first <= end]
    tail = [(position.frontier, end)] if position.frontier <= end else []
    undecided = records_in(ahead) + records_in(tail) + records_in(position.held) - held_lines
    if undecided <= 0:
        return Waiting(lines, since)
    begun = _shipping_since(connection, position.generation)
    held = _newest(position.held)
    first_day = Generations(connection).current().since
    # In the order of time what comes first may be imported, so each part is asked.
    for first, last in [*ahead[:1], *tail]:
        if begun is None or _is_imported(connection, first):
            continue
        found = None
        with suppress(StateError):  # a damaged chunk is the trouble of whoever ships it
            found = waiting_since(
                archive.text([(first, min(last, first + _LOOK - 1))]),
                held=archive.text(held),
                first=first_day,
            )
        if found is not None:
            oldest = max(float(found), begun)
            since = oldest if since is None else min(since, oldest)
    return Waiting(lines + undecided, since)


def _newest(runs: tuple[Run, ...]) -> list[Run]:
    """Return the last of these runs, of some thousand records."""
    found: list[Run] = []
    for first, last in reversed(runs):
        if records_in(found) >= _LOOK:
            break
        found.insert(0, (first, last))
    return found


def _shipping_since(connection: sqlite3.Connection, generation: int) -> float | None:
    """Return when the generation began: with a clear, or with the first upload of all."""
    begun: float | None = connection.execute(
        "SELECT coalesce((SELECT max(cleared_at) FROM resync WHERE generation = ?),"
        " (SELECT prepared_at FROM upload ORDER BY id LIMIT 1))",
        (generation,),
    ).fetchone()[0]
    return begun


def _is_imported(connection: sqlite3.Connection, seq: int) -> bool:
    """Return whether a record came from a file that was imported."""
    row = connection.execute(
        "SELECT stream IN (SELECT stream FROM piece WHERE imported) FROM origin"
        " WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
        (seq,),
    ).fetchone()
    return row is not None and bool(row[0])
