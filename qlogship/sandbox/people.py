"""The users of the emulated dashboard; every SQL statement about them is here.

No password is kept: the administrator's is an option, and nobody else logs in here.
Whom the dashboard takes is its own affair, so the limits of the vendor's page stand
here once more, in the emulator's words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qlogship.sandbox.database import Database

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
ADMIN = 1
ADMIN_ROLE = "ADMIN"
ROLES = ("EMPLOYEE", "MANAGER", "RESTRICTED_ADMIN")
_MANAGING = ("MANAGER", "RESTRICTED_ADMIN")

# The API's names of columns, and the expression that each one sorts by.
SORTS = {
    "id": "id",
    "name": "name",
    "surname": "surname",
    "email": "key",
    "groups": "teams",
    "roles": "role",
    "states": "state",
    "sfversion": "version",
}
_COLUMNS = "id, name, surname, email, state, role, teams, managed, softphone, version, config"
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_LENGTHS = (("name", 1, 256), ("surname", 1, 256), ("password", 6, 256))
_ID_END = 2**63


class Rejected(Exception):
    """The request cannot be granted; `status` is how it is answered."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


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
        self._email = email
        database.make(_SCHEMA)
        self._admit_admin()

    def add(self, wish: object) -> int:
        """Make a user of a JSON document and return the id; raises Rejected."""
        person = _checked(wish)
        with self._database.transaction() as database:
            known = database.execute(
                "SELECT 1 FROM person WHERE key = ?", (person["key"],)
            ).fetchone()
            if known is not None:
                # The vendor's script shows 500 for what could not be added.
                raise Rejected(f"there is a user {person['email']} already", 500)
            cursor = database.execute(
                "INSERT INTO person (key, name, surname, email, state, role, teams, managed,"
                " softphone, version, config) VALUES (:key, :name, :surname, :email,"
                " 'active.unconfirm', :role, :teams, :managed, :softphone, '', :config)",
                person,
            )
        return int(cursor.lastrowid or 0)

    def remove(self, wish: object) -> int:
        """Remove the users whose ids are in a JSON list; return how many there were.

        Ids of nobody are passed over. Raises Rejected, and then nobody is removed.
        """
        ids = _ids(wish, "the body")
        if not ids:
            raise Rejected("the list of ids is empty")
        if ADMIN in ids:
            raise Rejected("the administrator of the team cannot be removed")
        with self._database.transaction() as database:
            done = database.executemany("DELETE FROM person WHERE id = ?", ((i,) for i in ids))
        return done.rowcount

    def page(
        self, *, sort: str = "id", descending: bool = True, size: int | None = None, number: int = 1
    ) -> tuple[list[Person], int]:
        """Return one page, or all when `size` is None, and how many users there are."""
        way = "DESC" if descending else "ASC"
        with self._database.reading() as database:
            (count,) = database.execute("SELECT count(*) FROM person").fetchone()
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM person ORDER BY {SORTS[sort]} {way}, id {way}"  # noqa: S608 -- from a table
                " LIMIT ? OFFSET ?",
                (-1, 0) if size is None else (size, size * (number - 1)),
            ).fetchall()
        return [_person(row) for row in rows], count

    def forget(self) -> None:
        """Remove everybody but the administrator."""
        with self._database.transaction() as database:
            database.execute("DELETE FROM person WHERE id <> ?", (ADMIN,))

    def _admit_admin(self) -> None:
        key = _key(self._email)
        with self._database.transaction() as database:
            # Whoever had the address that is the administrator's now.
            database.execute("DELETE FROM person WHERE key = ? AND id <> ?", (key, ADMIN))
            database.execute(
                "INSERT INTO person (id, key, name, surname, email, state, role, teams, managed,"
                " softphone, version, config) VALUES (?, ?, 'Team', 'Administrator', ?, 'active',"
                " ?, '[]', '[]', 0, '', '') ON CONFLICT (id) DO UPDATE SET"
                " key = excluded.key, email = excluded.email",
                (ADMIN, key, self._email, ADMIN_ROLE),
            )


def _person(row: tuple[Any, ...]) -> Person:
    number, name, surname, email, state, role, teams, managed, softphone, version, config = row
    return Person(
        id=number,
        name=name,
        surname=surname,
        email=email,
        state=state,
        role=role,
        teams=tuple(json.loads(teams)),
        managed=tuple(json.loads(managed)),
        softphone=bool(softphone),
        version=version,
        config=config,
    )


def _key(email: str) -> str:
    return email.strip().casefold()


# What a new user must be like


def _checked(wish: object) -> dict[str, object]:
    """Return the columns of a new user; raises Rejected, which names the first fault."""
    if not isinstance(wish, dict):
        raise Rejected("a JSON object is expected")
    for problem in _problems(wish):
        raise Rejected(problem)
    teams = _ids(wish.get("groups"), "groups")
    managed = _ids(wish.get("manageGroups", []), "manageGroups")
    if not teams:
        raise Rejected("groups: one team at least is needed")
    if managed and wish["role"] not in _MANAGING:
        raise Rejected(f"manageGroups: an {wish['role']} supervises nobody")
    return {
        "key": _key(wish["email"]),
        "name": wish["name"],
        "surname": wish["surname"],
        "email": wish["email"],
        "role": wish["role"],
        "teams": json.dumps(teams),
        "managed": json.dumps(managed),
        "softphone": wish["usesSoftphone"],
        "config": wish.get("config", ""),
    }


def _problems(wish: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(wish.get("usesSoftphone"), bool):
        yield "usesSoftphone: true or false is expected"
    for name, least, most in _LENGTHS:
        value = wish.get(name)
        if not isinstance(value, str) or not least <= len(value) <= most:
            yield f"{name}: text of {least} to {most} characters is expected"
    email = wish.get("email")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email.strip()):
        yield "email: an e-mail address is expected"
    if wish.get("role") not in ROLES:
        yield f"role: one of {', '.join(ROLES)} is expected"
    if not isinstance(wish.get("config", ""), str):
        yield "config: text is expected"


def _ids(value: object, name: str) -> list[int]:
    if not isinstance(value, list) or not all(
        isinstance(number, int) and not isinstance(number, bool) and 0 < number < _ID_END
        for number in value
    ):
        raise Rejected(f"{name}: a list of ids is expected")
    return value
