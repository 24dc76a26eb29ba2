"""The ledger: one row per upload, decided before a byte is sent.

States: `prepared` (decided, not answered), `accepted` (final), `unknown` (it
may or may not have arrived), `rejected` (the far end refuses it: quarantine),
`split` (its parts go instead; they name it as their parent), `dropped` (a person
took it out of quarantine, never to be sent).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import Run, decode_runs, encode_runs
from qlogship.dashboard.verdicts import Verdict, leaves_open
from qlogship.shipping.batching import Composition
from qlogship.shipping.delivery import MOST_OPEN_SENDS
from qlogship.shipping.holding import Holding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qlogship.shipping.batching import Batch


_COMPOSITION: Final = ("lines", "calls", "bytes", "first_time", "last_time", "sha256")
CUT_OFF: Final = "qlogship ended before an answer was recorded"
"""What is said of an attempt that a crash cut off, in place of an answer."""

_ENDED: Final = (
    f"CASE WHEN attempt.detail = '{CUT_OFF}' THEN sent_at"
    " ELSE coalesce(attempt.answered_at, sent_at) END"
)
_ANSWER: Final = ("reported_calls", "http_status", "answered_at", "detail")


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """What was answered last to an upload, when (epoch seconds), and the raw `text` of it."""

    reported_calls: int | None = None
    http_status: int | None = None
    answered_at: float | None = None
    detail: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """One row of the ledger. Times are epoch seconds.

    `open_sends` counts the attempts that may have been stored without an answer that tells
    so: copies that the dashboard may hold, beside the one an acceptance tells of. The one
    that is under way is among them. `vouched`: a person said that it is there once.
    """

    id: int
    generation: int
    state: str
    composition: Composition
    attempts: int
    open_sends: int
    prepared_at: float
    not_before: float | None
    parent: int | None
    answer: UploadAnswer
    vouched: bool = False
    erased: int = 0
    """How many of its records were masked after it was sent, so that it was other bytes."""

    @property
    def possible_duplicate(self) -> bool:
        """Whether the dashboard may hold it twice.

        The answer to an accepted one tells of one copy more than its open sends. What a
        person said of it ends the doubt.
        """
        return not self.vouched and self.open_sends > (0 if self.state == "accepted" else 1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send an upload. Times are epoch seconds.

    One without a verdict is under way, or was cut off by a crash.
    """

    number: int
    sent_at: float
    answered_at: float | None
    verdict: str | None
    http_status: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What an attempt came to, and the state the upload takes from it.

    `is_open`: it may have been stored, and the answer does not tell.
    """

    state: str
    verdict: str
    is_open: bool
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

    def generation(self) -> int:
        """Return the present generation: the uploads of earlier ones are superseded."""
        generation: int = self._db.execute("SELECT generation FROM shipping").fetchone()[0]
        return generation

    def prepare(
        self, batch: Batch, *, generation: int, at: float, parent: Upload | None = None
    ) -> Upload:
        """Write a decided batch; it may be sent once this is committed.

        A part of an upload may be there as often as the whole.
        """
        cursor = self._db.execute(
            "INSERT INTO upload (generation, state, lines, calls, bytes, first_time, last_time,"
            " prepared_at, sha256, runs, open_sends, parent)"
            " VALUES (?, 'prepared', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                generation,
                batch.composition.lines,
                batch.composition.calls,
                batch.composition.bytes,
                batch.composition.first_time,
                batch.composition.last_time,
                at,
                batch.composition.sha256,
                encode_runs(batch.composition.runs),
                parent.open_sends if parent is not None else 0,
                parent.id if parent is not None else None,
            ),
        )
        upload_id = cursor.lastrowid
        return self._one(upload_id if upload_id is not None else 0)

    def begin_attempt(self, upload: Upload, *, at: float) -> Upload:
        """Write that an upload is about to be sent, before it is; until its end it is open."""
        self._db.execute(
            "INSERT INTO attempt (upload, number, sent_at) VALUES (?, ?, ?)",
            (upload.id, upload.attempts + 1, at),
        )
        self._db.execute(
            "UPDATE upload SET attempts = attempts + 1, not_before = NULL,"
            " open_sends = open_sends + 1 WHERE id = ?",
            (upload.id,),
        )
        self._db.execute("UPDATE shipping SET sends = sends + 1")
        return self._one(upload.id)

    def sends(self) -> int:
        """Return how many attempts were ever begun."""
        number: int = self._db.execute("SELECT sends FROM shipping").fetchone()[0]
        return number

    def remember_sends(self, sends: int) -> None:
        """Write that so many attempts were begun, more than are on record here."""
        self._db.execute("UPDATE shipping SET sends = max(sends, ?)", (sends,))

    def end_attempt(self, upload: Upload, result: AttemptResult, *, at: float) -> Upload:
        """Write what came back."""
        self._db.execute(
            "UPDATE attempt SET answered_at = ?, verdict = ?, http_status = ?, detail = ?"
            " WHERE upload = ? AND number = ?",
            (at, result.verdict, result.http_status, result.detail, upload.id, upload.attempts),
        )
        self._db.execute(
            "UPDATE upload SET state = ?, reported_calls = ?, open_sends = max(0, open_sends - ?),"
            " http_status = ?, answered_at = ?, not_before = ?, detail = ?, answer = ?"
            " WHERE id = ?",
            (
                result.state,
                result.reported_calls,
                not result.is_open,
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
        """Return the uploads that are still to be sent, oldest first.

        Parts stand in the place of the upload that was split. Unknown ones that were sent
        as often as may be are not among them.
        """
        found = self._select(
            "SELECT * FROM upload WHERE generation = (SELECT generation FROM shipping)"
            " AND (state = 'prepared' OR (state = 'unknown' AND ? AND open_sends < ?))"
            " ORDER BY id",
            (unknown_too, MOST_OPEN_SENDS),
        )
        return sorted(found, key=self._lineage)

    def _lineage(self, upload: Upload) -> list[int]:
        """Return the ids from the upload that was decided first down to this part of it."""
        ids = [upload.id]
        parent = upload.parent
        while parent is not None:
            ids.append(parent)
            parent = self._one(parent).parent
        return ids[::-1]

    def on_the_dashboard(
        self, *, unknown_too: bool = True
    ) -> Iterator[tuple[int, tuple[Run, ...]]]:
        """Yield id and runs of the uploads that the dashboard holds, or may hold."""
        for number, runs in self._db.execute(
            "SELECT id, runs FROM upload WHERE state IN ('accepted', ?)"
            " AND generation = (SELECT generation FROM shipping) ORDER BY id",
            ("unknown" if unknown_too else "accepted",),
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
        """Return whether an upload of this generation is unknown."""
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
        """Return whether an upload of this generation is unknown or quarantined."""
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

    # What was refused

    def divide(self, upload: Upload, parts: Iterable[Batch], *, at: float) -> None:
        """Write that an upload goes in parts instead, which hold its records."""
        self._db.execute(
            "UPDATE upload SET state = 'split', not_before = NULL WHERE id = ?", (upload.id,)
        )
        for part in parts:
            self.prepare(part, generation=upload.generation, at=at, parent=upload)

    def leave_unknown(self, upload: Upload, *, detail: str) -> None:
        """Write that an upload is not sent again, though it may not have arrived."""
        self._db.execute(
            "UPDATE upload SET state = 'unknown', not_before = NULL, detail = ? WHERE id = ?",
            (detail, upload.id),
        )

    def take_back(self, suspects: Iterable[int]) -> list[int]:
        """Make those of these uploads `prepared` again that are quarantined; return their ids."""
        taken = []
        for number in suspects:
            cursor = self._db.execute(
                "UPDATE upload SET state = 'prepared', not_before = NULL WHERE id = ?"
                " AND state = 'rejected' AND open_sends < ?"
                " AND generation = (SELECT generation FROM shipping)",
                (number, MOST_OPEN_SENDS),
            )
            if cursor.rowcount:
                taken.append(number)
        return taken

    def quarantined(self) -> list[Upload]:
        """Return the quarantined uploads of this generation, oldest first."""
        return self._select(
            "SELECT * FROM upload WHERE state = 'rejected' AND generation ="
            " (SELECT generation FROM shipping) ORDER BY id"
        )

    def resend(self, upload: Upload) -> None:
        """Take an upload out of quarantine, to be sent once more; its attempts stay on record."""
        self._db.execute(
            "UPDATE upload SET state = 'prepared', not_before = NULL"
            " WHERE id = ? AND state = 'rejected'",
            (upload.id,),
        )

    def drop(self, upload: Upload) -> None:
        """Take an upload out of quarantine for good; it stays in the ledger, and in the archive."""
        self._db.execute(
            "UPDATE upload SET state = 'dropped' WHERE id = ? AND state = 'rejected'", (upload.id,)
        )

    # What is open

    def has_counted(self) -> bool:
        """Return whether the dashboard has reported a count of calls in this generation."""
        found = self._db.execute(
            "SELECT 1 FROM upload WHERE state = 'accepted' AND reported_calls IS NOT NULL"
            " AND generation = (SELECT generation FROM shipping) LIMIT 1"
        )
        return found.fetchone() is not None

    def vouch(self, upload: Upload) -> None:
        """Write that a person said: the dashboard holds this upload, once."""
        self._db.execute(
            "UPDATE upload SET vouched = 1, state = 'accepted', not_before = NULL WHERE id = ?"
            " AND state IN ('unknown', 'accepted')",
            (upload.id,),
        )

    def lost(self, upload: Upload) -> None:
        """Write that a person said: the dashboard does not hold this upload. It is sent again."""
        self._db.execute(
            "UPDATE upload SET state = 'prepared', open_sends = 0, not_before = NULL"
            " WHERE id = ? AND state = 'unknown'",
            (upload.id,),
        )

    def last_open_end(self) -> float | None:
        """Return when the last request ended of which no answer tells, in epoch seconds.

        One that was cut off with the service ended, for all we know, when it was sent.
        """
        verdicts = sorted(verdict for verdict in Verdict if leaves_open(verdict, sent=True))
        found: float | None = self._db.execute(
            f"SELECT max({_ENDED}) FROM attempt JOIN upload ON upload.id = attempt.upload"  # noqa: S608
            " WHERE upload.generation = (SELECT generation FROM shipping)"
            f" AND (verdict IS NULL OR verdict IN ({', '.join('?' * len(verdicts))}))",
            verdicts,
        ).fetchone()[0]
        return found

    def calls_open_since(self, moment: float) -> int:
        """Return how many calls were in requests that are open and ended later than `moment`."""
        verdicts = sorted(verdict for verdict in Verdict if leaves_open(verdict, sent=True))
        calls: int = self._db.execute(
            "SELECT coalesce(sum(calls), 0) FROM upload WHERE"  # noqa: S608
            " generation = (SELECT generation FROM shipping) AND id IN (SELECT upload FROM attempt"
            f" WHERE {_ENDED} > ? AND"
            f" (verdict IS NULL OR verdict IN ({', '.join('?' * len(verdicts))})))",
            (moment, *verdicts),
        ).fetchone()[0]
        return calls

    # One upload

    def find(self, upload_id: int) -> Upload | None:
        """Return an upload, None when there is none of that id."""
        return next(iter(self._select("SELECT * FROM upload WHERE id = ?", (upload_id,))), None)

    def attempts(self, upload: Upload) -> list[Attempt]:
        """Return every attempt to send an upload, first one first."""
        rows = self._db.execute(
            "SELECT number, sent_at, answered_at, verdict, http_status, detail FROM attempt"
            " WHERE upload = ? ORDER BY number",
            (upload.id,),
        )
        return [Attempt(*row) for row in rows]

    def parts(self, upload: Upload) -> list[int]:
        """Return the ids of the uploads that an upload was split into."""
        rows = self._db.execute("SELECT id FROM upload WHERE parent = ? ORDER BY id", (upload.id,))
        return [number for (number,) in rows]

    def _one(self, upload_id: int) -> Upload:
        return self._select("SELECT * FROM upload WHERE id = ?", (upload_id,))[0]


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(
        id=row["id"],
        generation=row["generation"],
        state=row["state"],
        composition=Composition(
            runs=tuple(decode_runs(row["runs"])),
            **{key: row[key] for key in _COMPOSITION},
        ),
        attempts=row["attempts"],
        open_sends=row["open_sends"],
        prepared_at=row["prepared_at"],
        not_before=row["not_before"],
        parent=row["parent"],
        vouched=bool(row["vouched"]),
        erased=row["erased"],
        answer=UploadAnswer(text=row["answer"], **{key: row[key] for key in _ANSWER}),
    )
