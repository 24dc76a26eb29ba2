"""Which records are older than the first day that is shipped: told by their times."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from qlogship.queue_log.records import is_older, line_times

if TYPE_CHECKING:
    from qlogship.archive.chunks import Block


class DatedPart(NamedTuple):
    """Consecutive records of a block that are `older` than the first day, or are not."""

    block: Block
    older: bool


def dated_parts(block: Block, since: int, before: int | None) -> tuple[list[DatedPart], int | None]:
    """Cut a block where older records meet others; return the parts, and the time of the last.

    A line without a time has that of the line before it; `before` is that of the line
    before the block.
    """
    times = line_times(block.data, before)
    parts = []
    for older, group in groupby(times, key=lambda time: is_older(time, since)):
        lines = sum(1 for _ in group)
        if lines == block.lines:
            parts.append(DatedPart(block, older))
            break
        size = 0
        for _ in range(lines):
            size = block.data.index(b"\n", size) + 1
        parts.append(DatedPart(block.first(lines, size), older))
        block = block.after(lines, size)
    return parts, times[-1]
