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
from qlogship.reconcile.states import BEHIND, BY_NAME, Severity, certainty
from qlogship.verdict.facts import Amount, Kind, Level, worst
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
    twice: int = 0,
    vouched: bool = False,
    again: int = 0,
    missing: int = 0,
    by_day: dict[date, int] | None = None,
) -> Carried:
    """Return an upload that was noted."""
    days = {FIRST: calls} if by_day is None else by_day
    shipment = Shipment(
        number,
        place,
        10,
        reported,
        attempts=2,
        detail="so it goes",
        again=again,
        open_sends=twice,
        vouched=vouched,
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
    assert report.verdict == "OK: all 5 calls are on the dashboard."
    assert (report.days[0].sums.get("difference"), report.total.get("difference")) == (0, 0)
    assert not report.days[0].causes
    assert not report.remarks


def test_nothing_yet() -> None:
    """Nothing archived is nothing wrong."""
    report = judge({})

    assert (report.level, report.days) == (Severity.GOOD, ())
    assert report.verdict == "There is nothing to compare yet."


@pytest.mark.parametrize("place", ["held", "waiting", "prepared", "replaced"])
def test_what_is_in_order(place: str) -> None:
    """Calls that wait or are held make a difference, a remark, and no fault."""
    report = judge({FIRST: tally(shipped=3, sent=3, reported=3, **{place: 2})})

    assert report.level is Severity.NOTE
    assert report.assessment.level is Level.RIGHT
    assert report.verdict.startswith("OK: ")
    assert (" all " in report.verdict) == (place == "replaced")
    assert report.total.get("difference") == -2
    assert sum(kinds(report).values()) == -2  # type: ignore[arg-type]  # all are known
    assert any(remark.startswith("2 calls ") for remark in report.remarks)


@pytest.mark.parametrize(("place", "fewer"), [("later", 2), ("before", 0)])
def test_what_was_left_out(place: str, fewer: int) -> None:
    """Calls that are archived and were not meant to be shipped may be there, or may not.

    How often the dashboard has those from before is not known: no bound is told.
    """
    report = judge({FIRST: tally(shipped=3, sent=3, reported=3, **{place: 2})})

    assert report.level is report.days[0].level is Severity.UNCERTAIN
    assert report.verdict.startswith("UNCERTAIN: 2 records (2 calls) were ")
    assert report.verdict.endswith("`qlogship resync` ends it.")
    assert [reason.fewer for reason in report.assessment.reasons] == [fewer]


@pytest.mark.parametrize(
    ("place", "level", "words", "command"),
    [
        (
            RecordPlace.UNKNOWN,
            Severity.UNCERTAIN,
            "UNCERTAIN: up to 5 calls may be missing: the outcome of 1 upload is not known",
            "qlogship uploads show 12",
        ),
        (
            RecordPlace.QUARANTINED,
            Severity.FAULT,
            "MISMATCH: 5 calls are missing: 1 upload is in quarantine",
            "qlogship quarantine show 12",
        ),
        (
            RecordPlace.DROPPED,
            Severity.FAULT,
            "MISMATCH: 5 calls are missing: 1 upload was dropped by hand",
            "qlogship resync",
        ),
    ],
)
def test_an_upload_in_doubt(place: RecordPlace, level: Severity, words: str, command: str) -> None:
    """An unknown upload is a doubt, one that is not there a fault: named, with what to type."""
    report = judge({FIRST: tally(**{place: 5})}, carried(place))

    assert report.level is report.days[0].level is level
    assert report.verdict.startswith(words)
    assert kinds(report) == {str(place): -5}
    (finding,) = report.findings
    assert command in finding.hint
    if place is not RecordPlace.DROPPED:
        assert "upload 12" in report.days[0].causes[0].text
        assert "so it goes" in finding.text


@pytest.mark.parametrize("place", [RecordPlace.UNKNOWN, RecordPlace.QUARANTINED])
def test_an_upload_in_doubt_without_calls(place: RecordPlace) -> None:
    """It is no better, though no call is in it."""
    report = judge({FIRST: tally()}, carried(place, by_day={}))

    assert report.level is report.days[0].level is BY_NAME[place].severity
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
    """They are uncertain, no fault, and no number is made of them."""
    day = tally(shipped=5, sent=5)
    day.unread = 5
    report = judge({FIRST: day})

    assert report.level is Severity.UNCERTAIN
    assert report.total.get("difference") is report.days[0].sums.get("difference") is None
    assert report.verdict == (
        "UNCERTAIN: 5 calls cannot be compared: the answer held no readable count."
    )


def test_what_somebody_vouched_for() -> None:
    """What a person said is there once is in order, whatever was answered; a number it is not."""
    day = tally(shipped=5, sent=5)
    day.vouched = 5
    report = judge({FIRST: day}, carried(twice=2, vouched=True))

    assert (report.level, report.assessment.level) == (Severity.NOTE, Level.RIGHT)
    assert [finding.kind for finding in report.findings] == ["vouched"]
    assert report.total.get("difference") is None
    assert report.remarks == ("5 calls that somebody has vouched for",)


def test_a_call_in_two_uploads() -> None:
    """A call that was counted in each is wrong, by so many, and on the day that it is of."""
    report = judge(
        {FIRST: tally(shipped=6, sent=9, reported=9), SECOND: tally(shipped=1, sent=1, reported=1)},
        carried(calls=4, reported=4, again=3, by_day={FIRST: 3, SECOND: 1}),
    )

    assert report.level is report.days[0].level is Severity.FAULT
    assert report.days[1].level is Severity.GOOD
    assert report.verdict.startswith("MISMATCH: 3 calls are counted twice: ")
    assert kinds(report) == {"counted_twice": 0, "again": 3}
    assert [cause.text for cause in report.days[0].causes] == [
        "upload 12: 3 calls counted twice: in an earlier upload, too",
        "3 calls sent in more than one upload",
    ]


def test_a_call_in_two_uploads_counted_once() -> None:
    """A count without the calls that another upload carried is explained by them."""
    report = judge(
        {FIRST: tally(shipped=5, sent=6, reported=5)}, carried(calls=3, reported=2, again=1)
    )

    assert (report.level, report.assessment.level) == (Severity.NOTE, Level.RIGHT)
    assert report.verdict == "OK: all 5 calls are on the dashboard."
    assert kinds(report) == {"counted_once": -1, "again": 1}


def test_records_in_no_upload() -> None:
    """A record that nobody will ship is a fault, with and without a call."""
    day = tally(shipped=5, sent=5, reported=5)
    day.records[RecordPlace.LOST] = 3
    report = judge({FIRST: day})

    assert report.level is report.days[0].level is Severity.FAULT
    assert "3 records of the archive are in no upload" in report.verdict


def test_records_that_are_gone() -> None:
    """Records that the archive has lost are there if they were shipped, and else are missing."""
    days = {FIRST: tally(shipped=5, sent=5, reported=5)}
    shipped = judge(
        days, carried(reported=5, missing=2), gone=2, found={Kind.DAMAGED: Amount(records=2)}
    )
    assert shipped.level is Severity.UNCERTAIN
    assert "the archive no longer has 2 records" in shipped.findings[0].text
    assert shipped.verdict.startswith("UNCERTAIN: 2 records are damaged in the archive")

    never = judge(days, gone=300, found={Kind.GONE: Amount(records=300)})
    assert never.level is Severity.FAULT
    assert never.verdict.startswith("MISMATCH: 300 records are damaged in the archive and not")


def test_records_that_were_given_up() -> None:
    """What somebody gave up by name is not there: wrong, and said whose decision it was."""
    days = {FIRST: tally(shipped=5, sent=5, reported=5)}
    found = {Kind.GONE: Amount(records=300)}
    given_up = judge(days, gone=300, given_up=300, found=found)

    assert given_up.level is Severity.FAULT
    assert given_up.remarks == ("300 records given up in a resync: damaged in the archive",)


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
    assert report.level is Severity.FAULT
    waits = judge({FIRST: tally(prepared=10)}, waiting, fresh)
    assert (waits.level, waits.assessment.level) == (Severity.NOTE, Level.RIGHT)


# Repeats


@pytest.mark.parametrize(
    ("reported", "kind", "level"),
    [
        (5, "repeated", Severity.UNCERTAIN),
        (None, "repeated", Severity.UNCERTAIN),
        (0, "repeat_dropped", Severity.NOTE),
        (3, "repeat_differs", Severity.UNCERTAIN),
        (7, "differs", Severity.FAULT),
    ],
)
def test_a_repeat(reported: int | None, kind: str, level: Severity) -> None:
    """One that was sent again may be counted twice, unless it was answered with 0.

    A part of its calls: perhaps it had the others already. More than it has is wrong.
    """
    day = tally(shipped=5, sent=5, reported=reported or 0)
    day.unread = 5 if reported is None else 0
    report = judge({FIRST: day}, carried(reported=reported, twice=1))

    assert (report.findings[0].kind, report.findings[0].level) == (kind, level)
    twice = kind in {"repeated", "differs"}
    assert ("may be counted twice" in report.findings[0].text) == twice
    assert report.level is level


def test_a_far_end_that_counts_nothing() -> None:
    """Where a first attempt was answered with 0, a 0 for a repeat explains nothing."""
    days = {FIRST: tally(shipped=10, sent=10)}
    first, repeat = carried(reported=0), carried(reported=0, number=13, twice=1)
    report = judge(days, first, repeat, repeated=(Repeated(13, 5, 0),))

    assert [finding.kind for finding in report.findings] == ["differs", "repeat_differs"]
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
    """Only what concerns the chosen days is shown; what was not compared is not called right."""
    days = {
        FIRST: tally(unknown=5),
        SECOND: tally(shipped=2, sent=2, reported=2),
        THIRD: tally(held=1),
    }
    held = held_calls([f"{NOON + 2 * DAY}|1.1|q|NONE|ENTERQUEUE||1|1".encode()])
    report = judge(days, carried(RecordPlace.UNKNOWN), held=held, first=SECOND, last=SECOND)

    assert report.days[0].level is Severity.GOOD
    assert report.verdict == (
        "UNCERTAIN: only the days from 2026-11-24 to 2026-11-24 were compared;"
        " `qlogship reconcile` without --from and --to ends it."
    )
    assert [day.day for day in report.days] == [SECOND]
    assert (report.total["archived"], report.findings, report.held) == (2, (), ())
    earlier = judge(days, carried(RecordPlace.UNKNOWN), held=held, last=SECOND)
    assert {reason.kind for reason in earlier.assessment.reasons} == {Kind.UNKNOWN, Kind.CUT_OFF}
    everything = judge({SECOND: days[SECOND]}, first=FIRST, last=THIRD)
    assert everything.assessment.level is Level.RIGHT


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
    assert (report.level is Severity.FAULT) == report.verdict.startswith("MISMATCH: ")
    assert (report.level is Severity.UNCERTAIN) == report.verdict.startswith("UNCERTAIN: ")
    day_levels = [certainty(day.level) for day in report.days]
    assert worst((*day_levels, report.assessment.level)) is report.assessment.level
