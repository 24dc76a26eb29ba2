"""How a start begins after runs that failed: when it waits, how long, and when not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.service.restart_delay import LONGEST, RESTART_SEC, WELL_AFTER, FailedRun, start

BEGAN = 1_000.0
ENDED = BEGAN + 2.0
BY_SYSTEMD = ENDED + RESTART_SEC + 0.3


def failed(failures: int, *, ended: float | None = ENDED) -> FailedRun:
    """Return a short run that failed, the last of so many in a row."""
    return FailedRun(failures, BEGAN, ended, "the disk is full")


def test_a_start_after_a_good_end_does_not_wait() -> None:
    """What ended as it should, or never ran, delays nothing."""
    assert (start(None, now=0.0).wait, start(None, now=0.0).failures) == (0.0, 0)


def test_the_wait_grows_to_five_minutes() -> None:
    """None after the first failure, then doubled with each, up to the longest, and no further."""
    waits = [start(failed(count), now=BY_SYSTEMD).wait for count in (1, 2, 3, 4, 7, 8, 9, 10**9)]

    assert waits == [0, 5, 10, 20, 160, 300, 300, 300]


def test_what_is_known_is_told() -> None:
    """The start knows how many runs failed in a row, and why the last one did."""
    found = start(failed(3), now=BY_SYSTEMD)

    assert (found.failures, found.reason) == (3, "the disk is full")


@pytest.mark.parametrize("ended", [BEGAN + WELL_AFTER, None])
def test_a_long_run_makes_up_for_those_before_it(ended: float | None) -> None:
    """A run of ten minutes was good: its own failure is the first of a new row."""
    now = BEGAN + WELL_AFTER + RESTART_SEC

    found = start(failed(7, ended=ended), now=now)

    assert (found.wait, found.failures) == (0.0, 1)


def test_a_run_that_was_killed_counts() -> None:
    """A run that could say nothing at its end is told from a good one by its length alone."""
    found = start(failed(7, ended=None), now=BEGAN + 30.0)

    assert (found.wait, found.failures) == (160.0, 7)


@pytest.mark.parametrize("after", [0.0, 0.5, RESTART_SEC - 0.01, RESTART_SEC + 60.0, 86_400.0])
def test_a_person_does_not_wait(after: float) -> None:
    """Who starts it before systemd would, or long after, has mended something."""
    assert start(failed(9), now=ENDED + after).wait == 0.0


def test_failures_before_a_start_by_hand_still_count() -> None:
    """A start by hand that does not help is one more failure of the same row."""
    assert start(failed(9), now=ENDED + 1.0).failures == 9


@given(
    st.integers(1, 10**6),
    st.floats(0, 1e9),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1e9),
)
def test_the_wait_has_bounds(failures: int, began: float, ended: float | None, now: float) -> None:
    """Whatever is remembered, even of another boot's clock, the wait is between 0 and the cap."""
    found = start(FailedRun(failures, began, ended), now=now)

    assert 0.0 <= found.wait <= LONGEST
    assert found.failures in {1, failures}
