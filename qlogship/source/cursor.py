"""The cursor: the streams that are known, and how far each is archived.

There may be very many of them, so they stay in the database, and are looked up there
by an index. None is ever forgotten: a file that vanished may come back, from a backup or
compressed, and what was archived of it must be known then.

Also the sightings: rotated files that were read to their end and need not be opened
again while they look the same, under whatever name. These go with their files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from qlogship.source.streams import HEAD_BYTES, Stream, veil

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from qlogship.source.streams import Parts

FileKey = tuple[int, int]
"""Device and inode."""

Look = tuple[int, int]
"""How a file looked: size, mtime in nanoseconds. The same file that looks the same is as it was."""

_KEY_BYTES: Final = 64
"""So much of a stream's head is in the index."""

_NEAR: Final = 64
"""Streams that begin nearly alike, of which so many on either side are compared with a file."""

_FEW: Final = 32
_MOST: Final = 4096

_PARTS: Final = "(SELECT erased FROM stream_erased WHERE stream_erased.stream = stream.id)"
_COLUMNS: Final = f"id, head, tail, offset, device, inode, path, skipped, {_PARTS}"
_KEY: Final = f"substr(head, 1, {_KEY_BYTES})"


def key_of(status: os.stat_result) -> FileKey:
    """Return what file it is, by what stat(2) says."""
    return status.st_dev, status.st_ino


def look_of(status: os.stat_result) -> Look:
    """Return how a file looks by what stat(2) says."""
    return status.st_size, status.st_mtime_ns


