"""What was erased, and the words in which it may stand; and what must be overwritten after it.

Theory of operation
-------------------
An erase is one transaction, whose last row says that the file is still to be scrubbed. SQLite
only marks as free what nobody needs any more: in pages, in free pages, and in the write-ahead
log the old text is still to be read. `scrub` builds the file anew without that (VACUUM), and
empties the log. If it is interrupted, the row is still there, and whoever opens the state for
writing next does it again.
"""

# Its SQL is made of the names of tables and columns, which are the schema's own.
# ruff: noqa: S608

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from qlogship.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS: Final = (
    ("upload", "detail"),
    ("upload", "answer"),
    ("attempt", "detail"),
    ("resync", "detail"),
    ("trouble", "message"),
    ("trouble", "hint"),
)
"""Where the database keeps what was answered or said, which may quote a record."""

UNFINISHED: Final = "what was erased may still be in the file of the state database"
HINT: Final = (
    "Restart the service, or type `qlogship erase` again, which goes on; it needs twice the room"
    " that the file takes."
)

_STEPS: Final = 100
"""Steps of SQLite's machine after which it calls; a row of some hundred KiB takes about ten."""

PATIENCE: Final = 30.0
"""Seconds that readers have to end, so that the log can be emptied."""


class Erasures:
    """Write down that something was erased, never what; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @property
    def due(self) -> bool:
        """Whether something was erased, and the file was not scrubbed since."""
        found = self._db.execute("SELECT 1 FROM erasure WHERE scrubbed_at IS NULL LIMIT 1")
        return found.fetchone() is not None

    def note(self, *, records: int, uploads: int, at: float) -> None:
        """Write that records were masked, in uploads that were sent before; the file is due."""
        self._db.execute(
            "INSERT INTO erasure (erased_at, records, uploads) VALUES (?, ?, ?)",
            (at, records, uploads),
        )

    def scrubbed(self, *, at: float) -> None:
        """Write that the file was scrubbed."""
        self._db.execute("UPDATE erasure SET scrubbed_at = ? WHERE scrubbed_at IS NULL", (at,))

    def words_with(self, mask: Callable[[str], str]) -> int:
        """Return how many of the words `mask` would change."""
        return len(self._changed(mask))

    def mask_words(self, mask: Callable[[str], str]) -> int:
        """Change the words by `mask`, and return how many of them."""
        changed = self._changed(mask)
        for table, column, text in changed:
            self._db.execute(
                f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (mask(text), text)
            )
        return len(changed)

    def _changed(self, mask: Callable[[str], str]) -> list[tuple[str, str, str]]:
        return [
            (table, column, text)
            for table, column in WORDS
            for (text,) in self._db.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL"
            ).fetchall()
            if mask(text) != text
        ]


def scrub(
    database: Path,
    *,
    say: Callable[[str], None] = lambda _stage: None,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Build the file anew from what counts, and empty its log; nobody else has it open to write.

    `say` hears each stage, `alive` is called every now and then. Raises `sqlite3.Error`, and
    `StateError` while somebody reads.
    """
    # What SQLite puts aside for it (without the old text) is as large as the file: beside it,
    # and in no directory that is in memory.
    os.environ["SQLITE_TMPDIR"] = str(database.parent)
    with closing(sqlite3.connect(database, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.set_progress_handler(alive, _STEPS)
        say("overwriting what is left of it")
        connection.execute("VACUUM")
        say("emptying the write-ahead log")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StateError(
                f"the write-ahead log of {database} still holds what was erased: another"
                " program has read it for a while",
                hint="End that, such as a long `qlogship export`; then type the same command"
                " again.",
            )
