"""The second copy of every row but the archive's text: a bit that flips in one is put right.

Theory of operation
-------------------
Whoever writes has triggers (`watch`), which write each row once more, as text, into the table
`copy`, with a checksum of that text. state/repairs.py compares the two. Row and copy are on
different pages of the file, so one flaw does not hit both.

An update of a row that is not as it was written is refused, lest its copy follow the damage.

The text of the archive is not written twice: it has a digest (archive/chunks.py).
"""

# Its SQL is made of the names of tables and columns, which are the schema's own.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.errors import StateError
from qlogship.state.tables import SCHEMA, checksum_of, facts_of, tables_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

REMEDY: Final = (
    "Restore the state directory from a backup, then run `qlogship resync`:"
    " a backup does not know what was sent since."
)


def watch(connection: sqlite3.Connection) -> None:
    """Let this connection write the copies, too; every one that writes must."""
    connection.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE tells of deletions
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.create_function("facts", -1, facts_of, deterministic=True)
    connection.create_function("checksum", 1, checksum_of, deterministic=True)
    for table in tables_of(connection):
        name, old, new = table.name, table.values("OLD."), table.values("NEW.")
        is_copied = f"name = '{name}' AND key = {table.key_of('OLD.')} AND facts = facts({old})"
        write = (
            f"INSERT OR REPLACE INTO copy VALUES ('{name}', {table.key_of('NEW.')},"
            f" facts({new}), checksum(facts({new})));"
        )
        refuse = (
            f"SELECT RAISE(ABORT, 'a row of {name} is not as it was written')"
            f" WHERE NOT EXISTS (SELECT 1 FROM copy WHERE {is_copied});"
        )
        forget = f"DELETE FROM copy WHERE name = '{name}' AND key = {table.key_of('OLD.')};"
        for trigger in (
            f"{name}_made AFTER INSERT ON main.{name} BEGIN {write} END",
            f"{name}_to_change BEFORE UPDATE ON main.{name} BEGIN {refuse} END",
            f"{name}_changed AFTER UPDATE ON main.{name} BEGIN {forget} {write} END",
            f"{name}_gone AFTER DELETE ON main.{name} BEGIN {forget} END",
        ):
            connection.execute(f"CREATE TEMP TRIGGER IF NOT EXISTS {trigger}")


def copy_all(connection: sqlite3.Connection) -> None:
    """Write the copies of all rows, for the first time; the caller holds the transaction."""
    connection.create_function("facts", -1, facts_of, deterministic=True)
    connection.create_function("checksum", 1, checksum_of, deterministic=True)
    connection.execute("DELETE FROM copy")
    for table in tables_of(connection):
        facts = f"facts({table.values('')})"
        connection.execute(
            f"INSERT INTO copy SELECT '{table.name}', {table.key_of('')}, {facts},"
            f" checksum({facts}) FROM {table.name}"
        )
    connection.execute(
        f"INSERT INTO copy SELECT '{SCHEMA}', name, sql, checksum(sql)"
        " FROM main.sqlite_schema WHERE sql IS NOT NULL"
    )


def check_schema(connection: sqlite3.Connection, path: Path, *, version: int) -> None:
    """Raise `StateError` when tables or indexes are missing, or others than were made."""
    if version == 0:
        if connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
            return
        what = "it has lost its schema version"
        raise StateError(f"the state database {path} is damaged: {what}", hint=REMEDY)
    made = connection.execute(
        "SELECT key, facts FROM main.copy WHERE name = ? ORDER BY key", (SCHEMA,)
    ).fetchall()
    there = connection.execute(
        "SELECT name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
    ).fetchall()
    if made != there:
        gone = sorted({str(name) for name, _ in made} - {str(name) for name, _ in there})
        what = f"no such table or index: {', '.join(gone)}" if gone else "its tables have changed"
        raise StateError(f"the state database {path} is damaged: {what}", hint=REMEDY)
