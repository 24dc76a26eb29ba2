"""Users of the dashboard as rows of a table, of CSV and of JSON."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from qlogship.terminal import output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.dashboard import User

CSV_COLUMNS: Final = ("id", "name", "surname", "email", "state", "role", "groups", "sfversion")

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_row(user: User) -> dict[str, Any]:
    """Return a user as `--json` prints one, under the names of the vendor's page."""
    return {
        "id": user.id or None,
        "name": user.name,
        "surname": user.surname,
        "email": user.email,
        "state": user.state,
        "role": user.role,
        "groups": list(user.groups),
        "sfversion": user.softphone_version,
    }


def as_csv(users: Iterable[User]) -> str:
    """Return users as CSV with semicolons, as the file of `users import` has them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for user in users:
        row = {**as_row(user), "groups": ",".join(user.groups)}
        writer.writerow([_harmless(row[column]) for column in CSV_COLUMNS])
    return text.getvalue()


def print_users(users: Iterable[User]) -> None:
    """Print users as a table."""
    output.print_table(
        ("id", "name", "surname", "e-mail", "state", "role", "teams", "softphone"),
        [
            (
                user.id or "",
                user.name,
                user.surname,
                user.email,
                user.state,
                user.role,
                ", ".join(user.groups),
                user.softphone_version,
            )
            for user in users
        ],
        right=("id",),
    )


def _harmless(value: object) -> object:
    """Return a cell that a spreadsheet shows and does not compute: other people chose the names."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
