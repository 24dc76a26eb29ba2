"""The reconciliation: causes explain every difference, and the verdict says what is in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.reconcile.census import (
    Carried,
    Counted,
    DayTally,
    RecordPlace,
    Shipment,
)
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import held_calls, reconcile
from qlogship.reconcile.report import Outage, ReconcileSnapshot, Repeated, Report
from qlogship.reconcile.states import BEHIND, BY_NAME, Severity
from tests.support.censuses import DAY, NOON, archives, shipped, take

FIRST, SECOND, THIRD = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)


def tally(*, sent: int = 0, reported: int = 0, **calls: int) -> DayTally:
    """Return a day on which so many calls are in each place."""
    places = Counter({RecordPlace(place): count for place, count in calls.items()})
    return DayTally(calls=places, records=Counter(places), sent=sent, reported=reported)


def carried(
    place: RecordPlace = RecordPlace.SHIPPED,
    calls: int = 5,
    *,
    number: int = 12,
    reported: int | None = None,
    twice: bool = False,
    again: int = 0,
    missing: int = 0,
    by_day: dict[date, int] | None = None,
) -> Carried:
    """Return an upload that was noted."""
    days = {FIRST: calls} if by_day is None else by_day
    shipment = Shipment(
        number, place, 10, reported, possible_duplicate=twice, attempts=2, detail="so it goes"
    )
    return Carried(shipment, days, tuple(sorted(days)) or (FIRST,), again, missing)


def judge(
    days: dict[date, DayTally],
    *uploads: Carried,
    first: date | None = None,
    last: date | None = None,
    repeats: tuple[list[int], list[int]] = ([], []),
    **facts: object,
) -> Report:
    """Reconcile these figures."""
    counted = Counted(days, 0, list(uploads), *repeats)
    snapshot = replace(ReconcileSnapshot(counted), **facts)  # type: ignore[arg-type]  # fields by name
    return reconcile(snapshot, Days(UTC), now=NOON + 2.0 * DAY, first=first, last=last)


def kinds(report: Report, index: int = 0) -> dict[str, int | None]:
    """Return the causes of a day and their numbers."""
    return {cause.kind: cause.calls for cause in report.days[index].causes}


def test_all_is_well() -> None:
    """What was archived was shipped and reported: no cause, no remark."""
    report = judge({FIRST: tally(shipped=5, sent=5, reported=5)})

    assert report.level is Severity.GOOD
    assert report.verdict == (
        "It adds up: 5 calls archived, 5 shipped, 5 reported by the dashboard."
    )
    assert (report.days[0].sums.get("difference"), report.total.get("difference")) == (0, 0)
    assert not report.days[0].causes
    assert not report.remarks


def test_nothing_yet() -> None:
    """Nothing archived is nothing wrong."""
    report = judge({})

    assert (report.level, report.days) == (Severity.GOOD, ())
    assert report.verdict == "There is nothing to compare yet."


@pytest.mark.parametrize("place", ["held", "waiting", "prepared", "before", "later", "dropped"])
def test_what_is_in_order(place: str) -> None:
    """Calls that wait, are held or were dropped make a difference, a remark, and no fault."""
    report = judge({FIRST: tally(shipped=3, sent=3, reported=3, **{place: 2})})

    assert report.level is Severity.NOTE
    assert report.verdict.startswith("It adds up")
    assert report.total.get("difference") == -2
    assert sum(kinds(report).values()) == -2  # type: ignore[arg-type]  # all are known
    assert any(remark.startswith("2 calls ") for remark in report.remarks)


@pytest.mark.parametrize(
    ("place", "words", "command"),
    [
        (RecordPlace.UNKNOWN, "1 upload of unknown outcome (5 calls)", "qlogship uploads show 12"),
        (
            RecordPlace.QUARANTINED,
            "1 upload in quarantine (5 calls)",
            "qlogship quarantine show 12",
        ),
    ],
)
def test_an_upload_in_doubt(place: RecordPlace, words: str, command: str) -> None:
    """An unknown or quarantined upload is a fault: named, with what to type next."""
    report = judge({FIRST: tally(**{place: 5})}, carried(place))

    assert report.level is report.days[0].level is Severity.FAULT
    assert words in report.verdict
    assert kinds(report) == {str(place): -5}
    assert "upload 12" in report.days[0].causes[0].text
    (finding,) = report.findings
    assert "so it goes" in finding.text
    assert command in finding.hint


@pytest.mark.parametrize("place", [RecordPlace.UNKNOWN, RecordPlace.QUARANTINED])
def test_an_upload_in_doubt_without_calls(place: RecordPlace) -> None:
    """It is a fault, though no call is in it."""
    report = judge({FIRST: tally()}, carried(place, by_day={}))

    assert report.level is report.days[0].level is Severity.FAULT
    assert kinds(report) == {str(place): 0}


@pytest.mark.parametrize(("reported", "words"), [(3, "2 calls fewer"), (7, "2 calls more")])
def test_another_count(reported: int, words: str) -> None:
    """A count that is not the one that was sent is a fault, and named by its upload."""
    report = judge({FIRST: tally(shipped=5, sent=5, reported=reported)}, carried(reported=reported))

    assert report.level is Severity.FAULT
    assert words in report.verdict
    assert kinds(report) == {"differs": reported - 5}
    assert f"upload 12: the dashboard counted {words} than were sent" in (
        report.days[0].causes[0].text
    )


def test_a_difference_between_two_days() -> None:
    """What cannot be said of which day it is, stands in a row of its own and in no day's number."""
    one, other = (DayTally(Counter({RecordPlace.SHIPPED: 4}), sent=4, reported=1) for _ in range(2))
    one.unpinned = other.unpinned = 3
    upload = carried(reported=4, by_day={FIRST: 3, SECOND: 3})
    report = judge({FIRST: one, SECOND: other}, upload)

    assert [finding.upload for finding in report.apart] == [12]
    for index in range(2):
        assert report.days[index].sums.get("difference") is None
        assert report.days[index].sums["reported"] == 1
        assert kinds(report, index) == {"differs": None}
        assert "between 2026-11-23 and 2026-11-24" in report.days[index].causes[0].text
    assert (report.total["reported"], report.total.get("difference")) == (6, -2)
    half = judge({FIRST: one, SECOND: other}, upload, last=FIRST)
    assert half.apart == report.apart
    assert half.total.get("difference") is None


