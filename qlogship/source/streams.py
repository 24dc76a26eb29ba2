"""What a stream is, and by what a file is known as one.

Theory of operation
-------------------
A *stream* is one run of text that Asterisk wrote from an empty file on. It may
be met under several names: the live path, a renamed file, a copy, a compressed
copy. Inodes are reused and names are shifted, so a stream is known by how it
starts: its first line carries the second it was written in. `head` grows with
what was read, up to `HEAD_BYTES`; `tail` is what stood just before the cursor,
and tells a file that was truncated and outgrew the cursor from one that grew.

`identify` finds the stream that a file continues. A file shorter than a known
head that agrees with it so far is a copy in the making, or a copy cut short:
there is nothing new in it. One that parts from a known head after whole records
lost its end in a power cut and was written on.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from heapq import nlargest
from typing import TYPE_CHECKING

from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEAD_BYTES = 1024
TAIL_BYTES = 64
_MOST_RANKED = 16
MASK = b"*"
"""Stands for each byte of what was erased (erase/)."""

Parts = tuple[tuple[int, int], ...]
"""Parts of a stream: the first and the last offset of each, ascending."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A known run of text and the cursor in it.

    `offset` counts its bytes that are archived. `skipped` streams were there
    before the first start and are not wanted (`source.history`). `erased` are the bytes of
    it that were masked here: its files have them still.
    """

    id: int
    head: bytes
    tail: bytes
    offset: int
    device: int
    inode: int
    path: str
    skipped: bool = False
    erased: Parts = ()

    def veiled(self, text: bytes, at: int = 0) -> bytes:
        """Return what a file of the stream has from `at` on, masked as it is kept here."""
        return veil(text, self.erased, at)

    def masked(self, erased: Parts) -> Stream:
        """Return the stream with these parts of it masked, which are all that are."""
        changed = replace(self, erased=erased)
        tail = changed.veiled(self.tail, self.offset - len(self.tail))
        return replace(changed, head=changed.veiled(self.head), tail=tail)

    def advanced(self, data: bytes) -> Stream:
        """Return the stream after `data` was read at its cursor."""
        head = self.head
        if self.offset == len(head) < HEAD_BYTES:
            head = (head + data[: HEAD_BYTES - len(head)])[:HEAD_BYTES]
        return replace(
            self,
            head=head,
            tail=(self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:],
            offset=self.offset + len(data),
        )


def veil(text: bytes, parts: Parts, at: int = 0) -> bytes:
    """Return a text that stands at an offset of a stream, with these parts of it masked."""
    if not parts:
        return text
    veiled = bytearray(text)
    index = max(0, bisect_left(parts, (at, at)) - 1)
    while index < len(parts) and parts[index][0] < at + len(text):
        first, last = parts[index]
        start, end = max(first - at, 0), min(last + 1 - at, len(text))
        if start < end:
            veiled[start:end] = MASK * (end - start)
        index += 1
    return bytes(veiled)


class Kin(Enum):
    """How the beginning of a file relates to a stream's head."""

    SAME = auto()
    FORK = auto()
    PART = auto()
    OTHER = auto()


def compare(head: bytes, start: bytes) -> Kin:
    """Compare a stream's head with a file's first `HEAD_BYTES` bytes.

    SAME: the file starts as the stream does. PART: the file is shorter and
    agrees as far as it goes. FORK: they begin with the same records, which are
    proof enough, and then part. OTHER: it is another stream.
    """
    if not head or not start:
        return Kin.OTHER
    if start.startswith(head):
        return Kin.SAME
    if head.startswith(start):
        return Kin.PART
    shared = 0
    while (end := head.find(b"\n", shared) + 1) and head[shared:end] == start[shared:end]:
        shared = end
    return Kin.OTHER if _is_weak(head[:shared]) else Kin.FORK


def identify(
    start: bytes,
    key: tuple[int, int],
    streams: Iterable[Stream],
    *,
    is_elsewhere: Callable[[Stream], bool] = lambda _stream: True,
    prefer: Callable[[Kin, Stream], tuple[int, bool, bool]] | None = None,
) -> tuple[Kin, Stream | None]:
    """Find the stream that a file with this beginning belongs to.

    `key` is the file's device and inode. Two files that were begun within one
    second may start with the same CONFIGRELOAD; so a stream of which no more is
    known than that is not meant if its own file stands elsewhere, which is what
    `is_elsewhere` is asked for. Of several streams, the one that `prefer` ranks
    highest is meant, then that of the same inode, then the one with the longest
    head.
    """
    found = []
    for stream in streams:
        kin = compare(stream.head, stream.veiled(start))
        if kin is Kin.OTHER:
            continue
        same_file = key == (stream.device, stream.inode)
        # A part that ends within a line is a copy in the making, whatever it holds.
        known = start if kin is Kin.PART else stream.head
        in_the_making = kin is Kin.PART and not start.endswith(b"\n")
        weak = _is_weak(known) and not in_the_making
        if weak and not same_file and is_elsewhere(stream):
            continue
        found.append(((-kin.value, same_file, len(stream.head), stream.id), kin, stream))
    if not found:
        return Kin.OTHER, None
    if len(found) > _MOST_RANKED:
        # To rank one, it is read. Of very many alike, those that share most are.
        found = nlargest(
            _MOST_RANKED, found, key=lambda one: (_agreed(start, one[1], one[2]), one[0])
        )
    choice = found if prefer is not None and len(found) > 1 else []
    ranks = {rank: prefer(kin, stream) for rank, kin, stream in choice if prefer is not None}
    _, kin, stream = max(found, key=lambda entry: (ranks.get(entry[0], ()), entry[0]))
    return kin, stream


def _agreed(start: bytes, kin: Kin, stream: Stream) -> int:
    """Return how much of its beginning a file has in common with a stream; whole records only."""
    shared = common(stream.head, stream.veiled(start))
    return stream.head.rfind(b"\n", 0, shared) + 1 if kin is Kin.FORK else shared


def common(one: bytes, other: bytes) -> int:
    """Return the length of the beginning that two texts share."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache(maxsize=256)
def _is_weak(head: bytes) -> bool:
    """Return whether a beginning proves nothing: no records, or of no call and of one second."""
    if len(head) >= HEAD_BYTES:
        return False
    lines = head[: head.rfind(b"\n") + 1].split(b"\n")
    records = [record for line in lines if (record := parse(line)) is not None]
    return len({record.time for record in records}) <= 1 and all(
        record.callid in NO_CALL for record in records
    )


def is_restarted(stream: Stream, *, size: int, start: bytes) -> bool:
    """Return whether an open file was truncated, and perhaps written again beyond the cursor.

    `start` is as many of its bytes as the stream's head has.
    """
    return size < stream.offset or stream.veiled(start) != stream.head
