"""Following the queue_log: what to read next, through growth and every rotation.

Theory of operation
-------------------
Three kinds of files are read, and in this order:

1. rotated files that hold something not archived yet, oldest first: at the
   first start, after rotations that were missed, after a copytruncate;
2. files that were the live one and are still open here, because Asterisk goes
   on writing to a renamed file until it is told to reload;
3. the live file, and only as far as it went before 2 was read: once Asterisk
   writes to the new file it writes no more to the old one, so nothing of the
   old file can come behind what follows it.

Each file is tied to a stream by content (source/streams.py), whatever its name
or inode. Events are hints: each `read` looks at the live path itself, and a
`scan` looks at the whole family. After a block was read the beginning of the
file is compared again, so that a truncation between look and read cannot pass
off new text as the continuation of old.

Bytes after the last newline are left for later. When a file is given up (it
was rotated away and has been still for `STILL`), such a rest is handed out as
it is.

Known limits: what copytruncate loses between its copy and its truncate, and a
file that is deleted while nobody follows it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.queue_log.records import time_of
from qlogship.source.family import Member, members
from qlogship.source.files import OpenFile, unreadable
from qlogship.source.streams import (
    HEAD_BYTES,
    TAIL_BYTES,
    Kin,
    Look,
    Stream,
    compare,
    identify,
    look,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

STILL: Final = 30.0
"""Seconds without growth after which nobody is expected to write to a rotated file."""

_NEW: Final = 0
"""Stands for the number of a stream that gets one when something is read from it."""

_MOST_LEFT: Final = 16
_LONGEST_RECORD: Final = 8 * 1024 * 1024
_COMPARED: Final = 64 * 1024
_MOST_COMPARED: Final = 32 * 1024 * 1024

Status = tuple[int, int, int, int]
"""Device, inode, size, mtime in nanoseconds: a file that looks the same is the same."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that was read, and the stream with its cursor behind it.

    `data` ends in a newline, but for a rest that nobody will finish. It lies at
    `offset` of the stream.
    """

    stream: Stream
    offset: int
    data: bytes


@dataclass(slots=True)
class Changes:
    """What is to be written down besides the pieces; see `QueueLog.take_changes`."""

    streams: dict[int, Stream]
    seen: dict[str, Status]
    gone: set[str]
    history: str | None = None

    def __bool__(self) -> bool:
        return bool(self.streams or self.seen or self.gone or self.history)


@dataclass(slots=True)
class _Open:
    """An open file and its stream; no stream while nothing was read from it."""

    file: OpenFile
    stream: Stream | None
    grew_at: float = 0.0
    size: int = 0

    @property
    def began(self) -> float:
        """The first time in it, in epoch seconds; its mtime without one."""
        first = _first_time(self.file.start())
        return first if first is not None else self.file.status.st_mtime


_Rank = tuple[float, int, str]
"""What rotated files are sorted by: the first time in it, mtime in nanoseconds, path."""


@dataclass(slots=True)
class _Unread:
    """A rotated file that may hold something new."""

    member: Member
    stream: Stream | None
    rank: _Rank
    file: OpenFile | None = None
    nothing_new: bool = False


class QueueLog:
    """Hand out the text of a queue_log, each byte once, in the order it was written.

    `streams`, `seen` and `history` are what was written down before; `history`
    is None at the first start, when `wanted_history` applies. `last_text_of`
    returns the archived end of a stream (see `store.archive`). It keeps its
    state in memory: when what it handed out could not be written down, make a
    new one from what was.
    """

    def __init__(
        self,
        path: Path,
        *,
        archives: Sequence[str] = (),
        wanted_history: str = "all",
        history: str | None = None,
        streams: Iterable[Stream] = (),
        seen: dict[str, Status] | None = None,
        last_text_of: Callable[[int, int, int], bytes] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._archives = tuple(archives)
        self._wanted_history = wanted_history
        self._started = history is not None
        self._streams = {stream.id: stream for stream in streams}
        self._seen = dict(seen or {})
        self._last_text_of = last_text_of or (lambda _stream, _want, _end: b"")
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._live: _Open | None = None
        self._left: list[_Open] = []
        self._unread: list[_Unread] = []
        self._unfinished: dict[str, tuple[Status, float]] = {}
        self._scan_due = True
        self._changes = Changes({}, {}, set())
        self.trouble: SourceUnreadable | None = None
        self.damaged: dict[str, SourceUnreadable] = {}

    @property
    def restless(self) -> bool:
        """Whether a file that was rotated away may still grow: look again soon."""
        return bool(self._left)

    @property
    def quiet_for(self) -> float | None:
        """Seconds since the live file was written to, by its mtime; None without one."""
        if self._live is None:
            return None
        return max(0.0, self._wall_clock() - self._live.file.status.st_mtime)

    @property
    def written_at(self) -> float | None:
        """When the live file was written to, by its mtime, in epoch seconds.

        None without one, and when that is still to come by the machine's clock.
        """
        if self._live is None or self._live.file.status.st_mtime > self._wall_clock() + 1.0:
            return None
        return self._live.file.status.st_mtime

    def scan(self) -> None:
        """Look at the whole family at the next `read`."""
        self._scan_due = True

    def lag(self) -> int:
        """Return the bytes that are there to be read (compressed ones as they lie)."""
        lag = 0
        for opened in (*self._left, *([self._live] if self._live else ())):
            offset = opened.stream.offset if opened.stream else 0
            lag += max(0, opened.file.status.st_size - offset)
        for unread in self._unread:
            offset = self._offset(unread.stream)
            lag += max(0, unread.member.status.st_size - offset)
        return lag

    def survey(self) -> int:
        """Look at everything without reading on; return the lag."""
        self._look_at_path()
        self._scan()
        return self.lag()

    def take_changes(self) -> Changes:
        """Return what changed besides the text, once: to be written with the next pieces."""
        changes, self._changes = self._changes, Changes({}, {}, set())
        return changes

    def read(self, limit: int) -> Piece | None:
        """Return the next text, about `limit` bytes; None when there is nothing now.

        Never raises for what the files are: `trouble` says what is wrong with
        the live path, `damaged` what is wrong with others.
        """
        try:
            return self._read(limit)
        except SourceUnreadable as error:
            # A stale mount, a bad disk: the same handle would fail for ever. By
            # their content the files are found again.
            self.trouble = error
            self.close()
            self._scan_due = True
            return None

    def _read(self, limit: int) -> Piece | None:
        self._look_at_path()
        for left in self._left:
            self._look_at(left)
        live_size = self._live.file.refresh().st_size if self._live else 0
        while self._scan_due or self._unread:
            if self._scan_due:
                self._scan()
                if not self._started:
                    return None
                continue
            unread = self._unread[0]
            older = [left for left in self._left if left.began <= unread.rank[0]]
            piece = self._read_lefts(older, limit, replaced=live_size > 0) or self._read_unread(
                unread, limit
            )
            if piece is not None:
                return piece
            self._done(self._unread.pop(0))
        piece = self._read_lefts(self._left, limit, replaced=live_size > 0)
        return piece or self._read_live(live_size, limit)

    def close(self) -> None:
        """Close every file."""
        for opened in (*self._left, *([self._live] if self._live else ())):
            opened.file.close()
        for unread in self._unread:
            if unread.file is not None:
                unread.file.close()
        self._left, self._live, self._unread = [], None, []

    # --- the live path ---

    def _look_at_path(self) -> None:
        """See what the path leads to, and whether the open file was begun anew."""
        try:
            status = self.path.stat()
        except FileNotFoundError as error:
            # A rotation leaves the path empty for a moment, or until the next reload.
            self.trouble = unreadable(self.path, error)
            self._leave_live()
            return
        except OSError as error:
            self.trouble = unreadable(self.path, error)
            return
        if self._live is None or self._live.file.key != (status.st_dev, status.st_ino):
            self._leave_live()
            try:
                self._open_live((status.st_dev, status.st_ino))
            except SourceUnreadable as error:
                self.trouble = error
                return
        self.trouble = None
        if self._live is None:
            return
        self._look_at(self._live)

    def _look_at(self, opened: _Open) -> None:
        """See whether an open file was begun anew."""
        size = opened.file.refresh().st_size
        head = opened.file.start(len(opened.stream.head)) if opened.stream is not None else b""
        if look(opened.stream, size=size, start=head) is Look.RESTARTED:
            self._scan_due = True  # a copytruncate leaves the rest in a copy
            self._attach(opened)

    def _open_live(self, key: tuple[int, int]) -> None:
        """Open what the path leads to; a file that was renamed and came back is open already."""
        for left in self._left:
            if left.file.key == key:
                self._left.remove(left)
                self._live = left
                return
        self._live = _Open(OpenFile(self.path, plain=True), None, self._monotonic())
        self._attach(self._live)

    def _leave_live(self) -> None:
        if self._live is not None:
            self._left.append(self._live)
            self._live.grew_at = self._monotonic()
            self._live = None
            self._scan_due = True
            while len(self._left) > _MOST_LEFT:
                self._left.pop(0).file.close()  # found again by its name

    def _attach(self, live: _Open) -> None:
        """Tie an open file to the stream it continues, if there is one."""
        live.stream = None
        start = live.file.start()
        kin, stream = self._identify(live.file, start)
        if stream is None or stream.skipped:
            return
        for left in self._left:
            if left is not live and left.stream is not None and left.stream.id == stream.id:
                left.stream = self._split(left.stream, left.file, live.file)
        live.stream = self._moved(stream, live.file)
        size = live.file.status.st_size
        if kin is not Kin.SAME or size < stream.offset or not self._tail_agrees(live.file, stream):
            live.stream = self._resume_by_content(live, kin, stream)

    def _split(self, stream: Stream, file: OpenFile, copy: OpenFile) -> Stream:
        """Return a stream of its own for a file that is still open; the path leads to a copy of it.

        What both hold is read from the copy. The stream gets a number when
        there is anything else.
        """
        offset = stream.offset
        while True:
            one, other = file.read_at(offset, _COMPARED), copy.read_at(offset, _COMPARED)
            common = _common(one, other)
            end = one.rfind(b"\n", 0, common) + 1
            offset += end
            if common < _COMPARED or not end:
                return _cut(replace(stream, id=_NEW), file, offset)

    def _tail_agrees(self, file: OpenFile, stream: Stream) -> bool:
        tail = stream.tail
        return file.read_at(stream.offset - len(tail), len(tail)) == tail

    def _resume_by_content(self, opened: _Open, kin: Kin, stream: Stream) -> Stream | None:
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
        resumed = _cut(self._moved(stream, opened.file), opened.file, offset)
        if opened is not self._live:
            return replace(resumed, id=_NEW)  # a copy of it may hold more
        self._keep(resumed)
        return resumed

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
        if file.compression is None and size <= base:
            return file.end_of_lines(), False  # it ends before anything that could be compared
        found = file.read_at(base, len(text) + 1)
        common = _common(text, found)
        end = text.rfind(b"\n", 0, common) + 1
        offset = base + end if end > 0 or (base == 0 and text) else None
        return offset, common < len(found)

    # --- reading ---

    def _read_live(self, size: int, limit: int) -> Piece | None:
        live = self._live
        if live is None:
            return None
        if live.stream is None and size:
            self._attach(live)  # a copy of it may have been read meanwhile
        stream = live.stream
        offset = stream.offset if stream is not None else 0
        data = _whole_lines(live.file, offset, min(limit, size - offset))
        if not data:
            return None
        if stream is not None and live.file.start(len(stream.head)) != stream.head:
            return None  # truncated meanwhile: what was read may be anything
        if live.file.refresh().st_size < offset + len(data):
            return None
        live.stream = self._read_on(live.file, stream, data)
        live.grew_at = self._monotonic()
        return Piece(live.stream, offset, data)

    def _read_lefts(self, lefts: Iterable[_Open], limit: int, *, replaced: bool) -> Piece | None:
        for left in list(lefts):
            piece = self._read_left(left, limit, replaced=replaced)
            if piece is not None:
                return piece
        return None

    def _read_left(self, left: _Open, limit: int, *, replaced: bool) -> Piece | None:
        """Read a file that was the live one; let go of it when its time is over."""
        size = left.file.refresh().st_size
        if size != left.size:
            left.size, left.grew_at = size, self._monotonic()
        if left.stream is not None:
            left.stream = self._streams.get(left.stream.id, left.stream)
        elif size:
            self._attach(left)
        offset = left.stream.offset if left.stream is not None else 0
        data = _whole_lines(left.file, offset, min(limit, size - offset))
        if not data:
            still = self._monotonic() - left.grew_at >= STILL
            if not (still and replaced):
                return None
            data = left.file.read_at(offset, size - offset) if size > offset else b""
            if not data:
                self._left.remove(left)
                left.file.close()
                self._scan_due = True
                return None
        left.stream = self._read_on(left.file, left.stream, data)
        left.grew_at = self._monotonic()
        return Piece(left.stream, offset, data)

    def _read_unread(self, unread: _Unread, limit: int) -> Piece | None:
        """Read a rotated file from where its stream stands; None at its end."""
        try:
            file = unread.file
            if file is None:
                file = self._open_unread(unread)
            if file is None or unread.nothing_new:
                return None
            stream = unread.stream
            if stream is not None and stream.id != _NEW:
                stream = self._streams[stream.id]
            offset = stream.offset if stream is not None else 0
            if stream is not None and not self._begins_as(file, stream):
                self._scan_due = True  # somebody wrote over it
                return None
            data = _whole_lines(file, offset, limit)
            if not data and self._given_up(unread):
                data = file.read_at(offset, _LONGEST_RECORD)
        except SourceUnreadable as error:
            self._note_damage(unread.member.path, error)
            return None
        if not data:
            return None
        unread.stream = self._read_on(file, stream, data)
        return Piece(unread.stream, offset, data)

    @staticmethod
    def _begins_as(file: OpenFile, stream: Stream) -> bool:
        return file.compression is not None or file.start(len(stream.head)) == stream.head

    def _open_unread(self, unread: _Unread) -> OpenFile | None:
        """Open a rotated file at its turn; None when it is to be looked at again later.

        What it belongs to is decided now: since the scan, a copy of it may have
        been read.
        """
        file = OpenFile(unread.member.path)
        if file.key != unread.member.key:
            file.close()
            self._scan_due = True  # the names were shifted since
            return None
        kin, stream = self._identify(file, file.start())
        live = self._live.stream if self._live is not None else None
        if kin is Kin.PART or (stream is not None and live is not None and stream.id == live.id):
            file.close()
            return None
        unread.file = file
        unread.stream = self._continued(file, stream) if stream is not None else None
        unread.nothing_new = stream is not None and (stream.skipped or unread.stream is None)
        return file

    def _continued(self, file: OpenFile, stream: Stream) -> Stream | None:
        """Return the stream to go on with in a rotated file; None when it holds nothing new.

        That it begins as the stream does is known. It may be a shorter copy; or
        it parted from what was archived after a power cut, before it was rotated.
        """
        if self._tail_agrees(file, stream):
            return stream
        offset, differs = self._parting(file, stream)
        if offset is None or not differs:
            return None
        return _cut(replace(self._moved(stream, file), id=_NEW), file, offset)

    def _given_up(self, unread: _Unread) -> bool:
        """Return whether nobody will finish the last record of a rotated file."""
        file = unread.file
        if file is None:
            return False
        if file.compression is not None:
            return file.whole or self._still_for_long(unread)
        age = abs(self._wall_clock() - file.refresh().st_mtime)
        return age >= STILL or self._still_for_long(unread)

    def _done(self, unread: _Unread) -> None:
        """Note a file as read to its end, unless something of it is still to come."""
        path = str(unread.member.path)
        file, unread.file = unread.file, None
        if file is None:
            return  # could not be opened: the next scan tries again
        status = _status(file.status)
        if file.compression is not None:
            rest = not file.whole
        else:
            rest = not unread.nothing_new and file.status.st_size > self._offset(unread.stream)
        if rest and path not in self.damaged and not self._still_for_long(unread):
            if self._unfinished.get(path, (None,))[0] != status:
                self._unfinished[path] = (status, self._monotonic())
        else:
            self._unfinished.pop(path, None)
            self._see(path, status)
        file.close()

    def _still_for_long(self, unread: _Unread) -> bool:
        """Return whether an unfinished file has looked the same for long enough."""
        known = self._unfinished.get(str(unread.member.path))
        return (
            known is not None
            and known[0] == _status(unread.member.status)
            and self._monotonic() - known[1] >= STILL
        )

    # --- the family ---

    def _scan(self) -> None:
        """Find the rotated files that hold something new; oldest first."""
        self._scan_due = False
        known = {unread.file.key: unread for unread in self._unread if unread.file is not None}
        opened = {left.file.key for left in self._left}
        if self._live is not None:
            opened.add(self._live.file.key)
        found: list[_Unread] = []
        there = set()
        for member in members(self.path, self._archives):
            path = str(member.path)
            there.add(path)
            if member.key in opened or self._seen.get(path) == _status(member.status):
                continue
            unread = self._examine(member)
            if unread is None:
                continue
            # What is being read keeps its place, also when it was renamed or deleted.
            found.append(known.pop(member.key, unread))
        found += known.values()
        self._unread = sorted(found, key=lambda unread: unread.rank)
        # A file that was removed or renamed meanwhile is no trouble.
        self.damaged = {path: error for path, error in self.damaged.items() if path in there}
        for path in self._seen.keys() - there:
            del self._seen[path]
            self._changes.gone.add(path)
            self._changes.seen.pop(path, None)
        if not self._started and self._may_begin():
            self._begin()
        if not self._started:
            self._unread, self._scan_due = [], True

    def _examine(self, member: Member) -> _Unread | None:
        """Return whether a rotated file holds something new, and how old it is."""
        path = str(member.path)
        try:
            with OpenFile(member.path) as file:
                start = file.start()
                status = file.status
                kin, stream = self._identify(file, start)
        except SourceUnreadable as error:
            self._note_damage(member.path, error)
            return None
        self.damaged.pop(path, None)
        if not start or kin is Kin.PART:
            return None  # empty, or a copy in the making
        live = self._live.stream if self._live is not None else None
        if stream is not None and live is not None and stream.id == live.id:
            return None  # a copy of the live file, which is read itself
        if stream is not None and stream.skipped:
            self._see(path, _status(status))
            return None
        if stream is None and not member.rotated:
            return None
        first = _first_time(start)
        if first is None:
            first = int(status.st_mtime)
        return _Unread(member, stream, (first, status.st_mtime_ns, path))

    def _note_damage(self, path: Path, error: SourceUnreadable) -> None:
        """Note a file of the family that cannot be read, unless it has just gone."""
        if isinstance(error.__cause__, FileNotFoundError):
            self._scan_due = True
        else:
            self.damaged[str(path)] = error

    def _may_begin(self) -> bool:
        """Return whether this look counts as the first: the live file is there, or nothing is."""
        return (
            self._wanted_history == "all"
            or self.trouble is None
            or isinstance(self.trouble.__cause__, FileNotFoundError)
        )

    def _begin(self) -> None:
        """Apply `source.history` at the first start."""
        self._started = True
        self._changes.history = self._wanted_history
        if self._wanted_history == "all":
            return
        for unread in self._unread:
            with suppress(SourceUnreadable):  # gone meanwhile
                self._skip(unread)
        self._unread = []
        if self._wanted_history == "none" and self._live is not None:
            self._skip_live(self._live)

    def _skip(self, unread: _Unread) -> None:
        """Note what a rotated file holds at the first start as not wanted."""
        with OpenFile(unread.member.path) as file:
            start = file.start()
            plain = file.compression is None
            offset = file.end_of_lines() if plain else 0
            tail = file.read_at(max(0, offset - TAIL_BYTES), TAIL_BYTES) if plain else b""
            self._new_stream(file, head=start, tail=tail, offset=offset, skipped=not plain)
            self._see(str(unread.member.path), _status(file.status))

    def _skip_live(self, live: _Open) -> None:
        """Begin behind the last whole record that stands in the live file now."""
        live.file.refresh()
        end = live.file.end_of_lines()
        if end > 0:
            tail = live.file.read_at(max(0, end - TAIL_BYTES), min(end, TAIL_BYTES))
            head = live.file.start(min(end, HEAD_BYTES))
            live.stream = self._new_stream(live.file, head=head, tail=tail, offset=end)

    # --- streams ---

    def _identify(self, file: OpenFile, start: bytes) -> tuple[Kin, Stream | None]:
        def is_elsewhere(stream: Stream) -> bool:
            # A compressed file is a copy of one that was plain, beside which it may stand.
            return file.compression is None and self._is_elsewhere(stream)

        def prefer(kin: Kin, stream: Stream) -> tuple[int, bool, bool]:
            """Rank by how far a file goes with what is archived of a stream."""
            live = self._live.stream if self._live is not None else None
            is_live = live is not None and live.id == stream.id
            if kin is Kin.PART:
                return len(start), False, is_live
            if self._tail_agrees(file, stream):
                return stream.offset, True, is_live
            offset, _ = self._parting(file, stream)
            return offset or 0, False, is_live

        streams = self._streams.values()
        return identify(start, file.key, streams, is_elsewhere=is_elsewhere, prefer=prefer)

    def _is_elsewhere(self, stream: Stream) -> bool:
        """Return whether the file that a stream was read from is still there, as it was.

        Not while it is the live one: then another file like it is a copy of it.
        """
        key = stream.device, stream.inode
        for left in self._left:
            if left.stream is not None and left.stream.id == stream.id:
                there = left.file.refresh().st_nlink > 0  # else it was replaced by a copy
                return there and compare(stream.head, left.file.start()) is Kin.SAME
        for member in members(self.path, self._archives):
            if member.key == key:
                with suppress(SourceUnreadable), OpenFile(member.path) as file:
                    return compare(stream.head, file.start()) is Kin.SAME
        return False

    def _offset(self, stream: Stream | None) -> int:
        return self._streams.get(stream.id, stream).offset if stream is not None else 0

    def _read_on(self, file: OpenFile, stream: Stream | None, data: bytes) -> Stream:
        """Move the cursor of a stream behind `data`; begin the stream if it is new."""
        if stream is None:
            stream = self._new_stream(file, head=b"")
        elif stream.id == _NEW:
            stream = replace(stream, id=max(self._streams) + 1)
        advanced = self._moved(stream.advanced(data), file)
        self._keep(advanced)
        return advanced

    def _new_stream(
        self,
        file: OpenFile,
        *,
        head: bytes,
        tail: bytes = b"",
        offset: int = 0,
        skipped: bool = False,
    ) -> Stream:
        number = max(self._streams, default=0) + 1
        device, inode = file.key
        stream = Stream(number, head, tail, offset, device, inode, str(file.path), skipped)
        self._keep(stream)
        return stream

    def _moved(self, stream: Stream, file: OpenFile) -> Stream:
        device, inode = file.key
        return replace(stream, device=device, inode=inode, path=str(file.path))

    def _keep(self, stream: Stream) -> None:
        self._streams[stream.id] = stream
        self._changes.streams[stream.id] = stream

    def _see(self, path: str, status: Status) -> None:
        self._seen[path] = status
        self._changes.seen[path] = status


def _whole_lines(file: OpenFile, offset: int, limit: int) -> bytes:
    """Read whole lines at `offset`, about `limit` bytes, at least one line if there is one."""
    if limit <= 0:
        return b""
    data = file.read_at(offset, limit)
    end = data.rfind(b"\n") + 1
    while end == 0 and len(data) >= limit and limit < _LONGEST_RECORD:
        limit *= 8
        data = file.read_at(offset, limit)
        end = data.rfind(b"\n") + 1
    # No newline in megabytes: this is no text, and waiting would stop everything.
    return data[:end] if end or len(data) < _LONGEST_RECORD else data


def _cut(stream: Stream, file: OpenFile, offset: int) -> Stream:
    """Return the stream with its cursor at an offset of this file."""
    tail_at = max(0, offset - TAIL_BYTES)
    return replace(
        stream,
        head=file.start(min(offset, HEAD_BYTES)),
        tail=file.read_at(tail_at, offset - tail_at),
        offset=offset,
    )


def _first_time(text: bytes) -> int | None:
    return next((time for line in text.split(b"\n") if (time := time_of(line)) is not None), None)


def _common(one: bytes, other: bytes) -> int:
    """Return the length of the beginning that two texts share."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _status(status: os.stat_result) -> Status:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
