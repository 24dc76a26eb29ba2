"""What is wrong now: written by the service, read by `status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: since when, what, and what to type next."""

    kind: str
    since: float
    message: str
    hint: str


class Troubles:
    """Keep one row per kind of trouble; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def all(self) -> list[Trouble]:
        """Return what is wrong, longest first."""
        rows = self._db.execute("SELECT kind, since, message, hint FROM trouble ORDER BY since")
        return [Trouble(*row) for row in rows]

    def save(self, kind: str, *, at: float, message: str, hint: str) -> None:
        """Write a trouble; its `since` stays while it lasts."""
        self._db.execute(
            "INSERT INTO trouble VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind) DO UPDATE SET message = excluded.message, hint = excluded.hint",
            (kind, at, message, hint),
        )

    def clear(self, kind: str) -> None:
        """Forget a trouble whose cause is gone."""
        self._db.execute("DELETE FROM trouble WHERE kind = ?", (kind,))
