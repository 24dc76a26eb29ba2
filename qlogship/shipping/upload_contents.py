"""What was in an upload, and which uploads carried a call: the ledger's runs against the archive.

An origin says from which stream, and from which byte of it, the records from some
seq on came. So the place of a record in its file is the origin's offset and the
length of the records between, which `chunk.bytes` tells for whole chunks; only the
chunks in which a run begins or ends are unpacked.

The caller holds a read transaction: the service may fold chunks meanwhile.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from qlogship.archive.chunks import RetiredChunk
from qlogship.archive.runs import decode_runs
from qlogship.errors import StateError
from qlogship.queue_log.records import parse

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from qlogship.archive.archive import Archive
    from qlogship.archive.origins import Origin
    from qlogship.archive.runs import Run


@dataclass(frozen=True, slots=True)
class Place:
    """Where consecutive records came from: the bytes from `start` up to `end` of a file.

    `path` is where the file was met last. Of a compressed file, the bytes are those
    of its text.
    """

    path: str
    stream: int
    start: int
    end: int
    first_seq: int
    last_seq: int


class Contents:
    """Look into uploads; the caller holds a read transaction."""

    def __init__(self, connection: sqlite3.Connection, archive: Archive) -> None:
        self._db = connection
        self._archive = archive

    def places(self, runs: Iterable[Run]) -> list[Place]:
        """Return where the records of these runs came from, in the order of the runs."""
        origins = self._archive.origins.all()
        paths: dict[int, str] = dict(self._db.execute("SELECT id, path FROM stream"))
        ruler = Ruler(self._archive)
        places: list[Place] = []
        for first, last in runs:
            index = bisect_right(origins, first, key=lambda origin: origin.first_seq) - 1
            begin = first
            while begin <= last:
                origin = origins[index]
                index += 1
                behind = origins[index].first_seq if index < len(origins) else last + 1
                end = min(behind - 1, last)
                zero = origin.offset - ruler.at(origin.first_seq)
                found = Place(
                    paths.get(origin.stream, ""),
                    origin.stream,
                    zero + ruler.at(begin),
                    # The newline of a torn record is ours, and not in the file.
                    min(zero + ruler.at(end + 1), origin.offset + origin.bytes),
                    begin,
                    end,
                )
                _append(places, found)
                begin = end + 1
        return places

    def seqs_of(self, callid: bytes) -> list[int]:
        """Return the numbers of all records with this callid; it reads the whole archive."""
        seqs: list[int] = []
        seq = 1
        while True:
            try:
                block = self._archive.block_at(seq)
            except RetiredChunk as gone:
                seq = gone.last + 1
                continue
            if block is None:
                break
            seqs += _found(block.data, callid, first_seq=seq)
            seq += block.lines
        return seqs

    def carriers(self, seqs: list[int]) -> list[tuple[int, int]]:
        """Return each upload with some of these ascending seqs, and how many, newest first."""
        carriers = []
        for number, runs in self._db.execute("SELECT id, runs FROM upload ORDER BY id DESC"):
            count = sum(
                bisect_right(seqs, last) - bisect_left(seqs, first)
                for first, last in decode_runs(runs)
            )
            if count:
                carriers.append((number, count))
        return carriers


class Ruler:
    """Measure where each record begins in the archive's text, in bytes."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        rows = archive.chunks.facts()
        self._firsts: list[int] = [row.first_seq for row in rows]
        self._starts: list[int] = [0, *accumulate(row.bytes for row in rows)]
        self._end: int = rows[-1].behind if rows else 1
        self._open: tuple[int, list[int]] = 0, []

    def at(self, seq: int) -> int:
        """Return the bytes of all records before this one."""
        if seq >= self._end:
            return self._starts[-1]
        index = bisect_right(self._firsts, seq) - 1
        first = self._firsts[index]
        if seq == first:
            return self._starts[index]
        if self._open[0] != first:
            block = self._archive.block_at(first)
            lengths = map(len, _lines(block.data if block is not None else b""))
            self._open = first, [0, *accumulate(lengths)]
        return self._starts[index] + self._open[1][seq - first]

    def start_of(self, origin: Origin, behind: int) -> int | None:
        """Return where the text of an origin begins, None if nobody can tell.

        When it begins within a chunk that has left the archive, or is damaged, it is measured
        from its end, before the record `behind`.
        """
        with suppress(StateError):
            return self.at(origin.first_seq)
        with suppress(StateError):
            return self.at(behind) - origin.torn - origin.bytes
        return None


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield each record with its newline."""
    start = 0
    while start < len(data):
        end = data.index(b"\n", start) + 1
        yield data[start:end]
        start = end


def _append(places: list[Place], found: Place) -> None:
    """Add a place, joining it to the one before when nothing lies between."""
    last = places[-1] if places else None
    if last is not None and (last.stream, last.end, last.last_seq + 1) == (
        found.stream,
        found.start,
        found.first_seq,
    ):
        places[-1] = replace(last, end=found.end, last_seq=found.last_seq)
    else:
        places.append(found)


def _found(data: bytes, callid: bytes, *, first_seq: int) -> Iterator[int]:
    """Yield the numbers of the records with this callid in one chunk's text."""
    wanted = b"|" + callid + b"|"
    seq, counted, place = first_seq, 0, data.find(wanted)
    while place >= 0:
        start = data.rfind(b"\n", 0, place) + 1
        end = data.index(b"\n", place)
        seq += data.count(b"\n", counted, start)
        counted = start
        record = parse(data[start:end])
        if record is not None and record.callid == callid:
            yield seq
        place = data.find(wanted, end)