def test_zero_for_several_days() -> None:
    """Nothing counted is nothing counted on each day."""
    days = {FIRST: tally(shipped=2, sent=2), SECOND: tally(shipped=1, sent=1)}
    report = judge(days, carried(reported=0, by_day={FIRST: 2, SECOND: 1}))

    assert report.apart == []
    assert (kinds(report, 0), kinds(report, 1)) == ({"differs": -2}, {"differs": -1})


def test_answers_without_a_count() -> None:
    """They are a remark, no fault, and no number is made of them."""
    day = tally(shipped=5, sent=5)
    day.unread = 5
    report = judge({FIRST: day})

    assert report.level is Severity.NOTE
    assert report.total.get("difference") is report.days[0].sums.get("difference") is None
    assert "adds up" not in report.verdict
    assert report.remarks == ("5 calls answered without a count that could be read",)


def test_a_call_in_two_uploads() -> None:
    """It explains why more was reported than archived."""
    report = judge({FIRST: tally(shipped=5, sent=6, reported=6)})

    assert report.level is Severity.NOTE
    assert kinds(report) == {"again": 1}
    assert report.days[0].causes[0].text == "1 call sent in more than one upload"


def test_a_call_in_two_uploads_counted_once() -> None:
    """A count without the calls that another upload carried is explained by them."""
    report = judge(
        {FIRST: tally(shipped=5, sent=6, reported=5)}, carried(calls=3, reported=2, again=1)
    )

    assert report.level is Severity.NOTE
    assert kinds(report) == {"counted_once": -1, "again": 1}


def test_records_in_no_upload() -> None:
    """A record that nobody will ship is a fault, with and without a call."""
    day = tally(shipped=5, sent=5, reported=5)
    day.records[RecordPlace.LOST] = 3
    report = judge({FIRST: day})

    assert report.level is report.days[0].level is Severity.FAULT
    assert "3 records of the archive in no upload" in report.verdict


