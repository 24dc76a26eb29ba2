"""What a resync would do, read from the store; how far one has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qlogship.archive.archive import Archive
from qlogship.archive.retention import left
from qlogship.archive.runs import merged, overlap, records_in, without
from qlogship.queue_log.counting import CallCounter
from qlogship.queue_log.records import entering, time_span
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.resync.proof import ArchiveProof
from qlogship.shipping.resync.rows import Resyncs
from qlogship.shipping.resync.rules import (
    Restorable,
    ResyncPlan,
    estimate,
    uploads_needed,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from qlogship.archive.chunks import Block
    from qlogship.archive.runs import Run
    from qlogship.shipping.resync.rows import Resync

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
) -> ResyncPlan:
    """Read the whole archive to see what a resync would do.

    `say` hears how many records were read, and of how many.
    """
    archive, ledger = Archive(connection), Ledger(connection)
    survey = _Survey(
        merged(run for _, runs in ledger.on_the_dashboard(unknown_too=False) for run in runs)
    )
    proof = ArchiveProof(archive)
    done = False
    while not done:
        done = proof.read_on(survey.take)
        say(proof.read, archive.next_seq - 1)
    missing, missing_lines, _ = proof.missing(ledger, given_up=Resyncs(connection).given_up())
    holding = ledger.holding()
    held_calls, held_lines = connection.execute(
        "SELECT held_calls, held_lines FROM shipping"
    ).fetchone()
    return ResyncPlan(
        holding=replace(
            holding,
            first_time=_earliest(holding.first_time, survey.held_from),
            last_time=_latest(holding.last_time, survey.held_to),
        ),
        restorable=Restorable(
            records_in(without(archive.order(), proof.lost)),
            survey.calls,
            survey.bytes,
            survey.first_time,
            survey.last_time,
        ),
        held_calls=held_calls,
        held_lines=held_lines,
        uploads=uploads_needed(survey.bytes, max_bytes=max_bytes),
        seconds=estimate(survey.bytes, ledger.last_accepted(_PAST)),
        lost=tuple(missing),
        lost_lines=missing_lines,
        left_lines=proof.left_lines(ledger),
        begins_at=left(connection).begins_at,
    )


class _Survey:
    """What the chunks say that can be read, taken in ascending order.

    `held` are the ascending runs that the dashboard holds. Records need not stand
    in the order of time, so the times of all are looked at.
    """

    def __init__(self, held: Sequence[Run]) -> None:
        self.calls = 0
        self.bytes = 0
        self.first_time: int | None = None
        self.last_time: int | None = None
        self.held_from: int | None = None
        self.held_to: int | None = None
        self._held = held
        self._counter = CallCounter()

    def take(self, block: Block) -> None:
        """Take in a whole chunk."""
        self.calls += self._counter.count_new(entering(block.data))
        self.bytes += len(block.data)
        first, last = time_span(block.data)
        self.first_time = _earliest(self.first_time, first)
        self.last_time = _latest(self.last_time, last)
        whole = block.first_seq, block.first_seq + block.lines - 1
        for run in overlap([whole], self._held):
            if run != whole:
                first, last = time_span(block.from_seq(run[0]).up_to(run[1]).data)
            self.held_from = _earliest(self.held_from, first)
            self.held_to = _latest(self.held_to, last)


def _earliest(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _latest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)


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
