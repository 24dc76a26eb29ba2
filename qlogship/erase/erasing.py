"""Finding a number in the state directory, and masking it there.

Theory of operation
-------------------
`survey` reads the whole archive and changes nothing. `erase` does, in one transaction, all of
it or nothing: the text of each chunk that holds the number, with a new digest; the beginning
and the end of the streams, by which files are known again, and which bytes of them are masked
(source/streams.py), so that the files, which still have the number, are known as before; the
digests of the uploads; the words that quote a record. Then the file is scrubbed
(state/erasures.py). No length changes, so nothing else does: neither numbers of records, nor
offsets, times, callids and counts.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlogship.archive.chunks import Block
from qlogship.archive.runs import merged, overlap, without
from qlogship.erase.numbers import masked
from qlogship.errors import StateError
from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import parse
from qlogship.shipping.erased import Carriers
from qlogship.shipping.upload_contents import Ruler
from qlogship.wording import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qlogship.archive.archive import Archive
    from qlogship.archive.runs import Run
    from qlogship.erase.numbers import Numbers, Span
    from qlogship.shipping.erased import ErasedUploads
    from qlogship.source.streams import Stream
    from qlogship.state.store import Store


@dataclass(slots=True)
class Found:
    """What of the archive holds a number. Times are epoch seconds.

    `kept` are callids and times that hold its digits, and `within` longer numbers and counts,
    each with its records: these are not touched. `damaged` records could not be looked into,
    and `left` have left the archive. It stands in so many `words` that were said, and in what
    so many `files` are known by. `remnants`: only where the state's files need it no more.
    """

    seqs: list[int] = field(default_factory=list)
    callids: set[bytes] = field(default_factory=set)
    first_time: int | None = None
    last_time: int | None = None
    events: dict[str, int] = field(default_factory=dict)
    kept: set[bytes] = field(default_factory=set)
    within: dict[bytes, int] = field(default_factory=dict)
    damaged: list[Run] = field(default_factory=list)
    left: list[Run] = field(default_factory=list)
    words: int = 0
    files: int = 0
    remnants: bool = False
    carriers: Carriers = field(default_factory=Carriers)

    @property
    def anything(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self.seqs or self.words or self.files or self.remnants)


@dataclass(frozen=True, slots=True)
class _Line:
    seq: int
    start: int
    text: bytes
    spans: list[Span]


def survey(
    archive: Archive,
    uploads: ErasedUploads,
    numbers: Numbers,
    *,
    streams: Iterable[Stream],
    generation: int,
    words: int,
    show: Callable[[int, int], None],
) -> Found:
    """Return where a number is; `show` hears how many records of how many were read.

    `words` are those outside of the archive, `streams` what files are known by. The caller
    holds a read transaction.
    """
    files = sum(any(map(numbers.in_text, (stream.head, stream.tail))) for stream in streams)
    found = Found(words=words, files=files)
    for block in _blocks(archive, found, show):
        for _ in _lines(block, numbers, found):
            pass
    found.carriers = uploads.carriers(found.seqs, generation=generation)
    return found


def erase(
    store: Store,
    numbers: Numbers,
    *,
    generation: int,
    at: float,
    show: Callable[[int, int], None],
    say: Callable[[str], None],
) -> Found:
    """Mask a number wherever it is, and overwrite what the file still has of it.

    `say` hears each stage. Raises `StateError`, before anything was changed when there is no
    room for it.
    """
    _ask_for_room(store)
    found = Found()
    with store.transaction():
        archive = store.archive
        ruler = Ruler(archive)
        places: list[tuple[int, int, int]] = []  # of a record, and of a part of it in the text
        for block in _blocks(archive, found, show):
            lines = list(_lines(block, numbers, found))
            if not lines:
                continue
            base = ruler.at(block.first_seq)
            spans = [(one.start + a, one.start + z) for one in lines for a, z in one.spans]
            places += [
                (one.seq, base + one.start + a, base + one.start + z)
                for one in lines
                for a, z in one.spans
            ]
            archive.chunks.replace(Block(block.first_seq, block.lines, masked(block.data, spans)))
        say("masking what files are known by")
        found.files = _mask_streams(store, numbers, _by_stream(archive, ruler, places))
        found.carriers = store.erased_uploads.carriers(found.seqs, generation=generation)
        store.erased_uploads.rebind(found.seqs)
        found.words = store.erasures.mask_words(numbers.masked_words)
        store.erasures.note(records=len(found.seqs), uploads=found.carriers.sent, at=at)
        say("writing it down")
    store.scrub(say=say)
    return found


def _ask_for_room(store: Store) -> None:
    needed, free = store.room()
    if free < needed:
        raise StateError(
            f"erasing takes {size(needed)} of disk for a while, and {size(free)} are free",
            hint="Make room on the file system of the state directory, then run this again.",
        )


def _blocks(archive: Archive, found: Found, show: Callable[[int, int], None]) -> Iterator[Block]:
    """Yield each chunk that can be read, whole."""
    seq, end = 1, archive.next_seq - 1
    retired = archive.chunks.retired()
    while (checked := archive.chunks.check(seq)) is not None:
        behind, block = checked
        if block is None:
            found.damaged += without([(seq, behind - 1)], retired)
            found.left += overlap([(seq, behind - 1)], retired)
        else:
            yield block
        seq = behind
        show(seq - 1, end)


def _lines(block: Block, numbers: Numbers, found: Found) -> Iterator[_Line]:
    """Yield the records of a chunk that hold a number, and note what is to be said of them."""
    seq, counted = block.first_seq, 0
    for start, end in numbers.lines_with(block.data):
        seq += block.data.count(b"\n", counted, start)
        counted = start
        text = block.data[start:end]
        spans = numbers.in_line(text)
        record = parse(text)
        found.kept |= numbers.in_key(text)
        for longer in numbers.left_in(masked(text, spans)):
            found.within[longer] = found.within.get(longer, 0) + 1
        if not spans:
            continue
        found.seqs.append(seq)
        event = record.event.decode("utf-8", "backslashreplace") if record is not None else ""
        found.events[event] = found.events.get(event, 0) + 1
        if record is not None:
            found.callids |= {record.callid} - NO_CALL
            times = [found.first_time, found.last_time, record.time]
            known = [time for time in times if time is not None]
            found.first_time, found.last_time = min(known), max(known)
        yield _Line(seq, start, text, spans)


def _by_stream(
    archive: Archive, ruler: Ruler, places: Iterable[tuple[int, int, int]]
) -> dict[int, list[Run]]:
    """Return, by stream, which bytes of it are masked: first and last offset."""
    origins = archive.origins.all()
    starts: dict[int, int | None] = {}
    found: dict[int, list[Run]] = {}
    for seq, start, end in places:
        index = bisect_right(origins, seq, key=lambda one: one.first_seq)
        origin = origins[index - 1]
        if origin.first_seq not in starts:
            behind = origins[index].first_seq if index < len(origins) else archive.next_seq
            starts[origin.first_seq] = ruler.start_of(origin, behind)
        zero = starts[origin.first_seq]
        if zero is not None:
            way = origin.offset - zero
            found.setdefault(origin.stream, []).append((start + way, end + way - 1))
    return found


def _mask_streams(store: Store, numbers: Numbers, erased: dict[int, list[Run]]) -> int:
    """Mask what files are known by, and note which bytes of them differ from it now.

    Return of how many files that is masked.
    """
    files = 0
    for stream in store.cursor.streams():
        changed = _masked(stream, numbers, erased.get(stream.id, ()))
        if changed != stream:
            store.cursor.save(changed)
            files += any(map(numbers.in_text, (stream.head, stream.tail)))
    return files


def _masked(stream: Stream, numbers: Numbers, erased: Iterable[Run]) -> Stream:
    """Return a stream with these bytes masked, and a number where it is in head or tail.

    There it is also found in what was never archived, and in part where it is cut off.
    """
    behind = stream.offset - len(stream.tail)
    parts = [*stream.erased, *erased]
    parts += [(first, last - 1) for first, last in numbers.in_piece(stream.head, begins=True)]
    parts += [(behind + first, behind + last - 1) for first, last in numbers.in_piece(stream.tail)]
    return stream.masked(tuple(merged(parts)))
