"""Putting damaged chunks of the archive right, from the files that they came from.

A chunk's digest proves a text, so it does not matter where in the files that stands: each
place is tried where as many lines begin and end as far apart as those of the chunk. Files
are looked at as one text, for a chunk may go on in the next file.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.archive.damage import damaged
from qlogship.archive.runs import overlap
from qlogship.queue_log.records import times_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.archive.chunks import ChunkFacts
    from qlogship.archive.damage import DamagedRecords
    from qlogship.archive.runs import Run
    from qlogship.source.files import OpenFile
    from qlogship.state.store import Store

_PART = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mended:
    """Which damaged records are as they were written again, and which are damaged still."""

    mended: tuple[DamagedRecords, ...] = ()
    left: tuple[DamagedRecords, ...] = ()


def mend(store: Store, files: Iterable[OpenFile]) -> Mended:
    """Put right what is damaged and stands in these files; what should have been shipped is next.

    The archive is read to its end. Raises `StateError` and `SourceUnreadable`.
    """
    chunks = store.archive.chunks
    facts, retired = chunks.facts(), chunks.retired()
    lost = [
        row
        for row in facts
        if not overlap([(row.first_seq, row.first_seq)], retired)
        and chunks.check(row.first_seq) == (row.behind, None)
    ]
    if not lost:
        return Mended()
    text = _text(files)
    starts = _starts(text)
    mended: list[DamagedRecords] = []
    left: list[DamagedRecords] = []
    next_to_ship: list[Run] = []
    with store.transaction():
        for row in lost:
            about = damaged(facts, row.first_seq, row.behind - 1)
            if _mend(store, row, text, starts):
                next_to_ship += store.archive.damage.mended(row.first_seq)
                mended.append(about)
            else:
                left.append(about)
        if next_to_ship:
            store.position.ship_next(next_to_ship)
    return Mended(tuple(mended), tuple(left))


def _mend(store: Store, row: ChunkFacts, text: bytes, starts: array[int]) -> bool:
    first_time = b"" if row.first_time is None else b"%d|" % row.first_time
    for index in range(len(starts) - row.lines):
        start, end = starts[index], starts[index + row.lines]
        if end - start != row.bytes or (row.lines == 1 and not text.startswith(first_time, start)):
            continue
        if store.archive.chunks.restore(row.first_seq, text[start:end]):
            return True
    return False


def _text(files: Iterable[OpenFile]) -> bytes:
    """Return the text of all files, the oldest first, each line with its newline."""
    texts = []
    for file in files:
        parts, offset = [], 0
        while part := file.read_at(offset, _PART):
            parts.append(part)
            offset += len(part)
        text = b"".join(parts)
        if text:
            texts.append(text if text.endswith(b"\n") else text + b"\n")
    texts.sort(key=lambda text: next(times_in(text[:_PART]), 0))
    return b"".join(texts)


def _starts(text: bytes) -> array[int]:
    """Return where each line begins, and where the last one ends."""
    starts, at = array("q", [0]), 0
    while (at := text.find(b"\n", at) + 1) > 0:
        starts.append(at)
    return starts
