"""What `reconcile` wants to know: the archive counted against the ledger, in one snapshot.

The archive is read chunk by chunk and the ledger row by row, so that memory does
not grow with either; what is counted, and how, is in `census`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from qlogship.archive.archive import Archive
from qlogship.archive.retention import left
from qlogship.archive.runs import decode_runs, merged, overlap, records_in, without
from qlogship.reconcile.census import ArchiveCensus, Counted, RecordPlace, Shipment
from qlogship.reconcile.judging import held_calls
from qlogship.reconcile.report import OUTAGE_SECONDS, Outage, ReconcileSnapshot, Repeated
from qlogship.shipping.generations import Generations
from qlogship.shipping.position import ShippingPosition, effective_position
from qlogship.shipping.repeated_calls import RepeatedCalls
from qlogship.shipping.resync.rows import Resyncs
from qlogship.verdict.circumstances import Circumstances, left_out, reasons_of
from qlogship.verdict.facts import Amount, Kind, added

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence

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

_LEFT_OUT: Final = {
    None: RecordPlace.REPLACED,
    Kind.LATER: RecordPlace.LATER,
    Kind.BEFORE: RecordPlace.BEFORE,
}


def take_snapshot(
    reader: Reader,
    days: Days,
    *,
    told: Circumstances | None = None,
    past: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ReconcileSnapshot:
    """Count the archive against the ledger; a state directory that holds nothing is empty.

    `told` is what the settings say, if anybody asks for the verdict. With `past`, what a
    clear has wiped is noted, too. `progress` is told how many of how many records are done.
    Raises `StateError`.
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
        for kind, runs in left_out(connection, archive, generation):
            census.note(_LEFT_OUT[kind], runs)
        repeated = RepeatedCalls(connection, archive).uncounted()
        retired = archive.chunks.retired()
        uploads, there = _note_uploads(
            connection, census, position.generation, past=past, again=repeated, retired=retired
        )
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
        gone, has_left = without(gone, retired), left(connection)
        resync = connection.execute("SELECT state FROM resync WHERE ended_at IS NULL").fetchone()
        given_up = overlap(gone, Resyncs(connection).given_up())
        told = told or Circumstances(reader.destination)
        bearing = added({}, reasons_of(connection, told))
        return ReconcileSnapshot(
            counted=census.result(),
            gone=records_in(gone),
            left=has_left.records,
            begins_at=has_left.begins_at,
            given_up=records_in(without(given_up, merged(there))),
            found=added(bearing, _damaged(gone, merged(there))),
            past=past,
            destination=str(told.destination or ""),
            generation=position.generation,
            resync=resync[0] if resync else None,
            uploads=uploads,
            held=held_calls(line for _, line in archive.records(without(position.held, gone))),
            outages=_outages(connection, position.generation),
            repeated=_repeated(connection, None if past else position.generation),
        )


def _note_uploads(
    connection: sqlite3.Connection,
    census: ArchiveCensus,
    generation: int,
    *,
    past: bool,
    again: Mapping[int, int],
    retired: Sequence[Run],
) -> tuple[Counter[RecordPlace], list[Run]]:
    """Note every upload; return how many there are of each kind, and which records are there.

    One that was split is in its parts. Of earlier generations those count that may have
    arrived before the clear. `again` is of the uploads that the ledger has no number for,
    `retired` the records that have left the archive.
    """
    noted: Counter[RecordPlace] = Counter()
    there: list[Run] = []
    for of_generation, state, encoded, number, lines, counted, *told in connection.execute(
        "SELECT generation, state, runs, id, lines, again, reported_calls, attempts,"
        " coalesce(detail, ''), calls, open_sends, vouched,"
        " id IN (SELECT upload FROM attempt WHERE verdict IS NULL)"
        " FROM upload WHERE state != 'split' ORDER BY id"
    ):
        place = _PLACES[state]
        reported, attempts, detail, calls, open_sends, vouched, sending = told
        if of_generation != generation:
            if place not in {RecordPlace.SHIPPED, RecordPlace.UNKNOWN}:
                continue
            noted[RecordPlace.SUPERSEDED] += 1
            if not past:
                continue
            place = RecordPlace.SUPERSEDED
        else:
            if state in {"rejected", "dropped"} and open_sends and not vouched:
                place = RecordPlace.UNKNOWN
            noted[place] += 1
        runs = decode_runs(encoded)
        if place in {RecordPlace.SHIPPED, RecordPlace.UNKNOWN}:
            there += runs
        gone = records_in(overlap(runs, retired))
        again_here = again.get(number, counted or 0) if state == "accepted" else 0
        odd = open_sends or vouched or again_here or reported != calls
        if place is RecordPlace.SHIPPED and gone == lines and not odd:
            census.note_left(calls)
            continue
        shipment = Shipment(
            id=number,
            place=place,
            lines=lines,
            reported_calls=reported,
            attempts=attempts,
            detail=detail,
            calls=calls,
            again=again_here,
            open_sends=open_sends,
            vouched=bool(vouched),
            sending=bool(sending),
            left=gone,
        )
        census.note_upload(shipment, runs)
    return noted, there


def _damaged(gone: list[Run], there: list[Run]) -> Iterator[tuple[Kind, Amount]]:
    """Yield what the archive cannot give back: of what was uploaded, and of what was not."""
    missing = without(gone, there)
    for kind, runs in ((Kind.DAMAGED, overlap(gone, there)), (Kind.GONE, missing)):
        if records := records_in(runs):
            yield kind, Amount(records=records)


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


def _repeated(connection: sqlite3.Connection, generation: int | None) -> tuple[Repeated, ...]:
    """Return the uploads that were accepted when they were sent again; None: of all generations."""
    rows = connection.execute(
        "SELECT id, calls, reported_calls FROM upload WHERE state = 'accepted' AND open_sends > 0"
        " AND NOT vouched AND generation = coalesce(?, generation) ORDER BY id",
        (generation,),
    )
    return tuple(Repeated(*row) for row in rows)
