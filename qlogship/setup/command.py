"""`qlogship setup`: from an installed package to a service that ships, in a few answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from qlogship.errors import ExitCode, QlogshipError, UsageError
from qlogship.shipping.belonging import Decision
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption

_MOST: Final = 64 * 1024


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
        str | None,
        typer.Option(
            metavar="all|current|none|DATE",
            help="What the first start ships: rotated files too, the file alone, what is new, or"
            " all from a day on, such as 2026-11-01.",
        ),
    ] = None,
    shared: Annotated[
        bool | None,
        typer.Option(
            "--shared/--not-shared",
            help="Others upload queue_logs to this dashboard, too, such as another PBX; or nobody.",
        ),
    ] = None,
    uploaded_before: Annotated[
        bool | None,
        typer.Option(
            "--uploaded-before/--never-uploaded",
            help="This queue_log was uploaded to this dashboard by other means before; or never.",
        ),
    ] = None,
    clear: Annotated[
        bool,
        typer.Option(
            "--clear",
            help="With --uploaded-before or --everything: clear the dashboard of ALL queue_log"
            " data, then upload everything.",
        ),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="The state belongs to another dashboard: ship everything to this one.",
        ),
    ] = False,
    from_now: Annotated[
        bool,
        typer.Option(
            "--from-now", help="The same, but ship only what comes from now on to this one."
        ),
    ] = False,
    same: Annotated[
        bool,
        typer.Option("--same", help="The same, but it is one dashboard under another name."),
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificates (PEM) to trust besides the system's."),
    ] = None,
    allow_http: Annotated[
        bool,
        typer.Option(
            "--allow-http",
            help="Let an http:// address lead to another machine: the password and the calls are"
            " readable on the way.",
        ),
    ] = False,
    grant: Annotated[
        bool,
        typer.Option(
            "--grant",
            help="Let the service's user read the queue_log: by access lists, or by a group.",
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

    It asks for the dashboard's address, e-mail and password, who else uploads to it, the
    queue_log, how far back to ship, and whether that was uploaded before. What an option
    or the settings say is not asked again. When the state directory belongs to another
    dashboard, it asks what becomes of that, as `qlogship destination` does; without an
    answer everything is archived and nothing sent. The settings go to
    /etc/qlogship/qlogship.toml and the password to /etc/qlogship/password, both
    readable for root and the service alone; with -c FILE or --instance beside that
    file. Nothing is written before the last answer; Ctrl-C leaves everything as it was,
    but for the right to read the queue_log when you agreed to that.

    Without a terminal, or with --yes, nothing is asked: --url, --email and
    --password-file must be given unless the settings have them already. Settings
    that differ are overwritten only with --yes. The same answers again change nothing.
    """
    from qlogship.config import PATH_VARIABLE
    from qlogship.setup.answers import Answers, Options
    from qlogship.setup.run import SetupRun
    from qlogship.shipping.belonging import EVERYTHING, FROM_NOW, SAME

    if config is None and instance is None and (named := os.environ.get(PATH_VARIABLE)):
        config = Path(named)
    said = Answers(
        url=url,
        email=email,
        source=source.absolute() if source is not None else None,
        history=history,
        ca_file=ca_file.absolute() if ca_file is not None else None,
        password=_read_password(password_file) if password_file is not None else None,
        shared=shared,
        uploaded_before=uploaded_before,
        allow_http=allow_http or None,
    )
    decision = _decision({EVERYTHING: everything, FROM_NOW: from_now, SAME: same})
    options = Options(
        config, instance, said, grant, enable, offline, yes, decision=decision, clear=clear
    )
    run = SetupRun(options, quiet=as_json)
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


def _decision(options: Mapping[Decision, bool]) -> str | None:
    """Return the name of the decision that was typed. Raises UsageError for several."""
    typed = [decision for decision, is_typed in options.items() if is_typed]
    if len(typed) > 1:
        raise UsageError(
            f"{' and '.join(one.option for one in typed)} contradict each other",
            hint="Give one of them.",
        )
    return typed[0].name if typed else None


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
