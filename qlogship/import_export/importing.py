"""Taking older files into the archive, each record once.

Theory of operation
-------------------
A file is read in blocks of whole lines. Each block is compared with the pieces
of the archive that have records of the same time (import_export/alignment.py); what is
not found there is archived under a stream of the file's own. In the end the
file and the pieces it was found to overlap with are woven into one piece, which
takes its place in the order of time (archive/timeline.py).

A block is decided but for its last lines, which are looked at again together
with the next one: what begins there may only be told from its continuation.

All of one file is one transaction: it is imported, or it is not. What is
imported is numbered behind all that was archived before; shipping is told to
pass over it, or to ship it next, in the same transaction.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from qlogship.archive.runs import extend, merged
from qlogship.archive.timeline import Item, merge, stretches_without, weave
from qlogship.errors import NotAQueueLog, SourceUnreadable
from qlogship.import_export.alignment import Loose, align, as_kept, ends, masked_spans
from qlogship.import_export.pieces import FoundLines, KnownLines, Pieces, time_range
from qlogship.queue_log.recognition import OddRun, first_part
from qlogship.queue_log.records import time_of
from qlogship.source.files import LONGEST_RECORD
from qlogship.source.foreign import refusal_of
from qlogship.source.identity import begins_as, tail_agrees
from qlogship.source.streams import Kin, Stream, identify
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qlogship.archive.runs import Run
    from qlogship.archive.spans import Timeline
    from qlogship.source.files import OpenFile
    from qlogship.state.room import Room
    from qlogship.state.store import Store

Ship = Literal["now", "resync"]

_BLOCK_BYTES: Final = 1024 * 1024
_LOOKAHEAD: Final = 512


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file. Times are epoch seconds, of the first and the latest record.

    `records` are all lines of the file that were looked at, `new` those that were
    archived. `left_bytes` are those at the end that the service reads itself.
    """

    records: int = 0
    new: int = 0
    first_time: int | None = None
    last_time: int | None = None
    left_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _FileBlock:
    """Some text of a file; the last line may be `torn` in the `final` block."""

    text: bytes
    lines: list[bytes]
    final: bool
    torn: bool


class Importer:
    """Import files into a store, one after the other.

    `live` is device and inode of the queue_log that the service follows, None when
    there is none. `any_text` also takes files that are no queue_log. Of `room` there must be
    enough for each record that is new.
    """

    def __init__(
        self,
        store: Store,
        *,
        ship: Ship,
        live: tuple[int, int] | None = None,
        any_text: bool = False,
        room: Room | None = None,
    ) -> None:
        self._store = store
        self._room = room
        self._ship = ship
        self._live = live
        self._any_text = any_text
        self._timeline = store.timeline()

    def add(
        self, file: OpenFile, *, progress: Callable[[int], None] = lambda _read: None
    ) -> Imported:
        """Import one file, all of it or, when this raises, nothing.

        `progress` is told how many bytes of its text were looked at. Raises
        `SourceUnreadable` for a file that is damaged or no queue_log, and
        `StateError`.
        """
        if not self._any_text and (refusal := refusal_of(file, complete=True)) is not None:
            raise _any_text(refusal)
        try:
            with self._store.transaction():
                if self._is_known(file):
                    return _nothing_new(file, progress)
                importing = _Import(
                    self._store, self._timeline, file, any_text=self._any_text, room=self._room
                )
                return importing.run(self._ship, self._until(file), progress)
        except BaseException:
            # The archive in memory was ahead of what is written.
            self._store.reopen()
            self._timeline = self._store.timeline()
            raise

    def _is_known(self, file: OpenFile) -> bool:
        """Return whether all of a file is known as a stream, or the beginning of one."""
        whole = self._timeline.archived_whole()
        streams = [stream for stream in self._store.cursor.streams() if stream.id in whole]
        for stream in streams:
            # What begins alike need not be the same, but what is alike throughout is.
            if _agrees(file, stream) and not file.read_at(stream.offset, 1):
                return True
        kin, _ = identify(file.start(), file.key, streams)
        return kin is Kin.PART

    def _until(self, file: OpenFile) -> int | None:
        """Return where to stop reading, because the service reads on from there itself.

        So it does in the live queue_log, also when a copy of that is imported, and
        in a file that it has not read to the end. None for all others.
        """
        live = file.key == self._live
        imported = self._timeline.imported()
        followed = [
            stream.offset
            for stream in self._store.cursor.streams()
            if not stream.skipped
            and (
                live
                or (stream.device, stream.inode) == self._live
                or ((stream.device, stream.inode) == file.key and stream.id not in imported)
            )
            and _agrees(file, stream)
        ]
        if live and not followed:
            return file.end_of_lines()  # the rest of an unfinished line is still to come
        return max(followed, default=None)


def _nothing_new(file: OpenFile, progress: Callable[[int], None]) -> Imported:
    """Count what is known already."""
    records = size = 0
    times: list[int] = []
    for block in _blocks(file):
        records += len(block.lines)
        size += len(block.text)
        times += time_range(block.lines)
        progress(size)
    return Imported(records, 0, min(times, default=None), max(times, default=None))


