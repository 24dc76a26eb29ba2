"""The rotated files: which of them hold something new, and reading that.

Theory of operation
-------------------
A `scan` looks at every file of the family. One that looks as it did when it was
read to its end (`seen`, kept over a restart) is passed over, whatever its name is by
now. Any other is opened and its beginning compared with the streams that are like it;
when it may hold something new it waits in `unread`, oldest first by the first time in
it: names do not tell the age. What it really holds is decided at its turn, for a copy of
it may have been read since.

There may be very many files: a name costs nothing, so whoever may write to the directory
can make them. A scan goes on for `SLICE` at a time, takes up `MANY` unread files at most
(the rest is left for the next one), and a scan that nothing but a hint asks for waits until
the time it takes is a small part of all. What no look can change is not looked at again: a
file that is damaged, or no queue_log, as long as it looks the same.

A file that ends within a record, or a compressed one that is cut off, may be in
the making. It is `unfinished` and looked at again at each scan; when it has
looked the same for `STILL`, what there is of it is handed out and it is seen.
One that cannot be read is `damaged`, and is tried again at each scan. So is one whose text
is damaged, or that is no queue_log, when it looks otherwise than it did.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.source.compression import DamagedError, TooLongError
from qlogship.source.cursor import key_of, look_of
from qlogship.source.family import began
from qlogship.source.files import LONGEST_RECORD
from qlogship.source.foreign import Passage, refusal_of
from qlogship.source.identity import begins_as
from qlogship.source.interface import Piece
from qlogship.source.pace import Pace
from qlogship.source.sightings import Damaged, Sightings
from qlogship.source.streams import Kin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qlogship.clocks import Clocks
    from qlogship.source.cursor import Cursor, FileKey, Look
    from qlogship.source.family import Member
    from qlogship.source.files import OpenFile
    from qlogship.source.identity import OpenFiles, Streams
    from qlogship.source.streams import Stream

STILL: Final = 30.0
"""Seconds without growth after which nobody is expected to write to a rotated file."""

SLICE: Final = 0.25
"""Seconds of looking at files, or passing them over, before others get their turn."""

MANY: Final = 20_000
"""Rotated files that are more than any rotation leaves: hourly ones of two years are fewer."""

_SURVEYED: Final = 10_000
_EXAMINED: Final = 300
"""Rotated files that a command looks at, and of these, those that it opens."""


@dataclass(slots=True)
class Unread:
    """A rotated file that may hold something new.

    Files are sorted by `rank`: the first time in it, mtime in nanoseconds, path. `lag` is
    how much of it was to be read when it was found.
    """

    member: Member
    stream: Stream | None
    rank: tuple[float, int, str]
    lag: int = 0
    file: OpenFile | None = None
    nothing_new: bool = False
    passage: Passage = field(default_factory=Passage)


@dataclass(slots=True)
class _Scan:
    """A scan that goes on: the files to come, and what of the others was found.

    `paths` are those that are there, of the files of which something is known by name (`named`).
    """

    members: Iterator[Member]
    known: dict[FileKey, Unread]
    opened: set[FileKey]
    found: list[Unread] = field(default_factory=list)
    looked: int = 0
    fresh: int = 0
    named: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    keys: set[FileKey] = field(default_factory=set)
    took: float = 0.0


class RotatedFiles:
    """Find the rotated files that hold something new, and read it.

    `opened` are the files that are read elsewhere, `find` finds all of the
    family. `seen` has how files looked that were read to their end.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        opened: OpenFiles,
        find: Callable[[], Iterable[Member]],
        seen: Cursor | None,
        clocks: Clocks,
    ) -> None:
        self._streams = streams
        self._open = opened
        self._find = find
        self._clocks = clocks
        self._sightings = Sightings(seen)
        self._unfinished: dict[str, tuple[FileKey, Look, float]] = {}
        self.unread: deque[Unread] = deque()
        self._lag = 0
        self._passed_over: dict[str, SourceUnreadable] = {}
        self._damage = Damaged()
        self.number = 0
        """How many rotated files there were at the last scan."""
        self.pace = Pace()
        self._scan: _Scan | None = None

    @property
    def damaged(self) -> dict[str, SourceUnreadable]:
        """What is wrong with files, by path: they cannot be read, or are no queue_log."""
        return self._passed_over | self._damage.errors

    def save_changes(self, cursor: Cursor) -> None:
        """Write what was seen, and what is gone, since the last time."""
        self._sightings.save_changes(cursor)

    def lag(self) -> int:
        """Return the bytes that are to be read, compressed ones as they lie."""
        if not self.unread:
            return 0
        first = self.unread[0]
        rest = first.member.status.st_size - self._streams.offset(first.stream)
        return self._lag - first.lag + max(0, rest)

    def close(self) -> None:
        """Close every file, and forget what is unread until the next scan."""
        waiting = list(self.unread)
        if self._scan is not None:
            waiting += [*self._scan.known.values(), *self._scan.found]
        for unread in waiting:
            if unread.file is not None:
                unread.file.close()
                unread.file = None
        self._scan = None
        self._wait_for([])

    def _wait_for(self, found: list[Unread]) -> None:
        """Let these files be read next, oldest first."""
        self.unread = deque(sorted(found, key=lambda unread: unread.rank))
        self._lag = sum(unread.lag for unread in found)

    # --- finding ---

    def wants_scan(self) -> bool:
        """Return whether to scan now: it must be, or goes on, or it is time for a hint."""
        return self._scan is not None or self.pace.wants_scan(
            self._clocks.monotonic(), all_read=not self.unread
        )

    @property
    def was_put_off(self) -> bool:
        """Whether a scan that a hint asks for waits for its time."""
        return self.pace.hinted and not self.wants_scan()

    def survey(self) -> None:
        """Look at the files once, without reading: of very many, at some of them only.

        So a scan comes before whatever is read after it.
        """
        number, scan = self.number, self._begin_scan()
        for member in islice(scan.members, _SURVEYED):
            self._look_at(scan, member)
            if scan.fresh >= _EXAMINED:
                break
        whole = scan.looked < _SURVEYED and scan.fresh < _EXAMINED
        if whole:
            self._forget_gone(scan)
        self._end_scan(scan)
        self.number = scan.looked if whole else max(number, scan.looked)
        self.pace.ended(self._clocks.monotonic(), took=0.0, is_full=not whole)
        self.pace.scan_due = True

    def scan(self) -> bool:
        """Find the rotated files that hold something new; return whether all were looked at.

        It goes on where it stood if not, at the next call.
        """
        began = self._clocks.monotonic()
        self._sightings.load()
        scan = self._begin_scan() if self._scan is None or self.pace.scan_due else self._scan
        for member in scan.members:
            self._look_at(scan, member)
            if scan.fresh >= MANY:
                break
            if self._clocks.monotonic() - began >= SLICE:
                scan.took += self._clocks.monotonic() - began
                return False
        else:
            self._forget_gone(scan)
        now = self._clocks.monotonic()
        scan.took += now - began
        self.pace.ended(now, took=scan.took, is_full=scan.fresh >= MANY)
        self._end_scan(scan)
        return True

    def _end_scan(self, scan: _Scan) -> None:
        # What is being read keeps its place, also when it was deleted.
        scan.found += [unread for unread in scan.known.values() if unread.file is not None]
        self.number = scan.looked
        self._scan = None
        self._wait_for(scan.found)

    def _begin_scan(self) -> _Scan:
        """Begin a scan; one that goes on begins anew."""
        known = {unread.member.key: unread for unread in self.unread}
        if self._scan is not None:
            known.update(self._scan.known)
            known.update((unread.member.key, unread) for unread in self._scan.found)
        self.pace.began()
        self._streams.look_anew()
        opened = {followed.file.key for followed in self._open.all}
        named = {*self._damage.errors, *self._passed_over, *self._unfinished}
        self._scan = _Scan(iter(self._find()), known, opened, named=named)
        self._wait_for([])
        return self._scan

    def _look_at(self, scan: _Scan, member: Member) -> None:
        """Take up a file if it may hold something new."""
        path, key, look = member.name, member.key, look_of(member.status)
        scan.looked += 1
        scan.keys.add(key)
        if path in scan.named:
            scan.paths.add(path)
            if self._damage.is_settled(path, member.status):
                return
        if self._sightings.has(member.status) or key in scan.opened:
            return
        scan.paths.add(path)
        known = scan.known.pop(key, None)
        if known is not None and (known.file is not None or look_of(known.member.status) == look):
            # What is being read keeps its place, also when it was renamed.
            known.member = member if known.file is None else known.member
            scan.found.append(known)
            return
        unread = self._examine(member)
        if unread is not None:
            scan.found.append(unread)
            scan.fresh += 1

    def _forget_gone(self, scan: _Scan) -> None:
        """Forget what was known of files that are not there any more."""
        for path in self._damage.errors.keys() - scan.paths:
            self._damage.forget(path)  # removed or renamed: that is no trouble
        for path in self._passed_over.keys() - scan.paths:
            del self._passed_over[path]
        for path in self._unfinished.keys() - scan.paths:
            del self._unfinished[path]
        self._sightings.forget_all_but(scan.keys)

    def _examine(self, member: Member) -> Unread | None:
        """Return a rotated file if it may hold something new, and how old it is."""
        path = member.name
        try:
            with self._open.another(member.path) as file:
                start = file.start()
                status = file.status
                kin, stream = self._streams.identify(file, start)
                refusal = None
                if stream is None and member.rotated:
                    refusal = refusal_of(file, complete=True)
        except SourceUnreadable as error:
            self._note_damage(member, error)
            return None
        self._damage.forget(path)
        if refusal is not None:
            self._damage.note(path, refusal, status)
            return None
        if not start or kin is Kin.PART:
            return None  # empty, or a copy in the making
        if self._streams.is_live(stream):
            return None  # a copy of the live file, which is read itself
        if stream is not None and stream.skipped:
            self._sightings.see(status)
            return None
        if stream is None and not member.rotated:
            return None
        lag = max(0, member.status.st_size - self._streams.offset(stream))
        return Unread(member, stream, (began(start, status), status.st_mtime_ns, path), lag)

    def _note_damage(self, member: Member, error: SourceUnreadable) -> None:
        """Note a file of the family that cannot be read, unless it has just gone."""
        if isinstance(error.__cause__, FileNotFoundError):
            self.pace.look_again()
        else:
            lasting = isinstance(error.__cause__, DamagedError)
            self._damage.note(member.name, error, member.status if lasting else None)

    def skip_unread(self) -> bool:
        """Note what the unread files hold as not wanted, for a while; return whether all is done.

        When there are too many for one scan, another one must come first.
        """
        until = self._clocks.monotonic() + SLICE
        while self.unread and self._clocks.monotonic() < until:
            unread = self.unread.popleft()
            self._lag -= unread.lag
            # It may be gone meanwhile.
            with suppress(SourceUnreadable), self._open.another(unread.member.path) as file:
                start = file.start()
                plain = file.compression is None
                offset = file.end_of_lines() if plain else 0
                self._streams.begin(file, head=start, offset=offset, skipped=not plain)
                self._sightings.see(file.status)
        self.pace.scan_due = self.pace.scan_due or (self.pace.is_full and not self.unread)
        return not self.unread and not self.pace.is_full

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
            if stream is not None and file.compression is None and not begins_as(file, stream):
                self.pace.look_again()  # somebody wrote over it
                return None
            data = file.read_lines(offset, limit)
            if not data and self._is_given_up(unread, file):
                data = file.read_at(offset, LONGEST_RECORD)
        except SourceUnreadable as error:
            self._note_damage(unread.member, error)
            return None
        if not data:
            return None
        data, foreign = unread.passage.take(file, offset, data)
        unread.stream = self._streams.read_on(file, stream, data)
        passed_over = unread.passage.passed_over(unread.member.path)
        if passed_over is not None:
            self._passed_over[unread.member.name] = passed_over
        return Piece(unread.stream.id, offset, b"" if foreign else data)

    def _open_at_its_turn(self, unread: Unread) -> OpenFile | None:
        """Open a rotated file at its turn; None when it is to be looked at again later.

        What it belongs to is decided now: since the scan, a copy of it may have
        been read.
        """
        with ExitStack() as stack:
            file = stack.enter_context(self._open.another(unread.member.path))
            if file.key != unread.member.key:
                self.pace.look_again()  # the names were shifted since
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
        unread = self.unread.popleft()
        self._lag -= unread.lag
        path = unread.member.name
        file = unread.file
        damage = self._damage.errors.get(path)
        cause = damage.__cause__ if damage is not None else None
        if isinstance(cause, TooLongError):
            if file is not None:
                file.close()
            return  # the next start tries again
        if file is None:
            # Could not be opened: the next scan tries again, unless it will never be whole.
            if isinstance(cause, DamagedError):
                self._sightings.see(unread.member.status)
            return
        if file.compression is not None:
            rest = not file.whole
        else:
            offset = self._streams.offset(unread.stream)
            rest = not unread.nothing_new and file.status.st_size > offset
        if rest and path not in self._damage.errors and not self._is_still_for_long(unread):
            look = key_of(file.status), look_of(file.status)
            if self._unfinished.get(path, ())[:2] != look:
                self._unfinished[path] = (*look, self._clocks.monotonic())
        else:
            self._unfinished.pop(path, None)
            self._sightings.see(file.status)
        file.close()

    def _is_still_for_long(self, unread: Unread) -> bool:
        """Return whether an unfinished file has looked the same for long enough."""
        known = self._unfinished.get(unread.member.name)
        status = unread.member.status
        return (
            known is not None
            and known[:2] == (key_of(status), look_of(status))
            and self._clocks.monotonic() - known[2] >= STILL
        )
