"""`qlogship users list`: who is on the dashboard."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qlogship.config import load
from qlogship.dashboard.administration import SortColumn
from qlogship.errors import UsageError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.users.making import Maker
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.dashboard import User

_PAGE_SIZE: Final = 20
_HEADINGS: Final = {
    "id": "id",
    "name": "name",
    "surname": "surname",
    "email": "e-mail",
    "state": "state",
    "role": "role",
    "groups": "teams",
    "sfversion": "softphone",
}
"""The vendor's name of each column, which JSON and CSV have, and that of the table."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def list_(  # noqa: PLR0917 -- typer calls it by name
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Print CSV with semicolons."),
    ] = False,
    sort: Annotated[
        SortColumn, typer.Option(help="What the dashboard sorts them by.")
    ] = SortColumn.ID,
    descending: Annotated[
        bool,
        typer.Option(
            "--descending/--ascending", help="From the last to the first; else from the first."
        ),
    ] = False,
    page: Annotated[
        int | None,
        typer.Option(min=1, help="Only this page; the first is 1. Else all users."),
    ] = None,
    page_size: Annotated[
        int | None,
        typer.Option(min=1, help="Users on a page; else 20."),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only addresses with this text in them."),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(metavar="ROLE", help="Only EMPLOYEE, MANAGER, RESTRICTED_ADMIN or ADMIN."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="STATE", help="Only active, active.unconfirm or block."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only of the team of this name."),
    ] = None,
) -> None:
    """List the dashboard's users: a table, JSON or CSV.

    The dashboard sorts and cuts into pages; --email, --role, --state and --group are
    looked for here, among the users that came, without regard to capitals.

    In CSV a cell that a spreadsheet would take for a formula has a ' before it.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", hint="Choose one of them.")
    if page_size is not None and page is None:
        page = 1
    settings = load(config, environ=os.environ).settings
    from qlogship.service import build

    with build.dashboard(settings) as dashboard:
        if page is None:
            found = Maker(dashboard).everybody(sort=str(sort), descending=descending)
            total: int | None = len(found)
        else:
            answer = dashboard.users_page(
                sort=str(sort),
                descending=descending,
                page_size=page_size or _PAGE_SIZE,
                page_number=page,
            )
            found, total = list(answer.users), answer.total
    shown = [
        user
        for user in found
        if _holds(user.email, email)
        and _is(user.role, role)
        and _is(user.state, state)
        and (group is None or any(_is(name, group) for name in user.groups))
    ]
    if as_json:
        output.print_json([as_row(user) for user in shown])
    elif as_csv:
        output.print_text(_csv_of(shown).rstrip("\n"))
    elif not shown:
        output.print_text("No users.")
    else:
        rows = [_cells(user, ", ") for user in shown]
        output.print_table(tuple(_HEADINGS.values()), rows, right=("id",))
    if not as_json and not as_csv and len(shown) != total:
        output.print_note(f"{count(len(shown), 'user')} shown, of {total or 'more'}.")


def _is(value: str, wanted: str | None) -> bool:
    return wanted is None or value.casefold() == wanted.strip().casefold()


def _holds(value: str, wanted: str | None) -> bool:
    return wanted is None or wanted.strip().casefold() in value.casefold()


def as_row(user: User) -> dict[str, Any]:
    """Return a user as `--json` prints one, under the names of the vendor's page."""
    row = asdict(user) | {"id": user.id or None}
    row["sfversion"] = row.pop("softphone_version")
    return row


def _cells(user: User, comma: str) -> list[object]:
    """Return a user's row of a table, with `comma` between the teams."""
    row = as_row(user) | {"groups": comma.join(user.groups)}
    return ["" if row[column] is None else row[column] for column in _HEADINGS]


def _csv_of(users: Iterable[User]) -> str:
    """Return users as CSV with semicolons, as the file of `users import` has them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(_HEADINGS)
    for user in users:
        writer.writerow(map(_harmless, _cells(user, ",")))
    return text.getvalue()


def _harmless(cell: object) -> object:
    """Return a cell that a spreadsheet shows and does not compute: other people chose the names."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
