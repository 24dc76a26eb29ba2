"""The resyncs: one row each, at most one of them not over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qlogship.archive.runs import merged
from qlogship.shipping.destination import Destination
from qlogship.shipping.resync.rules import Phase

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from qlogship.archive.runs import Run

_COLUMNS = (
    "id, state, reason, accepted_loss, asked_at, clears, cleared_at, restarts,"
    " generation, lines, bytes, ended_at, detail, url, account"
)


@dataclass(frozen=True, slots=True)
class Resync:
    """One resync. Times are epoch seconds; `lines` and `bytes` are what is to be shipped.

    `clears` counts how often a clear was sent, `restarts` how often one became
    necessary again. `reason` is "asked" or "unknown", `destination` what it was asked for;
    None when that was not written down.
    """

    id: int
    phase: Phase
    reason: str
    accepted_loss: tuple[int, ...]
    asked_at: float
    clears: int
    cleared_at: float | None
    restarts: int
    generation: int | None
    lines: int
    bytes: int
    ended_at: float | None
    detail: str | None
    destination: Destination | None = None


class Resyncs:
    """Read and write resyncs; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def open(self) -> Resync | None:
        """Return the resync that is not over, if there is one."""
        return self._one("ended_at IS NULL")

    def last(self, *, reason: str | None = None) -> Resync | None:
        """Return the newest resync, or the newest one for that reason."""
        return self._one("1") if reason is None else self._one("reason = ?", reason)

    def get(self, number: int) -> Resync | None:
        """Return one resync."""
        return self._one("id = ?", number)

    def ask(
        self,
        *,
        reason: str,
        accepted_loss: Collection[int],
        at: float,
        destination: Destination | None = None,
    ) -> Resync:
        """Write down that a resync is wanted; return it, or the one that is not over yet."""
        found = self.open()
        if found is not None:
            return found
        loss = json.dumps(sorted(accepted_loss))
        cursor = self._db.execute(
            "INSERT INTO resync (state, reason, accepted_loss, asked_at, url, account)"  # noqa: S608
            f" VALUES ('asked', ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
            (
                reason,
                loss,
                at,
                destination.url if destination else None,
                destination.account if destination else None,
            ),
        )
        return _resync(cursor.fetchone())

    def bind(self, destination: Destination) -> None:
        """Write that the open resync, if there is one, is one of this destination."""
        self._set("url = ?, account = ?", destination.url, destination.account)

    def to(self, phase: Phase, *, detail: str | None = None) -> None:
        """Write down the phase of the open resync, one before its end."""
        self._set("state = ?, detail = ?", phase, detail)

    def give_up(self, runs: Sequence[Run]) -> None:
        """Write which records are lost, as somebody accepted."""
        self._set("given_up = ?", json.dumps(runs))

    def given_up(self) -> list[Run]:
        """Return the records that were given up in resyncs that went on to clear, ascending."""
        rows = self._db.execute("SELECT given_up FROM resync WHERE cleared_at IS NOT NULL")
        return merged((first, last) for (runs,) in rows for first, last in json.loads(runs))

    def begin_clear(self) -> None:
        """Write that a clear is about to be sent, before it is."""
        self._set("state = 'clearing', clears = clears + 1")

    def clear_failed(self, detail: str) -> None:
        """Write that the clear was not acknowledged, and why."""
        self._set("detail = ?", detail)

    def cleared(self, *, generation: int, lines: int, size: int, at: float) -> None:
        """Write that the dashboard is empty, and what is to be shipped now."""
        self._set(
            "state = 'shipping', cleared_at = ?, generation = ?, lines = ?, bytes = ?,"
            " detail = NULL",
            at,
            generation,
            lines,
            size,
        )

    def restart(self, detail: str) -> None:
        """Write that the dashboard must be cleared again, and why."""
        self._set("state = 'clearing', restarts = restarts + 1, detail = ?", detail)

    def end(self, phase: Phase, *, at: float, detail: str | None = None) -> None:
        """Write that the open resync is over."""
        self._set("state = ?, ended_at = ?, detail = ?", phase, at, detail)

    def _set(self, assignments: str, *values: object) -> None:
        self._db.execute(f"UPDATE resync SET {assignments} WHERE ended_at IS NULL", values)  # noqa: S608

    def _one(self, condition: str, *values: object) -> Resync | None:
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM resync WHERE {condition} ORDER BY id DESC LIMIT 1",  # noqa: S608
            values,
        ).fetchone()
        return _resync(row) if row is not None else None


def _resync(row: tuple[Any, ...]) -> Resync:
    number, phase, reason, loss, *rest, url, account = row
    there = Destination(url, account or "") if url is not None else None
    return Resync(*(number, Phase(phase), reason, tuple(json.loads(loss)), *rest, there))
