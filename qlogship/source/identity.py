"""Which text is which: the streams that are known, and where a file goes on with one.

Theory of operation
-------------------
source/streams.py says what a stream is known by. Here that is applied to files.
A file that begins as a stream does is one of these:

- the text of the stream: what stands before the cursor is the stream's tail, and
  reading goes on at the cursor;
- a copy of a file that is open here: the copy is read as the stream, and the open
  file gets a stream of its own for what only it holds (`_split`);
- a text that parted from what was archived: a power cut took the end of a file
  that nobody synced, or somebody cut or edited it. It is compared with the
  archived end of the stream, and reading goes on with the first line that
  differs (`_parting`).

A stream gets its number when something is read from it; until then `NEW` stands
for it.

Which streams a file is compared with, the cursor says, by an index: there may be very
many. Only what changed since it was written down is kept here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.source.family import began
from qlogship.source.files import OpenFile
from qlogship.source.foreign import Passage
from qlogship.source.streams import HEAD_BYTES, TAIL_BYTES, Kin, Stream, common, compare, identify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qlogship.installation.doors import Own
    from qlogship.source.cursor import Cursor, FileKey
    from qlogship.source.family import Member

NEW: Final = 0
"""Stands for the number of a stream that gets one when something is read from it."""

PATIENCE: Final = 20.0
"""Seconds for a file that may hold gigabytes in kilobytes; the watchdog waits for a minute."""

_COMPARED: Final = 64 * 1024
_MOST_COMPARED: Final = 32 * 1024 * 1024


@dataclass(slots=True)
class Followed:
    """An open file that is or was the live one; no stream while nothing was read from it.

    `grew_at` is on the monotonic clock.
    """

    file: OpenFile
    grew_at: float
    stream: Stream | None = None
    size: int = 0
    passage: Passage = field(default_factory=Passage)

    @property
    def began(self) -> int:
        """The first time in it, in epoch seconds; its mtime without one."""
        return began(self.file.start(), self.file.status)


@dataclass(slots=True)
class OpenFiles:
    """The live file, and those that were the live one and are still open, oldest first.

    `own` tells which files are qlogship's own, and never read.
    """

    live: Followed | None = None
    left: list[Followed] = field(default_factory=list)
    own: Own = frozenset
    patience: float = PATIENCE

    @property
    def all(self) -> list[Followed]:
        """All of them, the live one last."""
        return [*self.left, *([self.live] if self.live else ())]

    def another(self, path: Path, *, plain: bool = False) -> OpenFile:
        """Open a file of the family; whoever asks closes it. Raises `SourceUnreadable`."""
        return OpenFile(path, plain=plain, own=self.own, patience=self.patience)


class Streams:
    """The streams that are known; reading moves their cursors here.

    `cursor` has those that were written down, None when nothing was yet. `opened` are the
    files that are open, `find` finds the others of the family. `last_text_of` returns the
    archived end of a stream (see `Archive`).
    """

    def __init__(
        self,
        cursor: Cursor | None,
        *,
        opened: OpenFiles,
        find: Callable[[], Iterable[Member]],
        last_text_of: Callable[[int, int, int], bytes],
    ) -> None:
        self._cursor = cursor
        self._last_number = cursor.last_number() if cursor is not None else 0
        self._changed: dict[int, Stream] = {}
        self._open = opened
        self._find = find
        self._last_text_of = last_text_of
        self._places: dict[FileKey, str] | None = None
        self._found_elsewhere: dict[int, bool] = {}

    def look_anew(self) -> None:
        """Forget where the files of the family stood, and what they were."""
        self._places = None
        self._found_elsewhere = {}

    def save_changes(self, cursor: Cursor) -> None:
        """Write the streams that changed since the last time."""
        for stream in self._changed.values():
            cursor.save(stream)
        self._changed = {}

    def current(self, stream: Stream) -> Stream:
        """Return a stream as it stands now: it may have been read on in another file."""
        known = self._changed.get(stream.id)
        if known is None and self._cursor is not None and stream.id != NEW:
            known = self._cursor.stream(stream.id)
        return known or stream

    def offset(self, stream: Stream | None) -> int:
        """Return how far a stream has been read; 0 without one."""
        return self.current(stream).offset if stream is not None else 0

    def is_live(self, stream: Stream | None) -> bool:
        """Return whether this is the stream of the live file."""
        live = self._open.live.stream if self._open.live is not None else None
        return stream is not None and live is not None and stream.id == live.id

    # --- which stream a file belongs to ---

    def identify(self, file: OpenFile, start: bytes) -> tuple[Kin, Stream | None]:
        """Find the stream that a file with this beginning belongs to."""

        def is_elsewhere(stream: Stream) -> bool:
            # A compressed file is a copy of one that was plain, beside which it may stand.
            return file.compression is None and self._is_elsewhere(stream)

        def prefer(kin: Kin, stream: Stream) -> tuple[int, bool, bool]:
            """Rank by how far a file goes with what is archived of a stream."""
            is_live = self.is_live(stream)
            if kin is Kin.PART:
                return len(start), False, is_live
            if tail_agrees(file, stream):
                return stream.offset, True, is_live
            offset, _ = self._parting(file, stream)
            return offset or 0, False, is_live

        near = self._cursor.like(start, file.key) if self._cursor is not None else ()
        streams = {**{stream.id: stream for stream in near}, **self._changed}.values()
        return identify(start, file.key, streams, is_elsewhere=is_elsewhere, prefer=prefer)

    def _is_elsewhere(self, stream: Stream) -> bool:
        """Return whether the file that a stream was read from is still there, as it was.

        Not while it is the live one: then another file like it is a copy of it.
        """
        key = stream.device, stream.inode
        for left in self._open.left:
            if left.stream is not None and left.stream.id == stream.id:
                there = left.file.refresh().st_nlink > 0  # else it was replaced by a copy
                return there and compare(stream.head, stream.veiled(left.file.start())) is Kin.SAME
        # Of very many files alike each is compared with hundreds: that is looked at once.
        if stream.id not in self._found_elsewhere:
            self._found_elsewhere[stream.id] = self._is_at_its_place(stream, key)
        return self._found_elsewhere[stream.id]

    def _is_at_its_place(self, stream: Stream, key: FileKey) -> bool:
        """Return whether a file of the family is the one that a stream was read from."""
        if self._places is None:
            self._places = {member.key: member.name for member in self._find()}
        if key in self._places:
            with suppress(SourceUnreadable), self._open.another(Path(self._places[key])) as file:
                return (
                    file.key == key
                    and compare(stream.head, stream.veiled(file.start())) is Kin.SAME
                )
        return False

    # --- where to go on ---

    def attach(self, opened: Followed) -> bool:
        """Tie an open file to the stream it continues, if there is one.

        Return whether it goes on right where that was left.
        """
        opened.stream = None
        self.look_anew()
        kin, stream = self.identify(opened.file, opened.file.start())
        if stream is None or stream.skipped:
            return False
        for left in self._open.left:
            if left is not opened and left.stream is not None and left.stream.id == stream.id:
                left.stream = _split(left.stream, left.file, opened.file)
        opened.stream = _moved(stream, opened.file)
        size = opened.file.status.st_size
        if kin is Kin.SAME and size >= stream.offset and tail_agrees(opened.file, stream):
            return stream.offset > 0
        opened.stream = self._resume_by_content(opened, kin, stream)
        return False

    def _resume_by_content(self, opened: Followed, kin: Kin, stream: Stream) -> Stream | None:
        """Go on where an open file and what was archived of its stream part.

        A power cut takes the end of a file that nobody synced, while the
        archive has it; or somebody cut or edited the file. None when they part
        too far back to tell: a new stream.
        """
        if kin is Kin.PART:
            # All of it is archived; what comes will be new.
            offset: int | None = opened.file.start().rfind(b"\n") + 1 or None
        else:
            offset, _ = self._parting(opened.file, stream)
        if offset is None:
            return None
        resumed = _cut(stream, opened.file, offset)
        if opened is not self._open.live:
            return replace(resumed, id=NEW)  # a copy of it may hold more
        self._keep(resumed)
        return resumed

    def continued(self, file: OpenFile, stream: Stream) -> Stream | None:
        """Return the stream to go on with in a rotated file; None when it holds nothing new.

        That it begins as the stream does is known. It may be a shorter copy; or
        it parted from what was archived after a power cut, before it was rotated.
        """
        if tail_agrees(file, stream):
            return stream
        offset, differs = self._parting(file, stream)
        if offset is None or not differs:
            return None
        return replace(_cut(stream, file, offset), id=NEW)

    def _parting(self, file: OpenFile, stream: Stream) -> tuple[int | None, bool]:
        """Find where a file and what was archived of its stream part.

        Return the offset of the first line that differs, None when it is too far
        back to tell; and whether the file holds anything that the archive has not.
        """
        size = file.status.st_size if file.compression is None else stream.offset
        want = max(0, stream.offset - size) + _COMPARED
        text = b""
        if want <= _MOST_COMPARED:
            text = self._last_text_of(stream.id, want, stream.offset)
        base = stream.offset - len(text)
        text = stream.veiled(text, base)
        if 0 < base <= len(stream.head):
            # What it shares with the stream that it parted from is archived as that one's.
            text, base = stream.head[:base] + text, 0
        if file.compression is None and size <= base:
            return file.end_of_lines(), False  # it ends before anything that could be compared
        found = stream.veiled(file.read_at(base, len(text) + 1), base)
        shared = common(text, found)
        end = text.rfind(b"\n", 0, shared) + 1
        offset = base + end if end > 0 or (base == 0 and text) else None
        return offset, shared < len(found)

    # --- reading on ---

    def read_on(self, file: OpenFile, stream: Stream | None, data: bytes) -> Stream:
        """Move the cursor of a stream behind `data`; begin the stream if it is new."""
        if stream is None:
            stream = self.begin(file)
        elif stream.id == NEW:
            stream = replace(stream, id=self._last_number + 1)
        advanced = _moved(stream.advanced(data), file)
        self._keep(advanced)
        return advanced

    def begin(
        self, file: OpenFile, *, head: bytes = b"", offset: int = 0, skipped: bool = False
    ) -> Stream:
        """Begin a stream with the text of a file; what stands before `offset` is not wanted."""
        number = self._last_number + 1
        tail = _before(file, offset) if offset else b""
        device, inode = file.key
        stream = Stream(number, head, tail, offset, device, inode, str(file.path), skipped)
        self._keep(stream)
        return stream

    def _keep(self, stream: Stream) -> None:
        self._last_number = max(self._last_number, stream.id)
        self._changed[stream.id] = stream


def tail_agrees(file: OpenFile, stream: Stream) -> bool:
    """Return whether what stands before the cursor in a file is the stream's tail."""
    tail = stream.tail
    start = stream.offset - len(tail)
    return stream.veiled(file.read_at(start, len(tail)), start) == tail


