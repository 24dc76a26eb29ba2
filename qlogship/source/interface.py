"""What the service asks of a source of records.

Theory of operation
-------------------
A source hands out text, each byte once, in the order it was written: `read`
returns the next `Piece` of it. How far it has come it keeps in memory, and
`save_changes` writes that down. The caller does so in the transaction in which
it archives the piece, and before it does: so after a crash either both are
there, or neither, and nothing is read twice or passed over. What is written is
the source's own affair; the caller knows the text, and the number of the stream
and the offset that the archive keeps with it.

When a transaction fails, drop the source: a new one goes on from what was
written down. Nothing raises for what the source is made of; what is wrong with
it stands in `trouble` and `damaged`.

The queue_log on disk (source/follower.py) is the one kind of source there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.errors import SourceUnreadable
    from qlogship.source.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that was read; it lies at `offset` of the stream with this number.

    `data` ends in a newline, but for a rest that nobody will finish. It is empty when
    text was passed over that is of no queue_log.
    """

    stream: int
    offset: int
    data: bytes


NOTHING_YET: Final = Piece(0, 0, b"")
"""There was much to look at, and no text among it so far: read again at once."""


class Source(Protocol):
    """Where records come from."""

    @property
    def trouble(self) -> SourceUnreadable | None:
        """Why nothing new can be read now; None when all is well."""

    @property
    def damaged(self) -> Mapping[str, SourceUnreadable]:
        """What is wrong with parts of it, by their names; the others are read all the same."""

    @property
    def written_at(self) -> float | None:
        """When it was last written to, in epoch seconds; None when that is not known."""

    @property
    def restless(self) -> bool:
        """Whether something may change soon that nobody tells of: read again in a second."""

    @property
    def crowded(self) -> bool:
        """Whether many small pieces may wait: then several at once are worth it."""

    @property
    def overfull(self) -> SourceUnreadable | None:
        """That there is so much of it that nothing sensible has made it; None when all is well."""

    def read(self, limit: int) -> Piece | None:
        """Return the next text, about `limit` bytes; None when there is nothing now."""

    def save_changes(self, cursor: Cursor) -> None:
        """Write down how far it has come since the last time; the caller holds the transaction."""

    def scan(self) -> None:
        """Look at all there is, not only at its end, at the next `read`."""

    def lag(self) -> int:
        """Return the bytes that are there to be read, as far as is known."""

    def survey(self) -> int:
        """Look at all there is without reading on; return the lag."""

    def close(self) -> None:
        """Let go of every file or connection."""
