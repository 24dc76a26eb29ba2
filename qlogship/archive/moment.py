"""Several looks at the database as at one moment, though another process writes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Read as it is at one moment; within a transaction that is so anyway."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.commit()
