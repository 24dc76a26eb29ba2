"""What commands ask of the service that holds the state directory: to let go of it for a moment.

A row asks, and a signal wakes the service; without the signal it finds the row
when it looks the next time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from qlogship.shipping.resync.rows import Resyncs
from qlogship.state.copies import watch
from qlogship.state.database import FILE_NAME, connect_to_read, reported, transaction
from qlogship.state.own_files import check_database

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from qlogship.shipping.destination import Destination
    from qlogship.shipping.resync.rows import Resync


class Requests:
    """Read and end what commands ask for; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def any(self) -> bool:
        """Return whether a command waits for the state directory."""
        return self._db.execute("SELECT 1 FROM handover LIMIT 1").fetchone() is not None

    def forget(self) -> None:
        """Forget who waited."""
        self._db.execute("DELETE FROM handover")


def ask_for_handover(directory: Path, *, pid: int, at: float) -> None:
    """Ask whoever holds the state directory to let go of it. Raises `StateError`."""
    with _transaction(directory) as connection:
        connection.execute("INSERT OR REPLACE INTO handover VALUES (?, ?)", (pid, at))


def waits_for_handover(directory: Path) -> bool:
    """Return whether a command still waits; the one that took the directory does not any more.

    It only reads, so it waits for nobody, however long the command writes. Raises
    `StateError`.
    """
    connection = connect_to_read(directory)
    if connection is None:
        return False
    with reported(directory / FILE_NAME), closing(connection):
        return Requests(connection).any()


def ask_for_resync(
    directory: Path,
    *,
    accepted_loss: Collection[int],
    at: float,
    destination: Destination | None = None,
) -> Resync:
    """Ask for a resync, with or without a service; return it, or the one under way already.

    Raises `StateError`.
    """
    with _transaction(directory) as connection:
        return Resyncs(connection).ask(
            reason="asked", accepted_loss=accepted_loss, at=at, destination=destination
        )


@contextmanager
def _watched(connection: sqlite3.Connection) -> Iterator[None]:
    """Write the second copies as well (`copies`)."""
    watch(connection)
    yield


@contextmanager
def _transaction(directory: Path) -> Iterator[sqlite3.Connection]:
    """Write beside the one who holds the lock: only the tables of requests."""
    path = directory / FILE_NAME
    check_database(directory)
    with (
        reported(path),
        closing(
            sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=30
            )
        ) as connection,
        _watched(connection),
        transaction(connection, path),
    ):
        yield connection
