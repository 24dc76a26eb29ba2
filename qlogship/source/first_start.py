"""The first start: which of the text that stands there then is wanted (`source.history`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.source.streams import HEAD_BYTES

if TYPE_CHECKING:
    from qlogship.errors import SourceUnreadable
    from qlogship.source.cursor import Cursor
    from qlogship.source.identity import Followed, Streams
    from qlogship.source.rotated_files import RotatedFiles


class FirstStart:
    """Apply `source.history` once, and remember that it was; `applied` is what was before.

    Where it is a day, all is taken: what is uploaded is decided later.
    """

    def __init__(self, *, wanted: str, applied: str | None) -> None:
        self._wanted = wanted
        self._takes_all = wanted not in {"current", "none"}
        self._unsaved = False
        self.is_over = applied is not None

    def may_begin(self, trouble: SourceUnreadable | None) -> bool:
        """Return whether this look counts as the first: the live file is there, or nothing is."""
        return (
            self._takes_all or trouble is None or isinstance(trouble.__cause__, FileNotFoundError)
        )

    def begin(self, rotated: RotatedFiles, streams: Streams, live: Followed | None) -> None:
        """Skip what was found and is not wanted; it is not over while there is more of that."""
        self.is_over = self._unsaved = self._takes_all or rotated.skip_unread()
        if self._takes_all or not self.is_over:
            return
        if self._wanted == "none" and live is not None:
            _skip_live(live, streams)

    def save_changes(self, cursor: Cursor) -> None:
        """Write that it was applied, once."""
        if self._unsaved:
            cursor.save_history(self._wanted)
            self._unsaved = False


def _skip_live(live: Followed, streams: Streams) -> None:
    """Begin behind the last whole record that stands in the live file now."""
    live.file.refresh()
    end = live.file.end_of_lines()
    if end > 0:
        head = live.file.start(min(end, HEAD_BYTES))
        live.stream = streams.begin(live.file, head=head, offset=end)
