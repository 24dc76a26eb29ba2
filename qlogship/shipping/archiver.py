"""From the source to the archive: what is read is archived with the cursor behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.errors import NotAQueueLog
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.archive.archive import Archive
    from qlogship.clocks import Clocks
    from qlogship.errors import SourceUnreadable
    from qlogship.source.cursor import Cursor
    from qlogship.source.interface import Source
    from qlogship.troubles.notices import Notices

READ_BYTES: Final = 1024 * 1024

_TIME: Final = 0.25
"""Seconds after which no further piece is taken."""

_MOST_PIECES: Final = 500
"""Pieces that one transaction takes at most, however fast they are read: the disk may be slow."""

SOON: Final = 1.0
"""Seconds until the next look while a path is empty, or a renamed file may still grow."""

_FEW: Final = 5
"""Files with something wrong that are named one by one."""

_MANY: Final = "files"
_OVERFULL: Final = "files_overfull"


class Archiver:
    """Archive what a source has, piece by piece; the caller holds the transaction."""

    def __init__(
        self,
        source: Source,
        archive: Archive,
        cursor: Cursor,
        notices: Notices,
        clocks: Clocks,
    ) -> None:
        self._source = source
        self._archive = archive
        self._cursor = cursor
        self._notices = notices
        self._clocks = clocks
        self._looked = False
        self._surveyed_at: float | None = None
        self._is_many = _MANY in notices.kinds
        self._failed_at: float | None = None

    def step(self, *, read: bool) -> bool:
        """Archive the next piece if it is to be `read`; return whether there was one.

        Of small ones that are waiting it takes several: a transaction for each would take long.
        """
        until = self._clocks.monotonic() + _TIME
        size, pieces, more, found = 0, 0, read, False
        while more:
            piece = self._source.read(READ_BYTES)
            pieces += 1
            self._source.save_changes(self._cursor)
            found = found or piece is not None
            if piece is not None and piece.data:
                self._archive.append(piece.data, stream=piece.stream, offset=piece.offset)
                size += len(piece.data)
            more = (
                piece is not None
                and self._source.crowded
                and size < READ_BYTES // 2
                and pieces < _MOST_PIECES
                and self._clocks.monotonic() < until
            )
        if not read:
            self._source.save_changes(self._cursor)
        self._note_trouble()
        self._looked = True
        return found

    def survey(self, *, every: float) -> None:
        """See what there is and archive nothing; no more often than `every` so many seconds.

        So files that are rotated meanwhile stay open, and it is known how much there is.
        """
        now = self._clocks.monotonic()
        if self._surveyed_at is not None and now - self._surveyed_at < every:
            return
        self._surveyed_at = now
        self._source.survey()
        self._source.save_changes(self._cursor)
        self._note_trouble()

    def wait(self) -> float | None:
        """Return the seconds until the source is to be looked at again; None for a poll."""
        doubtful = self._failed_at is not None and "source" not in self._notices.kinds
        return SOON if self._source.restless or doubtful else None

    def _note_trouble(self) -> None:
        """Note what is wrong with the source; a path that is empty for a moment is nothing."""
        trouble = self._source.trouble
        now = self._clocks.monotonic()
        if trouble is None:
            self._notices.end("source")
            self._failed_at = None
        else:
            self._failed_at = now if self._failed_at is None else self._failed_at
            proved = isinstance(trouble, NotAQueueLog)
            if proved or not self._looked or now - self._failed_at >= SOON:
                self._notices.begin("source", trouble.message, trouble.hint, grave=True)
        self._note_damage(self._source.damaged)
        overfull = self._source.overfull
        if overfull is not None:
            self._notices.begin(_OVERFULL, overfull.message, overfull.hint)
        else:
            self._notices.end(_OVERFULL)

    def _note_damage(self, damaged: Mapping[str, SourceUnreadable]) -> None:
        """Note what is wrong with single files: of each, or of very many all in one.

        Once they are very many it stays one trouble until none is left: whoever makes and
        removes such files shall not fill the journal.
        """
        self._is_many = len(damaged) > _FEW or (self._is_many and bool(damaged))
        if self._is_many:
            first = damaged[min(damaged)]
            self._notices.begin(
                _MANY,
                f"{count(len(damaged), 'file')} of the queue_log cannot be read, among them this:"
                f" {first.message}",
                first.hint,
            )
            damaged = {}
        else:
            self._notices.end(_MANY)
        for path, error in damaged.items():
            self._notices.begin(f"file {path}", error.message, error.hint)
        self._notices.end_all("file ", but={f"file {path}" for path in damaged})
