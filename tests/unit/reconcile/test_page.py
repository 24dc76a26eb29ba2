"""The page of `reconcile`: everything is said, nothing is believed, and a chart fits its width."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from qlogship.reconcile import chart
from qlogship.reconcile.census import Carried, Counted, DayTally, RecordPlace, Shipment
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile
from qlogship.reconcile.page import FLAT, MOST, Frame, render
from qlogship.reconcile.report import HeldCall, Outage, ReconcileSnapshot, Repeated, Report
from qlogship.reconcile.states import Severity
from qlogship.reconcile.writing import template

FIRST: Final = date(2026, 11, 1)
NOW: Final = 1_795_411_800.0
NASTY: Final = "</title><script>alert(1)</script>\"'&"
_VOID: Final = {"meta", "link", "br", "path", "rect"}


class Outline(HTMLParser):
    """The elements of a page; what is opened must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Close one."""
        if tag not in _VOID:
            assert self.open.pop() == tag


def plain(calls: int = 10) -> DayTally:
    """Return a day in order."""
    places = Counter({RecordPlace.SHIPPED: calls})
    return DayTally(calls=places, records=Counter(places), sent=calls, reported=calls)


def report(
    days: dict[date, DayTally] | int = 3, uploads: list[Carried] | None = None, **facts: object
) -> Report:
    """Return a report of these days, or of so many in order."""
    if isinstance(days, int):
        days = {FIRST + timedelta(days=number): plain() for number in range(days)}
    snapshot = ReconcileSnapshot(Counted(days=days, uploads=uploads or []), **facts)  # type: ignore[arg-type]
    return reconcile(snapshot, Days(UTC), now=NOW)


def page(shown: Report, tenant: str = "company.example") -> str:
    """Return the page of a report."""
    frame = Frame(tenant=tenant, now=NOW, days=Days(UTC), zone="UTC", template=template())
    return render(shown, frame)


def troubled() -> Report:
    """Return a report with something of everything."""
    doubt = DayTally(
        calls=Counter({RecordPlace.UNKNOWN: 4, RecordPlace.QUARANTINED: 1, RecordPlace.WAITING: 3})
    )
    split = DayTally(calls=Counter({RecordPlace.SHIPPED: 4}), sent=4, unpinned=2, reported=2)
    days = {FIRST: doubt, FIRST + timedelta(days=1): split, FIRST + timedelta(days=2): plain()}
    unknown = Shipment(3, RecordPlace.UNKNOWN, 9, attempts=1, detail=NASTY)
    apart = Shipment(5, RecordPlace.SHIPPED, 9, 1)
    by_day = {FIRST + timedelta(days=1): 2, FIRST + timedelta(days=2): 2}
    return report(
        days,
        [
            Carried(unknown, {FIRST: 4}, (FIRST,), 0, 0),
            Carried(Shipment(4, RecordPlace.QUARANTINED, 2), {FIRST: 1}, (FIRST,), 0, 0),
            Carried(apart, by_day, tuple(by_day), 0, 0),
        ],
        held=(HeldCall(NASTY.encode(), b"<q>\xff", int(NOW), 1),),
        outages=(Outage(NOW, None, "unreachable"),),
        repeated=(Repeated(7, 3, 0),),
    )


def test_everything_is_said() -> None:
    """Verdict, days, uploads, outages, held calls and what was learnt are on the page."""
    shown = troubled()
    text = re.sub(r"<[^>]+>", "", page(shown).partition("<body>")[2])

    for words in (
        "MISMATCH: ",
        "Upload 3",
        "Upload 4",
        "Of 2026-11-02 to 2026-11-03",
        "qlogship quarantine show 4",
        "Sun 2026-11-01",
        "2 + ?",
        "outcome unknown: upload 3",
        "the dashboard could not be reached".capitalize(),
        "drop repeats",
        "&lt;q&gt;\\xff",
    ):
        assert words in text, words


@pytest.mark.parametrize("shown", [report(0), report(1), report(3), report(400), troubled()])
def test_it_stands_by_itself(shown: Report) -> None:
    """It is well formed, has no script, and asks nobody for anything."""
    text = page(shown)
    outline = Outline(text)

    assert outline.tags["script"] == 0
    assert outline.tags["title"] >= 1
    assert all(
        value is None or value.startswith("data:")
        for name, value in outline.attributes
        if name in {"src", "href", "action", "data", "background"}
    )
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    names = [value for name, value in outline.attributes if name == "id"]
    assert len(names) == len(set(names))


def test_nothing_is_believed() -> None:
    """What comes from outside cannot become a part of the page."""
    text = page(troubled(), tenant=NASTY)

    assert NASTY not in text
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_table_for_those_who_cannot_see_it() -> None:
    """Cells have headings, the charts have a title and are told in words."""
    text = page(troubled())
    outline = Outline(text)

    assert ("scope", "row") in outline.attributes
    assert ("scope", "col") in outline.attributes
    for svg in re.findall(r'<svg class="chart".*?</svg>', text, re.DOTALL):
        root = ET.fromstring(svg)  # noqa: S314 -- it is our own
        names = {element.get("id"): element.text or "" for element in root}
        title, description = (names[name] for name in root.attrib["aria-labelledby"].split())
        assert "archived against reported" in title
        assert "4 unknown outcome" in description


def test_many_days_are_folded() -> None:
    """Beyond two months the days lie in months; those with something to look at are open."""
    assert Outline(page(report(FLAT))).tags["details"] == 0
    days = {FIRST + timedelta(days=number): plain() for number in range(100)}
    days[FIRST] = DayTally(
        calls=Counter({RecordPlace.LOST: 1}), records=Counter({RecordPlace.LOST: 1})
    )
    outline = Outline(page(report(days)))

    assert outline.tags["details"] == 4
    assert [name for name, _ in outline.attributes].count("open") == 2


def test_long_lists_are_cut() -> None:
    """A page stays a page: what is too much is counted."""
    uploads = [
        Carried(Shipment(number, RecordPlace.UNKNOWN, 1), {FIRST: 1}, (FIRST,), 0, 0)
        for number in range(1, MOST + 8)
    ]
    held = tuple(HeldCall(b"1.%d" % number, b"q", int(NOW), 1) for number in range(MOST + 3))
    text = page(report({FIRST: plain()}, uploads, held=held))

    assert text.count("<b>Upload ") == MOST
    assert "And 7 uploads more." in text
    assert "And 3 calls more." in text


# The chart


@pytest.mark.parametrize(
    ("days", "unit", "bars"),
    [(1, "day", 1), (31, "day", 31), (41, "day", 41), (42, "week", 7), (1_000, "month", 33)],
)
def test_bars_fit(days: int, unit: str, bars: int) -> None:
    """Days are put together to weeks, months or years until the bars fit."""
    found, periods = chart.periods(report(days).days, most=41)

    assert (found, len(periods)) == (unit, bars)
    assert sum(period.archived for period in periods) == 10 * days


def test_a_day_without_calls_has_its_place() -> None:
    """A gap in the days is a gap in the chart."""
    days = {FIRST: plain(), FIRST + timedelta(days=4): plain()}
    _, periods = chart.periods(report(days).days, most=41)

    assert [period.archived for period in periods] == [10, 0, 0, 0, 10]


def test_a_wild_time() -> None:
    """A record of the year 5138 does not make three thousand bars."""
    days = {FIRST: plain(), date(5138, 11, 16): plain()}
    unit, periods = chart.periods(report(days).days, most=41)

    assert unit == "year"
    assert [period.archived for period in periods] == [10, 10]


@pytest.mark.parametrize("top", [0, 1, 3, 4, 5, 7, 10, 49, 50, 51, 99, 1_000, 12_345, 987_654])
def test_ticks(top: int) -> None:
    """The axis begins at 0, reaches above the highest bar, and has few steps of one size."""
    ticks = chart._ticks(top)

    assert ticks[0] == 0
    assert max(top, 1) <= ticks[-1]
    assert 2 <= len(ticks) <= 6
    assert len({after - before for before, after in pairwise(ticks)}) == 1


def test_one_call_of_many_is_seen() -> None:
    """However few calls are missing, they are drawn, and no bar outgrows the picture."""
    day = DayTally(
        calls=Counter({RecordPlace.SHIPPED: 9_999, RecordPlace.QUARANTINED: 1}),
        sent=9_999,
        reported=9_999,
    )
    svg = chart.draw(report({FIRST: day}), width=340, name="x")
    drawn = re.findall(r'<rect class="(\w+)" x="\S+" y="(\S+)" width="\S+" height="(\S+)"/>', svg)
    heights = {kind: float(height) for kind, _, height in drawn}

    assert heights["quarantined"] >= 4
    assert heights["reported"] > 100
    assert all(float(y) >= 0 for _, y, _ in drawn)


def test_a_mark_is_for_faults() -> None:
    """Only what does not add up has a mark above its bar."""
    lost = DayTally(calls=Counter({RecordPlace.LOST: 1}), records=Counter({RecordPlace.LOST: 1}))
    svg = chart.draw(report({FIRST: plain(), FIRST + timedelta(days=1): lost}), width=340, name="x")

    assert svg.count('class="mark"') == 1
    assert report({FIRST: lost}).level is Severity.FAULT
