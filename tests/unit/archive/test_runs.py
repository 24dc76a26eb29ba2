"""Runs of record numbers: folded, written, and cut by one another."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.archive.runs import Run, decode_runs, encode_runs, merged, overlap, runs_of, without

if TYPE_CHECKING:
    from random import Random


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        ([7], [(7, 7)]),
        ([1, 2, 3], [(1, 3)]),
        ([1, 3, 4, 9], [(1, 1), (3, 4), (9, 9)]),
    ],
)
def test_runs(numbers: list[int], runs: list[Run]) -> None:
    """Numbers without a gap make one run."""
    assert runs_of(numbers) == runs


@pytest.mark.parametrize(
    ("runs", "size"),
    [
        ([], 0),
        ([(1, 1)], 2),
        ([(1, 128)], 2),
        ([(1, 129)], 3),
        ([(1_000_000_000, 1_000_900_000)], 8),
        ([(seq, seq) for seq in range(10, 1000, 10)], 2 * 99),
    ],
)
def test_a_few_bytes_for_a_batch(runs: list[Run], size: int) -> None:
    """A run costs two bytes while its numbers are small, and eight when they are billions."""
    assert len(encode_runs(runs)) == size
    assert decode_runs(encode_runs(runs)) == runs


def test_half_a_run_is_an_error() -> None:
    """Bytes that end in the middle of a run are not taken for fewer runs."""
    with pytest.raises(ValueError, match=r".+"):
        decode_runs(encode_runs([(1, 5), (9, 9)])[:-1])


def test_half_a_number_is_an_error() -> None:
    """Bytes that end in the middle of a number are not taken for fewer runs."""
    with pytest.raises(ValueError, match=r".+"):
        decode_runs(encode_runs([(1, 5), (1000, 1000)])[:-2])


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), max_size=30), st.randoms())
def test_runs_come_back(gaps: list[tuple[int, int]], random: Random) -> None:
    """Any runs, in any order, can be written as bytes and read again."""
    runs: list[Run] = []
    position = 0
    for gap, length in gaps:
        runs.append((position + gap, position + gap + length))
        position += gap + length + 1
    random.shuffle(runs)
    data = encode_runs(runs)
    assert decode_runs(data) == runs
    assert len(data) <= 14 * len(runs)


@given(st.sets(st.integers(0, 300)))
def test_runs_are_the_numbers(numbers: set[int]) -> None:
    """Runs hold exactly their numbers, and no two of them touch."""
    runs = runs_of(sorted(numbers))
    assert [seq for first, last in runs for seq in range(first, last + 1)] == sorted(numbers)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(runs))


numbers = st.sets(st.integers(1, 30))


def of(runs: list[Run]) -> list[int]:
    """Return the numbers of runs, in their order."""
    return [seq for first, last in runs for seq in range(first, last + 1)]


@given(st.lists(st.sets(st.integers(1, 30), min_size=1)), st.randoms())
def test_merging(sets: list[set[int]], random: Random) -> None:
    """Runs that overlap, touch, and stand in any order become the fewest ascending ones."""
    runs = [run for one in sets for run in runs_of(sorted(one))]
    random.shuffle(runs)
    assert merged(runs) == runs_of(sorted(set().union(*sets)))


@given(numbers, numbers, st.randoms())
def test_cutting_by_others(ours: set[int], others: set[int], random: Random) -> None:
    """What lies in other runs and what does not are parted, each in the order it had."""
    runs = runs_of(sorted(ours))
    random.shuffle(runs)
    borders = runs_of(sorted(others))
    assert of(overlap(runs, borders)) == [seq for seq in of(runs) if seq in others]
    assert of(without(runs, borders)) == [seq for seq in of(runs) if seq not in others]
    touching = [(seq, seq) for seq in sorted(others)]
    assert of(overlap(runs, touching)) == [seq for seq in of(runs) if seq in others]
    assert of(without(runs, touching)) == [seq for seq in of(runs) if seq not in others]
