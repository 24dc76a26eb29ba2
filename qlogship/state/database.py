"""The SQLite file: opening, schema version, transactions, errors.

What is in the tables is the business of `archive`, `cursor` and `ledger`.
"""

from __future__ import annotations

import errno
import os
import pwd
import sqlite3
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NoReturn

from qlogship.archive.chunks import digest_of
from qlogship.errors import StateError
from qlogship.state import copies
from qlogship.state.own_files import DATABASE, check_database
from qlogship.state.repairs import Repairs, ledger_is_whole, repair
from qlogship.state.wal import lost_commits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME: Final = DATABASE

MIGRATIONS: Final = ("schema.sql", "schema_2.sql")
"""The scripts that lead from one schema version to the next; number n makes version n."""

_REMEDIES: Final = {
    "full": "Free some space on that file system; qlogship goes on by itself.",
    "readonly": "Make the state directory writable for the user qlogship runs as.",
    "corrupt": "Restore the state directory from a backup, or move it away and start anew;"
    " then run `qlogship resync`.",
}


def connect(directory: Path) -> tuple[sqlite3.Connection, Repairs]:
    """Open the database in `directory` for writing, making or migrating it as needed.

    Rows that are not as they were written are put right; what was is returned, too. The
    caller holds the `StateLock`. Raises `StateError`.
    """
    path = directory / FILE_NAME
    with reported(path):
        check_database(directory)
        # Never opened here once it is there: closing it would drop SQLite's locks on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        lost = lost_commits(path)
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            # What leaves the archive, or is folded into another chunk, is not left in free pages.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            bring_up_to_date(connection, path)
            repairs = _put_right(connection, path)
            repairs.lost_commits = lost
            # Not before: a table is made anew by a migration, and others refer to it.
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection, repairs


def connect_to_read(directory: Path) -> sqlite3.Connection | None:
    """Open the database in `directory` for reading only; None when there is none yet.

    It can be read while the service writes. Raises `StateError`.
    """
    path = directory / FILE_NAME
    with reported(path):
        check_database(directory)
        if not path.exists():
            return None
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10
        )
        try:
            connection.text_factory = _text
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version in {0, len(MIGRATIONS)}:  # 0 if there is nothing in it yet
                copies.check_schema(connection, path, version=version)
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
    connection.text_factory = _text
    connection.create_function("digest_of", 2, digest_of, deterministic=True)
    names = MIGRATIONS[version:]
    if names:
        # All in one: who reads meanwhile must not meet a version between. executescript commits
        # what is open, so the transaction begins in the script.
        folder = files("qlogship.state")
        scripts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
        connection.executescript("\n".join(["BEGIN;", *scripts]))
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'copy'").fetchone():
            copies.copy_all(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    copies.watch(connection)


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


def _put_right(connection: sqlite3.Connection, path: Path) -> Repairs:
    """Repair what is not as it was written; a database that is sound is not written to."""
    copies.check_schema(connection, path, version=len(MIGRATIONS))
    with transaction(connection, path):
        return repair(connection, large=not ledger_is_whole(connection))


def _text(data: bytes) -> str:
    """Read a text; bytes that were no UTF-8 when they were written are damage, and no error."""
    return data.decode("utf-8", "surrogateescape")


def _refuse_newer(path: Path | str, version: int) -> NoReturn:
    raise StateError(
        f"the state database {path} has schema version {version}; "
        f"this qlogship knows versions up to {len(MIGRATIONS)}",
        hint="Install the newer qlogship again.",
    )


def _state_error(path: Path | str, error: sqlite3.Error) -> StateError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")):
        remedy = _REMEDIES["full"]
    elif name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        remedy = _REMEDIES["readonly"]
    elif name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        remedy = _REMEDIES["corrupt"]
    else:
        remedy = "Look at the disk and at the state directory."
    who = f" by {user_name()}" if remedy is _REMEDIES["readonly"] else ""
    return StateError(f"the state database {path} cannot be used{who}: {error}", hint=remedy)
