"""`qlogship setup`: from an installed package to a service that ships, in five answers."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from qlogship.errors import ExitCode, QlogshipError, UsageError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption

_MOST: Final = 64 * 1024


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
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            "--tenant",
            metavar="ADDRESS",
            help="The dashboard's address, or the tenant's name.",
        ),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The e-mail of the Team administrator."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file with the password, or - for stdin. It is read, not kept."
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The queue_log; else where Asterisk says."),
    ] = None,
    history: Annotated[
        History | None,
        typer.Option(
            help="What the first start ships: rotated files too, the file alone, or what is new."
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificates (PEM) to trust besides the system's."),
    ] = None,
    grant: Annotated[
        bool,
        typer.Option(
            "--grant",
            help="Let the service's user read the queue_log if it cannot: join its group.",
        ),
    ] = False,
    enable: Annotated[
        bool | None,
        typer.Option(
            "--enable/--no-enable",
            help="Start the service and let it take new settings, or leave it alone.",
        ),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Do not prove address and login."),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Ask nothing; overwrite settings that differ."),
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
    from qlogship.config import PATH_VARIABLE
    from qlogship.setup.answers import Answers, Options
    from qlogship.setup.run import SetupRun

    if config is None and instance is None and (named := os.environ.get(PATH_VARIABLE)):
        config = Path(named)
    said = Answers(
        url=url,
        email=email,
        source=source.absolute() if source is not None else None,
        history=history.value if history is not None else None,
        ca_file=ca_file.absolute() if ca_file is not None else None,
        password=_read_password(password_file) if password_file is not None else None,
    )
    run = SetupRun(Options(config, instance, said, grant, enable, offline, yes), quiet=as_json)
    try:
        result = run.carry_out()
    except QlogshipError as error:
        if not as_json:
            raise
        so_far = {"written": run.written, "proved": run.proofs_as_json()}
        output.print_json({**output.error_as_json(error), **so_far})
        return error.exit_code
    if as_json:
        output.print_json(result)
    return ExitCode.DONE if result["ok"] else ExitCode.FAILED


def _read_password(path: Path) -> str:
    """Return the text of a file that a command line names, of stdin for "-"; it may be a pipe.

    Raises UsageError, which names the file and nothing of what is in it.
    """
    try:
        if str(path) != "-":
            with path.open("rb") as file:
                data = file.read(_MOST + 1)
        elif sys.stdin.isatty():
            raise UsageError(
                "--password-file - reads a pipe, and stdin is a terminal",
                hint="Leave the option out to be asked for the password.",
            )
        else:
            data = sys.stdin.buffer.read(_MOST + 1)
        if len(data) <= _MOST:
            return data.decode()
        problem = "it is larger than 64 KiB"
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "this is no file name"
    raise UsageError(
        f"--password-file {path}: {problem}",
        hint="Name a file that holds the password and nothing else, or - to read it from stdin.",
    )
