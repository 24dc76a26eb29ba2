"""The store as commands read it: beside the service or without it, changing nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.archive.archive import Archive
from qlogship.shipping.generations import Generations
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.resync.plan import plan, progress
from qlogship.shipping.upload_contents import Contents
from qlogship.source.cursor import Cursor
from qlogship.state.database import connect_to_read, reported
from qlogship.state.destinations import Destinations, look
from qlogship.state.figures import Figures, figures
from qlogship.troubles.rows import Troubles

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Self

    from qlogship.shipping.destination import Destination
    from qlogship.shipping.generations import Counting, Generation
    from qlogship.shipping.ledger import Upload
    from qlogship.shipping.resync.plan import Progress
    from qlogship.shipping.resync.rules import ResyncPlan
    from qlogship.troubles.rows import Trouble


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Archive and ledger as they were at one moment; `counting` tells which uploads count."""

    ledger: Ledger
    counting: Counting
    archive: Archive
    contents: Contents


class Reader:
    """Read a state directory; one that holds nothing yet reads as empty.

    What was shipped is what counts for `destination`, that of the settings: nothing, while
    it is undecided whether the ledger belongs there. Without one, nobody asks.

    Use it in a `with`. `cursor` and `archive` are None while there is nothing. Raises
    `StateError`.
    """

    def __init__(self, directory: Path, destination: Destination | None = None) -> None:
        self._directory = directory
        self.destination = destination
        self._db = connect_to_read(directory)
        try:
            with reported(directory):
                self.cursor = Cursor(self._db) if self._db is not None else None
                self.archive = Archive(self._db) if self._db is not None else None
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def text(self) -> Iterator[bytes]:
        """Yield the text of the archive in the order of time, as it is at one moment."""
        with self.moment():
            if self.archive is not None:
                yield from self.archive.blocks(self.archive.order())

    def figures(self) -> Figures:
        """Return the sums over archive and ledger."""
        with reported(self._directory):
            if self._db is None:
                return Figures()
            return figures(self._db, destination=self.destination)

    def generation(self) -> Generation | None:
        """Return the generation whose uploads count (`Generations.effective`)."""
        with reported(self._directory):
            if self._db is None:
                return None
            return Generations(self._db).effective(self.destination)

    def destinations(self, wanted: Destination) -> Destinations | None:
        """Return how the ledger stands to a destination, None while there is none."""
        with self.moment() as database:
            return look(database, wanted) if database is not None else None

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and of the newest record, None without any."""
        if self._db is None:
            return None
        with reported(self._directory):
            first, last = self._db.execute(
                "SELECT min(first_time), max(last_time) FROM chunk"
            ).fetchone()
            return None if first is None else (first, last)

    def plan(self, *, max_bytes: int, say: Callable[[int, int], None]) -> ResyncPlan | None:
        """Return what a resync would do, None without anything; see `shipping/resync/plan.py`."""
        with reported(self._directory):
            return plan(self._db, max_bytes=max_bytes, say=say) if self._db is not None else None

    def progress(self, number: int | None = None) -> Progress | None:
        """Return how far a resync has come, by default the newest; None without any."""
        with reported(self._directory):
            return progress(self._db, number) if self._db is not None else None

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection | None]:
        """Hold the database as it is at one moment; None while there is nothing."""
        if self._db is None:
            yield None
            return
        with reported(self._directory):
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.rollback()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot | None]:
        """Read several things as of one moment; None while there is nothing."""
        with self.moment() as database:
            if database is None:
                yield None
                return
            archive = Archive(database)
            yield Snapshot(
                Ledger(database),
                Generations(database).counting(self.destination),
                archive,
                Contents(database, archive),
            )

    def troubles(self) -> list[Trouble]:
        """Return what is wrong now, longest first."""
        with reported(self._directory):
            return Troubles(self._db).all() if self._db is not None else []

    def uploads(self, *, limit: int | None = None, since: float | None = None) -> list[Upload]:
        """Return uploads, newest first."""
        with reported(self._directory):
            return (
                Ledger(self._db).uploads(limit=limit, since=since) if self._db is not None else []
            )
