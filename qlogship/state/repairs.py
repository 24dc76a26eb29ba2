"""What is not as it was written: found by the second copies, and put right from them.

A row is as it was written when it says the same as its copy (state/copies.py). If it does not,
the checksum of the copy says which of the two is right, and the other is written anew from it:
by the service in the database, by a command that reads in a temporary table that hides the
damaged one. Where both are damaged nothing is guessed, and a `StateError` says so.
"""

# Its SQL is made of the names of tables and columns, which are the schema's own.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from qlogship.archive.moment import one_moment
from qlogship.errors import StateError
from qlogship.state.copies import REMEDY, watch
from qlogship.state.tables import (
    Table,
    checksum_of,
    facts_of,
    key_in,
    tables_of,
    values_of,
    without_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE: Final = frozenset({"upload", "attempt", "chunk_facts", "retired"})
"""Tables that grow with what is shipped; all others are compared whenever they are opened.

These take seconds for each hundred thousand uploads, so at the opening it is only looked at
whether the `ledger_is_whole`; each row is compared before a clear, and by `verify`.
"""

_BY_FILES: Final = frozenset({"stream", "origin"})
"""Tables that grow with the number of rotated files. The service compares all of them when it
opens the state directory; a command that only reads, only as many rows as `_SOON_COMPARED`.
"""

_SOON_COMPARED: Final = 10_000

_NEWEST: Final = 500
"""Rows of the ledger that are compared even when little time is taken."""


@dataclass(slots=True)
class Repairs:
    """What was put right from copies: how many rows, by table; and the copies."""

    rows: dict[str, int] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)
    lost_commits: int = 0
    """Commits that a damaged write-ahead log has taken back: these are not put right."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.copies or self.indexes or self.lost_commits)

    @property
    def facts(self) -> dict[str, object]:
        """What was put right, for the log."""
        return {
            "rows": self.rows,
            "copies": self.copies,
            "indexes": self.indexes,
            "lost_commits": self.lost_commits,
        }

    @property
    def total(self) -> int:
        """How many rows, copies and indexes were put right."""
        return sum(self.rows.values()) + sum(self.copies.values()) + len(self.indexes)


@dataclass(slots=True)
class _Difference:
    """Where a table and its copies part, by key: what the table says, and what its copies do."""

    rows: dict[object, str] = field(default_factory=dict)
    copies: dict[object, tuple[str, bool]] = field(default_factory=dict)


def repair(connection: sqlite3.Connection, *, large: bool) -> Repairs:
    """Put right, in the database, what is not as it was written; the `large` tables, too, or not.

    The caller holds the transaction. Raises `StateError` for what cannot be put right.
    """
    repairs = Repairs()
    tables = [table for table in tables_of(connection) if large or table.name not in LARGE]
    for table in tables:
        found = _difference(connection, table)
        if found is None:
            continue
        right = _right(table, found)
        for key in {**found.rows, **found.copies}:
            facts = right.get(key)
            if found.rows.get(key) != facts:
                repairs.rows[table.name] = repairs.rows.get(table.name, 0) + 1
            else:
                repairs.copies[table.name] = repairs.copies.get(table.name, 0) + 1
        _write(connection, table, found, right)
    repairs.indexes += [table.name for table in tables if not _indexes_agree(connection, table)]
    for name in repairs.indexes:
        connection.execute(f"REINDEX {name}")
    if repairs:
        watch(connection)  # what was written for a repair was not watched
    return repairs


def hide_damage(connection: sqlite3.Connection, *, large: bool) -> Repairs:
    """Let this connection, which only reads, see in place of a damaged table one put right."""
    repairs = Repairs()
    for table in tables_of(connection):
        if not large and (table.name in LARGE or _is_long(connection, table)):
            continue
        found = _difference(connection, table)
        right = _right(table, found) if found is not None else {}
        wrong = [key for key in right if found is not None and found.rows.get(key) != right[key]]
        damaged_index = large and table.name in LARGE and not _indexes_agree(connection, table)
        if found is not None:
            gone = [key for key in found.rows if key not in right]
            repairs.rows.update({table.name: len(wrong) + len(gone)} if wrong or gone else {})
            others = len({**found.rows, **found.copies}) - len(wrong) - len(gone)
            repairs.copies.update({table.name: others} if others else {})
        if damaged_index:
            repairs.indexes.append(table.name)
        if table.name not in repairs.rows and not damaged_index:
            continue
        connection.execute("PRAGMA temp_store = MEMORY")
        marks = ", ".join("?" * len(table.columns))
        connection.execute(f"CREATE TEMP TABLE hidden AS SELECT * FROM main.{table.name} WHERE 0")
        wanted = ", ".join(table.columns)
        bad = set(wrong) | set(found.rows if found is not None else ())
        for key, *row in connection.execute(
            f"SELECT {table.key_of('')}, {wanted} FROM {table.in_order}"
        ):
            if key not in bad:
                connection.execute(f"INSERT INTO hidden VALUES ({marks})", row)
        for facts in right.values():
            connection.execute(f"INSERT INTO hidden VALUES ({marks})", values_of(table, facts))
        connection.execute(
            f"CREATE TEMP TABLE {table.name} AS SELECT * FROM hidden"
            f" ORDER BY {', '.join(table.key)}"
        )
        connection.execute("DROP TABLE hidden")
    return repairs


def ledger_is_whole(connection: sqlite3.Connection) -> bool:
    """Return whether the ledger's sums can be believed, in a fraction of the time of `repair`.

    What is summed up stands in the table and in an index of it: SQLite compares the two. The
    newest rows, and those that wait, are compared with their copies.
    """
    try:
        for table in tables_of(connection):
            if table.name == "upload" and not _indexes_agree(connection, table):
                return False
            if table.name not in LARGE:
                continue
            limit = -1 if table.name == "chunk_facts" else _NEWEST
            with one_moment(connection):
                agrees = _newest_agree(connection, table, limit)
            if not agrees:
                return False
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise
        return False
    return True


def _is_long(connection: sqlite3.Connection, table: Table) -> bool:
    """Return whether there are so many files that comparing what is known of them takes long."""
    if table.name not in _BY_FILES:
        return False
    rows: int = connection.execute(f"SELECT count(*) FROM main.{table.name}").fetchone()[0]
    return rows > _SOON_COMPARED


def _newest_agree(connection: sqlite3.Connection, table: Table, limit: int) -> bool:
    descending = ", ".join(f"{column} DESC" for column in table.key)
    rows = connection.execute(
        f"SELECT {table.values('')} FROM main.{table.name} NOT INDEXED"
        f" ORDER BY {descending} LIMIT ?",
        (limit,),
    )
    copies = connection.execute(
        "SELECT facts FROM main.copy WHERE name = ? ORDER BY key DESC LIMIT ?", (table.name, limit)
    )
    return [facts_of(*row) for row in rows] == [facts for (facts,) in copies]


def _indexes_agree(connection: sqlite3.Connection, table: Table) -> bool:
    """Return whether the indexes of a table say what the table says."""
    rows = connection.execute(f"PRAGMA main.integrity_check({table.name})").fetchall()
    return [row[0] for row in rows] == ["ok"]


def _difference(connection: sqlite3.Connection, table: Table) -> _Difference | None:
    """Compare a table with its copies as at one moment; None when both say the same."""
    with one_moment(connection):
        return _compared(connection, table)


def _compared(connection: sqlite3.Connection, table: Table) -> _Difference | None:
    found = _Difference()
    rows = _rows(connection, table)
    copies = connection.execute(
        "SELECT key, facts, checksum FROM main.copy WHERE name = ? ORDER BY key", (table.name,)
    )
    row, copy = next(rows, None), copies.fetchone()
    while row is not None or copy is not None:
        if row is not None and copy is not None and row == copy[:2]:
            row, copy = next(rows, None), copies.fetchone()
            continue
        # Which comes first does not matter: those that are the same are found again below.
        if row is not None and (copy is None or _before(row[0], copy[0])):
            found.rows[row[0]] = row[1]
            row = next(rows, None)
        elif copy is not None and (row is None or _before(copy[0], row[0])):
            found.copies[copy[0]] = copy[1], _is_whole(copy)
            copy = copies.fetchone()
        elif row is not None and copy is not None:
            found.rows[row[0]] = row[1]
            found.copies[copy[0]] = copy[1], _is_whole(copy)
            row, copy = next(rows, None), copies.fetchone()
    for key in [key for key, facts in found.rows.items() if found.copies.get(key) == (facts, True)]:
        del found.rows[key], found.copies[key]
    return found if found.rows or found.copies else None


def _rows(connection: sqlite3.Connection, table: Table) -> Iterator[tuple[object, str]]:
    for key, *values in connection.execute(
        f"SELECT {table.key_of('')}, {table.values('')} FROM {table.in_order}"
    ):
        yield key, facts_of(*values)


def _right(table: Table, found: _Difference) -> dict[object, str]:
    """Return what the rows ought to say, by key, where table and copies part.

    Raises `StateError` where neither can be believed.
    """
    right: dict[object, str] = {}
    bodies = set()
    for key, (facts, whole) in found.copies.items():
        if whole and key_in(table, facts) == key:
            right[key] = facts
            bodies.add(without_key(table, facts))
    for key, facts in found.rows.items():
        if key in right:
            continue
        if key in found.copies:
            right[key] = facts  # its copy is damaged
        elif without_key(table, facts) in bodies:
            continue  # the key of a row has changed, and its copy has the right one
        elif any(
            without_key(table, copied) == without_key(table, facts)
            for copied, _ in found.copies.values()
        ):
            right[key] = facts  # the key of its copy has changed
        else:
            raise _beyond_repair(table)
    for key in found.copies:
        if key not in right and not any(
            found.copies[key][0] == facts
            or without_key(table, found.copies[key][0]) == without_key(table, facts)
            for facts in right.values()
        ):
            raise _beyond_repair(table)
    return right


def _write(
    connection: sqlite3.Connection, table: Table, found: _Difference, right: dict[object, str]
) -> None:
    marks = ", ".join("?" * len(table.columns))
    name = table.name
    # Without the triggers, which would refuse it.
    for kind in ("made", "to_change", "changed", "gone"):
        connection.execute(f"DROP TRIGGER IF EXISTS temp.{name}_{kind}")
    connection.execute("PRAGMA defer_foreign_keys = ON")
    for key in {**found.rows, **found.copies}:
        connection.execute("DELETE FROM copy WHERE name = ? AND key IS ?", (name, key))
        if key in found.rows and found.rows[key] != right.get(key):
            connection.execute(f"DELETE FROM {name} WHERE {table.key_of('')} IS ?", (key,))
    for key, facts in right.items():
        connection.execute(
            "INSERT OR REPLACE INTO copy VALUES (?, ?, ?, ?)",
            (name, key, facts, checksum_of(facts)),
        )
        if found.rows.get(key) != facts:
            values = values_of(table, facts)
            connection.execute(f"INSERT INTO {name} VALUES ({marks})", values)


def _is_whole(copy: tuple[object, object, object]) -> bool:
    return isinstance(copy[1], str) and copy[1].isascii() and checksum_of(copy[1]) == copy[2]


def _before(one: object, other: object) -> bool:
    """Return whether one key comes before another, as SQLite orders them."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one < other
    return (str(type(one)), str(one)) < (str(type(other)), str(other))


def _beyond_repair(table: Table) -> StateError:
    return StateError(f"rows of the table {table.name} and their copies are damaged", hint=REMEDY)