def begins_as(file: OpenFile, stream: Stream) -> bool:
    """Return whether a file begins with the stream's head."""
    return stream.veiled(file.start(len(stream.head))) == stream.head


def _split(stream: Stream, file: OpenFile, copy: OpenFile) -> Stream:
    """Return a stream of its own for a file that is still open; the path leads to a copy of it.

    What both hold is read from the copy. The stream gets a number when
    there is anything else.
    """
    offset = stream.offset
    while True:
        one, other = file.read_at(offset, _COMPARED), copy.read_at(offset, _COMPARED)
        shared = common(one, other)
        end = one.rfind(b"\n", 0, shared) + 1
        offset += end
        if shared < _COMPARED or not end:
            return replace(_cut(stream, file, offset), id=NEW)


def _cut(stream: Stream, file: OpenFile, offset: int) -> Stream:
    """Return the stream as it is met in this file, with its cursor at an offset of it."""
    erased = tuple(
        (first, min(last, offset - 1)) for first, last in stream.erased if first < offset
    )
    cut = replace(_moved(stream, file), offset=offset, erased=erased)
    tail = _before(file, offset)
    return replace(
        cut,
        head=cut.veiled(file.start(min(offset, HEAD_BYTES))),
        tail=cut.veiled(tail, offset - len(tail)),
    )


def _before(file: OpenFile, offset: int) -> bytes:
    """Return what is the tail of a stream whose cursor stands at this offset."""
    start = max(0, offset - TAIL_BYTES)
    return file.read_at(start, offset - start)


def _moved(stream: Stream, file: OpenFile) -> Stream:
    """Return the stream as it is met in this file."""
    device, inode = file.key
    return replace(stream, device=device, inode=inode, path=str(file.path))
