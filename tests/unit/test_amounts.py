"""Room on a disk and months, as settings give them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.config.amounts import first_kept, is_months, is_room, room_wanted
from qlogship.state.room import enough, is_short

MIB = 1024 * 1024
GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("text", "total", "wanted"),
    [
        (None, 2 * GIB, int(2 * GIB * 0.05)),
        (None, 10_000 * MIB, 500 * MIB),
        (None, 4_000 * GIB, 500 * MIB),
        ("0 MiB", GIB, 0),
        ("0 %", GIB, 0),
        ("500 MiB", GIB, 500 * MIB),
        ("1.5 GiB", GIB, 1536 * MIB),
        ("2GiB", GIB, 2 * GIB),
        ("1 TiB", GIB, 1024 * GIB),
        ("4 KiB", GIB, 4096),
        ("12.5 %", GIB, GIB // 8),
        ("90%", 100, 90),
    ],
)
def test_room(text: str | None, total: int, wanted: int) -> None:
    """A size is that size, a share is one of the file system; by default the smaller of two."""
    assert text is None or is_room(text)
    assert room_wanted(text, total=total) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "5", "500", "-1 MiB", "1,5 GiB", "5 MB", "5 percent", "91 %", "1e3 MiB", "٣ MiB", "5  %"],
)
def test_no_room(text: str) -> None:
    """What does not say clearly how much is meant is refused."""
    assert not is_room(text)


@given(
    now=st.datetimes(min_value=datetime(1995, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
    months=st.integers(1, 999),
)
def test_first_kept(now: datetime, months: int) -> None:
    """So many whole months are kept besides the present one; more than there were keep all."""
    text = f"{months} month{'' if months == 1 else 's'}"
    assert is_months(text)
    found = first_kept(text, now=now.replace(tzinfo=UTC))
    between = now.year * 12 + now.month - months
    if found is None:
        assert between <= 1971 * 12
    else:
        first = datetime.fromtimestamp(found, UTC)
        assert (first.day, first.hour, first.minute, first.second) == (1, 0, 0, 0)
        assert first.year * 12 + first.month == between


@pytest.mark.parametrize("text", ["", "0 months", "24", "2 years", "1000 months", "-1 months"])
def test_no_months(text: str) -> None:
    """What is no number of months is refused."""
    assert not is_months(text)


@given(st.lists(st.integers(0, 3_000), max_size=60), st.integers(0, 2_000))
def test_a_shortage_ends_with_room_to_spare(free: list[int], wanted: int) -> None:
    """Below the reserve nothing is archived; at it again, neither, but with a twentieth more."""
    short = False
    for now in free:
        before, short = short, is_short(now, wanted, was_short=short)
        if now < wanted:
            assert short
        elif now >= enough(wanted):
            assert not short
        else:
            assert short == before
