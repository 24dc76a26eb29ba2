"""The census: every record and every call of the archive is counted once, where it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date

from hypothesis import given, settings
from hypothesis import strategies as st

from qlogship.archive.runs import runs_of
from qlogship.queue_log.records import parse
from qlogship.reconcile.census import ArchiveCensus, RecordPlace, Shipment
from qlogship.reconcile.days import Days
from tests.support.censuses import DAY, NOON, archives, end, enter, shipped, take

FIRST, SECOND = date(2026, 11, 23), date(2026, 11, 24)


OTHERS = {
    -1: RecordPlace.HELD,
    -2: RecordPlace.WAITING,
    -3: RecordPlace.LATER,
    -4: RecordPlace.LOST,
}


@settings(max_examples=200)
@given(archive=archives(), data=st.data())
def test_against_a_simple_model(
    archive: tuple[list[bytes], list[int], list[RecordPlace]], data: st.DataObject
) -> None:
    """However records lie in uploads and blocks: each counts once, by its day and its place."""
    lines, owners, places = archive
    seqs = {owner: [i + 1 for i, own in enumerate(owners) if own == owner] for owner in set(owners)}
    uploads = [
        (Shipment(slot + 1, place, len(seqs.get(slot, [])), 99), runs_of(seqs.get(slot, [])))
        for slot, place in enumerate(places)
    ]
    others = {OTHERS[owner]: runs_of(seqs[owner]) for owner in (-1, -2, -3) if owner in seqs}
    cuts = data.draw(st.sets(st.integers(0, len(lines)), max_size=4))
    counted = take(lines, uploads, others, cuts=tuple(cuts))

    def place_of(index: int) -> RecordPlace:
        owner = owners[index]
        return OTHERS[owner] if owner < 0 else places[owner]

    records: Counter[tuple[date, RecordPlace]] = Counter()
    calls: Counter[tuple[date, RecordPlace]] = Counter()
    sent: Counter[date] = Counter()
    days, began, carried = Days(UTC), {}, set()
    day, undated = None, 0
    for index, line in enumerate(lines):
        record = parse(line)
        day = days.of(record.time) if record else day
        if day is None:
            undated += 1
            continue
        records[day, place_of(index)] += 1
        if record is None or record.event != b"ENTERQUEUE":
            continue
        if record.callid not in began:
            began[record.callid] = day
            calls[day, place_of(index)] += 1
        if owners[index] >= 0 and (owners[index], record.callid) not in carried:
            carried.add((owners[index], record.callid))
            sent[began[record.callid]] += place_of(index) is RecordPlace.SHIPPED

    assert counted.undated == undated
    found = counted.days.items()
    assert {(d, p): n for d, tally in found for p, n in tally.records.items()} == records
    assert {(d, p): n for d, tally in found for p, n in tally.calls.items()} == calls
    assert {d: tally.sent for d, tally in found if tally.sent} == +sent
    for upload in counted.uploads:
        callids = {callid for slot, callid in carried if slot == upload.shipment.id - 1}
        assert upload.calls == len(callids)
        assert upload.missing == 0


def test_a_day_is_that_of_the_first_entrance() -> None:
    """A call that enters again on another day stays one call, of the first day."""
    lines = [enter("1.1"), enter("1.1", NOON + DAY), enter("1.2", NOON + DAY)]
    counted = take(lines, [(shipped(1, 3, 2), [(1, 3)])])

    assert counted.days[FIRST].calls == {RecordPlace.SHIPPED: 1}
    assert counted.days[SECOND].calls == {RecordPlace.SHIPPED: 1}
    assert (counted.days[FIRST].reported, counted.days[SECOND].reported) == (1, 1)
    assert counted.uploads == []


def test_one_number_for_several_days() -> None:
    """A count that is not what was sent is no day's, unless all calls are of one day."""
    lines = [enter("1.1"), enter("1.2", NOON + DAY), enter("1.3"), end("1.3", NOON + DAY)]
    counted = take(lines, [(shipped(1, 2, 1), [(1, 2)]), (shipped(2, 2, 0), [(3, 4)])])
    first, second = counted.days[FIRST], counted.days[SECOND]

    assert (first.unpinned, second.unpinned) == (1, 1)
    assert (first.reported, second.reported) == (0, 0)
    assert [upload.shipment.id for upload in counted.uploads] == [1, 2]
    assert counted.uploads[0].by_day == {FIRST: 1, SECOND: 1}
    assert counted.uploads[1].days == (FIRST, SECOND)


