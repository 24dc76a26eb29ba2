"""Runs: records named by their numbers, `(first seq, last seq)`, both ends included.

What an upload holds, what waits, what is lost: each is a list of runs, in an
order that means something to whoever made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Run = tuple[int, int]


def extend(runs: list[Run], run: Run) -> None:
    """Append a run, joining it to the one before when nothing lies between."""
    if runs and runs[-1][1] + 1 == run[0]:
        runs[-1] = (runs[-1][0], run[1])
    else:
        runs.append(run)


def runs_of(seqs: Iterable[int]) -> list[Run]:
    """Fold numbers into runs, in their order."""
    runs: list[Run] = []
    for seq in seqs:
        extend(runs, (seq, seq))
    return runs


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
