"""The store as commands read it: beside the service or without it, changing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.core.census import Counted
from qlogship.core.reconcile import Standing
from qlogship.store.archive import Archive
from qlogship.store.cursor import Cursor
from qlogship.store.database import connect_to_read, reported
from qlogship.store.figures import NOTHING, Figures, figures
from qlogship.store.ledger import Ledger
from qlogship.store.standing import standing
from qlogship.store.troubles import Troubles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from qlogship.core.days import Days
    from qlogship.store.ledger import Upload
    from qlogship.store.troubles import Trouble


class Reader:
    """Read a state directory; one that holds nothing yet reads as empty.

    Use it in a `with`. `cursor` and `archive` are None while there is nothing.
    Raises `StateError`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
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

    def figures(self) -> Figures:
        """Return the sums over archive and ledger."""
        with reported(self._directory):
            return figures(self._db) if self._db is not None else NOTHING

    def standing(
        self, days: Days, *, progress: Callable[[int, int], None] | None = None
    ) -> Standing:
        """Return the archive counted against the ledger, for `reconcile`."""
        with reported(self._directory):
            if self._db is None:
                return Standing(Counted())
            return standing(self._db, days, progress=progress)

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
