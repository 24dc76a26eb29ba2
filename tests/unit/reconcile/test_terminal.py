"""The table of `reconcile`: which days and columns are shown, and how numbers are written."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, timedelta
from typing import Final

from qlogship.reconcile.census import Carried, Counted, DayTally, RecordPlace, Shipment
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile
from qlogship.reconcile.report import HeldCall, ReconcileSnapshot, Report
from qlogship.reconcile.states import Severity
from qlogship.reconcile.terminal import LATEST, lines, table

FIRST: Final = date(2026, 10, 1)
NOW: Final = 1_795_411_800.0


def tally(**calls: int) -> DayTally:
    """Return a day on which so many calls are in each place, all shipped ones reported."""
    places = Counter({RecordPlace(place): count for place, count in calls.items()})
    sent = places[RecordPlace.SHIPPED]
    return DayTally(calls=places, records=Counter(places), sent=sent, reported=sent)


def report(days: list[DayTally], *uploads: Carried, **facts: object) -> Report:
    """Reconcile days in a row."""
    numbered = {FIRST + timedelta(days=number): day for number, day in enumerate(days)}
    snapshot = ReconcileSnapshot(Counted(days=numbered, uploads=list(uploads)), **facts)  # type: ignore[arg-type]
    return reconcile(snapshot, Days(UTC), now=NOW)


def test_columns_that_say_something() -> None:
    """A column that is 0 on all days is left out; numbers are grouped and differences signed."""
    headings, rows = table(report([tally(shipped=1_234, held=2), tally(shipped=1)]))

    assert headings == [
        *("day", "archived", "records", "shipped", "reported", "difference", "held", "cause")
    ]
    assert rows[0][1] == [
        *("2026-10-01", "1,236", "1,236", "1,234", "1,234", "-2", "2"),
        "2 calls held back: not over yet",
    ]
    assert rows[-1][1][:3] == ["all", "1,237", "1,237"]


def test_old_days_in_order_are_left_out() -> None:
    """Of a long time the last days are shown, and those before on which something is said."""
    days = [tally(shipped=1) for _ in range(LATEST + 10)]
    days[3] = tally(shipped=1, quarantined=1)
    _, rows = table(report(days))

    shown = [cells[0] for _, cells in rows]
    assert len(rows) == LATEST + 2
    assert shown[:2] == ["2026-10-04", "2026-10-11"]


def test_a_difference_between_days_has_its_own_row() -> None:
    """No day has a number that cannot be said; the upload has it."""
    day = DayTally(calls=Counter({RecordPlace.SHIPPED: 3}), sent=3, unpinned=3)
    by_day = {FIRST: 3, FIRST + timedelta(days=1): 3}
    upload = Carried(Shipment(12, RecordPlace.SHIPPED, 6, 4), by_day, tuple(by_day), 0, 0)
    headings, rows = table(report([day, day], upload))
    found = {cells[0]: dict(zip(headings, cells, strict=True)) for _, cells in rows}

    assert found["2026-10-01"]["difference"] == "?"
    assert (found["upload 12"]["reported"], found["upload 12"]["difference"]) == ("4", "-2")
    assert "of 2026-10-01 to 2026-10-02" in found["upload 12"]["cause"]
    assert (found["all"]["reported"], found["all"]["difference"]) == ("4", "-2")


def test_long_lists_are_cut() -> None:
    """Of many uploads and held calls some are named and the others counted."""
    uploads = [
        Carried(Shipment(number, RecordPlace.UNKNOWN, 1), {FIRST: 1}, (FIRST,), 0, 0)
        for number in range(1, 31)
    ]
    held = tuple(HeldCall(b"1.%d\x1b" % number, b"", int(NOW), 1) for number in range(22))
    shown = report([tally(unknown=30)], *uploads, held=held)
    said = lines(shown, Days(UTC))

    assert shown.level is Severity.UNCERTAIN
    assert sum(line.startswith("DOUBT upload") for line in said) == 20
    assert any("10 uploads more" in line for line in said)
    assert any("2 calls more" in line for line in said)
    assert any("in no queue" in line for line in said)
