"""The generations: one row each, with the destination that it is shipped to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from qlogship.shipping.belonging import Belonging, belonging
from qlogship.shipping.destination import Destination

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

NO_GENERATION: Final = 0
"""A generation that no upload has: what counts while nobody has decided about the destination."""

_COLUMNS = "number, url, account, begun_at, cleared, first_seq, since, late_calls"


@dataclass(frozen=True, slots=True)
class Generation:
    """What is shipped to one destination since it was begun, or cleared.

    `destination` is None when it is not known: nothing was shipped yet (`begun_at` is None, too),
    or a version of qlogship shipped it that did not write that down. Not shipped in it are the
    records before `first_seq`, and those older than `since` (epoch seconds; None: all are).
    `cleared`: it began with a clear that the dashboard acknowledged; `late_calls` of the
    generation before were sent so shortly before it that they may have been stored after it.
    """

    number: int
    destination: Destination | None
    begun_at: float | None
    cleared: bool
    first_seq: int
    since: int | None
    late_calls: int = 0


@dataclass(frozen=True, slots=True)
class Counting:
    """Which uploads count for a destination: those of the generation `present`.

    `destinations` tells where the uploads of each generation went, None when that is not
    known.
    """

    wanted: Destination | None
    present: int
    destinations: Mapping[int, Destination | None]

    def is_elsewhere(self, generation: int) -> bool:
        """Return whether it is another destination's, or nobody knows whose."""
        return self.wanted is not None and self.destinations.get(generation) != self.wanted


class Generations:
    """Read and write generations; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def current(self) -> Generation:
        """Return the generation that is shipped now."""
        row = self._db.execute(
            "SELECT shipping.generation, url, account, begun_at, coalesce(cleared, 0),"
            " coalesce(first_seq, 1), since, coalesce(late_calls, 0)"
            " FROM shipping LEFT JOIN generation ON number = shipping.generation"
        ).fetchone()
        return _generation(row)

    def begin_since(self, since: int | None) -> None:
        """Write, at the very first start, which records the present generation does not ship."""
        present = self.current()
        if present.since != since:
            self.write(replace(present, since=since))

    def ever_sent(self) -> bool:
        """Return whether a dashboard may hold, or has answered, anything of this ledger.

        An attempt that provably did not get through, or not past the login, is none.
        """
        found: int = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM upload WHERE state <> 'prepared' OR open_sends > 0)"
            " OR EXISTS (SELECT 1 FROM resync WHERE clears > 0)"
        ).fetchone()[0]
        return bool(found)

    def standing(self, wanted: Destination) -> Belonging:
        """Return how the generation that is shipped now stands to a destination."""
        return belonging(self.current().destination, wanted, ever_sent=self.ever_sent())

    def effective(self, wanted: Destination | None) -> Generation:
        """Return the generation of which the uploads count for a destination.

        While it is undecided whether the ledger belongs there, that is one that no upload
        has. Without a destination it is the one that is shipped now.
        """
        if wanted is None or self.standing(wanted) is not Belonging.UNDECIDED:
            return self.current()
        return Generation(
            NO_GENERATION, wanted, begun_at=None, cleared=False, first_seq=1, since=None
        )

    def counting(self, wanted: Destination | None) -> Counting:
        """Return which uploads count for a destination."""
        return Counting(
            wanted,
            self.effective(wanted).number,
            {one.number: one.destination for one in self.all()},
        )

    def bind(self, wanted: Destination) -> None:
        """Let the generation that is shipped now belong to a destination, as it is otherwise."""
        self.write(replace(self.current(), destination=wanted))

    def all(self) -> list[Generation]:
        """Return every generation, oldest first."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM generation ORDER BY number")  # noqa: S608
        return [_generation(row) for row in rows]

    def write(self, generation: Generation) -> None:
        """Write a generation, a new one or what is known of it now."""
        there = generation.destination
        self._db.execute(
            f"INSERT OR REPLACE INTO generation ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                generation.number,
                there.url if there else None,
                there.account if there else None,
                generation.begun_at,
                generation.cleared,
                generation.first_seq,
                generation.since,
                generation.late_calls,
            ),
        )


def _generation(
    row: tuple[int, str | None, str | None, float | None, int, int, int, int],
) -> Generation:
    number, url, account, begun_at, cleared, first_seq, since, late_calls = row
    there = Destination(url, account or "") if url is not None else None
    return Generation(number, there, begun_at, bool(cleared), first_seq, since, late_calls)