def test_records_that_are_gone() -> None:
    """An upload whose records the archive has lost is a fault: a resync would lose them."""
    report = judge({FIRST: tally(shipped=5, sent=5, reported=5)}, carried(reported=5, missing=2))

    assert report.level is Severity.FAULT
    assert "the archive no longer has 2 records" in report.findings[0].text


def test_records_that_were_given_up() -> None:
    """What somebody gave up by name is said for good, and is no fault; what is gone beyond is."""
    days = {FIRST: tally(shipped=5, sent=5, reported=5)}
    given_up = judge(days, gone=300, given_up=300)
    assert given_up.level is Severity.NOTE
    assert given_up.remarks == ("300 records gone from the archive, and given up in a resync",)

    more = judge(days, gone=301, given_up=300)
    assert more.level is Severity.FAULT
    assert "1 record gone from the archive" in more.verdict
    assert "301" not in more.verdict


def test_dropped_and_waiting_uploads() -> None:
    """What was tried in vain is named; what has not had its turn is not."""
    waiting = carried(RecordPlace.PREPARED)
    fresh = replace(waiting, shipment=replace(waiting.shipment, id=13, attempts=0))
    report = judge(
        {FIRST: tally(prepared=10)}, waiting, fresh, carried(RecordPlace.DROPPED, number=14)
    )

    assert {finding.upload: finding.kind for finding in report.findings} == {
        12: "undelivered",
        14: "dropped",
    }
    assert report.level is Severity.NOTE


# Repeats


@pytest.mark.parametrize(
    ("reported", "kind", "level"),
    [
        (5, "repeated", Severity.NOTE),
        (None, "repeated", Severity.NOTE),
        (0, "repeat_dropped", Severity.NOTE),
        (3, "differs", Severity.FAULT),
    ],
)
def test_a_repeat(reported: int | None, kind: str, level: Severity) -> None:
    """One that was sent again may be counted twice, unless it was answered with 0."""
    day = tally(shipped=5, sent=5, reported=reported or 0)
    day.unread = 5 if reported is None else 0
    report = judge({FIRST: day}, carried(reported=reported, twice=True))

    assert (report.findings[0].kind, report.findings[0].level) == (kind, level)
    assert ("may be counted twice" in report.findings[0].text) == (kind == "repeated")
    assert report.level is level


def test_a_far_end_that_counts_nothing() -> None:
    """Where a first attempt was answered with 0, a 0 for a repeat explains nothing."""
    days = {FIRST: tally(shipped=10, sent=10)}
    first, repeat = carried(reported=0), carried(reported=0, number=13, twice=True)
    report = judge(days, first, repeat, repeated=(Repeated(13, 5, 0),))

    assert [finding.kind for finding in report.findings] == ["differs", "differs"]
    assert report.level is Severity.FAULT
    assert report.learnt == ()


def test_what_was_learnt_of_repeats() -> None:
    """Zero, a part or all of the calls for a repeat: each says something, and nothing more."""
    repeated = (
        Repeated(3, 5, 0),
        Repeated(4, 5, 5),
        Repeated(5, 5, 2),
        Repeated(6, 5, None),
        Repeated(7, 0, 0),
        Repeated(8, 5, 9),
    )
    learnt = {one.kind: one for one in judge({}, repeated=repeated).learnt}

    assert learnt.keys() == {"drops_repeats", "counts_repeats"}
    assert learnt["drops_repeats"].uploads == (3, 5)
    assert "upload 3 with 0" in learnt["drops_repeats"].text
    assert "upload 5 with a part" in learnt["drops_repeats"].text
    assert learnt["counts_repeats"].uploads == (4,)
    assert "or the first attempt never arrived" in learnt["counts_repeats"].text


def test_what_was_learnt_of_calls_in_two_uploads() -> None:
    """It is said which uploads counted such a call anew, and which did not."""
    learnt = judge({}, repeats=([1, 2, 3, 4, 5], [9])).learnt

    assert [one.uploads for one in learnt] == [(1, 2, 3, 4, 5), (9,)]
    assert "uploads 1, 2, 3 and 2 more" in learnt[0].text
    assert "upload 9" in learnt[1].text


# Outages, held calls, chosen days


