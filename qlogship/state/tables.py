"""The tables whose rows have second copies, and what a row says as text.

The text is a Python literal in ASCII, so a row can be made again from it; text columns are
read as bytes, for SQLite keeps whatever bytes they have.
"""

from __future__ import annotations

from ast import literal_eval
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    import sqlite3

_PLAIN: Final = frozenset({"chunk", "copy", "sighting", "handover", "sqlite_sequence"})
"""Tables without copies: the text, the copies, and what is asked or seen anew at any time."""

SCHEMA: Final = "sqlite_schema"
"""The table of SQLite that says how the others were made; its rows have copies, too."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows have copies: its columns, those of text, and those of its key."""

    name: str
    columns: tuple[str, ...]
    text: frozenset[str]
    key: tuple[str, ...]

    def values(self, row: str) -> str:
        """Return the SQL for all values; `row` stands before each, as in `NEW.`."""
        return ", ".join(
            f"CAST({row}{column} AS BLOB)" if column in self.text else f"{row}{column}"
            for column in self.columns
        )

    def key_of(self, row: str) -> str:
        """Return the SQL for the key, which orders copies as the table orders rows."""
        first = f"{row}{self.key[0]}"
        return first if len(self.key) == 1 else f"{first} * 1000000 + {row}{self.key[1]}"

    def same(self, row: str) -> str:
        """Return the SQL for the condition that a row is the one at hand."""
        return " AND ".join(f"{column} = {row}{column}" for column in self.key)

    @property
    def in_order(self) -> str:
        """The table itself, not one of its indexes, in the order of its key."""
        return f"main.{self.name} NOT INDEXED ORDER BY {', '.join(self.key)}"


def tables_of(connection: sqlite3.Connection) -> list[Table]:
    """Return the tables of a database whose rows have copies."""
    names = connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
    found = []
    for (name,) in names.fetchall():
        if name in _PLAIN or name.startswith("sqlite_"):
            continue
        columns = connection.execute(f"PRAGMA main.table_info({name})").fetchall()
        key = sorted((row[5], row[1]) for row in columns if row[5])
        found.append(
            Table(
                name,
                tuple(row[1] for row in columns),
                frozenset(row[1] for row in columns if row[2] == "TEXT"),
                tuple(column for _, column in key),
            )
        )
    return found


def facts_of(*values: object) -> str:
    """Return what a row says, as text from which it can be made again."""
    return ascii(values)


def checksum_of(facts: str) -> int:
    """Return the checksum that stands beside what a row says."""
    return crc32(facts.encode())


def values_of(table: Table, facts: str) -> list[object]:
    """Return the values of a row from what its copy says."""
    values = literal_eval(facts)
    return [
        value.decode("utf-8", "surrogateescape")
        if column in table.text and isinstance(value, bytes)
        else value
        for column, value in zip(table.columns, values, strict=True)
    ]


def key_in(table: Table, facts: str) -> object:
    """Return the key of a row, as `Table.key_of` has it, from what its copy says."""
    values = dict(zip(table.columns, values_of(table, facts), strict=True))
    first = values[table.key[0]]
    if len(table.key) == 1:
        return first
    second = values[table.key[1]]
    return first * 1_000_000 + second if isinstance(first, int) and isinstance(second, int) else 0


def without_key(table: Table, facts: object) -> tuple[object, ...] | None:
    """Return what a row says but for its key; None when that cannot be read."""
    try:
        values = values_of(table, str(facts))
    except (ValueError, SyntaxError):
        return None
    return tuple(
        value
        for column, value in zip(table.columns, values, strict=True)
        if column not in table.key
    )
