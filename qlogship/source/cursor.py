"""The cursor: the streams of the queue_log that are known, and how far each is archived.

Also the sightings: rotated files that were read to their end and need not be
opened again while they look the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.source.streams import Stream

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterable, Mapping

Sighting = tuple[int, int, int, int]
"""How a file looked: device, inode, size, mtime in nanoseconds. One that looks the same is."""


def sighting_of(status: os.stat_result) -> Sighting:
    """Return how a file looks by what stat(2) says."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Cursor:
    """Keep streams and sightings; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def streams(self) -> list[Stream]:
        """Return every known stream, oldest first."""
        rows = self._db.execute(
            "SELECT id, head, tail, offset, device, inode, path, skipped FROM stream ORDER BY id"
        )
        return [
            Stream(number, head, tail, offset, device, inode, path, bool(skipped))
            for number, head, tail, offset, device, inode, path, skipped in rows
        ]

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

    def sightings(self) -> dict[str, Sighting]:
        """Return how each file looked when it had been read to its end, by path."""
        rows = self._db.execute("SELECT path, device, inode, size, mtime_ns FROM sighting")
        return {path: (device, inode, size, mtime) for path, device, inode, size, mtime in rows}

    def save_sightings(self, seen: Mapping[str, Sighting], gone: Iterable[str]) -> None:
        """Write what was seen, by path, and forget the paths that are gone."""
        self._db.executemany(
            "INSERT OR REPLACE INTO sighting VALUES (?, ?, ?, ?, ?)",
            [(path, *status) for path, status in seen.items()],
        )
        self._db.executemany("DELETE FROM sighting WHERE path = ?", [(path,) for path in gone])

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