class _Import:
    """The import of one file, within a transaction."""

    def __init__(
        self,
        store: Store,
        timeline: Timeline,
        file: OpenFile,
        *,
        any_text: bool,
        room: Room | None = None,
    ) -> None:
        self._store = store
        self._room = room
        self._any_text = any_text
        self._timeline = timeline
        self._file = file
        self._begins_at = timeline.begins_at
        timeline.refresh()
        self._pieces = Pieces(timeline)
        self._first_seq = store.archive.next_seq
        self._stream = self._new_stream()
        self._items: list[Item] = []
        self._superseded: list[Run] = []
        self._erased: list[Run] = []

    def run(self, ship: Ship, until: int | None, progress: Callable[[int], None]) -> Imported:
        """Read the file and write what is new of it."""
        lines: list[bytes] = []
        times: list[int] = []
        decided_to = records = 0
        run = OddRun()
        for block in _blocks(self._file, until=until):
            if not self._any_text:
                run = _refuse_foreign(self._file, block, self._stream.offset, run)
            if not self._stream.offset and block.text:
                self._store.cursor.save(self._stream)
            self._stream = self._stream.advanced(block.text)
            records += len(block.lines)
            lines += block.lines
            self._refuse_older(block)
            times += time_range(block.lines)
            decided = len(lines) if block.final else max(0, len(lines) - _LOOKAHEAD)
            loose = Loose([0] if decided_to == 0 else (), [len(lines) - 1] if block.torn else ())
            found = self._find(lines, decided, decided_to, loose)
            self._take(lines, decided, decided_to, found, torn=block.torn)
            decided_to += _size(lines[:decided])
            del lines[:decided]
            progress(self._stream.offset)
        if self._stream.offset > 0:
            self._store.cursor.save(self._stream.masked(tuple(merged(self._erased))))
            self._place(ship)
        return Imported(
            records,
            self._store.archive.next_seq - self._first_seq,
            min(times, default=None),
            max(times, default=None),
            left_bytes=0 if until is None else max(0, self._file.status.st_size - until),
        )

    def _refuse_older(self, block: _FileBlock) -> None:
        """Raise for records that are perhaps known: those of their time have left the archive."""
        begins_at = self._begins_at
        if begins_at is None or min(time_range(block.lines), default=begins_at) >= begins_at:
            return
        begins = datetime.fromtimestamp(begins_at).astimezone().strftime("%Y-%m-%d %H:%M")
        raise SourceUnreadable(
            f"{self._file.path} has records of before {begins}, where the archive begins"
            " (state.keep): nobody can tell whether they were uploaded",
            hint="Import a file that begins later; the dashboard has what it had of the others.",
        )

    # --- what is new ---

    def _find(
        self, lines: Sequence[bytes], decided: int, offset: int, loose: Loose
    ) -> list[KnownLines]:
        """Find which of the first `decided` lines, at an offset, are known, in their order."""
        found = FoundLines(decided)
        following: int | None = None
        for window in self._pieces.windows(lines):
            told = as_kept(lines, window.lines)
            matches = align(told, window.lines, goes_on=window.goes_on)
            for match in matches:
                length = min(match.length, decided - match.file)
                if length <= 0:
                    break
                found.add(
                    match.file, window.piece, self._pieces.places(window, match.known, length)
                )
                self._pieces.go_behind(window, match.known + length - 1)
                if told is not lines:
                    self._note_erased(lines, told, range(match.file, match.file + length), offset)
                if match.file + length == decided:
                    following = following or window.piece
            known_loose = Loose(window.firsts, window.lasts)
            for end in ends(told, window.lines, matches, file_loose=loose, known_loose=known_loose):
                if end.whole_in_file:
                    self._superseded += self._pieces.places(window, end.known, 1)
                elif end.file < decided:
                    found.add_fragment(end.file, window.piece)
        self._pieces.following = following
        return found.all()

    def _note_erased(
        self, lines: Sequence[bytes], told: Sequence[bytes], which: range, offset: int
    ) -> None:
        """Note which bytes of known lines were masked in the archive; the first is at `offset`."""
        at = offset + _size(lines[: which.start])
        for index in which:
            if told[index] is not lines[index]:
                spans = masked_spans(told[index], lines[index])
                self._erased += [(at + first, at + last) for first, last in spans]
            at += len(lines[index]) + 1

    def _take(
        self,
        lines: Sequence[bytes],
        decided: int,
        offset: int,
        found: Sequence[KnownLines],
        *,
        torn: bool,
    ) -> None:
        """Note what is known of the first `decided` lines, and archive the others."""
        line = 0
        for known in [*found, KnownLines(decided, True, 0, 0, None)]:
            if known.kept and line < known.line:
                new = lines[line : known.line]
                self._append(new, offset, torn=torn and known.line == len(lines))
                offset += _size(new)
                line = known.line
            part = lines[known.line : known.line + known.length]
            if known.run is not None:
                time = next((time for one in part if (time := time_of(one)) is not None), 0)
                self._items.append(Item(*known.run, known.piece, time, known.kept))
            if known.kept:
                line += known.length
                offset += _size(part)

    def _append(self, lines: Sequence[bytes], offset: int, *, torn: bool) -> None:
        """Archive lines of the file, which lie at an offset."""
        if self._room is not None:
            self._room.require()
        text = b"\n".join(lines) + (b"" if torn else b"\n")
        first = self._store.archive.append(text, stream=self._stream.id, offset=offset)
        last = self._store.archive.next_seq - 1
        if self._items and self._items[-1].piece is None:
            self._items[-1] = self._items[-1]._replace(last=last)
        else:
            self._items.append(Item(first, last, None, 0, kept=True))

    def _new_stream(self) -> Stream:
        """Make the stream that the file's records belong to."""
        number = max((stream.id for stream in self._store.cursor.streams()), default=0) + 1
        device, inode = self._file.key
        path = os.fsencode(self._file.path.absolute()).decode(errors="backslashreplace")
        return Stream(number, b"", b"", 0, device, inode, path)

    # --- its place in time ---

    def _place(self, ship: Ship) -> None:
        """Write the order of time, and what is to be shipped."""
        touched = {item.piece for item in self._items if item.piece is not None}
        self._timeline.join(self._stream.id, touched)
        next_seq = self._store.archive.next_seq
        if next_seq == self._first_seq and len(touched) < 2:
            return
        self._timeline.refresh()
        woven = weave(
            self._items,
            {
                piece: stretches_without(self._pieces.stretches(piece), self._superseded)
                for piece in touched
            },
            self._timeline.lines,
            stretches_of=self._timeline.stretches,
        )
        order = merge(
            self._timeline.stretches(woven),
            [stretch for stretch in self._pieces.order if stretch.piece not in touched],
            self._timeline.lines,
        )
        self._timeline.write(order, closed_at=next_seq)
        self._direct(order, ship)

    def _direct(self, order: Sequence[Run], ship: Ship) -> None:
        """Say what is to be shipped before what will be archived from now on."""
        position = self._store.position.get()
        ahead = list(position.ahead)
        if position.frontier < self._first_seq:
            extend(ahead, (position.frontier, self._first_seq - 1))
        if ship == "now":
            for first, last in order:
                if last >= self._first_seq:
                    extend(ahead, (max(first, self._first_seq), last))
        self._store.position.save(
            ahead=ahead,
            frontier=self._store.archive.next_seq,
            held=position.held,
            clock=position.clock,
            odd=position.odd,
        )