def test_more_than_was_sent_on_one_day() -> None:
    """A count of one day is that day's, whatever it is; without calls, too."""
    lines = [enter("1.1"), end("1.1", NOON + DAY), end("1.9", NOON + DAY)]
    counted = take(lines, [(shipped(1, 2, 7), [(1, 2)]), (shipped(2, 1, 4), [(3, 3)])])

    assert (counted.days[FIRST].reported, counted.days[SECOND].reported) == (7, 4)


def test_an_answer_without_a_count() -> None:
    """What was sent and not counted is told from what was counted."""
    counted = take([enter("1.1")], [(shipped(1, 1, None), [(1, 1)])])

    assert counted.days[FIRST].sent == counted.days[FIRST].unread == 1
    assert counted.uploads == []


def test_a_call_in_two_uploads() -> None:
    """It is sent twice, and how the far end counts it the second time is noted.

    Which uploads carry such calls is the ledger's to say.
    """
    lines = [enter("1.1"), enter("1.1"), enter("1.2"), enter("1.2"), enter("1.3")]
    counted = take(
        lines,
        [
            (shipped(1, 1, 1), [(1, 1)]),
            (replace(shipped(2, 2, 2), again=1), [(2, 3)]),
            (replace(shipped(3, 2, 1), again=1), [(4, 5)]),
        ],
    )

    assert counted.days[FIRST].calls == {RecordPlace.SHIPPED: 3}
    assert counted.days[FIRST].sent == 5
    assert counted.repeats_counted == [2]
    assert counted.repeats_left_out == [3]
    assert [upload.again for upload in counted.uploads] == [1, 1]


def test_a_record_in_two_uploads() -> None:
    """The call counts once, where it matters most; both uploads carry it."""
    lost = Shipment(1, RecordPlace.UNKNOWN, 2)
    counted = take(
        [enter("1.1"), end("1.1")], [(lost, [(1, 2)]), (shipped(2, 2, 1), [(1, 2)])], cuts=(1,)
    )

    assert counted.days[FIRST].calls == {RecordPlace.SHIPPED: 1}
    assert counted.days[FIRST].records == {RecordPlace.SHIPPED: 2}
    assert counted.uploads[0].calls == 1


def test_earlier_generations() -> None:
    """They are counted beside the balance, and say nothing about where a record is."""
    old = Shipment(1, RecordPlace.SUPERSEDED, 2, 2)
    counted = take([enter("1.1"), enter("1.2")], [(old, [(1, 2)])], {RecordPlace.WAITING: [(1, 1)]})
    tally = counted.days[FIRST]

    assert tally.superseded == 2
    assert tally.calls == {RecordPlace.WAITING: 1, RecordPlace.LOST: 1}
    assert (tally.sent, tally.reported, counted.uploads) == (0, 0, [])


def test_imported_records() -> None:
    """What was imported and is nowhere else waits for the next resync; the rest is lost."""
    census = ArchiveCensus(Days(UTC))
    census.note(RecordPlace.LATER, [(2, 4), (7, 9)])
    census.note_upload(shipped(1, 1, 1), [(3, 3)])
    lines = [enter(f"1.{number}") + b"\n" for number in range(1, 11)]
    census.count(1, b"".join(lines[:7]))
    census.count(8, b"".join(lines[7:]))
    (tally,) = census.result().days.values()

    assert tally.calls == {RecordPlace.SHIPPED: 1, RecordPlace.LATER: 5, RecordPlace.LOST: 4}
    assert tally.records == tally.calls


def test_an_archive_with_a_hole() -> None:
    """Records that are gone are counted at the upload they were in."""
    census = ArchiveCensus(Days(UTC))
    census.note_upload(shipped(1, 3, 3), [(1, 3)])
    census.count(1, enter("1.1") + b"\n")
    census.count(4, enter("1.4") + b"\n")
    counted = census.result()

    assert [(upload.shipment.id, upload.missing) for upload in counted.uploads] == [(1, 2)]


def test_an_upload_wider_than_a_drawer() -> None:
    """However large uploads and blocks are, nothing is counted twice or left out."""
    lines = [enter(f"1.{number}") for number in range(10_000)]
    counted = take(
        lines, [(shipped(1, 9_000, 9_000), [(501, 9_500)])], cuts=(4_095, 4_096, 4_097, 8_000)
    )

    assert counted.days[FIRST].calls == {RecordPlace.SHIPPED: 9_000, RecordPlace.LOST: 1_000}
    assert counted.days[FIRST].reported == 9_000
