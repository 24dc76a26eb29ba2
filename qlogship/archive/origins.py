"""Where archived records came from: which stream, and at which offset of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qlogship.archive.chunks import RetiredChunk

if TYPE_CHECKING:
    import sqlite3

    from qlogship.archive.chunks import Chunks

_COLUMNS = "first_seq, stream, offset, bytes, torn"


class Origin(NamedTuple):
    """From `first_seq` on, records come from `bytes` of a stream at `offset`.

    `torn` when the newline of the last record is ours.
    """

    first_seq: int
    stream: int
    offset: int
    bytes: int
    torn: bool


class Origins:
    """Note and look up where records came from; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection, chunks: Chunks) -> None:
        self._db = connection
        self._chunks = chunks
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM origin ORDER BY first_seq DESC LIMIT 1"  # noqa: S608
        ).fetchone()
        self._last = Origin(*row) if row else None

    def all(self) -> list[Origin]:
        """Return all origins, in archive order."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM origin ORDER BY first_seq")  # noqa: S608
        return [Origin(*row) for row in rows]

    def note(self, stream: int, offset: int, *, size: int, torn: bool) -> None:
        """Note where the records that are archived next are from."""
        last = self._last
        if last is None or last.torn or (last.stream, last.offset + last.bytes) != (stream, offset):
            self._last = Origin(self._chunks.next_seq, stream, offset, size, torn)
            self._db.execute("INSERT INTO origin VALUES (?, ?, ?, ?, ?)", self._last)
        else:
            self._last = last._replace(bytes=last.bytes + size, torn=torn)
            self._db.execute(
                "UPDATE origin SET bytes = ?, torn = ? WHERE first_seq = ?",
                (self._last.bytes, torn, last.first_seq),
            )

    def last_text_of(self, stream: int, want: int, end: int | None = None) -> bytes:
        """Return the text of a stream before the offset `end`, at least `want` bytes if archived.

        Without `end` it is what was archived last. A newline of ours is no part of it. It is less
        where the text before has left the archive.
        """
        text = b""
        rows = self._db.execute(
            f"SELECT {_COLUMNS}, (SELECT min(first_seq) FROM origin AS other"  # noqa: S608
            " WHERE other.first_seq > origin.first_seq) FROM origin"
            " WHERE stream = ? ORDER BY first_seq DESC",
            (stream,),
        )
        for *row, after in rows:
            origin = Origin(*row)
            end = origin.offset + origin.bytes if end is None else end
            here = end - len(text)
            surplus = origin.offset + origin.bytes - here
            if surplus < 0:
                break  # what stood between was never archived
            if origin.offset < here:
                behind = self._chunks.next_seq if after is None else after
                part, whole = self._end_of(origin, behind, want=surplus + want - len(text))
                text = part[: max(0, len(part) - surplus)] + text
                if not whole:
                    break
            if len(text) >= want:
                break
        return text

    def _end_of(self, origin: Origin, seq: int, *, want: int) -> tuple[bytes, bool]:
        """Return the end of what came from one origin, up to `seq`, as it was read.

        Also whether the text before it is there.
        """
        text, whole = b"", True
        while seq > origin.first_seq and len(text) <= want:
            try:
                block = self._chunks.at(seq - 1)
            except RetiredChunk:
                whole = False
                break
            start = max(origin.first_seq, block.first_seq)
            text = block.from_seq(start).up_to(seq - 1).data + text
            seq = start
        return (text[:-1] if origin.torn else text), whole