class Cursor:
    """Keep streams and sightings; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._erased: dict[int, tuple[str, Parts]] = {}  # as they are written, and as they are
        self._masked: set[Parts] | None = None

    def streams(self) -> list[Stream]:
        """Return every known stream, oldest first."""
        return list(self._streams("ORDER BY id"))

    def stream(self, number: int) -> Stream | None:
        """Return the stream with a number."""
        return next(self._streams("WHERE id = ?", number), None)

    def last_number(self) -> int:
        """Return the highest number of a stream, 0 without any."""
        number: int = self._db.execute("SELECT coalesce(max(id), 0) FROM stream").fetchone()[0]
        return number

    def like(self, start: bytes, key: FileKey) -> list[Stream]:
        """Return the streams that a file may belong to, by its first bytes, or by what it is.

        These are the nearest: of very many that begin alike, not all. The beginning of a stream
        may be masked here; then it is near to the file as it would be masked.
        """
        found = {stream.id: stream for stream in self._streams_of_file(key)}
        for one in {start, *(veil(start, parts) for parts in self._masks())} - {b""}:
            found.update((stream.id, stream) for stream in self._streams_like(one))
        return [found[number] for number in sorted(found)]

    def _masks(self) -> set[Parts]:
        """Return which bytes are masked of the keys in the index, in one stream or another."""
        if self._masked is None:
            rows = self._db.execute("SELECT DISTINCT start FROM stream_erased")
            self._masked = {_parts(parts) for (parts,) in rows}
        return self._masked

    def _streams_of_file(self, key: FileKey) -> Iterator[Stream]:
        return self._streams("WHERE device = ? AND inode = ? ORDER BY id DESC LIMIT ?", *key, _FEW)

    def _streams_like(self, start: bytes) -> Iterator[Stream]:
        # All in the index that stands near it, as far as the first line, or the key, is the same.
        place = start[:_KEY_BYTES]
        least = place[: start.find(b"\n") + 1] or place
        behind = least[:-1] + bytes([least[-1] + 1]) if least[-1] < 0xFF else b"\xff" * 65
        yield from self._streams(
            f"WHERE {_KEY} <= ? AND {_KEY} >= ? ORDER BY {_KEY} DESC, offset DESC LIMIT ?",
            place,
            least,
            _NEAR,
        )
        yield from self._streams(
            f"WHERE {_KEY} > ? AND {_KEY} < ? ORDER BY {_KEY}, offset LIMIT ?",
            place,
            behind,
            _NEAR,
        )
        # Short ones that it goes on from.
        shorter = [start[:size] for size in range(1, min(len(start), _KEY_BYTES - 1) + 1)]
        marks = ", ".join("?" * len(shorter))
        yield from self._streams(f"WHERE {_KEY} IN ({marks}) LIMIT ?", *shorter, _NEAR)
        # Long ones that it goes on from, or is a part of; masked ones are compared by who asks.
        if len(start) >= _KEY_BYTES:
            yield from self._streams(
                f"WHERE id IN (SELECT id FROM (SELECT id, head FROM stream WHERE {_KEY} = ?1"  # noqa: S608
                " ORDER BY offset DESC LIMIT ?2) WHERE head = substr(?3, 1, length(head))"
                " OR substr(head, 1, length(?3)) = ?3 LIMIT ?4)",
                place,
                _MOST,
                start[:HEAD_BYTES],
                _FEW,
            )
            yield from self._streams(
                f"WHERE {_KEY} = ? AND id IN (SELECT stream FROM stream_erased)"  # noqa: S608
                " ORDER BY offset DESC LIMIT ?",
                place,
                _MOST,
            )

    def _streams(self, which: str, *values: object) -> Iterator[Stream]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM stream {which}", values)  # noqa: S608
        for number, head, tail, offset, device, inode, path, skipped, parts in rows.fetchall():
            erased = self._parts_of(number, parts) if parts is not None else ()
            yield Stream(number, head, tail, offset, device, inode, path, bool(skipped), erased)

    def _parts_of(self, number: int, text: str) -> Parts:
        """Return what was masked of a stream: the very same while it is; it may be long."""
        known = self._erased.get(number)
        if known is None or known[0] != text:
            known = self._erased[number] = text, _parts(text)
        return known[1]

    def save(self, stream: Stream) -> None:
        """Write a stream, new or changed."""
        self._db.execute(
            "INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " head = excluded.head, tail = excluded.tail, offset = excluded.offset,"
            " device = excluded.device, inode = excluded.inode, path = excluded.path,"
            " skipped = excluded.skipped",
            (
                stream.id,
                stream.head,
                stream.tail,
                stream.offset,
                stream.device,
                stream.inode,
                stream.path,
                stream.skipped,
            ),
        )
        # It may be long, and a stream is written whenever something is read.
        _, known = self._erased.get(stream.id, ("", ()))
        if known is not stream.erased and known != stream.erased:
            text = json.dumps(stream.erased)
            self._erased[stream.id] = text, stream.erased
            self._masked = None
            self._db.execute("DELETE FROM stream_erased WHERE stream = ?", (stream.id,))
            if stream.erased:
                start = [
                    (first, min(last, _KEY_BYTES - 1))
                    for first, last in stream.erased
                    if first < _KEY_BYTES
                ]
                self._db.execute(
                    "INSERT INTO stream_erased VALUES (?, ?, ?)",
                    (stream.id, json.dumps(start), text),
                )

    def sighting(self, key: FileKey) -> Look | None:
        """Return how a file looked when it had been read to its end; None if it was not."""
        row: Look | None = self._db.execute(
            "SELECT size, mtime_ns FROM sighting WHERE device = ? AND inode = ?", key
        ).fetchone()
        return row

    def sightings(self) -> dict[FileKey, Look]:
        """Return how each file looked when it had been read to its end."""
        rows = self._db.execute("SELECT device, inode, size, mtime_ns FROM sighting")
        return {(device, inode): (size, mtime) for device, inode, size, mtime in rows}

    def save_sightings(self, seen: Mapping[FileKey, Look], gone: Iterable[FileKey]) -> None:
        """Write what was seen, and forget the files that are gone."""
        self._db.executemany("DELETE FROM sighting WHERE device = ? AND inode = ?", gone)
        self._db.executemany(
            "INSERT OR REPLACE INTO sighting VALUES (?, ?, ?, ?)",
            [(*key, *look) for key, look in seen.items()],
        )

    def applied_history(self) -> str | None:
        """Return the source.history of the first start, or None before it."""
        history: str | None = self._db.execute("SELECT history FROM shipping").fetchone()[0]
        return history

    def save_history(self, history: str) -> None:
        """Remember the source.history that was applied."""
        self._db.execute("UPDATE shipping SET history = ?", (history,))

    def skipped_text(self) -> bool:
        """Return whether the first start left text out for good (history "current" or "none")."""
        if self.applied_history() not in {"current", "none"}:
            return False
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM stream WHERE skipped OR offset >"
            " (SELECT coalesce(sum(bytes), 0) FROM origin WHERE origin.stream = stream.id)"
            " AND id NOT IN (SELECT stream FROM piece WHERE imported))"
        ).fetchone()
        return bool(row[0])


def _parts(text: str) -> Parts:
    return tuple((first, last) for first, last in json.loads(text))
