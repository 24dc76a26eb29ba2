"""Times as people type them, in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from qlogship.errors import UsageError
from qlogship.terminal.times import moment, zone_named

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)  # 23:30 in Berlin


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-11-01", "2026-11-01T00:00:00+01:00", "2026-11-02T00:00:00+01:00"),
        ("today", "2026-11-23T00:00:00+01:00", "2026-11-24T00:00:00+01:00"),
        (" Yesterday ", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"),
        ("now", "2026-11-23T23:30:00+01:00", "2026-11-23T23:30:00+01:00"),
        ("2026-11-01 14:30", "2026-11-01T14:30:00+01:00", "2026-11-01T14:30:00+01:00"),
        ("2026-11-01T14:30:05", "2026-11-01T14:30:05+01:00", "2026-11-01T14:30:05+01:00"),
        ("2026-11-01T14:30Z", "2026-11-01T15:30:00+01:00", "2026-11-01T15:30:00+01:00"),
        ("2026-11-01T14:30+05:30", "2026-11-01T10:00:00+01:00", "2026-11-01T10:00:00+01:00"),
        ("2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("2026-10-25 02:30", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_moments(text: str, begin: str, end: str) -> None:
    """A day ends at the next midnight; an hour that comes twice is taken whole."""
    assert moment("--from", text, now=NOW, zone=BERLIN).isoformat() == begin
    assert moment("--to", text, now=NOW, zone=BERLIN, until=True).isoformat() == end


@pytest.mark.parametrize(
    ("zone", "day", "begin"),
    [
        ("America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"),  # no midnight
        ("America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"),  # two of them
    ],
)
def test_days_whose_midnight_is_strange(zone: str, day: str, begin: str) -> None:
    """A day begins with its first moment, also where the clocks change at midnight."""
    assert moment("--from", day, now=NOW, zone=ZoneInfo(zone)).isoformat() == begin


def test_a_time_that_the_clocks_skip() -> None:
    """A local time that never was is refused, with a way to say what is meant."""
    for until in (False, True):
        with pytest.raises(UsageError, match="put forward") as caught:
            moment("--to", "2026-03-29 02:30", now=NOW, zone=BERLIN, until=until)
        assert "2026-03-29T0" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-13-01", "2026-02-30", "01.11.2026", "25:00", "12", "9999-12-31"]
)
def test_no_time(text: str) -> None:
    """What is no time is refused under the name of its option, with examples."""
    with pytest.raises(UsageError, match="--to") as caught:
        moment("--to", text, now=NOW, zone=UTC, until=True)
    assert "2026-11-01" in caught.value.hint


def test_zones() -> None:
    """A zone is known by its name; what is none is refused."""
    assert zone_named("--tz", None) is None
    assert zone_named("--tz", "Europe/Berlin") == BERLIN
    for name in ("Mars/Phobos", "../etc/passwd", "Europe", ""):
        with pytest.raises(UsageError, match="--tz"):
            zone_named("--tz", name)