def test_outages() -> None:
    """Overlapping ones are one; each day has its share, up to now; it is no fault."""
    midnight = NOON // DAY * DAY
    report = judge(
        {FIRST: tally(), SECOND: tally(waiting=4), THIRD: tally()},
        outages=(
            Outage(midnight + 80_000, midnight + 90_000, "unreachable"),
            Outage(midnight + 85_000, None, "later"),
        ),
    )

    assert report.outages == (Outage(midnight + 80_000, None, "unreachable"),)
    assert [day.outage for day in report.days] == [6_400, DAY, NOON % DAY]
    assert report.level is Severity.NOTE
    text = " ".join(cause.text for cause in report.days[1].causes)
    assert "4 calls waiting since the dashboard takes none" in text
    assert "nothing could be delivered for 24 h" in text


def test_a_resync_under_way() -> None:
    """It is said, for it explains why so much waits."""
    report = judge({FIRST: tally(waiting=4)}, resync="shipping")

    assert report.remarks[0] == "a resync is under way (shipping)"


def test_held_calls() -> None:
    """Each call once, the longest first, with its first record and its queue."""
    found = held_calls(
        [
            b"1795411900|1.2|NONE|NONE|X|",
            b"1795411800|1.1|a|NONE|ENTERQUEUE||1|1",
            b"1795411950|1.2|b|NONE|ENTERQUEUE||1|1",
            b"1795411960|1.2|c|NONE|ENTERQUEUE||1|1",
            b"1795411970|NONE|c|NONE|PAUSE|",
            b"odd",
        ]
    )

    assert [(call.callid, call.queue, call.since, call.records) for call in found] == [
        (b"1.1", b"a", 1_795_411_800, 1),
        (b"1.2", b"b", 1_795_411_900, 3),
    ]


def test_some_days() -> None:
    """Only what concerns the chosen days is shown and judged."""
    days = {
        FIRST: tally(unknown=5),
        SECOND: tally(shipped=2, sent=2, reported=2),
        THIRD: tally(held=1),
    }
    held = held_calls([f"{NOON + 2 * DAY}|1.1|q|NONE|ENTERQUEUE||1|1".encode()])
    report = judge(days, carried(RecordPlace.UNKNOWN), held=held, first=SECOND, last=SECOND)

    assert report.level is Severity.GOOD
    assert [day.day for day in report.days] == [SECOND]
    assert (report.total["archived"], report.findings, report.held) == (2, (), ())
    assert judge(days, carried(RecordPlace.UNKNOWN), held=held, last=SECOND).level is Severity.FAULT


@given(archive=archives(), data=st.data())
def test_the_causes_explain_the_difference(
    archive: tuple[list[bytes], list[int], list[RecordPlace]], data: st.DataObject
) -> None:
    """On each day and in all, whatever was counted: the causes sum up to the difference."""
    lines, owners, places = archive
    uploads = []
    for slot, place in enumerate(places):
        seqs = [index + 1 for index, owner in enumerate(owners) if owner == slot]
        counts = st.none() | st.integers(0, 4)
        reported = data.draw(counts) if seqs and place is RecordPlace.SHIPPED else None
        twice = data.draw(st.booleans())
        shipment = replace(shipped(slot + 1, len(seqs), reported, twice=twice), place=place)
        uploads.append((shipment, [(seq, seq) for seq in seqs]))
    held = [(index + 1, index + 1) for index, owner in enumerate(owners) if owner == -1]
    counted = take(lines, uploads, {RecordPlace.HELD: held})
    report = reconcile(ReconcileSnapshot(counted), Days(UTC), now=NOON + 9.0 * DAY)

    for day in report.days:
        sums = day.sums
        assert sums["archived"] == sums["shipped"] + sum(
            sums[name] for name in BEHIND if name != "superseded"
        )
        if sums.get("difference") is not None:
            assert sum(cause.calls or 0 for cause in day.causes) == sums.get("difference")
        elif not sums["unread"]:
            assert any(cause.calls is None for cause in day.causes)
    assert all(BY_NAME[finding.kind].upload for finding in report.findings)
    said = [shipment.reported_calls or 0 for shipment, _ in uploads]
    assert report.total["reported"] == sum(said)
    assert (report.level is Severity.FAULT) == report.verdict.startswith("It does not add up")
