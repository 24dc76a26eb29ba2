"""`qlogship users`: the dashboard's user administration; a file for each command."""

from __future__ import annotations

import typer

from qlogship.users.add import add
from qlogship.users.delete import delete
from qlogship.users.importing import import_
from qlogship.users.listing import list_
from qlogship.users.passwords import AddCommand

app = typer.Typer(
    help="List, add, import and delete the users of the Team Dashboard.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command("list")(list_)
app.command("add", cls=AddCommand)(add)
app.command("import")(import_)
app.command("delete")(delete)
