"""The store as commands read it: beside the service or without it, changing nothing."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from qlogship.archive.archive import Archive
from qlogship.archive.damage import HINT, told
from qlogship.archive.damage import damaged as damaged_records
from qlogship.installation.owner import acting_as_owner
from qlogship.shipping.generations import Generations
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.resync.plan import plan, progress
from qlogship.shipping.upload_contents import Contents
from qlogship.source.cursor import Cursor
from qlogship.state.database import FILE_NAME, connect_to_read, reported
from qlogship.state.destinations import Destinations, look
from qlogship.state.erasures import HINT as UNFINISHED_HINT
from qlogship.state.erasures import UNFINISHED, Erasures
from qlogship.state.figures import Figures, figures
from qlogship.state.lock import holder
from qlogship.state.repairs import Repairs, hide_damage, ledger_is_whole
from qlogship.state.wal import LOST_COMMITS, LOST_COMMITS_HINT, lost_commits
from qlogship.troubles.rows import Trouble, Troubles
from qlogship.wording import count

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Self

    from qlogship.archive.runs import Run
    from qlogship.shipping.destination import Destination
    from qlogship.shipping.generations import Counting, Generation
    from qlogship.shipping.ledger import Upload
    from qlogship.shipping.resync.plan import Progress
    from qlogship.shipping.resync.rules import ResyncPlan


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

    Use it in a `with`: root acts as the owner of the directory until its end. `cursor` and
    `archive` are None while there is nothing. Raises `StateError`.
    """

    def __init__(self, directory: Path, destination: Destination | None = None) -> None:
        self._directory = directory
        self.destination = destination
        self.repairs = Repairs()
        """What is read from its second copy, for it is not as it was written."""
        self._looked_closely = False
        self._db: sqlite3.Connection | None = None
        self._acting = ExitStack()
        self._acting.enter_context(acting_as_owner(directory))
        try:
            self._db = connect_to_read(directory)
            with reported(directory):
                if self._db is not None:
                    if holder(directory) is None:  # else the log is being written
                        self.repairs.lost_commits = lost_commits(directory / FILE_NAME)
                    closely = not ledger_is_whole(self._db)
                    self._hide_damage(self._db, closely=closely)
                self.cursor = Cursor(self._db) if self._db is not None else None
                self.archive = Archive(self._db) if self._db is not None else None
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._acting:
            if self._db is not None:
                self._db.close()

    def look_closely(self) -> None:
        """Compare each row of the ledger with its copy, before sums are taken of many."""
        if self._db is not None and not self._looked_closely:
            with reported(self._directory):
                self._hide_damage(self._db, closely=True)

    def _hide_damage(self, database: sqlite3.Connection, *, closely: bool) -> None:
        self._looked_closely = closely
        found = hide_damage(database, large=closely)
        found.lost_commits = self.repairs.lost_commits
        self.repairs = found

    def text(self, lost: Callable[[Run], object] | None = None) -> Iterator[bytes]:
        """Yield the text of the archive in the order of time, as it is at one moment.

        What is damaged is left out if there is a `lost` that is told of it.
        """
        with self._moment():
            if self.archive is not None:
                yield from self.archive.blocks(self.archive.order(), lost=lost)

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
                "SELECT min(first_time), max(last_time) FROM chunk_facts"
                " WHERE first_seq NOT IN (SELECT first_seq FROM retired)"
            ).fetchone()
            return None if first is None else (first, last)

    def plan(self, *, max_bytes: int, say: Callable[[int, int], None]) -> ResyncPlan | None:
        """Return what a resync would do, None without anything; see `shipping/resync/plan.py`."""
        self.look_closely()
        with reported(self._directory):
            return plan(self._db, max_bytes=max_bytes, say=say) if self._db is not None else None

    def progress(self, number: int | None = None) -> Progress | None:
        """Return how far a resync has come, by default the newest; None without any."""
        with reported(self._directory):
            return progress(self._db, number) if self._db is not None else None

    @contextmanager
    def moment(self, *, closely: bool = True) -> Iterator[sqlite3.Connection | None]:
        """Hold the database as it is at one moment; None while there is nothing.

        Each row of the ledger is compared with its copy before, unless `closely` is false,
        for those who take sums only.
        """
        if closely:
            self.look_closely()
        with self._moment() as database:
            yield database

    @contextmanager
    def _moment(self) -> Iterator[sqlite3.Connection | None]:
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
            found = Troubles(self._db).all() if self._db is not None else []
        said = {trouble.kind for trouble in found}
        return found + [one for one in self._damage() if one.kind not in said]

    def _damage(self) -> list[Trouble]:
        """Return what this reading itself has met, and the service perhaps did not yet."""
        now, found = time(), []
        if self._db is not None and Erasures(self._db).due:
            found.append(Trouble("erase_unfinished", now, UNFINISHED, UNFINISHED_HINT))
        if self.repairs.lost_commits:
            found.append(Trouble("state_older", now, LOST_COMMITS, LOST_COMMITS_HINT))
        if self.repairs.total:
            words = (
                f"{count(self.repairs.total, 'row')} of the state database changed by themselves"
            )
            found.append(
                Trouble(
                    "state_repaired",
                    now,
                    f"{words}; second copies of them are read in their place",
                    "Restart the service, which puts them right; then look at the disk.",
                )
            )
        damaged = self.archive.chunks.damaged if self.archive is not None else {}
        if damaged and self.archive is not None:
            facts = self.archive.chunks.facts()
            runs = [damaged_records(facts, first, last) for first, last in sorted(damaged.items())]
            found.append(Trouble("archive_damaged", now, told(runs), HINT))
        return found

    def uploads(self, *, limit: int | None = None, since: float | None = None) -> list[Upload]:
        """Return uploads, newest first."""
        self.look_closely()
        with reported(self._directory):
            return (
                Ledger(self._db).uploads(limit=limit, since=since) if self._db is not None else []
            )
