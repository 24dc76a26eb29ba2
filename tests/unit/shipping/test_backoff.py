"""How long to wait: bounds, growth, and who has the last word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.shipping.backoff import (
    CAP,
    LOGIN,
    OPEN,
    QUICK,
    RETRY_AFTER_MAX,
    SLOW,
    Pace,
    delay,
    next_delay,
)

CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(st.integers(), CHANCE)
def test_a_delay_is_never_negative_and_never_beyond_the_cap(attempt: int, chance: float) -> None:
    """Any attempt, however large or odd its number, waits between nothing and the cap."""
    assert 0 <= delay(attempt, random=chance) <= CAP


def test_the_room_for_chance_doubles_with_each_failure() -> None:
    """The longest wait doubles from the base on, and stays at the cap once there."""
    longest = [delay(attempt, random=0.999_999_999) for attempt in (1, 2, 3, 4, 9, 10, 10**9)]

    assert [round(seconds) for seconds in longest] == [1, 2, 4, 8, 60, 60, 60]


def test_jitter_is_full() -> None:
    """Chance spreads a wait over all of its room, down to none."""
    assert delay(6, random=0.0) == 0.0
    assert delay(6, random=0.5) == 16.0


def test_base_and_cap_can_be_chosen() -> None:
    """A caller with another rhythm gives its own base and cap."""
    assert delay(3, random=0.5, base=10.0, cap=30.0) == 15.0


@pytest.mark.parametrize("asked", [1.0, 5.0, 120.0, RETRY_AFTER_MAX])
def test_retry_after_wins_over_the_backoff(asked: float) -> None:
    """What the server asks for is done to the letter, be it less or more than the backoff."""
    assert next_delay(9, random=0.5, retry_after=asked) == asked


def test_a_lost_day_is_cut_to_an_hour() -> None:
    """A Retry-After beyond an hour waits an hour."""
    assert next_delay(1, random=0.5, retry_after=1e9) == RETRY_AFTER_MAX


@pytest.mark.parametrize("asked", [None, 0.0, 0.5, -3.0, float("nan")])
def test_a_retry_after_that_makes_no_sense_leaves_the_backoff(asked: float | None) -> None:
    """Less than a second would make a tight loop: the backoff holds."""
    assert next_delay(3, random=0.5, retry_after=asked) == delay(3, random=0.5)


@pytest.mark.parametrize("pace", [QUICK.slow(), OPEN.slow(), LOGIN])
@given(st.integers(1, 50), CHANCE, st.none() | st.floats())
def test_a_slow_wait_is_at_least_a_minute(
    pace: Pace, attempt: int, chance: float, asked: float | None
) -> None:
    """Where a person has to act, no chance and no server shortens the wait below a minute."""
    assert SLOW <= next_delay(attempt, random=chance, retry_after=asked, pace=pace) <= 3600.0


def test_a_slow_wait_still_heeds_the_server() -> None:
    """A server that asks for more than a minute gets it."""
    assert next_delay(1, random=0.5, retry_after=90.0, pace=QUICK.slow()) == 90.0


def test_waits_after_open_outcomes_grow_to_an_hour() -> None:
    """Each try may be a copy: the room for chance doubles from two seconds to an hour."""
    longest = [next_delay(number, random=0.999_999_999, pace=OPEN) for number in range(1, 14)]

    assert [round(seconds) for seconds in longest] == [
        *(2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048),
        *(3600, 3600),
    ]


def test_waits_after_refused_logins_grow_from_a_minute_to_an_hour() -> None:
    """The dashboard may lock the account: there is no hurry, and ever less of it."""
    longest = [next_delay(number, random=0.999_999_999, pace=LOGIN) for number in range(1, 9)]

    assert [round(seconds) for seconds in longest] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
