"""Putting damaged chunks of the archive right, from the files that they came from.

A chunk's digest proves a text, so it does not matter where in the files that stands: each
place is tried where as many lines begin and end as far apart as those of the chunk. Files
are looked at as one text, for a chunk may go on in the next file.

Where a number was erased the files have it still: each place is also tried with those bytes
masked that the chunk has masked.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.archive.damage import damaged
from qlogship.archive.runs import merged, overlap
from qlogship.queue_log.records import times_in
from qlogship.shipping.upload_contents import Ruler
from qlogship.source.streams import veil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.archive.chunks import ChunkFacts
    from qlogship.archive.damage import DamagedRecords
    from qlogship.archive.runs import Run
    from qlogship.source.files import OpenFile
    from qlogship.source.streams import Parts
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
        if mended:
            store.erased_uploads.bind_mended()
    return Mended(tuple(mended), tuple(left))


def _mend(store: Store, row: ChunkFacts, text: bytes, starts: array[int]) -> bool:
    first_time = b"" if row.first_time is None else b"%d|" % row.first_time
    erased = _erased_in(store, row)
    places = [
        start
        for index, start in enumerate(starts[: len(starts) - row.lines])
        if starts[index + row.lines] - start == row.bytes
    ]
    # Where it begins with its time first; a chunk of several lines may begin with an odd one.
    likely = [start for start in places if text.startswith(first_time, start)]
    others = [start for start in places if not text.startswith(first_time, start)]
    for start in likely if row.lines == 1 else likely + others:
        found = text[start : start + row.bytes]
        # As it is, too: perhaps nothing was masked in it since it was damaged.
        for one in {found, veil(found, erased)}:
            if store.archive.chunks.restore(row.first_seq, one):
                return True
    return False


def _erased_in(store: Store, row: ChunkFacts) -> Parts:
    """Return which bytes of a chunk's text were masked, by what is known of its streams."""
    archive, ruler = store.archive, Ruler(store.archive)
    origins = archive.origins.all()
    behinds = [origin.first_seq for origin in origins[1:]] + [archive.next_seq]
    base, found = ruler.at(row.first_seq), []
    for origin, behind in zip(origins, behinds, strict=True):
        if behind <= row.first_seq or origin.first_seq >= row.behind:
            continue
        stream, zero = store.cursor.stream(origin.stream), ruler.start_of(origin, behind)
        if stream is None or zero is None:
            continue
        within = origin.offset, origin.offset + origin.bytes - 1
        way = zero - origin.offset - base
        found += [(first + way, last + way) for first, last in overlap(stream.erased, [within])]
    return tuple(merged(found))


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
