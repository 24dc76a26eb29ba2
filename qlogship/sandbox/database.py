"""The sandbox's one SQLite file: opening it, its tables, transactions.

The methods may be called from any thread: one lock guards the one connection.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qlogship.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_APPLICATION_ID = 0x716C7362


class Database:
    """The file at `path`, or memory when it is None.

    Raises StateError when the file cannot be used, or belongs to another program.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        try:
            if path is not None:
                _keep_private(path)
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, check_same_thread=False, isolation_level=None
            )
            self._connection.row_factory = sqlite3.Row
            (owner,) = self._connection.execute("PRAGMA application_id").fetchone()
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and owner != _APPLICATION_ID:
                raise sqlite3.DatabaseError("it is the database of another program")
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except (OSError, sqlite3.Error) as error:
            problem = getattr(error, "strerror", None) or error
            raise StateError(
                f"the sandbox cannot keep its data in {path}: {problem}",
                hint="Name a file that can be written, and that the sandbox itself made.",
            ) from error

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    def make(self, schema: str) -> None:
        """Make the tables that are not there yet."""
        with self._lock:
            self._connection.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection: what is read is one state, what is changed all happens or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows that a question finds."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _keep_private(path: Path) -> None:
    """Make the file, or close one that others may read: callers' numbers go into it.

    SQLite gives what it makes beside it the same mode.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    for name in (str(path), f"{path}-wal", f"{path}-shm"):
        try:
            file = os.open(name, flags | (os.O_CREAT if name == str(path) else 0), 0o600)
        except FileNotFoundError:
            if name == str(path):
                raise
            continue
        try:
            found = os.fstat(file)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                os.fchmod(file, 0o600)
        finally:
            os.close(file)
