"""The rotated files: which of them hold something new, and reading that.

Theory of operation
-------------------
A `scan` looks at every file of the family. One that looks as it did when it was
read to its end (`seen`, kept over a restart) is passed over. Any other is opened
and its beginning compared with the streams that are known; when it may hold
something new it waits in `unread`, oldest first by the first time in it: names
do not tell the age. What it really holds is decided at its turn, for a copy of
it may have been read since.

A file that ends within a record, or a compressed one that is cut off, may be in
the making. It is `unfinished` and looked at again at each scan; when it has
looked the same for `STILL`, what there is of it is handed out and it is seen.
One that cannot be read is `damaged`, and is tried again at each scan. So is one that
is no queue_log, when it looks otherwise than it did.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.source.compression import DamagedError
from qlogship.source.cursor import sighting_of
from qlogship.source.family import began
from qlogship.source.files import LONGEST_RECORD
from qlogship.source.foreign import Passage, refusal_of
from qlogship.source.interface import Piece
from qlogship.source.streams import Kin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from qlogship.clocks import Clocks
    from qlogship.source.cursor import Cursor, Sighting
    from qlogship.source.family import Member
    from qlogship.source.files import OpenFile
    from qlogship.source.identity import OpenFiles, Streams
    from qlogship.source.streams import Stream

STILL: Final = 30.0
"""Seconds without growth after which nobody is expected to write to a rotated file."""


@dataclass(slots=True)
class Unread:
    """A rotated file that may hold something new.

    Files are sorted by `rank`: the first time in it, mtime in nanoseconds, path.
    """

    member: Member
    stream: Stream | None
    rank: tuple[float, int, str]
    file: OpenFile | None = None
    nothing_new: bool = False
    passage: Passage = field(default_factory=Passage)


class RotatedFiles:
    """Find the rotated files that hold something new, and read it.

    `opened` are the files that are read elsewhere, `find` finds all of the
    family. `seen` is how files looked that were read to their end.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        opened: OpenFiles,
        find: Callable[[], Iterable[Member]],
        seen: dict[str, Sighting],
        clocks: Clocks,
    ) -> None:
        self._streams = streams
        self._open = opened
        self._find = find
        self._clocks = clocks
        self._seen = seen
        self._newly_seen: dict[str, Sighting] = {}
        self._gone: set[str] = set()
        self._unfinished: dict[str, tuple[Sighting, float]] = {}
        self.unread: list[Unread] = []
        self._refused: dict[str, Sighting] = {}
        self._passed_over: dict[str, SourceUnreadable] = {}
        self._damaged: dict[str, SourceUnreadable] = {}
        self.scan_due = True

    @property
    def damaged(self) -> dict[str, SourceUnreadable]:
        """What is wrong with files, by path: they cannot be read, or are no queue_log."""
        return self._passed_over | self._damaged

    def save_changes(self, cursor: Cursor) -> None:
        """Write what was seen, and what is gone, since the last time."""
        if self._newly_seen or self._gone:
            cursor.save_sightings(self._newly_seen, self._gone)
            self._newly_seen, self._gone = {}, set()

    def lag(self) -> int:
        """Return the bytes that are to be read, compressed ones as they lie."""
        return sum(
            max(0, unread.member.status.st_size - self._streams.offset(unread.stream))
            for unread in self.unread
        )

    def close(self) -> None:
        """Close every file, and forget what is unread until the next scan."""
        for unread in self.unread:
            if unread.file is not None:
                unread.file.close()
        self.unread = []

    # --- finding ---

    def scan(self) -> None:
        """Find the rotated files that hold something new; oldest first."""
        self.scan_due = False
        known = {unread.file.key: unread for unread in self.unread if unread.file is not None}
        opened = {followed.file.key for followed in self._open.all}
        found: list[Unread] = []
        there = set()
        for member in self._find():
            path = str(member.path)
            there.add(path)
            sighting = sighting_of(member.status)
            if member.key in opened or sighting in {self._seen.get(path), self._refused.get(path)}:
                continue
            unread = self._examine(member)
            if unread is None:
                continue
            # What is being read keeps its place, also when it was renamed or deleted.
            found.append(known.pop(member.key, unread))
        found += known.values()
        self.unread = sorted(found, key=lambda unread: unread.rank)
        # A file that was removed or renamed meanwhile is no trouble.
        for known_of in (self._damaged, self._passed_over, self._refused):
            for path in known_of.keys() - there:
                del known_of[path]
        for path in self._seen.keys() - there:
            del self._seen[path]
            self._gone.add(path)
            self._newly_seen.pop(path, None)

    def _examine(self, member: Member) -> Unread | None:
        """Return a rotated file if it may hold something new, and how old it is."""
        path = str(member.path)
        try:
            with self._open.another(member.path) as file:
                start = file.start()
                status = file.status
                kin, stream = self._streams.identify(file, start)
                refusal = None
                if stream is None and member.rotated:
                    refusal = refusal_of(file, complete=True)
        except SourceUnreadable as error:
            self._note_damage(member.path, error)
            return None
        self._damaged.pop(path, None)
        if refusal is not None:
            self._damaged[path] = refusal
            self._refused[path] = sighting_of(status)
            return None
        if not start or kin is Kin.PART:
            return None  # empty, or a copy in the making
        if self._streams.is_live(stream):
            return None  # a copy of the live file, which is read itself
        if stream is not None and stream.skipped:
            self._see(path, sighting_of(status))
            return None
        if stream is None and not member.rotated:
            return None
        return Unread(member, stream, (began(start, status), status.st_mtime_ns, path))

    def _see(self, path: str, sighting: Sighting) -> None:
        self._seen[path] = sighting
        self._newly_seen[path] = sighting

    def _note_damage(self, path: Path, error: SourceUnreadable) -> None:
        """Note a file of the family that cannot be read, unless it has just gone."""
        if isinstance(error.__cause__, FileNotFoundError):
            self.scan_due = True
        else:
            self._damaged[str(path)] = error

    def skip_unread(self) -> None:
        """Note what the unread files hold as not wanted."""
        for unread in self.unread:
            # It may be gone meanwhile.
            with suppress(SourceUnreadable), self._open.another(unread.member.path) as file:
                start = file.start()
                plain = file.compression is None
                offset = file.end_of_lines() if plain else 0
                self._streams.begin(file, head=start, offset=offset, skipped=not plain)
                self._see(str(unread.member.path), sighting_of(file.status))
        self.unread = []

    # --- reading ---

    def read(self, limit: int) -> Piece | None:
        """Read the oldest file from where its stream stands; None at its end."""
        unread = self.unread[0]
        try:
            file = unread.file or self._open_at_its_turn(unread)
            if file is None or unread.nothing_new:
                return None
            stream = self._streams.current(unread.stream) if unread.stream is not None else None
            offset = stream.offset if stream is not None else 0
            if (
                stream is not None
                and file.compression is None
                and file.start(len(stream.head)) != stream.head
            ):
                self.scan_due = True  # somebody wrote over it
                return None
            data = file.read_lines(offset, limit)
            if not data and self._is_given_up(unread, file):
                data = file.read_at(offset, LONGEST_RECORD)
        except SourceUnreadable as error:
            self._note_damage(unread.member.path, error)
            return None
        if not data:
            return None
        data, foreign = unread.passage.take(file, offset, data)
        unread.stream = self._streams.read_on(file, stream, data)
        passed_over = unread.passage.passed_over(unread.member.path)
        if passed_over is not None:
            self._passed_over[str(unread.member.path)] = passed_over
        return Piece(unread.stream.id, offset, b"" if foreign else data)

    def _open_at_its_turn(self, unread: Unread) -> OpenFile | None:
        """Open a rotated file at its turn; None when it is to be looked at again later.

        What it belongs to is decided now: since the scan, a copy of it may have
        been read.
        """
        with ExitStack() as stack:
            file = stack.enter_context(self._open.another(unread.member.path))
            if file.key != unread.member.key:
                self.scan_due = True  # the names were shifted since
                return None
            kin, stream = self._streams.identify(file, file.start())
            if kin is Kin.PART or self._streams.is_live(stream):
                return None
            unread.stream = self._streams.continued(file, stream) if stream is not None else None
            unread.nothing_new = stream is not None and (stream.skipped or unread.stream is None)
            unread.file = file
            stack.pop_all()
        return unread.file

    def _is_given_up(self, unread: Unread, file: OpenFile) -> bool:
        """Return whether nobody will finish the last record of a rotated file."""
        if file.compression is not None:
            return file.whole or self._is_still_for_long(unread)
        age = abs(self._clocks.wall() - file.refresh().st_mtime)
        return age >= STILL or self._is_still_for_long(unread)

    def finish(self) -> None:
        """Note the oldest file as read to its end, unless something of it is still to come."""
        unread = self.unread.pop(0)
        path = str(unread.member.path)
        file = unread.file
        if file is None:
            # Could not be opened: the next scan tries again, unless it will never be whole.
            damage = self._damaged.get(path)
            if damage is not None and isinstance(damage.__cause__, DamagedError):
                self._see(path, sighting_of(unread.member.status))
            return
        sighting = sighting_of(file.status)
        if file.compression is not None:
            rest = not file.whole
        else:
            offset = self._streams.offset(unread.stream)
            rest = not unread.nothing_new and file.status.st_size > offset
        if rest and path not in self._damaged and not self._is_still_for_long(unread):
            if self._unfinished.get(path, (None,))[0] != sighting:
                self._unfinished[path] = (sighting, self._clocks.monotonic())
        else:
            self._unfinished.pop(path, None)
            self._see(path, sighting)
        file.close()

    def _is_still_for_long(self, unread: Unread) -> bool:
        """Return whether an unfinished file has looked the same for long enough."""
        known = self._unfinished.get(str(unread.member.path))
        return (
            known is not None
            and known[0] == sighting_of(unread.member.status)
            and self._clocks.monotonic() - known[1] >= STILL
        )
