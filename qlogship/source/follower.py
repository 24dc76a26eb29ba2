"""Following the queue_log: what to read next, through growth and every rotation.

Theory of operation
-------------------
Three kinds of files are read, and in this order:

1. rotated files that hold something not archived yet, oldest first: at the
   first start, after rotations that were missed, after a copytruncate
   (source/rotated_files.py);
2. files that were the live one and are still open here, because Asterisk goes
   on writing to a renamed file until it is told to reload;
3. the live file, and only as far as it went before 2 was read: once Asterisk
   writes to the new file it writes no more to the old one, so nothing of the
   old file can come behind what follows it.

Each file is tied to a stream by content (source/identity.py), whatever its name
or inode. Events are hints: each `read` looks at the live path itself, and a
`scan` looks at the whole family, and so does whatever opens a new live file. What only
a hint has led to cannot be what the live file goes on from, which has been followed
meanwhile: its lines do not wait for that, so nobody holds them up by making files. Nor
do they after a restart, when the live file is the one that was followed before, and
goes on where it was left. After a block was read the beginning of the file is compared
again, so that a truncation between look and read cannot pass off new text as the
continuation of old.

Bytes after the last newline are left for later. When a file is given up (it
was rotated away and has been still for `STILL`), such a rest is handed out as
it is.

A file that is no queue_log is not read; text in one that is of none is passed over
(source/foreign.py).

Known limits: what copytruncate loses between its copy and its truncate, and a
file that is deleted while nobody follows it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.source.family import members
from qlogship.source.files import unreadable
from qlogship.source.first_start import FirstStart
from qlogship.source.foreign import Passage
from qlogship.source.identity import PATIENCE, Followed, OpenFiles, Streams, begins_as
from qlogship.source.interface import NOTHING_YET, Piece
from qlogship.source.rotated_files import MANY, SLICE, STILL, RotatedFiles
from qlogship.source.streams import is_restarted
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from qlogship.clocks import Clocks
    from qlogship.installation.doors import Own
    from qlogship.source.cursor import Cursor

_MOST_LEFT: Final = 16


class QueueLog:
    """Hand out the text of a queue_log: the `Source` that is a file and its rotated family.

    It goes on from what stands in `cursor`, None when nothing was written down
    yet; `wanted_history` applies at the first start. `last_text_of` returns the
    archived end of a stream (see `Archive`), `own` the files that are qlogship's own; `patience`
    are the seconds to find a place in a compressed file.
    """

    def __init__(
        self,
        path: Path,
        *,
        archives: Sequence[str] = (),
        wanted_history: str = "all",
        cursor: Cursor | None = None,
        last_text_of: Callable[[int, int, int], bytes] | None = None,
        own: Own = frozenset,
        patience: float = PATIENCE,
        clocks: Clocks,
    ) -> None:
        self._path = path
        self._clocks = clocks
        self._open = OpenFiles(own=own, patience=patience)
        find = partial(members, path, tuple(archives))
        self._streams = Streams(
            cursor,
            opened=self._open,
            find=find,
            last_text_of=last_text_of or (lambda _stream, _want, _end: b""),
        )
        self._rotated = RotatedFiles(
            self._streams,
            opened=self._open,
            find=find,
            seen=cursor,
            clocks=clocks,
        )
        self._first_start = FirstStart(
            wanted=wanted_history, applied=cursor.applied_history() if cursor else None
        )
        self._goes_on_from_them = True  # what the live file says may go on from rotated files
        self._begins = True
        self._took_live = False
        self.trouble: SourceUnreadable | None = None

    @property
    def damaged(self) -> dict[str, SourceUnreadable]:
        """What is wrong with the files, by path; with the live one, that some was passed over."""
        found = dict(self._rotated.damaged)
        for followed in self._open.all:
            passed_over = followed.passage.passed_over(followed.file.path)
            if passed_over is not None and (self.trouble is None or followed != self._open.live):
                found[str(followed.file.path)] = passed_over
        return found

    @property
    def restless(self) -> bool:
        """Whether a file that was rotated away may still grow, or a look was put off."""
        return bool(self._open.left) or self._rotated.was_put_off

    @property
    def written_at(self) -> float | None:
        """When the live file was written to, by its mtime, in epoch seconds.

        None without one, and when that is still to come by the machine's clock.
        """
        live = self._open.live
        if live is None or live.file.status.st_mtime > self._clocks.wall() + 1.0:
            return None
        return live.file.status.st_mtime

    def scan(self) -> None:
        """Look at the whole family at the next `read`."""
        self._rotated.pace.hinted = True

    @property
    def crowded(self) -> bool:
        """Whether rotated files wait to be read, perhaps many small ones."""
        return bool(self._rotated.unread)

    @property
    def overfull(self) -> SourceUnreadable | None:
        """That there are more rotated files than any rotation leaves; None when there are not."""
        number = self._rotated.number
        if number < MANY:
            return None
        return SourceUnreadable(
            f"there are {number:,} rotated files of {self._path} or more: each look takes long, and"
            " new ones are read late",
            hint=f"See what makes them: `ls -t {typed(self._path.parent)} | head`, and how often it"
            " is rotated. Remove or move away old ones; what is archived stays so.",
        )

    def lag(self) -> int:
        """Return the bytes that are there to be read (compressed ones as they lie)."""
        lag = self._rotated.lag()
        for followed in self._open.all:
            if followed.stream is None and followed.passage.refusal(followed.file) is not None:
                continue
            offset = followed.stream.offset if followed.stream else 0
            lag += max(0, followed.file.status.st_size - offset)
        return lag

    def survey(self) -> int:
        """Look around without reading on; return the lag, as far as a short look can tell it."""
        try:
            self._look_at_path()
            self._rotated.survey()
            self._begin_at_first_start()
        except SourceUnreadable as error:
            self._fail(error)
        return self.lag()

    def save_changes(self, cursor: Cursor) -> None:
        """Write what changed besides the text, once; the caller holds the transaction."""
        self._streams.save_changes(cursor)
        self._rotated.save_changes(cursor)
        self._first_start.save_changes(cursor)

    def read(self, limit: int) -> Piece | None:
        """Return the next text, about `limit` bytes; None when there is nothing now.

        Never raises for what the files are: `trouble` says what is wrong with
        the live path, `damaged` what is wrong with others.
        """
        try:
            return self._read(limit)
        except SourceUnreadable as error:
            self._fail(error)
            return None

    def _fail(self, error: SourceUnreadable) -> None:
        """Begin anew after a stale mount or a bad disk: the same handle would fail for ever.

        By their content the files are found again.
        """
        self.trouble = error
        self.close()
        self._rotated.pace.scan_due = True

    def _read(self, limit: int) -> Piece | None:
        self._look_at_path()
        for left in self._open.left:
            self._look_at(left)
        live_size = self._open.live.file.refresh().st_size if self._open.live else 0
        rotated = self._rotated
        self._goes_on_from_them = self._goes_on_from_them or rotated.pace.scan_due
        if not self._goes_on_from_them and not self._took_live:
            piece = self._read_open(live_size, limit)
            if piece is not None:
                self._took_live = True
                return piece
        self._took_live = False
        piece = self._read_rotated(live_size, limit)
        if piece is not None or not self._first_start.is_over:
            return piece
        rotated.pace.calm_down()
        self._goes_on_from_them = False
        return self._read_open(live_size, limit)

    def _read_rotated(self, live_size: int, limit: int) -> Piece | None:
        """Look at the rotated files if that is due, and read the oldest that is not read yet.

        None when all are read, or when the first start cannot begin yet.
        """
        rotated = self._rotated
        until = self._clocks.monotonic() + SLICE
        while rotated.wants_scan() or rotated.unread:
            if self._clocks.monotonic() > until:
                return NOTHING_YET
            if rotated.wants_scan():
                if not self._scan():
                    return NOTHING_YET
                if not self._first_start.is_over:
                    return NOTHING_YET if rotated.unread or rotated.pace.is_full else None
                continue
            if not self._first_start.is_over:
                self._begin_at_first_start()
                return NOTHING_YET
            oldest = rotated.unread[0]
            older = [left for left in self._open.left if left.began <= oldest.rank[0]]
            piece = self._read_lefts(older, limit, replaced=live_size > 0) or rotated.read(limit)
            if piece is not None:
                return piece
            rotated.finish()
        return None

    def _read_open(self, live_size: int, limit: int) -> Piece | None:
        """Read the files that are open: those that were the live one, then that."""
        piece = self._read_lefts(self._open.left, limit, replaced=live_size > 0)
        return piece or self._read_live(live_size, limit)

    def _scan(self) -> bool:
        """Look at the whole family, and begin at the first start if what there is can be seen.

        Return whether all was looked at; if not, it goes on at the next call.
        """
        if not self._rotated.scan():
            return False
        self._begin_at_first_start()
        return True

    def _begin_at_first_start(self) -> None:
        """Begin, unless that was done before, or it cannot be seen yet what there is."""
        if self._first_start.is_over:
            return
        if self._first_start.may_begin(self.trouble):
            self._first_start.begin(self._rotated, self._streams, self._open.live)
        else:
            self._rotated.close()
            self._rotated.pace.is_full = False
            self._rotated.pace.scan_due = True

    def close(self) -> None:
        """Close every file."""
        for followed in self._open.all:
            followed.file.close()
        self._open.left.clear()
        self._open.live = None
        self._rotated.close()

    # --- the live path ---

    def _look_at_path(self) -> None:
        """See what the path leads to, and whether the open file was begun anew."""
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            # A rotation leaves the path empty for a moment, or until the next reload.
            self.trouble = unreadable(self._path, error)
            self._begins = False
            self._leave_live()
            return
        except OSError as error:
            self.trouble = unreadable(self._path, error)
            return
        if self._open.live is None or self._open.live.file.key != (status.st_dev, status.st_ino):
            self._leave_live()
            try:
                self._open_live((status.st_dev, status.st_ino))
            except SourceUnreadable as error:
                self.trouble = error
                return
        self.trouble = None
        if self._open.live is None:
            return
        self._look_at(self._open.live)
        self.trouble = self._foreign(self._open.live)

    def _foreign(self, opened: Followed) -> SourceUnreadable | None:
        """Return why an open file is no queue_log, or none any more; None when it is one."""
        stream = opened.stream
        if stream is None:
            return opened.passage.refusal(opened.file)
        return opened.passage.turned(opened.file, self._streams.offset(stream))

    def _look_at(self, opened: Followed) -> None:
        """See whether an open file was begun anew."""
        size, stream = opened.file.refresh().st_size, opened.stream
        if stream is None:
            return
        if is_restarted(stream, size=size, start=opened.file.start(len(stream.head))):
            self._rotated.pace.scan_due = True  # a copytruncate leaves the rest in a copy
            opened.passage = Passage()
            self._streams.attach(opened)

    def _open_live(self, key: tuple[int, int]) -> None:
        """Open what the path leads to; a file that was renamed and came back is open already."""
        if self._came_back(key):
            return
        begins, self._begins = self._begins, False
        file = self._open.another(self._path, plain=True)
        # The name may have been given to another file since it was looked at: opened twice,
        # one file would be read twice.
        if self._came_back(file.key):
            file.close()
            return
        self._open.live = Followed(file, self._clocks.monotonic())
        goes_on = self._streams.attach(self._open.live)
        if goes_on and begins and self._first_start.is_over:
            # Nothing was rotated since: what there is of rotated files does not come before it.
            self._goes_on_from_them = self._rotated.pace.scan_due = False
            self._rotated.pace.hinted = True
        else:
            self._rotated.pace.scan_due = True  # one that is not open here may have grown before

    def _came_back(self, key: tuple[int, int]) -> bool:
        """Follow as the live file again one that is still open; return whether there is one."""
        for left in self._open.left:
            if left.file.key == key:
                self._open.left.remove(left)
                self._open.live = left
                return True
        return False

    def _leave_live(self) -> None:
        if self._open.live is not None:
            self._open.left.append(self._open.live)
            self._open.live.grew_at = self._clocks.monotonic()
            self._open.live = None
            self._rotated.pace.scan_due = True
            while len(self._open.left) > _MOST_LEFT:
                self._open.left.pop(0).file.close()  # found again by its name

    # --- reading ---

    def _read_live(self, size: int, limit: int) -> Piece | None:
        live = self._open.live
        if live is None:
            return None
        if live.stream is None and size:
            self._streams.attach(live)  # a copy of it may have been read meanwhile
        stream = live.stream
        if stream is None and self._foreign(live) is not None:
            return None
        offset = stream.offset if stream is not None else 0
        data = live.file.read_lines(offset, min(limit, size - offset))
        if not data:
            return None
        if stream is not None and not begins_as(live.file, stream):
            return None  # truncated meanwhile: what was read may be anything
        if live.file.refresh().st_size < offset + len(data):
            return None
        return self._hand_out(live, offset, data)

    def _read_lefts(self, lefts: Iterable[Followed], limit: int, *, replaced: bool) -> Piece | None:
        for left in list(lefts):
            piece = self._read_left(left, limit, replaced=replaced)
            if piece is not None:
                return piece
        return None

    def _read_left(self, left: Followed, limit: int, *, replaced: bool) -> Piece | None:
        """Read a file that was the live one; let go of it when its time is over."""
        size = left.file.refresh().st_size
        if size != left.size:
            left.size, left.grew_at = size, self._clocks.monotonic()
        if left.stream is not None:
            left.stream = self._streams.current(left.stream)
        elif size:
            self._streams.attach(left)
        offset = left.stream.offset if left.stream is not None else 0
        foreign = left.stream is None and left.passage.refusal(left.file) is not None
        data = b"" if foreign else left.file.read_lines(offset, min(limit, size - offset))
        if not data:
            still = self._clocks.monotonic() - left.grew_at >= STILL
            if not (still and replaced):
                return None
            if size > offset and not foreign:
                data = left.file.read_at(offset, size - offset)
            if not data:
                self._open.left.remove(left)
                left.file.close()
                self._rotated.pace.scan_due = True
                return None
        return self._hand_out(left, offset, data)

    def _hand_out(self, opened: Followed, offset: int, data: bytes) -> Piece:
        """Move the cursor behind what was read; hand it out unless it is of no queue_log."""
        data, foreign = opened.passage.take(opened.file, offset, data)
        opened.stream = self._streams.read_on(opened.file, opened.stream, data)
        opened.grew_at = self._clocks.monotonic()
        return Piece(opened.stream.id, offset, b"" if foreign else data)
