"""`qlogship users add`: one new user."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from qlogship.config import load
from qlogship.dashboard.users import NewUser, Role
from qlogship.errors import FileNotUsable, InvalidUser, UsageError, UserExists
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.users import passwords
from qlogship.users.csv_file import configuration
from qlogship.users.csv_file.columns import WHAT_TO_WRITE, read_groups
from qlogship.users.files import read_template, read_text
from qlogship.users.making import Fate, Maker

# One that is long enough, while the others are looked at.
_NOT_YET = "*" * 8


def add(  # noqa: PLR0917 -- typer calls it by name
    name: Annotated[str, typer.Option(help="First name.")],
    surname: Annotated[str, typer.Option(help="Last name.")],
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="E-mail.")],
    role: Annotated[
        str,
        typer.Option(metavar="ROLE", help="EMPLOYEE, MANAGER or RESTRICTED_ADMIN."),
    ],
    groups: Annotated[
        str,
        typer.Option(metavar="ID,ID", help="The teams that the user is a part of."),
    ],
    manage_groups: Annotated[
        str,
        typer.Option(
            metavar="ID,ID",
            help="The teams that a MANAGER or RESTRICTED_ADMIN supervises.",
            show_default=False,
        ),
    ] = "",
    softphone: Annotated[
        bool,
        typer.Option("--softphone/--no-softphone", help="Whether the user needs Softphone.Pro."),
    ] = True,
    config_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The configuration of Softphone.Pro, sent as it is; else the vendor's includes.",
        ),
    ] = None,
    config_template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The same with @name@, @surname@, @email@ filled in."),
    ] = None,
    generate_password: Annotated[
        bool,
        typer.Option("--generate-password", help="Make a strong one and print it once."),
    ] = False,
    password_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take it from FILE; - is stdin. Else asked for."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add one user to the dashboard and print the ID.

    The password is asked for twice and not shown, unless --generate-password or
    --password-file says where it comes from. There is no option that takes it: the
    command line can be seen with ps, and stays in the shell's history.

    The answer of a lost connection is looked up: a user is never added twice. An
    address that somebody has already is an error.
    """
    _not_both("--generate-password", generate_password, "--password-file", password_file)
    _not_both("--config-file", config_file, "--config-template", config_template)
    settings = load(config, environ=os.environ).settings
    from qlogship.service import build

    if role not in set(Role):
        raise UsageError(f"--role {role!r} is no role", hint=WHAT_TO_WRITE["role"])
    user = NewUser(
        uses_softphone=softphone,
        name=name.strip(),
        surname=surname.strip(),
        email=email.strip(),
        password=_NOT_YET,
        role=Role(role),
        groups=_teams("--groups", groups),
        manage_groups=_teams("--manage-groups", manage_groups),
    )
    _raise_faults(user)
    if softphone or config_file or config_template:
        user = replace(user, config=_configuration(user, config_file, config_template))
    with build.dashboard(settings) as dashboard:
        maker = Maker(dashboard)
        made = maker.find(user.email)
        if made is None:
            secret = passwords.of(user.email, generate=generate_password, file=password_file)
            user = replace(user, password=secret)
            _raise_faults(user)
            made = maker.make_one(user)
    if made.fate is Fate.PRESENT:
        raise UserExists(
            f"there is a user {user.email} already, with ID {made.id}; nothing was changed",
            hint="Look at `qlogship users list`; an address can be used once.",
        )
    if made.error is not None:
        raise made.error
    _print(made.id, user.email, user.password if generate_password else None, as_json=as_json)


def _print(number: int | None, email: str, password: str | None, *, as_json: bool) -> None:
    """Print who was added; `password` is one that was made for it."""
    if as_json:
        shown = {"ok": True, "id": number, "email": email}
        output.print_json(shown | ({"password": password} if password else {}))
        return
    output.print_text(output.printable(f"Added user {email} with ID {number}"))
    if password:
        output.print_text(f"Password: {password}")
        output.print_note("It is shown this once.")


def _not_both(one: str, first: object, other: str, second: object) -> None:
    if first and second is not None:
        raise UsageError(f"{one} and {other} exclude each other", hint="Choose one of them.")


def _raise_faults(user: NewUser) -> None:
    faults = user.faults()
    if faults:
        raise InvalidUser(user.email or "without an e-mail address", faults)


def _teams(option: str, text: str) -> tuple[int, ...]:
    found = read_groups(text)
    if isinstance(found, str):
        raise UsageError(f"{option} {text!r}: {found}", hint=WHAT_TO_WRITE["groupsIn"])
    return found


def _configuration(user: NewUser, file: Path | None, template: Path | None) -> str:
    if file is not None:
        return read_text(file)
    values = {"name": user.name, "surname": user.surname, "email": user.email}
    try:
        return configuration.render(read_template(template), values)
    except ValueError as error:
        raise FileNotUsable(
            f"no configuration can be made: {error}", hint="Look at the name and the template."
        ) from error
