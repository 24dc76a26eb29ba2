"""What `reconcile` wants to know: the archive counted against the ledger, in one snapshot.

The archive is read chunk by chunk and the ledger row by row, so that memory does
not grow with either; what is counted, and how, is in `census`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from qlogship.archive.archive import Archive
from qlogship.archive.runs import decode_runs, overlap, records_in, without
from qlogship.reconcile.census import ArchiveCensus, Counted, RecordPlace, Shipment
from qlogship.reconcile.judging import held_calls
from qlogship.reconcile.report import OUTAGE_SECONDS, Outage, ReconcileSnapshot, Repeated
from qlogship.shipping.generations import Generations
from qlogship.shipping.position import ShippingPosition, effective_position
from qlogship.shipping.resync.rows import Resyncs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from qlogship.archive.runs import Run
    from qlogship.reconcile.days import Days
    from qlogship.state.reader import Reader

_PLACES: Final = {
    "accepted": RecordPlace.SHIPPED,
    "unknown": RecordPlace.UNKNOWN,
    "rejected": RecordPlace.QUARANTINED,
    "prepared": RecordPlace.PREPARED,
    "dropped": RecordPlace.DROPPED,
}


def take_snapshot(
    reader: Reader, days: Days, *, progress: Callable[[int, int], None] | None = None
) -> ReconcileSnapshot:
    """Count the archive against the ledger; a state directory that holds nothing is empty.

    `progress` is told how many of how many records are done. Raises `StateError`.
    """
    with reader.moment() as connection:
        if connection is None:
            return ReconcileSnapshot(Counted())
        archive = Archive(connection)
        generation = Generations(connection).effective(reader.destination)
        position = effective_position(ShippingPosition(connection).get(), generation.number)
        census = ArchiveCensus(days, since=generation.since)
        end = archive.next_seq - 1
        census.note(RecordPlace.HELD, position.held)
        ahead = [*position.ahead, (position.frontier, end)]
        waiting = [(first, min(last, end)) for first, last in ahead if first <= end]
        census.note(RecordPlace.WAITING, waiting)
        if generation.first_seq > 1:
            census.note(RecordPlace.BEFORE, [(1, min(generation.first_seq - 1, end))])
        census.note(RecordPlace.LATER, _imported(connection, end))
        uploads = _note_uploads(connection, census, position.generation)
        gone: list[Run] = []
        seq = 1
        while (found := archive.chunks.check(seq)) is not None:
            behind, chunk = found
            if chunk is not None:
                census.count(seq, chunk.data)
            else:
                gone.append((seq, behind - 1))
            seq = behind
            if progress is not None:
                progress(seq - 1, end)
        resync = connection.execute("SELECT state FROM resync WHERE ended_at IS NULL").fetchone()
        return ReconcileSnapshot(
            counted=census.result(),
            gone=records_in(gone),
            given_up=records_in(overlap(gone, Resyncs(connection).given_up())),
            generation=position.generation,
            resync=resync[0] if resync else None,
            uploads=uploads,
            held=held_calls(line for _, line in archive.records(without(position.held, gone))),
            outages=_outages(connection, position.generation),
            repeated=_repeated(connection),
        )


def _imported(connection: sqlite3.Connection, end: int) -> list[Run]:
    """Return the records that came from files that were imported."""
    rows = connection.execute(
        "SELECT first_seq, coalesce(lead(first_seq) OVER (ORDER BY first_seq) - 1, ?),"
        " stream IN (SELECT stream FROM piece WHERE imported) FROM origin ORDER BY first_seq",
        (end,),
    )
    return [(first, last) for first, last, imported in rows if imported]


def _note_uploads(
    connection: sqlite3.Connection, census: ArchiveCensus, generation: int
) -> Counter[RecordPlace]:
    """Note every upload; return how many there are of each kind.

    One that was split is in its parts. Of earlier generations those count that
    may have arrived before the clear.
    """
    noted: Counter[RecordPlace] = Counter()
    for upload_generation, state, runs, number, *told in connection.execute(
        "SELECT generation, state, runs, id, lines, reported_calls,"
        " open_sends > 0 AND NOT vouched, attempts,"
        " coalesce(detail, '') FROM upload WHERE state != 'split' ORDER BY id"
    ):
        place = _PLACES[state]
        if upload_generation != generation:
            if place not in {RecordPlace.SHIPPED, RecordPlace.UNKNOWN}:
                continue
            place = RecordPlace.SUPERSEDED
        noted[place] += 1
        census.note_upload(Shipment(number, place, *told), decode_runs(runs))
    return noted


def _outages(connection: sqlite3.Connection, generation: int) -> tuple[Outage, ...]:
    """Return the times in which an upload was tried again and again in vain.

    One that is still tried has no end. What came back of most attempts names it.
    """
    rows = connection.execute(
        "SELECT min(attempt.sent_at) AS begun, upload.state, upload.answered_at,"
        " max(coalesce(attempt.answered_at, attempt.sent_at)),"
        " (SELECT verdict FROM attempt AS other WHERE other.upload = upload.id"
        "  AND verdict IS NOT NULL AND verdict != 'accepted'"
        "  GROUP BY verdict ORDER BY count(*) DESC, verdict LIMIT 1)"
        " FROM upload JOIN attempt ON attempt.upload = upload.id"
        " WHERE upload.generation = ? AND upload.attempts > 1"
        " GROUP BY upload.id ORDER BY begun",
        (generation,),
    )
    outages = []
    for begin, state, answered_at, tried_at, verdict in rows:
        # One that failed for good was an outage until its last attempt.
        end = None if state == "prepared" else (answered_at or tried_at)
        if (tried_at if end is None else end) - begin >= OUTAGE_SECONDS:
            outages.append(Outage(begin, end, verdict or "unknown"))
    return tuple(outages)


def _repeated(connection: sqlite3.Connection) -> tuple[Repeated, ...]:
    """Return the uploads that were accepted when they were sent again, of all generations."""
    rows = connection.execute(
        "SELECT id, calls, reported_calls FROM upload"
        " WHERE state = 'accepted' AND open_sends > 0 AND NOT vouched ORDER BY id"
    )
    return tuple(Repeated(*row) for row in rows)
