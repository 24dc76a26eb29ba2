"""The verdict from the ledger alone, for those who ask often: the archive is not read.

It is never better than that of `reconcile`, which reads every record: what that finds is
found here, too, by sums, as long as a record is in one upload of a generation only, which
is how the ledger is written. What `reconcile` adds are the days, and the calls of records
that are in no upload.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qlogship.archive.archive import Archive
from qlogship.archive.runs import decode_runs, merged, overlap, records_in, runs_of, without
from qlogship.errors import StateError
from qlogship.queue_log.records import is_older, line_times
from qlogship.shipping.generations import NO_GENERATION, Generations
from qlogship.shipping.position import ShippingPosition, effective_position
from qlogship.shipping.repeated_calls import RepeatedCalls
from qlogship.shipping.resync.rows import Resyncs
from qlogship.verdict.assessment import assess
from qlogship.verdict.circumstances import Circumstances, left_out, reasons_of
from qlogship.verdict.facts import Amount, Facts, Kind, added
from qlogship.verdict.uploads import UploadFacts
from qlogship.verdict.uploads import reasons_of as of_upload

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from qlogship.archive.runs import Run
    from qlogship.config import Settings
    from qlogship.shipping.generations import Generation
    from qlogship.shipping.position import Position
    from qlogship.state.reader import Reader
    from qlogship.verdict.assessment import Assessment


class _Alike(NamedTuple):
    """Uploads that are alike, how many there are of them, and their records."""

    upload: UploadFacts
    number: int
    records: int


def quick_assessment(
    connection: sqlite3.Connection, told: Circumstances, *, count_all: bool = True
) -> Assessment:
    """Judge what the ledger says; the caller holds the transaction. See `quick_facts`."""
    return assess(quick_facts(connection, told, count_all=count_all))


def read_assessment(reader: Reader, settings: Settings) -> Assessment:
    """Judge a state directory, of which nothing need be there yet. Raises `StateError`."""
    with reader.moment(closely=False) as connection:
        if connection is None:
            return assess(Facts())
        return quick_assessment(connection, Circumstances.of(settings))


def quick_facts(
    connection: sqlite3.Connection, told: Circumstances, *, count_all: bool = True
) -> Facts:
    """Return the facts that the ledger has; the caller holds the transaction.

    With `count_all`, what the service has not counted yet is counted here, which takes as
    long as reading it; without, it is a reason to be uncertain.
    """
    archive = Archive(connection)
    generation = Generations(connection).effective(told.destination)
    position = effective_position(ShippingPosition(connection).get(), generation.number)
    decided = generation.number != NO_GENERATION
    groups = [*_uploads(connection, position.generation)]
    if count_all and decided:
        groups += _counted_now(connection, archive)
    else:
        groups += _not_counted(connection, position.generation)
    found = added(_of_uploads(groups), reasons_of(connection, told))
    found = added(found, _in_no_upload(connection, archive, generation, position, groups))
    found = added(found, _damaged(connection, archive))
    there = sum(one.upload.expected * one.number for one in groups if _is_there(one.upload))
    records, calls = connection.execute(
        "SELECT coalesce(sum(lines), 0), coalesce(sum(calls), 0) FROM chunk_facts"
        # What has left the archive is on the dashboard as long as that is not cleared.
        " WHERE first_seq NOT IN (SELECT first_seq FROM retired WHERE generation != ?)",
        (position.generation,),
    ).fetchone()
    calls += archive.calls.uncounted_calls() if count_all else 0
    held = connection.execute("SELECT held_calls FROM shipping").fetchone()[0]
    resync = connection.execute("SELECT state FROM resync WHERE ended_at IS NULL").fetchone()
    prepared = sum(one.records for one in groups if one.upload.state == "prepared")
    return Facts(
        records=records,
        there=there,
        waiting=max(0, calls - there - held),
        waiting_records=prepared + records_in(_not_taken(position, archive.next_seq - 1)),
        held=held if decided else 0,
        resync=resync[0] if resync else None,
        destination=str(told.destination or ""),
        found=found,
    )


def _is_there(upload: UploadFacts) -> bool:
    return upload.state == "accepted"


def _of_uploads(groups: Sequence[_Alike]) -> dict[Kind, Amount]:
    tells = not any(one.upload.answers_nothing for one in groups)
    return added(
        {},
        (
            (kind, replace(amount.times(one.number), records=one.records))
            for one in groups
            for kind, amount in of_upload(one.upload, zero_tells=tells)
        ),
    )


_COLUMNS: Final = (
    "state, calls, reported_calls, open_sends, vouched,"
    " id IN (SELECT upload FROM attempt WHERE verdict IS NULL) AS sending"
)
_UNCOUNTED: Final = "state = 'accepted' AND again IS NULL"


def _uploads(connection: sqlite3.Connection, generation: int) -> Iterator[_Alike]:
    """Yield the uploads of a generation, but for those of which `again` is not known."""
    for *told, again, number, records in connection.execute(
        f"SELECT {_COLUMNS}, again, count(*), sum(lines) FROM upload"  # noqa: S608
        f" WHERE generation = ? AND state != 'split' AND NOT ({_UNCOUNTED})"
        " GROUP BY state, calls, reported_calls, open_sends, vouched, sending, again",
        (generation,),
    ):
        yield _Alike(_facts(told, again), number, records)


def _not_counted(connection: sqlite3.Connection, generation: int) -> Iterator[_Alike]:
    for *told, number, records in connection.execute(
        f"SELECT {_COLUMNS}, count(*), sum(lines) FROM upload"  # noqa: S608
        f" WHERE generation = ? AND {_UNCOUNTED}"
        " GROUP BY state, calls, reported_calls, open_sends, vouched, sending",
        (generation,),
    ):
        yield _Alike(_facts(told, None), number, records)


def _counted_now(connection: sqlite3.Connection, archive: Archive) -> Iterator[_Alike]:
    for upload, again in RepeatedCalls(connection, archive).uncounted().items():
        *told, records = connection.execute(
            f"SELECT {_COLUMNS}, lines FROM upload WHERE id = ?",  # noqa: S608
            (upload,),
        ).fetchone()
        yield _Alike(_facts(told, again), 1, records)


def _facts(told: Sequence[Any], again: int | None) -> UploadFacts:
    state, calls, reported, open_sends, vouched, sending = told
    return UploadFacts(
        state=state,
        calls=calls,
        reported=reported,
        again=again if state == "accepted" else 0,
        open_sends=open_sends,
        vouched=bool(vouched),
        sending=bool(sending),
    )


def _not_taken(position: Position, end: int) -> list[Run]:
    """Return the records that were put into no upload yet, and are not held back."""
    ahead = [*position.ahead, (position.frontier, end)]
    return [(first, min(last, end)) for first, last in ahead if first <= end]


def _damaged(connection: sqlite3.Connection, archive: Archive) -> Iterator[tuple[Kind, Amount]]:
    """Yield what was found to be damaged, here or by the service; nobody looks for it here."""
    records = sum(last - first + 1 for first, last in archive.chunks.damaged.items())
    told = connection.execute(
        "SELECT 1 FROM trouble WHERE kind IN ('archive_damaged', 'state_older')"
    ).fetchone()
    if records or told:
        yield Kind.DAMAGED, Amount(records=records)


def _in_no_upload(
    connection: sqlite3.Connection,
    archive: Archive,
    generation: Generation,
    position: Position,
    groups: Sequence[_Alike],
) -> Iterator[tuple[Kind, Amount]]:
    """Yield what is in no upload, and does not wait for one.

    The sum tells whether there is anything; only then is every upload looked at.
    """
    end = archive.next_seq - 1
    waits = [*position.held, *_not_taken(position, end)]
    older = _older(archive, generation.since)
    if not older and sum(one.records for one in groups) + records_in(waits) == end:
        return
    for (runs,) in connection.execute(
        "SELECT runs FROM upload WHERE generation = ? AND state != 'split'",
        (position.generation,),
    ):
        waits += decode_runs(runs)
    taken = merged(waits)
    left = without([(1, end)] if end else [], taken)
    # Such records do not wait, either: they are passed over in their turn.
    older = without(older, without(taken, merged(_not_taken(position, end))))
    if older:
        yield Kind.BEFORE, Amount(records=records_in(older))
        left = without(left, merged(older))
    lost = (Kind.GONE, Resyncs(connection).given_up())
    for kind, place in (lost, *left_out(connection, archive, generation)):
        records = records_in(overlap(left, merged(place)))
        if records and kind is not None:
            yield kind, Amount(records=records)
        left = without(left, merged(place))
    if left:
        yield Kind.LOST, Amount(records=records_in(left))


def _older(archive: Archive, since: int | None) -> list[Run]:
    """Return the records of before `since`; by the times of their chunk, unless it has both."""
    found: list[Run] = []
    for chunk in archive.chunks.facts() if since is not None else ():
        first, last = chunk.first_time, chunk.last_time
        if since is None or first is None or last is None or min(first, last) >= since:
            continue
        if max(first, last) < since:
            found.append((chunk.first_seq, chunk.behind - 1))
            continue
        with suppress(StateError):
            times = line_times(archive.chunks.at(chunk.first_seq).data, None)
            found += runs_of(
                chunk.first_seq + index for index, time in enumerate(times) if is_older(time, since)
            )
    return found
