"""When qlogship clears and ships again: what may be lost, when it may begin, how long it takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.shipping.resync.rules import (
    estimate,
    may_begin,
    may_clear,
    not_restorable,
    uploads_needed,
)

DAY = 86_400.0
NOW = 1_795_411_800.0


def begin(hour: float, *, last: float | None = None, hours: tuple[float, float] | None) -> bool:
    """Return whether it may begin at this hour, when it may do so once a day."""
    return may_begin(NOW, hour=hour, last=last, every=DAY, hours=hours)


def test_a_first_resync_at_any_time() -> None:
    """Without hours, and without an earlier one, it may begin at once."""
    assert begin(12.0, hours=None)


@pytest.mark.parametrize(("ago", "allowed"), [(0.0, False), (DAY - 1, False), (DAY, True)])
def test_not_too_often(ago: float, allowed: bool) -> None:  # noqa: FBT001
    """Between two that qlogship begins by itself lies at least the time that was set."""
    assert begin(12.0, last=NOW - ago, hours=None) is allowed


@pytest.mark.parametrize(("ahead", "allowed"), [(1.0, False), (2 * DAY, True)])
def test_a_clock_that_was_set_back(ahead: float, allowed: bool) -> None:  # noqa: FBT001
    """A last one in the future holds the next up no longer than one in the past."""
    assert begin(12.0, last=NOW + ahead, hours=None) is allowed


@pytest.mark.parametrize(
    ("hours", "hour", "allowed"),
    [
        ((1.0, 5.0), 0.99, False),
        ((1.0, 5.0), 1.0, True),
        ((1.0, 5.0), 4.99, True),
        ((1.0, 5.0), 5.0, False),
        ((22.5, 5.0), 22.0, False),
        ((22.5, 5.0), 22.5, True),
        ((22.5, 5.0), 0.0, True),
        ((22.5, 5.0), 4.99, True),
        ((22.5, 5.0), 5.0, False),
        ((22.5, 5.0), 12.0, False),
    ],
)
def test_only_within_its_hours(
    hours: tuple[float, float],
    hour: float,
    allowed: bool,  # noqa: FBT001
) -> None:
    """The first hour belongs to it, the last does not; it may reach over midnight."""
    assert begin(hour, hours=hours) is allowed
    assert begin(hour, last=NOW - 1, hours=hours) is False


def test_what_cannot_be_restored_is_named() -> None:
    """An upload is lost when one of its records is; each lost record counts in each upload."""
    uploads = [
        (1, [(1, 10)]),
        (2, [(11, 12), (15, 20)]),
        (3, [(13, 14), (21, 30)]),
        (4, [(9, 9), (40, 40)]),
    ]
    assert not_restorable(uploads, []) == ([], 0)
    assert not_restorable(uploads, [(13, 14)]) == ([3], 2)
    assert not_restorable(uploads, [(8, 11), (20, 21)]) == ([1, 2, 3, 4], 3 + 2 + 1 + 1)
    assert not_restorable(uploads, [(31, 39), (50, 99)]) == ([], 0)


@given(
    st.lists(st.sets(st.integers(1, 40)), max_size=5),
    st.sets(st.integers(1, 40)),
)
def test_losses_against_sets(uploads: list[set[int]], lost: set[int]) -> None:
    """The lost uploads and records are those that a simple count finds."""
    as_runs = [(number, [(seq, seq) for seq in sorted(one)]) for number, one in enumerate(uploads)]
    ids, records = not_restorable(as_runs, [(seq, seq) for seq in sorted(lost)])
    assert ids == [number for number, one in enumerate(uploads) if one & lost]
    assert records == sum(len(one & lost) for one in uploads)


@pytest.mark.parametrize(
    ("lost", "accepted", "allowed"),
    [
        ((), (), True),
        ((), (7,), True),
        ((3,), (), False),
        ((3,), (3,), True),
        ((3, 4), (3,), False),
        ((3, 4), (4, 3, 9), True),
    ],
)
def test_a_loss_is_accepted_by_name(
    lost: tuple[int, ...],
    accepted: tuple[int, ...],
    allowed: bool,  # noqa: FBT001
) -> None:
    """The dashboard is cleared only when each upload that is lost with it was named."""
    assert may_clear(lost, accepted) is allowed


@pytest.mark.parametrize(
    ("size", "past", "seconds"),
    [
        (1_000, [], None),
        (1_000, [(0, 3.0)], None),
        (1_000, [(500, 2.0)], 4.0),
        (1_000, [(500, 2.0), (1_500, 2.0)], 2.0),
        (1_000, [(500, 2.0), (500, -60.0)], 2.0),
        (0, [(500, 2.0)], 0.0),
    ],
)
def test_how_long_it_takes(size: int, past: list[tuple[int, float]], seconds: float | None) -> None:
    """It takes as long for each byte as past uploads did; a clock set back took no time."""
    assert estimate(size, past) == seconds


@pytest.mark.parametrize(("size", "uploads"), [(0, 0), (1, 1), (900, 1), (901, 2)])
def test_how_many_uploads(size: int, uploads: int) -> None:
    """A body that is begun is a body."""
    assert uploads_needed(size, max_bytes=900) == uploads
