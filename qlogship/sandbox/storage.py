"""What the sandbox remembers of uploads; every SQL statement about them is here.

What the page shows is kept as running sums, so drawing it costs the same
after ten uploads and after a million. Bodies are stored compressed and read
one at a time.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.sandbox.options import Repeats
from qlogship.sandbox.tally import FileTally, QueueTally, tally_of

if TYPE_CHECKING:
    import sqlite3

    from qlogship.sandbox.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS upload (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    arrived_at REAL NOT NULL,
    filename TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    answer TEXT NOT NULL,
    body BLOB
);
CREATE INDEX IF NOT EXISTS upload_by_digest ON upload (sha256) WHERE kept;
CREATE TABLE IF NOT EXISTS call (callid BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    answered INTEGER NOT NULL,
    abandoned INTEGER NOT NULL,
    other INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS total (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    uploads INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    distinct_calls INTEGER NOT NULL
);
INSERT OR IGNORE INTO total VALUES (1, 0, 0, 0, 0, 0, 0);
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file as it came in: when (epoch seconds), under which name, its bytes."""

    at: float
    filename: str
    body: bytes

    @property
    def sha256(self) -> str:
        """Return the digest of the bytes, which tells whether two files are the same."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class SandboxUpload:
    """One row of the record: `kept` says whether it counts, `answer` what was replied."""

    id: int
    arrived_at: float
    filename: str
    sha256: str
    bytes: int
    lines: int
    calls: int
    kept: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The sums over all that is kept.

    `calls` adds up what each upload was answered with; `distinct_calls` knows
    each callid once. `queues` are the busiest ones, `queue_count` is all of them.
    """

    uploads: int = 0
    refused: int = 0
    lines: int = 0
    bytes: int = 0
    calls: int = 0
    distinct_calls: int = 0
    answered: int = 0
    abandoned: int = 0
    other: int = 0
    queues: tuple[QueueTally, ...] = ()
    queue_count: int = 0


class Storage:
    """Keep uploads and what was counted in them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.make(_SCHEMA)

    def keep(self, arrival: Arrival, *, answer: str, repeats: Repeats = Repeats.KEEP) -> int:
        """Store a file and return how many calls are counted in it: what the client is told.

        With `Repeats.DROP` a file that is here already stores nothing and counts 0.
        """
        tally = tally_of(arrival.body)
        with self._database.transaction() as database:
            same = "SELECT 1 FROM upload WHERE sha256 = ? AND kept"
            if repeats is Repeats.DROP and database.execute(same, (arrival.sha256,)).fetchone():
                _insert(database, arrival, tally, f"{answer}, repeat", kept=False)
                return 0
            _insert(database, arrival, tally, answer, kept=True)
            _add(database, tally, len(arrival.body))
        return len(tally.calls)

    def refuse(self, arrival: Arrival, *, answer: str) -> None:
        """Put on record a file that came whole and was not taken."""
        tally = tally_of(arrival.body)
        with self._database.transaction() as database:
            _insert(database, arrival, tally, answer, kept=False)

    def clear(self) -> None:
        """Forget everything that was uploaded; the numbers of later uploads go on counting."""
        with self._database.transaction() as database:
            for table in ("upload", "call", "queue", "total"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608 -- four fixed names
            database.execute("INSERT INTO total VALUES (1, 0, 0, 0, 0, 0, 0)")

    def summary(self, *, queues: int = 24) -> Summary:
        """Return the sums, with the `queues` busiest queues."""
        with self._database.transaction() as database:
            totals = database.execute(
                "SELECT uploads, refused, lines, bytes, calls, distinct_calls FROM total"
            ).fetchone()
            fates = database.execute(
                "SELECT count(*) AS queue_count, ifnull(sum(answered), 0) AS answered,"
                " ifnull(sum(abandoned), 0) AS abandoned, ifnull(sum(other), 0) AS other FROM queue"
            ).fetchone()
            busiest = database.execute(
                "SELECT name, answered, abandoned, other FROM queue"
                " ORDER BY answered + abandoned + other DESC, key LIMIT ?",
                (queues,),
            ).fetchall()
        return Summary(**totals, **fates, queues=tuple(QueueTally(*row) for row in busiest))

    def latest(self, limit: int) -> list[SandboxUpload]:
        """Return the newest arrivals first, those that were not kept among them."""
        rows = self._database.rows(
            "SELECT id, arrived_at, filename, sha256, bytes, lines, calls, kept, answer"
            " FROM upload ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [SandboxUpload(**{**row, "kept": bool(row["kept"])}) for row in rows]

    def body(self, upload_id: int) -> bytes | None:
        """Return the bytes of one upload, or None when they are not kept."""
        rows = self._database.rows("SELECT body FROM upload WHERE id = ? AND kept", upload_id)
        return zlib.decompress(rows[0][0]) if rows else None

    def bodies(self) -> list[bytes]:
        """Return the bytes of every kept upload, in order of arrival; all of them at once."""
        rows = self._database.rows("SELECT body FROM upload WHERE kept ORDER BY id")
        return [zlib.decompress(body) for (body,) in rows]


def _insert(
    database: sqlite3.Connection,
    arrival: Arrival,
    tally: FileTally,
    answer: str,
    *,
    kept: bool,
) -> None:
    database.execute(
        "INSERT INTO upload (arrived_at, filename, sha256, bytes, lines, calls, kept, answer, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            arrival.at,
            arrival.filename,
            arrival.sha256,
            len(arrival.body),
            tally.lines,
            len(tally.calls),
            kept,
            answer,
            zlib.compress(arrival.body, 1) if kept else None,
        ),
    )
    if not kept:
        database.execute("UPDATE total SET refused = refused + 1")


def _add(database: sqlite3.Connection, tally: FileTally, size: int) -> None:
    """Carry one kept file into the running sums."""
    new = database.executemany(
        "INSERT OR IGNORE INTO call VALUES (?)", ((callid,) for callid in tally.calls)
    ).rowcount
    database.executemany(
        "INSERT INTO queue VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
        " answered = answered + excluded.answered,"
        " abandoned = abandoned + excluded.abandoned,"
        " other = other + excluded.other",
        ((q.name.lower(), q.name, q.answered, q.abandoned, q.other) for q in tally.queues),
    )
    database.execute(
        "UPDATE total SET uploads = uploads + 1, lines = lines + ?, bytes = bytes + ?,"
        " calls = calls + ?, distinct_calls = distinct_calls + ?",
        (tally.lines, size, len(tally.calls), max(new, 0)),
    )
