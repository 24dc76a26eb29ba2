"""`qlogship users delete`: who is to go, asked for once more, and gone."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from qlogship.config import load
from qlogship.errors import ExitCode, UsageError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.users.csv_file.columns import same_email
from qlogship.users.listing import as_row
from qlogship.users.making import Maker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.dashboard import User

_ID = re.compile(r"[1-9][0-9]{0,17}")


def delete(  # noqa: PLR0917 -- typer calls it by name
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID…", help="The users' numbers, such as 4, or 2,4,7."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    email: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="The user with this address; repeatable."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    own_account: Annotated[
        bool,
        typer.Option("--own-account", help="Also the account that qlogship itself logs in with."),
    ] = False,
) -> ExitCode:
    """Delete users of the dashboard for good; it shows who they are, and asks.

    All of those who are named are deleted, or, when one is not there, none.
    """
    numbers, addresses = _numbers(ids or []), list(email or [])
    if not numbers and not addresses:
        raise UsageError("nobody is named", hint="Name users by ID, or with --email ADDRESS.")
    settings = load(config, environ=os.environ).settings
    from qlogship.service import build

    with build.dashboard(settings) as dashboard:
        maker = Maker(dashboard)
        found = _named(maker.everybody(), numbers, addresses)
        if not own_account:
            _refuse_own(found, settings.dashboard.email)
        if not yes and not _agreed(found):
            output.print_note("Nothing was changed.")
            return ExitCode.FAILED
        maker.remove([user.id for user in found])
    if as_json:
        output.print_json({"ok": True, "deleted": [as_row(user) for user in found]})
    else:
        for user in found:
            output.print_text(output.printable(f"Deleted user {_called(user)}."))
    return ExitCode.DONE


def _numbers(words: Sequence[str]) -> list[int]:
    """Return the IDs in `4` or, as the vendor's page writes them, `[2,4,7]`, each once."""
    parts = [part.strip() for word in words for part in word.strip().strip("[]").split(",")]
    wrong = [part for part in parts if not _ID.fullmatch(part)]
    if wrong:
        raise UsageError(
            f"{wrong[0]!r} is no ID of a user; nobody was deleted",
            hint="Write IDs as `qlogship users list` shows them, such as 4, or 2,4,7.",
        )
    return [int(part) for part in dict.fromkeys(parts)]


def _named(users: Sequence[User], numbers: Sequence[int], addresses: Sequence[str]) -> list[User]:
    """Return the users who are named, each once; raise UsageError for who is not there."""
    by_id = {user.id: user for user in users if user.id}
    problems = [f"there is no user {number}" for number in numbers if number not in by_id]
    found = [by_id[number] for number in numbers if number in by_id]
    for address in addresses:
        key = same_email(address)
        matches = [user for user in by_id.values() if same_email(user.email) == key]
        if len(matches) > 1:
            several = ", ".join(str(user.id) for user in matches)
            problems.append(f"{address} is the address of several users: {several}")
        elif not matches:
            problems.append(f"there is no user with the address {address}")
        found += matches
    if problems:
        raise UsageError(
            f"{'; '.join(problems)}; nobody was deleted",
            hint="Type `qlogship users list` to see who is there.",
        )
    return list({user.id: user for user in found}.values())


def _refuse_own(found: Sequence[User], own: str | None) -> None:
    for user in found:
        if own and same_email(user.email) == same_email(own):
            raise UsageError(
                f"user {_called(user)} is the account that qlogship logs in with;"
                " nobody was deleted",
                hint="Leave it out; or add --own-account, and set another dashboard.email then.",
            )


def _agreed(users: Sequence[User]) -> bool:
    """Show who is to go and ask; raise UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked whether to delete: stdin is no terminal",
            hint="Add --yes to do it without asking.",
        )
    for user in users:
        output.print_note(f"user {_called(user)}, {user.role}, {', '.join(user.groups)}")
    these = "this user" if len(users) == 1 else f"these {len(users)} users"
    sys.stderr.write(f"Type {len(users)}, or yes, to delete {these} for good: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {str(len(users)), "yes"}


def _called(user: User) -> str:
    return f"{user.id}, {user.name} {user.surname} <{user.email}>"
