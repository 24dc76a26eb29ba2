"""The figures of archive and ledger in one reading, as `status` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.archive.archive import Archive
from qlogship.archive.retention import left
from qlogship.shipping.belonging import TROUBLE
from qlogship.shipping.erased import erased_there
from qlogship.shipping.generations import NO_GENERATION, Generations
from qlogship.shipping.position import ShippingPosition
from qlogship.shipping.unshipped import Waiting, waiting

if TYPE_CHECKING:
    import sqlite3

    from qlogship.shipping.destination import Destination

_NOTHING_WAITS: Final = Waiting(0, None)


@dataclass(frozen=True, slots=True)
class ArchiveFigures:
    """Sums over all that was ever archived. Bytes are of text, not of disk.

    Of it `left_lines` have left (`state.keep`); what is there then begins at a time.
    """

    lines: int = 0
    calls: int = 0
    bytes: int = 0
    odd_lines: int = 0
    torn_lines: int = 0
    left_lines: int = 0
    begins_at: int | None = None


@dataclass(frozen=True, slots=True)
class UploadFigures:
    """How many uploads of the present generation there are in each state.

    `overcounted` are accepted ones of which the dashboard reported more calls than they hold;
    of `erased` ones it may have records as they were before a number was masked in them.
    """

    accepted: int = 0
    unknown: int = 0
    quarantined: int = 0
    pending: int = 0
    possible_duplicates: int = 0
    overcounted: int = 0
    erased: int = 0


@dataclass(frozen=True, slots=True)
class HeldFigures:
    """What is held back."""

    calls: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class ShippedFigures:
    """Sums over the accepted uploads of the present generation."""

    calls: int = 0
    lines: int = 0
    reported_calls: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over the archive, and over the ledger's present generation.

    Uploads of earlier generations are `superseded`. While it is `undecided` whether the
    ledger belongs to the destination of the settings, all are: nothing is shipped there, and
    everything archived waits. `last_accepted_at` is in epoch seconds. Without arguments, the
    figures of a state that nothing was written to yet.
    """

    archive: ArchiveFigures = ArchiveFigures()
    uploads: UploadFigures = UploadFigures()
    held: HeldFigures = HeldFigures()
    waiting: Waiting = _NOTHING_WAITS
    shipped: ShippedFigures = ShippedFigures()
    superseded: int = 0
    last_accepted_at: float | None = None
    generation: int = 1
    resync: str = "idle"
    undecided: bool = False

    def lag(self, now: float) -> float:
        """Return for how many seconds the oldest record has waited that could be shipped."""
        return max(0.0, now - self.waiting.since) if self.waiting.since is not None else 0.0


def figures(
    connection: sqlite3.Connection,
    *,
    count_all: bool = True,
    destination: Destination | None = None,
) -> Figures:
    """Read all figures in one snapshot, as they count for a destination; without, as they are.

    With `count_all`, calls of a backlog that the service has not counted yet are
    counted here, which takes as long as reading it.
    """
    connection.execute("BEGIN")
    try:
        lines, calls, size, torn = connection.execute(
            "SELECT coalesce(sum(lines), 0), coalesce(sum(calls), 0), coalesce(sum(bytes), 0),"
            " coalesce(sum(torn), 0) FROM chunk_facts"
        ).fetchone()
        archive = Archive(connection)
        gone = left(connection)
        calls += archive.calls.uncounted_calls() if count_all else 0
        position = ShippingPosition(connection).get()
        generation = Generations(connection).effective(destination).number
        undecided = generation == NO_GENERATION
        held_calls, held_lines = connection.execute(
            "SELECT held_calls, held_lines FROM shipping"
        ).fetchone()
        if undecided:
            held_calls = held_lines = 0
            waits = _all_waits(connection, archive)
        else:
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
            "SELECT count(*) FROM upload WHERE generation <> ?", (generation,)
        ).fetchone()[0]
        shipped_calls, shipped_lines, reported, duplicates, overcounted = connection.execute(
            "SELECT coalesce(sum(calls), 0), coalesce(sum(lines), 0),"
            " coalesce(sum(reported_calls), 0), coalesce(sum(open_sends > 0 AND NOT vouched), 0),"
            " coalesce(sum(reported_calls > calls), 0)"
            " FROM upload WHERE generation = ? AND state = 'accepted'",
            (generation,),
        ).fetchone()
        last = connection.execute(
            "SELECT answered_at FROM upload WHERE state = 'accepted' AND generation NOT IN"
            " (SELECT number FROM generation WHERE url <> ? OR account <> ?)"
            " ORDER BY id DESC LIMIT 1",
            (destination.url, destination.account) if destination else (None, None),
        ).fetchone()
        erased = erased_there(connection, generation)
    finally:
        connection.execute("COMMIT")
    return Figures(
        archive=ArchiveFigures(
            lines, calls, size, position.odd, torn, gone.records, gone.begins_at
        ),
        uploads=UploadFigures(
            accepted=states["accepted"],
            unknown=states["unknown"],
            quarantined=states["rejected"],
            pending=states["prepared"],
            possible_duplicates=duplicates,
            overcounted=overcounted,
            erased=erased,
        ),
        held=HeldFigures(held_calls, held_lines),
        waiting=waits,
        shipped=ShippedFigures(shipped_calls, shipped_lines, reported),
        superseded=superseded,
        last_accepted_at=last[0] if last and not undecided else None,
        generation=position.generation,
        resync=resync[0] if resync and not undecided else "idle",
        undecided=undecided,
    )


def _all_waits(connection: sqlite3.Connection, archive: Archive) -> Waiting:
    """Return what waits for the decision: every archived record, since it was asked for."""
    since = connection.execute("SELECT since FROM trouble WHERE kind = ?", (TROUBLE,)).fetchone()
    return Waiting(archive.next_seq - 1, since[0] if since else None)
