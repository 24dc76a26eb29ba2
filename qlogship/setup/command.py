"""`qlogship setup`: from an installed package to a service that ships, in five answers."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qlogship.errors import ExitCode, QlogshipError, UsageError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from qlogship.setup.run import Wishes


class History(StrEnum):
    """How far back to ship at the first start."""

    ALL = "all"
    CURRENT = "current"
    NONE = "none"


def setup(  # noqa: PLR0917 -- typer takes them all by name
    config: ConfigOption = None,
    as_json: JsonOption = False,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Set up qlogship@NAME: /etc/qlogship/NAME.toml, with a state of its own.",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            "--tenant",
            metavar="ADDRESS",
            help="The dashboard's address, or the tenant's name.",
            show_default=False,
        ),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="The e-mail of the Team administrator.", show_default=False
        ),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with the password, or - for stdin. It is read, not kept.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The queue_log; else where Asterisk says.", show_default=False
        ),
    ] = None,
    history: Annotated[
        History | None,
        typer.Option(
            help="What the first start ships: rotated files too, the file alone, or what is new.",
            show_default=False,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificates (PEM) to trust besides the system's.",
            show_default=False,
        ),
    ] = None,
    grant: Annotated[
        bool,
        typer.Option(
            "--grant",
            help="Let the service's user read the queue_log if it cannot: join its group.",
            show_default=False,
        ),
    ] = False,
    enable: Annotated[
        bool | None,
        typer.Option(
            "--enable/--no-enable",
            help="Start the service and let it take new settings, or leave it alone.",
            show_default=False,
        ),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Do not prove address and login.", show_default=False),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Ask nothing; overwrite settings that differ.", show_default=False
        ),
    ] = False,
) -> ExitCode:
    """Ask for what is needed, prove each answer, write the settings, start the service.

    Five questions: the dashboard's address, e-mail, password, the queue_log, and how
    far back to ship. What an option says is not asked. The settings go to
    /etc/qlogship/qlogship.toml and the password to /etc/qlogship/password, both
    readable for root and the service alone; with -c FILE or --instance beside that
    file. Nothing is written before the last answer; Ctrl-C leaves everything as it was,
    but for a group that the service's user was put into when you agreed to that.

    Without a terminal, or with --yes, nothing is asked: --url, --email and
    --password-file must be given unless the settings have them already. Settings
    that differ are overwritten only with --yes. The same answers again change nothing.
    """
    from qlogship.setup.run import Wishes

    wishes = Wishes(
        config=_named(config) if instance is None else config,
        instance=instance,
        url=url,
        email=email,
        password=_password(password_file),
        source=source,
        history=history.value if history is not None else None,
        ca_file=ca_file.absolute() if ca_file is not None else None,
        grant=grant,
        enable=enable,
        offline=offline,
        yes=yes,
    )
    return _conduct(wishes, as_json=as_json)


def _conduct(wishes: Wishes, *, as_json: bool) -> ExitCode:
    from qlogship.setup.run import Course, conduct

    course = Course()
    try:
        result = conduct(wishes, course, quiet=as_json)
    except QlogshipError as error:
        if not as_json:
            raise
        shown = {"written": course.written, "proved": course.as_json()}
        output.print_json({**output.error_as_json(error), **shown})
        return error.exit_code
    if as_json:
        output.print_json(result)
    return ExitCode.DONE if result["ok"] else ExitCode.FAILED


def _named(config: Path | None) -> Path | None:
    from qlogship.config import PATH_VARIABLE

    if config is None and (named := os.environ.get(PATH_VARIABLE)):
        return Path(named)
    return config


def _password(file: Path | None) -> str | None:
    from qlogship.setup.present import read_password

    if file is None:
        return None
    if str(file) == "-" and sys.stdin.isatty():
        raise UsageError(
            "--password-file - reads a pipe, and stdin is a terminal",
            hint="Leave the option out to be asked for the password.",
        )
    return read_password(file)
