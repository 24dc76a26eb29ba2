"""The frame that every command hangs in.

Here live the list of commands, the options they share, and the one place that
turns an error into words and an exit code. What a command does lives in its own
module.

Theory of operation. A service should not carry what other commands import, and
`status` should answer at once, so a command's module is imported when that
command is called, and not before. `COMMANDS` holds each one's name, module and
summary; `qlogship --help` is made from the summaries and imports none of them.
Typer builds a group from a class of one's own (`cls=`), and a group asks its
`get_command` for a command by name: there it is imported and handed to typer.

A command module offers either `app`, a `typer.Typer` with commands below it, or
a function with the command's name (dashes become underscores).

Help is plain text, on a terminal too: no rich, and the table of exit codes
keeps its lines.
"""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.completion import get_completion_inspect_parameters
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from qlogship import __version__
from qlogship.errors import EXIT_MEANINGS, ExitCode, QlogshipError, UsageError
from qlogship.terminal import output
from qlogship.terminal.options import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMPLETION_VARIABLE = "_QLOGSHIP_COMPLETE"
_KNOWN = "commands"

# What typer raises for a wrong command line. It exports only the heir, and
# importing the parent would mean to know which click it carries.
_TyperUsageError: type[Exception] = typer.BadParameter.__bases__[0]


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is, and what it does in one line; `extra` is what pip must add for it."""

    module: str
    summary: str
    extra: str = ""


COMMANDS: dict[str, Command] = {
    "run": Command("qlogship.cli.run", "The service: follow, archive and ship until stopped."),
    "setup": Command(
        "qlogship.setup.command", "Ask for what is needed, prove it, write the settings, start."
    ),
    "check": Command(
        "qlogship.check.command", "Look the installation over, and say what to do about it."
    ),
    "status": Command("qlogship.cli.status", "Show where the service stands."),
    "uploads": Command("qlogship.cli.uploads", "Show the ledger, one row per upload."),
    "resync": Command("qlogship.cli.resync", "Clear the dashboard and ship everything again."),
    "destination": Command(
        "qlogship.cli.destination",
        "Show which dashboard the ledger belongs to; decide about another one.",
    ),
    "quarantine": Command(
        "qlogship.cli.quarantine", "What the dashboard refuses for good: list, resend, drop."
    ),
    "import": Command(
        "qlogship.import_export.import_command", "Take older queue_log files into the archive."
    ),
    "export": Command(
        "qlogship.import_export.export_command", "Write the archive as queue_log text."
    ),
    "erase": Command(
        "qlogship.erase.command", "Mask a telephone number in all that is kept, for good."
    ),
    "reconcile": Command(
        "qlogship.reconcile.command", "Compare archive, ledger and the dashboard's counts, per day."
    ),
    "verify": Command(
        "qlogship.verify.command", "Read everything, and say what is not as it was written."
    ),
    "users": Command("qlogship.users.command", "The dashboard's users: list, add, import, delete."),
    "report": Command(
        "qlogship.reports.command", "Download the agents' status log or the call log."
    ),
    "config": Command("qlogship.cli.config", "Check, show and explain the settings."),
    "sandbox": Command(
        "qlogship.sandbox.command", "A local Team Dashboard to try things on.", "sandbox"
    ),
    "demo": Command(
        "qlogship.demo.command", "Sandbox, call centre and service on one screen.", "sandbox"
    ),
}


def exit_codes() -> str:
    """Return the table of exit codes, as each command's help shows it."""
    rows = (f"{code:>5}  {text}" for code, text in EXIT_MEANINGS.items())
    return "\n".join(["Exit codes:", *rows])


