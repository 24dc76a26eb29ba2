"""The time of a queue_log: which record is believed, and what makes it believable."""

from __future__ import annotations

import pytest

from qlogship.shipping.record_time import RecordClock

HOLD = 12 * 3_600
NOON = 1_795_411_800
LATER = NOON + 3 * 86_400


def text(*times: int) -> bytes:
    """Return a record for each time."""
    return b"".join(b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % time for time in times)


BEFORE = text(NOON - 60, NOON - 30, NOON)


@pytest.mark.parametrize("written", [LATER, LATER + HOLD, LATER - HOLD, LATER + 0.5])
def test_the_file_was_written_to_at_that_time(written: float) -> None:
    """A lone record that is far ahead is believed when its file was written to about then."""
    first = RecordClock(hold=HOLD)
    first.observe(BEFORE + text(LATER), written=written)
    assert first.time == LATER
    second = RecordClock(hold=HOLD)
    second.observe(BEFORE)
    second.observe(text(LATER), written=written)
    assert second.time == LATER


@pytest.mark.parametrize("written", [None, NOON, LATER + HOLD + 1, LATER - HOLD - 1, 0.0])
def test_the_file_was_not_written_to_then(written: float | None) -> None:
    """Without such a witness it is doubted, until a second record agrees."""
    first = RecordClock(hold=HOLD)
    first.observe(BEFORE + text(LATER), written=written)
    assert first.time == NOON
    second = RecordClock(hold=HOLD)
    second.observe(BEFORE)
    second.observe(text(LATER), written=written)
    assert second.time == NOON - 30
    second.observe(text(LATER + 1), written=written)
    assert second.time == LATER + 1


def test_it_was_silent_for_so_long() -> None:
    """A record after a silence is as far ahead as the silence was long."""
    clock = RecordClock(hold=HOLD)
    clock.observe(BEFORE)
    clock.observe(text(LATER), silence=LATER - NOON)
    assert clock.time == LATER


def test_of_records_that_lie_close_together() -> None:
    """Of the first ones the latest is passed over, whenever the file was written to."""
    for written in (None, NOON):
        clock = RecordClock(hold=HOLD)
        clock.observe(BEFORE, written=written)
        assert clock.time == NOON - 30
