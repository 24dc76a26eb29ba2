"""Runs: records named by their numbers, `(first seq, last seq)`, both ends included.

What an upload holds, what waits, what is lost: each is a list of runs, in an
order that means something to whoever made it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Run = tuple[int, int]


def extend(runs: list[Run], run: Run) -> None:
    """Append a run, joining it to the one before when nothing lies between."""
    if runs and runs[-1][1] + 1 == run[0]:
        runs[-1] = (runs[-1][0], run[1])
    else:
        runs.append(run)


def records_in(runs: Iterable[Run]) -> int:
    """Return how many records runs have."""
    return sum(last - first + 1 for first, last in runs)


def runs_of(seqs: Iterable[int]) -> list[Run]:
    """Fold numbers into runs, in their order."""
    runs: list[Run] = []
    for seq in seqs:
        extend(runs, (seq, seq))
    return runs


def merged(runs: Iterable[Run]) -> list[Run]:
    """Return the same records as ascending runs that do not touch."""
    found: list[Run] = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def overlap(runs: Iterable[Run], others: Sequence[Run]) -> list[Run]:
    """Return the parts of the runs that lie in `others`, which are ascending and disjoint."""
    found = []
    for first, last in runs:
        index = bisect_right(others, (first, first))
        if index and others[index - 1][1] >= first:
            index -= 1
        while index < len(others) and others[index][0] <= last:
            found.append((max(first, others[index][0]), min(last, others[index][1])))
            index += 1
    return found


def without(runs: Iterable[Run], lost: Sequence[Run]) -> list[Run]:
    """Return the runs without the records of `lost`, which are ascending."""
    left = []
    for first, last in runs:
        start = first
        for lost_first, lost_last in lost:
            if lost_last < start or lost_first > last:
                continue
            if lost_first > start:
                left.append((start, lost_first - 1))
            start = lost_last + 1
        if start <= last:
            left.append((start, last))
    return left


def encode_runs(runs: Iterable[Run]) -> bytes:
    """Write runs as bytes: for each, the way from the one before and its length, in base 128.

    A batch costs a few bytes, whatever its size. The runs may stand in any order.
    """
    out = bytearray()
    position = 0
    for first, last in runs:
        way = first - position
        for number in (way * 2 if way >= 0 else -way * 2 - 1, last - first):
            rest = number
            while rest > 0x7F:
                out.append(rest & 0x7F | 0x80)
                rest >>= 7
            out.append(rest)
        position = last + 1
    return bytes(out)


def decode_runs(data: bytes) -> list[Run]:
    """Read what `encode_runs` wrote. Raises ValueError for what it did not write."""
    numbers, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
    runs: list[Run] = []
    position = 0
    for way, length in zip(numbers[::2], numbers[1::2], strict=True):
        first = position + (way // 2 if way % 2 == 0 else -(way + 1) // 2)
        runs.append((first, first + length))
        position = first + length + 1
    return runs