def main(
    arguments: Sequence[str] | None = None, *, commands: Mapping[str, Command] = COMMANDS
) -> int:
    """Run one command and return its exit code; `arguments` default to the program's own.

    A command returns an ExitCode, or nothing for "done". Results are on stdout,
    talk and errors on stderr; with --json an error is on stdout, as JSON.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    output.prepare()
    if _COMPLETION_VARIABLE in os.environ:
        # A shell asks for completions; making typer's own options for that, which
        # we do not show, teaches it the shells.
        get_completion_inspect_parameters()
    code = _run(given, commands)
    try:
        output.flush()
    except QlogshipError as error:
        output.print_error(error)
        return error.exit_code
    return code


def _run(given: list[str], commands: Mapping[str, Command]) -> int:
    try:
        program = get_command(app)
        code = program.main(given, prog_name=PROGRAM, standalone_mode=False, obj={_KNOWN: commands})
    except SystemExit as end:
        # Typer ends this way after a shell's completion, and when nobody reads any more.
        code = end.code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except QlogshipError as error:
        return _fail(error, given)
    except _TyperUsageError as error:
        return _fail(_usage_error(error), given)
    except Exception as error:  # noqa: BLE001
        # The one place for what nobody foresaw; the traceback is for whoever mends it.
        traceback.print_exc()
        return _fail(_Unforeseen(error), given)
    return code if isinstance(code, int) else ExitCode.DONE


def _fail(error: QlogshipError, given: Sequence[str]) -> int:
    as_json = "--json" in given and not isinstance(error, output.ResultLost)
    try:
        output.print_error(error, as_json=as_json)
    except (output.ResultLost, BrokenPipeError):
        output.print_error(error)
    return error.exit_code


def _usage_error(error: Any) -> UsageError:  # noqa: ANN401 -- see _Commands
    path = error.ctx.command_path if error.ctx is not None else PROGRAM
    return UsageError(error.format_message(), hint=f"Type `{path} --help`.")


class _Unforeseen(QlogshipError):
    """A fault in qlogship itself."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"this is a fault in {PROGRAM} itself: {type(error).__name__}: {error}",
            hint="Report it, with the lines on stderr.",
        )


class _Commands(TyperGroup):
    """A group that imports a command when it is asked for it by name.

    The commands are in the object of typer's context. The classes of contexts and
    commands are typer's own affair: some versions use click, others carry a
    copy. Hence Any.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        return list(_known(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        command = _known(ctx).get(cmd_name)
        if command is None:
            return None
        if ctx.resilient_parsing:
            # A shell completes the name of a command: the summary will do.
            return TyperCommand(cmd_name, help=command.summary)
        return _build(cmd_name, command)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Find the command the arguments begin with, or say which one may have been meant."""
        known = _known(ctx)
        if args[0] in known:
            return args[0], _build(args[0], known[args[0]]), args[1:]
        close = get_close_matches(args[0], known, n=1)
        if close and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """List the commands from their summaries, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.summary) for name, one in _known(ctx).items()])


def _known(context: Any) -> Mapping[str, Command]:  # noqa: ANN401
    # Typer writes something of its own into the context's object.
    commands: Mapping[str, Command] = (context.obj or {}).get(_KNOWN, COMMANDS)
    return commands


def _build(name: str, command: Command) -> Any:  # noqa: ANN401
    """Import a command and make it one that typer can run."""
    try:
        module = import_module(command.module)
    except ModuleNotFoundError as error:
        if not command.extra or (error.name or "").partition(".")[0] == PROGRAM:
            raise
        raise QlogshipError(
            f"{name} needs {error.name}, which is not installed",
            hint=f'Install it with `pip install "{PROGRAM}[{command.extra}]"`.',
        ) from error
    group = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(add_completion=False, rich_markup_mode=None)
        group.command(name)(getattr(module, name.replace("-", "_")))
    built: Any = get_command(group)
    built.name = name
    for one in [built, *getattr(built, "commands", {}).values()]:
        # \b keeps the lines of a paragraph as they are.
        one.epilog = f"\b\n{exit_codes()}"
    return built


def _show_version(*, wanted: bool) -> None:
    if wanted:
        output.print_text(f"{PROGRAM} {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    name=PROGRAM,
    help="Ships Asterisk's queue_log to a Softphone.Pro Team Dashboard.",
    epilog=f"\b\n{exit_codes()}",
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 -- its callback acts
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _show_version(wanted=value),
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        sys.stderr.write(f"{context.get_help()}\n")
        raise typer.Exit(ExitCode.USAGE)
