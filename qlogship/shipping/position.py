"""Where shipping stands, in one row: what is taken from the archive next, and what was learnt.

Everything before it is in an upload (see `ledger`), or held.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qlogship.archive.runs import Run, decode_runs, encode_runs, extend, without
from qlogship.shipping.sizing import Sizing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Position:
    """Where shipping stands: what is taken from the archive next, and what was held back.

    First the runs `ahead`, in their order, then everything from `frontier` on.
    Each other record is in an upload or in `held`. `clock` is the records' own
    time there; `odd` counts the lines taken in that are no record.
    """

    generation: int
    ahead: tuple[Run, ...]
    frontier: int
    held: tuple[Run, ...]
    clock: int | None
    odd: int


def effective_position(position: Position, generation: int) -> Position:
    """Return where shipping stands for the generation that counts (`Generations.effective`).

    While nobody has decided about the destination, nothing was taken for it.
    """
    if generation == position.generation:
        return position
    return replace(position, generation=generation, ahead=(), frontier=1, held=(), clock=None)


class ShippingPosition:
    """Read and write the position; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def get(self) -> Position:
        """Return where shipping stands."""
        generation, ahead, frontier, held, clock, odd = self._db.execute(
            "SELECT generation, ahead, frontier, held, clock, odd FROM shipping"
        ).fetchone()
        runs = tuple((first, last) for first, last in json.loads(ahead))
        return Position(generation, runs, frontier, tuple(decode_runs(held)), clock, odd)

    def save(
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

    def pass_over(self, runs: Sequence[Run]) -> None:
        """Take records out of what is to be shipped: they cannot be read. `runs` are ascending."""
        at = self.get()
        ahead, frontier = list(at.ahead), at.frontier
        last = max((last for _, last in runs), default=0)
        if last >= frontier:
            extend(ahead, (frontier, last))
            frontier = last + 1
        self.save(
            ahead=without(ahead, runs),
            frontier=frontier,
            held=without(at.held, runs),
            clock=at.clock,
            odd=at.odd,
        )

    def ship_next(self, runs: Sequence[Run]) -> None:
        """Put records before all others that are to be shipped."""
        at = self.get()
        self.save(
            ahead=[*runs, *at.ahead],
            frontier=at.frontier,
            held=at.held,
            clock=at.clock,
            odd=at.odd,
        )

    def begin_generation(self, *, ahead: Sequence[Run], frontier: int) -> int:
        """Begin to ship anew: first these runs, then all from `frontier` on; return the generation.

        The uploads of the generation before are superseded from then on. What is known of the
        new one is written with it (`generations`).
        """
        self._db.execute(
            "UPDATE shipping SET generation = generation + 1, ahead = ?, frontier = ?, held = x'',"
            " held_calls = 0, held_lines = 0, clock = NULL, odd = 0, suspects = '[]',"
            " accused = '[]'",
            (json.dumps(ahead), frontier),
        )
        generation: int = self._db.execute("SELECT generation FROM shipping").fetchone()[0]
        return generation

    def save_held(self, *, calls: int, lines: int) -> None:
        """Write how much is held back, for `status` to show."""
        self._db.execute("UPDATE shipping SET held_calls = ?, held_lines = ?", (calls, lines))

    # What refusals have taught

    def suspects(self) -> tuple[list[int], list[int]]:
        """Return the uploads refused since one was accepted, and those refused before that.

        The latter are to be sent once more.
        """
        suspects, accused = self._db.execute("SELECT suspects, accused FROM shipping").fetchone()
        return json.loads(suspects), json.loads(accused)

    def save_suspects(self, suspects: Sequence[int], accused: Sequence[int]) -> None:
        """Write what `suspects` returns."""
        self._db.execute(
            "UPDATE shipping SET suspects = ?, accused = ?",
            (json.dumps(suspects), json.dumps(accused)),
        )

    def body_limit(self, wanted: int) -> int | None:
        """Return the size of a body that was learnt, in bytes; None when there is none to heed.

        `wanted` is batch.max_bytes. Raised above what it was when the limit was
        learnt, it is tried anew.
        """
        learnt, under = self._db.execute("SELECT max_bytes, learnt_at FROM shipping").fetchone()
        if learnt is None or (under is not None and wanted > under):
            return None
        return min(int(learnt), wanted)

    def forget_dashboard(self) -> None:
        """Forget what was learnt of sizes and of its slowness: it was another far end's."""
        self._db.execute(
            "UPDATE shipping SET max_bytes = NULL, learnt_at = NULL, open_outcomes = 0,"
            " small_bytes = NULL, small_taken = 0"
        )

    def learn_limit(self, limit: int, *, wanted: int) -> None:
        """Remember that the far end takes no larger body, as batch.max_bytes is `wanted`."""
        self._db.execute("UPDATE shipping SET max_bytes = ?, learnt_at = ?", (limit, wanted))

    # What open outcomes have taught

    def open_outcomes(self) -> int:
        """Return how many answers since the last acceptance left open what was stored."""
        number: int = self._db.execute("SELECT open_outcomes FROM shipping").fetchone()[0]
        return number

    def save_open_outcomes(self, number: int) -> None:
        """Write what `open_outcomes` returns."""
        self._db.execute("UPDATE shipping SET open_outcomes = ?", (number,))

    def sizing(self) -> Sizing:
        """Return how large the next bodies are, by how long the dashboard takes."""
        return Sizing(*self._db.execute("SELECT small_bytes, small_taken FROM shipping").fetchone())

    def save_sizing(self, sizing: Sizing) -> None:
        """Write what `sizing` returns."""
        self._db.execute(
            "UPDATE shipping SET small_bytes = ?, small_taken = ?", (sizing.limit, sizing.taken)
        )
