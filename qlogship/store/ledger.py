"""The ledger: one row per upload, decided before a byte is sent, and where shipping stands.

States: `prepared` (decided, not answered), `accepted` (final), `unknown` (it
may or may not have arrived), `rejected` (the far end refuses it: quarantine).
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qlogship.core.batching import Batch, Run, decode_runs, encode_runs
from qlogship.core.resync import Holding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Upload:
    """One row of the ledger. Times are epoch seconds; `runs` names its records."""

    id: int
    generation: int
    state: str
    lines: int
    calls: int
    reported_calls: int | None
    bytes: int
    attempts: int
    possible_duplicate: bool
    http_status: int | None
    first_time: int | None
    last_time: int | None
    prepared_at: float
    answered_at: float | None
    not_before: float | None
    sha256: str
    runs: tuple[Run, ...]
    detail: str | None
    answer: str | None
    parent: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where shipping stands: what is taken from the archive next, and what was held back.

    First the runs `ahead`, in their order, then everything from `frontier` on.
    Each other record is in an upload or in `held`. `clock` is the records' own
    time there; `odd` counts the lines taken in that are no record. `max_bytes`
    is the size of a body that was learnt, None when none was.
    """

    generation: int
    ahead: tuple[Run, ...]
    frontier: int
    held: tuple[Run, ...]
    clock: int | None
    odd: int
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt came to, and the state the upload takes from it."""

    state: str
    verdict: str
    possible_duplicate: bool
    reported_calls: int | None
    http_status: int | None
    detail: str
    answer: str
    not_before: float | None


class Ledger:
    """Read and write uploads; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def _select(self, query: str, values: Sequence[object] = ()) -> list[Upload]:
        cursor = self._db.cursor()
        cursor.row_factory = sqlite3.Row
        return [_upload(row) for row in cursor.execute(query, values)]

    def position(self) -> Position:
        """Return where shipping stands."""
        generation, ahead, frontier, held, clock, odd, max_bytes = self._db.execute(
            "SELECT generation, ahead, frontier, held, clock, odd, max_bytes FROM shipping"
        ).fetchone()
        runs = tuple((first, last) for first, last in json.loads(ahead))
        return Position(generation, runs, frontier, tuple(decode_runs(held)), clock, odd, max_bytes)

    def save_position(
        self,
        *,
        ahead: Sequence[Run],
        frontier: int,
        held: Sequence[Run],
        clock: int | None,
        odd: int,
    ) -> None:
        """Write how far the archive has been put into uploads, and what was held back."""
        self._db.execute(
            "UPDATE shipping SET ahead = ?, frontier = ?, held = ?, clock = ?, odd = ?",
            (json.dumps(ahead), frontier, encode_runs(held), clock, odd),
        )

    def begin_generation(self, *, ahead: Sequence[Run], frontier: int) -> int:
        """Begin to ship anew: first these runs, then all from `frontier` on; return the generation.

        The uploads of the generation before are superseded from then on.
        """
        self._db.execute(
            "UPDATE shipping SET generation = generation + 1, ahead = ?, frontier = ?, held = x'',"
            " held_calls = 0, held_lines = 0, clock = NULL, odd = 0",
            (json.dumps(ahead), frontier),
        )
        generation: int = self._db.execute("SELECT generation FROM shipping").fetchone()[0]
        return generation

    def save_held(self, *, calls: int, lines: int) -> None:
        """Write how much is held back, for `status` to show."""
        self._db.execute("UPDATE shipping SET held_calls = ?, held_lines = ?", (calls, lines))

    def prepare(self, batch: Batch, *, generation: int, at: float) -> Upload:
        """Write a decided batch; it may be sent once this is committed."""
        cursor = self._db.execute(
            "INSERT INTO upload (generation, state, lines, calls, bytes, first_time, last_time,"
            " prepared_at, sha256, runs) VALUES (?, 'prepared', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                generation,
                batch.lines,
                batch.calls,
                len(batch.body),
                batch.first_time,
                batch.last_time,
                at,
                batch.sha256,
                encode_runs(batch.runs),
            ),
        )
        upload_id = cursor.lastrowid
        return self._one(upload_id if upload_id is not None else 0)

    def begin_attempt(self, upload: Upload, *, at: float) -> Upload:
        """Write that an upload is about to be sent, before it is.

        One whose outcome is unknown is a possible duplicate from then on.
        """
        self._db.execute(
            "INSERT INTO attempt (upload, number, sent_at) VALUES (?, ?, ?)",
            (upload.id, upload.attempts + 1, at),
        )
        self._db.execute(
            "UPDATE upload SET attempts = attempts + 1, not_before = NULL,"
            " possible_duplicate = max(possible_duplicate, state = 'unknown') WHERE id = ?",
            (upload.id,),
        )
        return self._one(upload.id)

    def end_attempt(self, upload: Upload, result: Result, *, at: float) -> Upload:
        """Write what came back."""
        self._db.execute(
            "UPDATE attempt SET answered_at = ?, verdict = ?, http_status = ?, detail = ?"
            " WHERE upload = ? AND number = ?",
            (at, result.verdict, result.http_status, result.detail, upload.id, upload.attempts),
        )
        self._db.execute(
            "UPDATE upload SET state = ?, reported_calls = ?, possible_duplicate = ?,"
            " http_status = ?, answered_at = ?, not_before = ?, detail = ?, answer = ?"
            " WHERE id = ?",
            (
                result.state,
                result.reported_calls,
                result.possible_duplicate,
                result.http_status,
                at,
                result.not_before,
                result.detail,
                result.answer,
                upload.id,
            ),
        )
        return self._one(upload.id)

    def cut_off(self) -> list[Upload]:
        """Return the uploads whose last attempt has no outcome: the service ended during it."""
        return self._select(
            "SELECT * FROM upload WHERE id IN"
            " (SELECT upload FROM attempt WHERE verdict IS NULL) ORDER BY id"
        )

    def waiting(self, *, unknown_too: bool) -> list[Upload]:
        """Return the uploads that are still to be sent, oldest first."""
        states = ("prepared", "unknown") if unknown_too else ("prepared", "prepared")
        return self._select(
            "SELECT * FROM upload WHERE state IN (?, ?) AND generation ="
            " (SELECT generation FROM shipping) ORDER BY id",
            states,
        )

    def on_the_dashboard(self) -> Iterator[tuple[int, tuple[Run, ...]]]:
        """Yield id and runs of the uploads that the dashboard holds, or may hold."""
        for number, runs in self._db.execute(
            "SELECT id, runs FROM upload WHERE state IN ('accepted', 'unknown')"
            " AND generation = (SELECT generation FROM shipping) ORDER BY id"
        ):
            yield number, tuple(decode_runs(runs))

    def holding(self) -> Holding:
        """Return what the dashboard holds by the ledger."""
        uploads, lines, calls, reported, first, last = self._db.execute(
            "SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(calls), 0),"
            " coalesce(sum(reported_calls), 0), min(first_time), max(last_time) FROM upload"
            " WHERE state = 'accepted' AND generation = (SELECT generation FROM shipping)"
        ).fetchone()
        unknown = self._db.execute(
            "SELECT count(*) FROM upload WHERE state = 'unknown'"
            " AND generation = (SELECT generation FROM shipping)"
        ).fetchone()[0]
        return Holding(uploads, unknown, lines, calls, reported, first, last)

    def is_any_unknown(self) -> bool:
        """Tell whether an upload of this generation is unknown."""
        found = self._db.execute(
            "SELECT 1 FROM upload WHERE state = 'unknown' AND generation ="
            " (SELECT generation FROM shipping) LIMIT 1"
        )
        return found.fetchone() is not None

    def last_accepted(self, count: int) -> list[tuple[int, float]]:
        """Return bytes and seconds of the last accepted uploads, newest first."""
        rows = self._db.execute(
            "SELECT upload.bytes, attempt.answered_at - attempt.sent_at FROM upload"
            " JOIN attempt ON attempt.upload = upload.id AND attempt.number = upload.attempts"
            " WHERE upload.state = 'accepted' ORDER BY upload.id DESC LIMIT ?",
            (count,),
        )
        return [(size, seconds) for size, seconds in rows]

    def in_doubt(self) -> bool:
        """Tell whether an upload of this generation is unknown or quarantined."""
        found = self._db.execute(
            "SELECT 1 FROM upload WHERE state IN ('unknown', 'rejected') AND generation ="
            " (SELECT generation FROM shipping) LIMIT 1"
        )
        return found.fetchone() is not None

    def uploads(self, *, limit: int | None = None, since: float | None = None) -> list[Upload]:
        """Return uploads, newest first; only those prepared at `since` or later."""
        return self._select(
            "SELECT * FROM upload WHERE prepared_at >= ? ORDER BY id DESC LIMIT ?",
            (since if since is not None else 0.0, limit if limit is not None else -1),
        )

    def _one(self, upload_id: int) -> Upload:
        return self._select("SELECT * FROM upload WHERE id = ?", (upload_id,))[0]


def _upload(row: sqlite3.Row) -> Upload:
    values: dict[str, Any] = dict(row)
    values["possible_duplicate"] = bool(values["possible_duplicate"])
    values["runs"] = tuple(decode_runs(values["runs"]))
    return Upload(**values)
