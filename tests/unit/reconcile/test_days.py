"""Days: every time is of one day, and it is that of the wall calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.reconcile.days import Days

NOON = 1_795_411_800
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Africa/Cairo", "Pacific/Apia", "Asia/Tehran")


@given(
    zone=st.sampled_from(ZONES),
    times=st.lists(st.integers(100_000_000, 99_999_999_999), max_size=20),
)
def test_the_day_is_that_of_the_calendar(zone: str, times: list[int]) -> None:
    """In any order of asking, a time's day is the date its zone's clocks show."""
    days = Days(ZoneInfo(zone))

    for seconds in times:
        assert days.of(seconds) == datetime.fromtimestamp(seconds, ZoneInfo(zone)).date()


@given(
    zone=st.sampled_from(ZONES),
    start=st.integers(1_000_000_000, 1_800_000_000),
    steps=st.lists(st.integers(-90_000, 90_000), max_size=30),
)
def test_parts(zone: str, start: int, steps: list[int]) -> None:
    """The parts join to the whole, and each time lies in a part of its own day."""
    times = [start + sum(steps[:index]) for index in range(len(steps))]
    days = Days(ZoneInfo(zone))
    days.of(start - 40_000)
    parts = days.parts(times)

    assert [index for first, last, _ in parts for index in range(first, last + 1)] == list(
        range(len(times))
    )
    for first, last, day in parts:
        for index in range(first, last + 1):
            assert day == Days(ZoneInfo(zone)).of(times[index])


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 6, 1), 24), (date(2026, 10, 25), 25)],
)
def test_where_the_clocks_change(day: date, hours: int) -> None:
    """A day is as long as the clocks make it."""
    begin, end = Days(ZoneInfo("Europe/Berlin")).seconds_of(day)

    assert end - begin == hours * 3600


def test_midnight_that_comes_twice() -> None:
    """Where the clocks go back over midnight, both parts of the evening are of the same day."""
    days = Days(ZoneInfo("America/St_Johns"))
    # 2010-11-07: at 00:01 it is 23:01 of the sixth again.
    change = int(datetime(2010, 11, 7, 2, 31, tzinfo=UTC).timestamp())

    assert [days.of(change + seconds).day for seconds in (-61, -30, 30, 3600)] == [6, 7, 6, 7]


def test_this_machine() -> None:
    """Without a zone it is the machine's own."""
    assert Days().of(NOON) == datetime.fromtimestamp(NOON).date()  # noqa: DTZ006 -- that is meant