def _blocks(file: OpenFile, *, until: int | None = None) -> Iterator[_FileBlock]:
    """Read a file in blocks of whole lines; only the last one may end within a line."""
    offset = 0
    while True:
        size = _BLOCK_BYTES
        while True:
            want = size if until is None else min(size, until - offset)
            data = file.read_at(offset, want) if want > 0 else b""
            ended = len(data) < size
            whole = data.rfind(b"\n") + 1
            if ended or whole:
                break
            if size >= LONGEST_RECORD:
                raise SourceUnreadable(
                    f"{file.path} has a line of more than {LONGEST_RECORD >> 20} MiB",
                    hint="Import a queue_log; this is none.",
                )
            size *= 2
        # A short answer may come before the end, from a file that grows.
        final = ended and not file.read_at(offset + len(data), 1) if until is None else ended
        if final and not file.whole:
            raise SourceUnreadable(
                f"the compressed file {file.path} is cut off",
                hint="Decompress as much of it as there is, and import that.",
            )
        text = data if final else data[:whole]
        lines = text.split(b"\n")
        torn = lines.pop()
        if torn:
            lines.append(torn)
        offset += len(text)
        yield _FileBlock(text, lines, final=final, torn=bool(torn))
        if final:
            return


def _any_text(refusal: NotAQueueLog) -> NotAQueueLog:
    return NotAQueueLog(
        refusal.message, hint="Name another file, or add --any-text to import it anyway."
    )


def _refuse_foreign(file: OpenFile, block: _FileBlock, offset: int, run: OddRun) -> OddRun:
    """Raise for text of no queue_log in a block at an offset; return what stands at its end."""
    text = block.text
    while text:
        part = first_part(text, run)
        if part.foreign:
            raise _any_text(
                NotAQueueLog(
                    f"{file.path} is not a queue_log throughout: {count(part.lines, 'line')} from"
                    f" byte {offset:,} on are no records"
                )
            )
        text, run = text[part.size :], part.run
        offset += part.size
    return run


def _agrees(file: OpenFile, stream: Stream) -> bool:
    """Return whether a file begins with all that is archived of a stream."""
    return begins_as(file, stream) and tail_agrees(file, stream)


def _size(lines: Sequence[bytes]) -> int:
    return sum(map(len, lines)) + len(lines)
