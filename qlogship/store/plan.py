"""What a resync would do, read from the store; how far one has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.core.resync import Plan, Restorable, estimate, not_restorable, uploads_needed
from qlogship.store.archive import Archive
from qlogship.store.ledger import Ledger
from qlogship.store.resyncs import Resyncs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from qlogship.core.runs import Run
    from qlogship.store.resyncs import Resync

_PAST = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a resync has come: what of its generation was accepted, and what came back.

    `decided` counts its records that are in an upload whose outcome is known.
    """

    resync: Resync
    uploads: int
    decided: int
    accepted: int
    calls: int
    reported_calls: int
    uncounted: int
    unknown: int
    quarantined: int


def plan(
    connection: sqlite3.Connection, *, max_bytes: int, say: Callable[[int, int], None]
) -> Plan:
    """Read the whole archive to see what a resync would do.

    `say` hears how many records were read, and of how many.
    """
    archive, ledger = Archive(connection), Ledger(connection)
    lost: list[Run] = []
    seq, end = 1, archive.next_seq
    while (found := archive.check(seq)) is not None:
        behind, whole = found
        if not whole:
            lost.append((seq, behind - 1))
        seq = behind
        say(seq - 1, end - 1)
    uploads = list(ledger.on_the_dashboard())
    most = max((last for _, runs in uploads for _, last in runs), default=0)
    missing, missing_lines = not_restorable(uploads, [*lost, (end, most)] if most >= end else lost)
    first, last, calls = connection.execute(
        "SELECT min(first_time), max(last_time), coalesce(sum(calls), 0) FROM chunk"
    ).fetchone()
    calls += 0 if lost else archive.uncounted_calls()
    held_calls, held_lines = connection.execute(
        "SELECT held_calls, held_lines FROM shipping"
    ).fetchone()
    lines = end - 1 - sum(lost_last - lost_first + 1 for lost_first, lost_last in lost)
    return Plan(
        holding=ledger.holding(),
        restorable=Restorable(lines, calls, archive.size(), first, last),
        held_calls=held_calls,
        held_lines=held_lines,
        uploads=uploads_needed(archive.size(), max_bytes=max_bytes),
        seconds=estimate(archive.size(), ledger.last_accepted(_PAST)),
        lost=tuple(missing),
        lost_lines=missing_lines,
    )


def progress(connection: sqlite3.Connection, number: int | None = None) -> Progress | None:
    """Return how far a resync has come, by default the newest one; None without any."""
    resyncs = Resyncs(connection)
    resync = resyncs.last() if number is None else resyncs.get(number)
    if resync is None:
        return None
    row = connection.execute(
        "SELECT count(*),"
        " coalesce(sum(lines) FILTER (WHERE state NOT IN ('prepared', 'split')), 0),"
        " coalesce(sum(lines) FILTER (WHERE state = 'accepted'), 0),"
        " coalesce(sum(calls) FILTER (WHERE state = 'accepted'), 0),"
        " coalesce(sum(reported_calls) FILTER (WHERE state = 'accepted'), 0),"
        " count(*) FILTER (WHERE state = 'accepted' AND reported_calls IS NULL),"
        " count(*) FILTER (WHERE state = 'unknown'), count(*) FILTER (WHERE state = 'rejected')"
        " FROM upload WHERE generation = ?",
        (resync.generation,),
    ).fetchone()
    return Progress(resync, *row)
