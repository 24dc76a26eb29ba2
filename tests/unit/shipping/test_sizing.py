"""How large the next bodies are: what speaks of time, how they shrink, and how they grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.shipping.sizing import (
    GROWS_AFTER,
    LEAST_BYTES,
    Sizing,
    larger,
    ran_out_of_time,
    smaller,
)

MOST = 900_000
SIZES = st.integers(1, 100_000_000)


def outcome(verdict: Verdict, status: int | None, *, sent: bool = True) -> Outcome:
    """Return what came back of an upload."""
    return Outcome(verdict, None, None, status, "", "", sent=sent)


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.UNKNOWN, None),
        (Verdict.UNKNOWN, 502),
        (Verdict.UNKNOWN, 504),
        (Verdict.LATER, 408),
    ],
)
def test_a_time_out_and_a_broken_gateway_speak_of_size(
    verdict: Verdict, status: int | None
) -> None:
    """No answer, and what gateways say when the server behind them took too long."""
    assert ran_out_of_time(outcome(verdict, status))


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.UNKNOWN, 500),
        (Verdict.UNKNOWN, 200),
        (Verdict.LATER, 503),
        (Verdict.LATER, 429),
        (Verdict.NOT_ACCEPTED, 200),
        (Verdict.ACCEPTED, 200),
        (Verdict.TOO_BIG, 413),
    ],
)
def test_other_answers_do_not(verdict: Verdict, status: int) -> None:
    """Whoever answers for himself was in time; that a body is too big, 413 says."""
    assert not ran_out_of_time(outcome(verdict, status))


@pytest.mark.parametrize("verdict", Verdict)
def test_what_never_left_says_nothing(verdict: Verdict) -> None:
    """A login, or a connection, that failed tells nothing about bodies."""
    assert not ran_out_of_time(outcome(verdict, None, sent=False))


def test_each_time_halves_down_to_the_floor() -> None:
    """The same body that runs out of time again and again halves what comes next."""
    sizing, limits = Sizing(), []
    for _ in range(8):
        sizing = smaller(sizing, size=MOST, most=MOST)
        limits.append(sizing.limit)

    assert limits == [450_000, 225_000, 112_500, 56_250, 28_125, *[LEAST_BYTES] * 3]


def test_a_small_body_teaches_nothing() -> None:
    """One at the floor ran out of time for another reason than its size."""
    assert smaller(Sizing(), size=LEAST_BYTES, most=MOST) == Sizing()


def test_acceptances_in_a_row_double_until_all_is_as_before() -> None:
    """After a few acceptances the next bodies are twice as large; at the end there is no limit."""
    sizing, taken = Sizing(56_250), 0
    while sizing.limit is not None:
        sizing = larger(sizing, size=sizing.limit, most=MOST)
        taken += 1

    assert taken == 4 * GROWS_AFTER


def test_a_small_acceptance_proves_nothing() -> None:
    """The uploads of a quiet hour do not say that large ones are taken in time."""
    assert larger(Sizing(100_000, 1), size=40_000, most=MOST) == Sizing(100_000, 1)


@given(st.lists(st.tuples(st.booleans(), SIZES)), st.integers(1_000, 100_000_000))
def test_a_size_stays_between_the_floor_and_what_is_allowed(
    history: list[tuple[bool, int]], most: int
) -> None:
    """Whatever happens, no body is made larger than allowed, or smaller than the floor."""
    sizing = Sizing()
    for taken, size in history:
        sizing = (larger if taken else smaller)(sizing, size=size, most=most)
        assert min(LEAST_BYTES, most) <= sizing.within(most) <= most


@given(st.lists(st.tuples(st.booleans(), SIZES)))
def test_enough_acceptances_always_end_it(history: list[tuple[bool, int]]) -> None:
    """However it came about, full bodies that are accepted bring back the full size."""
    sizing = Sizing()
    for taken, size in history:
        sizing = (larger if taken else smaller)(sizing, size=size, most=MOST)
    for _ in range(10 * GROWS_AFTER):
        sizing = larger(sizing, size=sizing.within(MOST), most=MOST)

    assert sizing == Sizing()
