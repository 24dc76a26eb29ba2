"""How many calls there are, with a memory that is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.queue_log.counting import MEMORY, CallCounter


def callids(first: int, last: int) -> list[bytes]:
    """Return the callids of these numbers, both ends included."""
    return [b"1795411401.%d" % number for number in range(first, last + 1)]


def test_a_call_is_counted_once() -> None:
    """A callid counts when it is new, not when it comes again, in one portion or in two."""
    counter = CallCounter()
    assert counter.count_new([b"A", b"B", b"A"]) == 2
    assert counter.count_new([b"B", b"C"]) == 1
    assert counter.count_new([]) == 0
    assert counter.count_new(iter((b"A", b"B", b"C"))) == 0


@given(st.lists(st.lists(st.sampled_from((b"A", b"B", b"C", b"D", b"E")))))
def test_the_sum_is_the_number_of_calls(portions: list[list[bytes]]) -> None:
    """However callids come in portions, their counts add up to the number of different ones."""
    counter = CallCounter()
    total = sum(counter.count_new(portion) for portion in portions)
    assert total == len({callid for portion in portions for callid in portion})


@pytest.mark.parametrize("portion", [1, 100, MEMORY])
@pytest.mark.parametrize("before", [0, MEMORY, 2 * MEMORY - 10, 3 * MEMORY])
def test_the_memory_is_long_enough(before: int, portion: int) -> None:
    """A callid is still known after `MEMORY` - 1 others, in whatever portions they came."""
    counter = CallCounter()
    assert counter.count_new(callids(1, before)) == before
    counter.count_new([b"A"])
    others = callids(4 * MEMORY, 5 * MEMORY - 2)
    for start in range(0, len(others), portion):
        counter.count_new(others[start : start + portion])
    assert counter.count_new([b"A"]) == 0


def test_the_memory_is_long_enough_inside_a_portion() -> None:
    """In one large portion, too, the last `MEMORY` callids are those that stay known."""
    counter = CallCounter()
    counter.count_new([*callids(1, 2 * MEMORY), b"A", *callids(3 * MEMORY, 4 * MEMORY - 2)])
    assert counter.count_new([b"A"]) == 0


def test_the_memory_is_bounded() -> None:
    """A callid that comes back after very many others counts anew."""
    counter = CallCounter()
    counter.count_new([b"A"])
    for first in range(0, 5 * MEMORY, MEMORY):
        counter.count_new(callids(first, first + MEMORY - 1))
    assert counter.count_new([b"A"]) == 1


def test_a_call_that_is_seen_all_the_time() -> None:
    """A callid that was among the last `MEMORY` seen is not new."""
    counter = CallCounter()
    again = [counter.count_new([callid, b"A"]) for callid in callids(1, 2 * MEMORY + 2)]
    assert again[0] == 2
    assert set(again[1:]) == {1}
