"""The users of the sandbox; every SQL statement about them is here.

No password is kept: the administrator's is an option, and nobody else logs in here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.sandbox.replies import Refused
from qlogship.sandbox.requests import ADMIN

if TYPE_CHECKING:
    from qlogship.sandbox.database import Database
    from qlogship.sandbox.requests import NewPerson

_SCHEMA = """
CREATE TABLE IF NOT EXISTS person (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    surname TEXT NOT NULL,
    email TEXT NOT NULL,
    state TEXT NOT NULL,
    role TEXT NOT NULL,
    teams TEXT NOT NULL,
    managed TEXT NOT NULL,
    softphone INTEGER NOT NULL,
    version TEXT NOT NULL,
    config TEXT NOT NULL
);
"""
# The API's names of columns, and the expression that each one sorts by.
_SORTS = {
    "id": "id",
    "name": "name",
    "surname": "surname",
    "email": "key",
    "groups": "teams",
    "roles": "role",
    "states": "state",
    "sfversion": "version",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A user; `teams` and `managed` are ids of teams."""

    id: int
    name: str
    surname: str
    email: str
    state: str
    role: str
    teams: tuple[int, ...]
    managed: tuple[int, ...]
    softphone: bool
    version: str
    config: str

    @property
    def team_names(self) -> list[str]:
        """Return what the teams are called here, where there are none to choose from."""
        return [f"Team {number}" for number in self.teams]

    @property
    def listed(self) -> dict[str, object]:
        """Return what the API tells of a user."""
        return {
            "id": self.id,
            "name": self.name,
            "surname": self.surname,
            "email": self.email,
            "state": self.state,
            "role": self.role,
            "groups": self.team_names,
            "sfversion": self.version,
        }


class People:
    """The users, with the administrator `email` among them from the start."""

    def __init__(self, database: Database, email: str) -> None:
        self._database = database
        database.make(_SCHEMA)
        key = _key(email)
        with self._database.transaction() as connection:
            # Whoever had the address that is the administrator's now.
            connection.execute("DELETE FROM person WHERE key = ? AND id <> ?", (key, ADMIN))
            connection.execute(
                "INSERT INTO person (id, key, name, surname, email, state, role, teams, managed,"
                " softphone, version, config) VALUES (?, ?, 'Team', 'Administrator', ?, 'active',"
                " 'ADMIN', '[]', '[]', 0, '', '') ON CONFLICT (id) DO UPDATE SET"
                " key = excluded.key, email = excluded.email",
                (ADMIN, key, email),
            )

    def add(self, user: NewPerson) -> int:
        """Make a user and return the id; raises Refused when the e-mail address is taken."""
        key = _key(user.email)
        with self._database.transaction() as database:
            if database.execute("SELECT 1 FROM person WHERE key = ?", (key,)).fetchone():
                # The vendor's script shows 500 for what could not be added.
                raise Refused(f"there is a user {user.email} already", 500)
            columns = user.model_dump() | {
                "key": key,
                "groups": json.dumps(user.groups),
                "manage_groups": json.dumps(user.manage_groups),
            }
            cursor = database.execute(
                "INSERT INTO person (key, name, surname, email, state, role, teams, managed,"
                " softphone, version, config) VALUES (:key, :name, :surname, :email,"
                " 'active.unconfirm', :role, :groups, :manage_groups, :uses_softphone, '',"
                " :config)",
                columns,
            )
        return int(cursor.lastrowid or 0)

    def remove(self, ids: list[int]) -> None:
        """Remove users; ids of nobody are passed over."""
        with self._database.transaction() as database:
            database.executemany("DELETE FROM person WHERE id = ?", ((i,) for i in ids))

    def page(
        self, *, sort: str = "id", descending: bool = True, size: int | None = None, number: int = 1
    ) -> tuple[list[Person], int]:
        """Return one page, or all when `size` is None, and how many users there are."""
        way = "DESC" if descending else "ASC"
        with self._database.transaction() as database:
            (count,) = database.execute("SELECT count(*) FROM person").fetchone()
            rows = database.execute(
                "SELECT id, name, surname, email, state, role, teams, managed, softphone,"  # noqa: S608 -- from a table
                f" version, config FROM person ORDER BY {_SORTS[sort]} {way}, id {way}"
                " LIMIT ? OFFSET ?",
                (-1, 0) if size is None else (size, size * (number - 1)),
            ).fetchall()
        people = [
            Person(
                **{
                    **row,
                    "teams": tuple(json.loads(row["teams"])),
                    "managed": tuple(json.loads(row["managed"])),
                    "softphone": bool(row["softphone"]),
                }
            )
            for row in rows
        ]
        return people, count


def _key(email: str) -> str:
    return email.strip().casefold()
