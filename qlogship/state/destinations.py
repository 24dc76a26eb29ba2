"""The destinations of a ledger: what each was sent, and the three decisions about another one.

The words are in `shipping/belonging.py`. Each decision is one transaction: a crash leaves it
carried out, or not made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import without
from qlogship.shipping.batching import Window
from qlogship.shipping.belonging import EVERYTHING, SAME, TROUBLE, Belonging, question
from qlogship.shipping.call_waits import WaitingCalls
from qlogship.shipping.generations import Generation, Generations
from qlogship.shipping.resync.rules import Phase

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from qlogship.archive.runs import Run
    from qlogship.config.model import BatchSettings
    from qlogship.shipping.belonging import Decision
    from qlogship.shipping.destination import Destination
    from qlogship.state.store import Store

_DETAIL: Final = "the ledger went on to another dashboard, {}"


@dataclass(frozen=True, slots=True)
class GenerationSummary:
    """What was sent in a generation, and what was answered. Times are epoch seconds.

    `uploads` are those that were tried, `calls` and `reported_calls` those of the accepted
    ones. The times are of the first upload that was decided and of the last answer.
    """

    generation: Generation
    uploads: int
    accepted: int
    calls: int
    reported_calls: int
    first_at: float | None
    last_at: float | None


@dataclass(frozen=True, slots=True)
class Destinations:
    """What the settings name, how the ledger stands to it, and every generation, oldest first.

    `lines` are the archived records, `resync` the state of one that is not over.
    """

    wanted: Destination
    standing: Belonging
    current: int
    generations: tuple[GenerationSummary, ...]
    lines: int
    resync: str | None

    @property
    def undecided(self) -> bool:
        """Whether somebody must decide before anything is sent."""
        return self.standing is Belonging.UNDECIDED

    @property
    def question(self) -> str:
        """Why somebody must decide, in one sentence."""
        return question(self.generations[-1].generation.destination, self.wanted)

    def sent_before(self) -> int:
        """Return how many calls of this ledger the dashboard of the settings has counted."""
        return sum(
            one.calls for one in self.generations if one.generation.destination == self.wanted
        )


def look(connection: sqlite3.Connection, wanted: Destination) -> Destinations:
    """Return how the ledger stands to a destination; the caller holds the transaction."""
    generations = Generations(connection)
    lines = connection.execute("SELECT coalesce(sum(lines), 0) FROM chunk_facts").fetchone()[0]
    resync = connection.execute("SELECT state FROM resync WHERE ended_at IS NULL").fetchone()
    return Destinations(
        wanted,
        generations.standing(wanted),
        generations.current().number,
        tuple(_summary(connection, one) for one in generations.all()),
        lines,
        resync[0] if resync else None,
    )


def _summary(connection: sqlite3.Connection, generation: Generation) -> GenerationSummary:
    row = connection.execute(
        "SELECT coalesce(sum(attempts > 0), 0), coalesce(sum(state = 'accepted'), 0),"
        " coalesce(sum(calls) FILTER (WHERE state = 'accepted'), 0),"
        " coalesce(sum(reported_calls) FILTER (WHERE state = 'accepted'), 0),"
        " min(prepared_at), max(answered_at) FROM upload WHERE generation = ?",
        (generation.number,),
    ).fetchone()
    return GenerationSummary(generation, *row)


def carry_out(
    store: Store,
    decision: Decision,
    wanted: Destination,
    *,
    batch: BatchSettings,
    clear: bool,
    at: float,
) -> bool:
    """Carry a decision out, at the time `at`; return False when there is nothing to decide.

    `clear` goes with EVERYTHING: a resync is asked for, too. A resync that was under way
    goes on with SAME; else it ends as refused, for it was one of the other dashboard.
    """
    with store.transaction():
        if store.generations.standing(wanted) is not Belonging.UNDECIDED:
            return False
        store.troubles.clear(TROUBLE)
        if decision is SAME:
            store.generations.bind(wanted)
            store.resyncs.bind(wanted)
            return True
        store.resyncs.end(Phase.REFUSED, at=at, detail=_DETAIL.format(wanted))
        if decision is EVERYTHING:
            _begin(store, wanted, ahead=store.archive.order(), first_seq=1)
        else:
            held, clock = _open_calls(store, batch, at)
            _begin(store, wanted, ahead=(), first_seq=store.archive.next_seq)
            store.position.save(
                ahead=(), frontier=store.archive.next_seq, held=held, clock=clock, odd=0
            )
        if clear:
            store.resyncs.ask(reason="asked", accepted_loss=(), at=at, destination=wanted)
    return True


def _begin(store: Store, wanted: Destination, *, ahead: Sequence[Run], first_seq: int) -> None:
    """Begin a generation of this destination; nothing that another one taught is kept."""
    number = store.position.begin_generation(ahead=ahead, frontier=store.archive.next_seq)
    store.position.forget_dashboard()
    store.generations.write(
        Generation(number, wanted, begun_at=None, cleared=False, first_seq=first_seq, since=None)
    )


def _open_calls(store: Store, batch: BatchSettings, at: float) -> tuple[list[Run], int | None]:
    """Return the records of the calls that are not over, and the records' time behind them.

    They go whole to the new dashboard: what has left for the other one, or could have, is
    found as the intake does it, with nothing sent.
    """
    position, archive = store.position.get(), store.archive
    window = Window(
        WaitingCalls(settle=batch.settle, hold=batch.hold),
        max_bytes=batch.max_bytes,
        hold=batch.hold,
        clock=position.clock,
    )
    undecided = [*position.ahead, (position.frontier, archive.next_seq - 1)]
    lost = archive.unreadable([*position.held, *undecided])
    window.restore(archive.records(without(position.held, lost)))
    for first, last in without(undecided, lost):
        seq = first
        while seq <= last and (block := archive.block_at(seq)) is not None:
            block = block.up_to(last)
            seq += window.add(block.first_seq, block.data)
            if window.full:
                window.cut(float(window.clock or 0))
    window.cut(max(float(window.clock or 0), at))
    return window.held_runs, window.clock
