"""The SQLite file: opening, schema version, transactions, errors.

What is in the tables is the business of `archive`, `cursor` and `ledger`.
"""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NoReturn

from qlogship.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME: Final = "qlogship.db"

MIGRATIONS: Final = ("schema.sql", "schema_2.sql")
"""The scripts that lead from one schema version to the next; number n makes version n."""

_REMEDIES: Final = {
    "full": "Free some space on that file system; qlogship goes on by itself.",
    "readonly": "Make the state directory writable for the user qlogship runs as.",
    "corrupt": "Restore the state directory from a backup, or move it away and start anew.",
}


def connect(directory: Path) -> sqlite3.Connection:
    """Open the database in `directory` for writing, making or migrating it as needed.

    The caller holds the `StateLock`. Raises `StateError`.
    """
    path = directory / FILE_NAME
    with reported(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            bring_up_to_date(connection, path)
            # Not before: a table is made anew by a migration, and others refer to it.
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def connect_to_read(directory: Path) -> sqlite3.Connection | None:
    """Open the database in `directory` for reading only; None when there is none yet.

    It can be read while the service writes. Raises `StateError`.
    """
    path = directory / FILE_NAME
    with reported(path):
        if not path.exists():
            return None
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10
        )
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except BaseException:
            connection.close()
            raise
    if version != len(MIGRATIONS):
        connection.close()
        if version == 0:
            return None  # being made right now
        if version > len(MIGRATIONS):
            _refuse_newer(path, version)
        raise StateError(
            f"the state database {path} has the older schema version {version}",
            hint="Start the service once; it brings the database up to date.",
        )
    return connection


def bring_up_to_date(connection: sqlite3.Connection, path: Path | str) -> None:
    """Make the tables of a new database, or those of an older version into the present ones.

    Foreign keys must not be checked meanwhile. `path` is for the error.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        _refuse_newer(path, version)
    for number, name in enumerate(MIGRATIONS[version:], start=version + 1):
        script = files("qlogship.state").joinpath(name).read_text(encoding="utf-8")
        # executescript commits what is open, so the transaction is in the script.
        connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Commit what the block writes, or none of it; `path` is for the error."""
    with reported(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if connection.in_transaction:  # SQLite rolls some failures back by itself
                connection.rollback()
            raise
        connection.commit()


@contextmanager
def reported(path: Path | str) -> Iterator[None]:
    """Turn what SQLite and the system say into a `StateError` that a person can act on."""
    try:
        yield
    except sqlite3.Error as error:
        raise _state_error(path, error) from error
    except PermissionError as error:
        raise StateError(
            f"the state database {path} may not be used by {user_name()}: {error.strerror}",
            hint="Run this as the user of the service, or as root.",
        ) from error
    except OSError as error:
        raise StateError(
            f"the state database {path} cannot be used: {error.strerror or error}",
            hint="Look at the disk and at the state directory.",
        ) from error


def user_name() -> str:
    """Return the name of the user this process runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _refuse_newer(path: Path | str, version: int) -> NoReturn:
    raise StateError(
        f"the state database {path} has schema version {version}; "
        f"this qlogship knows versions up to {len(MIGRATIONS)}",
        hint="Install the newer qlogship again.",
    )


def _state_error(path: Path | str, error: sqlite3.Error) -> StateError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        remedy = _REMEDIES["full"]
    elif name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        remedy = _REMEDIES["readonly"]
    elif name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        remedy = _REMEDIES["corrupt"]
    else:
        remedy = "Look at the disk and at the state directory."
    who = f" by {user_name()}" if remedy is _REMEDIES["readonly"] else ""
    return StateError(f"the state database {path} cannot be used{who}: {error}", hint=remedy)
