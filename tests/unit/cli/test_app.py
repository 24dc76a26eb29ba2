"""The frame of the command line: which commands there are, how they fail, what they import."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qlogship import __version__
from qlogship.cli.app import COMMANDS, Command, exit_codes, main
from qlogship.errors import (
    EXIT_MEANINGS,
    CredentialsRefused,
    DashboardUnreachable,
    ExitCode,
    LockedError,
    QlogshipError,
    SourceUnreadable,
    StateError,
    UsageError,
)
from qlogship.terminal import output

if TYPE_CHECKING:
    from collections.abc import Mapping

PLANTED = '''
import typer
from typing import Annotated
from qlogship import errors

def planted_command(
    kind: Annotated[str, typer.Argument(help="What to end with.")],
    json: Annotated[bool, typer.Option("--json")] = False,
    code: int = 0,
):
    """End as it is told."""
    print("ran")
    if kind == "code":
        return errors.ExitCode(code)
    if kind == "exit":
        raise typer.Exit(code)
    if kind == "LockedError":
        raise errors.LockedError("pid 7 holds it", pid=7, hint="Stop it.")
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "abort":
        raise typer.Abort
    if kind == "gone":
        raise BrokenPipeError(32, "Broken pipe")
    if kind == "unforeseen":
        raise ZeroDivisionError("nobody\\x1b thought of it")
    if kind != "nothing":
        raise getattr(errors, kind)("it went wrong", hint="Do something.")
'''

GROUP = '''
import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)

@app.command()
def one() -> None:
    """Do one thing."""
    print("one ran")

@app.command()
def two() -> None:
    """Do another thing."""
'''


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Command]:
    """Return commands made for these tests, in modules that nobody has imported."""
    (tmp_path / "planted_module.py").write_text(PLANTED)
    (tmp_path / "planted_group.py").write_text(GROUP)
    (tmp_path / "planted_broken.py").write_text("import no_such_module_here\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("planted_module", "planted_group", "planted_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return {
        "planted-command": Command("planted_module", "End as it is told."),
        "group": Command("planted_group", "Two commands below one."),
        "broken": Command("planted_broken", "Needs what is not there.", "sandbox"),
        "faulty": Command("planted_broken", "Needs what is not there and should be."),
    }


# How a command ends

ERRORS: list[type[QlogshipError]] = [
    UsageError,
    CredentialsRefused,
    DashboardUnreachable,
    SourceUnreadable,
    StateError,
    LockedError,
]


@pytest.mark.parametrize("error", ERRORS)
def test_error_on_stderr(
    commands: Mapping[str, Command],
    capsys: pytest.CaptureFixture[str],
    error: type[QlogshipError],
) -> None:
    """An error ends a command with its own code, and with what and hint on stderr."""
    assert main(["planted-command", error.__name__], commands=commands) == error.exit_code

    captured = capsys.readouterr()
    assert captured.out == "ran\n"
    what, hint = captured.err.splitlines()
    assert what in {"error: it went wrong", "error: pid 7 holds it"}
    assert hint in {"hint: Do something.", "hint: Stop it."}


@pytest.mark.parametrize("error", ERRORS)
def test_error_as_json(
    commands: Mapping[str, Command],
    capsys: pytest.CaptureFixture[str],
    error: type[QlogshipError],
) -> None:
    """With --json an error is on stdout as JSON, with kind, message, hint and code."""
    ended = main(["planted-command", error.__name__, "--json"], commands=commands)

    captured = capsys.readouterr()
    document = json.loads(captured.out.removeprefix("ran\n"))
    assert ended == error.exit_code
    assert captured.err == ""
    assert document["ok"] is False
    assert set(document["error"]) == {"kind", "message", "hint", "exit_code"}
    assert document["error"]["kind"] == error.__name__
    assert document["error"]["exit_code"] == error.exit_code


@pytest.mark.parametrize("kind", ["code", "exit"])
@pytest.mark.parametrize("code", [0, 1, 3, 130])
def test_code_of_a_command(commands: Mapping[str, Command], kind: str, code: int) -> None:
    """A command ends with the code it returns, or the one it exits with."""
    assert main(["planted-command", kind, "--code", str(code)], commands=commands) == code


def test_nothing_is_done(commands: Mapping[str, Command]) -> None:
    """A command that returns nothing has done its work."""
    assert main(["planted-command", "nothing"], commands=commands) == ExitCode.DONE


@pytest.mark.parametrize("kind", ["interrupt", "abort"])
def test_interrupted(
    commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Ctrl-C ends a command with 130 and no traceback, at a question too."""
    assert main(["planted-command", kind], commands=commands) == ExitCode.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_reader_went_away(
    commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str]
) -> None:
    """When nobody reads the output any more, a command ends without a word."""
    out, err = sys.stdout, sys.stderr
    try:
        assert main(["planted-command", "gone"], commands=commands) == ExitCode.FAILED
    finally:
        # typer puts wrappers in their place
        sys.stdout, sys.stderr = out, err
    assert capsys.readouterr().err == ""


def test_unforeseen(commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody foresaw ends with 1, a traceback, and a line that says what to do."""
    assert main(["planted-command", "unforeseen"], commands=commands) == ExitCode.FAILED

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == (
        "error: this is a fault in qlogship itself: ZeroDivisionError: nobody\\x1b thought of it"
    )
    assert lines[-1].startswith("hint: Report it")


# Usage


@pytest.mark.parametrize(
    ("arguments", "what", "hint"),
    [
        (["cnfig"], "Did you mean 'config'?", "Type `qlogship --help`."),
        (["xyz"], "No such command 'xyz'.", "Type `qlogship --help`."),
        (["--xyz"], "No such option", "Type `qlogship --help`."),
        (["config"], "Missing command.", "Type `qlogship config --help`."),
        (["config", "show", "--jsno"], "No such option", "Type `qlogship config show --help`."),
        (["config", "show", "x"], "unexpected extra argument", "Type `qlogship config show"),
        (["config", "show", "-c"], "requires an argument", "Type `qlogship"),
    ],
)
def test_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], what: str, hint: str
) -> None:
    """A wrong command line ends with 2, and the hint names the help of that command."""
    assert main(arguments) == ExitCode.USAGE

    captured = capsys.readouterr()
    assert captured.out == ""
    first, last = captured.err.splitlines()
    assert first.startswith("error: ")
    assert what in first
    assert last.startswith(f"hint: {hint}")


def test_usage_error_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line with --json is answered in JSON."""
    assert main(["config", "show", "--json", "--xyz"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "UsageError"


def test_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, on stderr, with the code for usage."""
    assert main([]) == ExitCode.USAGE

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: qlogship [OPTIONS] COMMAND")


# Help and version


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is printed by itself."""
    assert main(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"qlogship {__version__}\n"


def test_help_lists_commands(
    commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str]
) -> None:
    """The help lists every command with its summary and imports none of them."""
    assert main(["--help"], commands=commands) == ExitCode.DONE

    text = capsys.readouterr().out
    for name, command in commands.items():
        assert f"  {name}  " in text
        assert command.summary in text
    assert not {"planted_module", "planted_group", "planted_broken"} & set(sys.modules)


@pytest.mark.parametrize(
    "arguments", [[], ["planted-command"], ["group"], ["group", "one"], ["group", "two"]]
)
def test_help_has_exit_codes(
    commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """The help of every command, at every level, ends with the table of exit codes."""
    assert main([*arguments, "--help"], commands=commands) == ExitCode.DONE

    lines = [line.strip() for line in capsys.readouterr().out.rstrip().splitlines()]
    assert lines[-len(EXIT_MEANINGS) - 1 :] == [line.strip() for line in exit_codes().splitlines()]


def test_exit_code_table() -> None:
    """The table has each exit code with its meaning."""
    rows = [line.split(maxsplit=1) for line in exit_codes().splitlines()[1:]]

    assert rows == [[str(int(code)), text] for code, text in EXIT_MEANINGS.items()]


# Commands are imported when they are called


def test_only_the_named_one_is_imported(
    commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str]
) -> None:
    """Calling a command imports its module and no other command's."""
    assert main(["group", "one"], commands=commands) == ExitCode.DONE

    assert capsys.readouterr().out == "one ran\n"
    assert "planted_group" in sys.modules
    assert not {"planted_module", "planted_broken"} & set(sys.modules)


def test_missing_extra(commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str]) -> None:
    """A command whose extra is not installed says how to install it."""
    assert main(["broken"], commands=commands) == ExitCode.FAILED

    assert capsys.readouterr().err.splitlines() == [
        "error: broken needs no_such_module_here, which is not installed",
        'hint: Install it with `pip install "qlogship[sandbox]"`.',
    ]


def test_missing_module_without_extra(
    commands: Mapping[str, Command], capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that lacks what it should have is a fault in qlogship."""
    assert main(["faulty"], commands=commands) == ExitCode.FAILED
    assert "this is a fault in qlogship itself" in capsys.readouterr().err


def run(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh Python."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


HEAVY = {"rich", "httpx", "starlette", "uvicorn", "watchdog", "structlog", "sqlite3"}
FORBIDDEN = {
    "run": {"rich", "starlette", "uvicorn", "qlogship.sandbox"},
    "status": {"rich", "httpx", "starlette", "uvicorn", "watchdog", "qlogship.sandbox"},
    "uploads": {"rich", "httpx", "starlette", "uvicorn", "watchdog", "qlogship.sandbox"},
    "quarantine": {"rich", "httpx", "starlette", "uvicorn", "watchdog", "qlogship.sandbox"},
    "config": HEAVY,
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_a_command_imports(name: str) -> None:
    """A command's module leaves the sandbox and rich alone, and that of `status` HTTP too.

    What a command imports when it runs is its own affair.
    """
    if importlib.util.find_spec(COMMANDS[name].module) is None:
        pytest.skip(f"{COMMANDS[name].module} is not written yet")
    program = (
        "import sys\n"
        "from qlogship.cli.app import main\n"
        f"assert main([{name!r}, '--help']) == 0\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )

    ended = run(program)

    assert ended.returncode == 0, ended.stderr
    assert not FORBIDDEN[name] & set(ended.stderr.split())


def test_what_the_frame_imports() -> None:
    """The frame imports nothing that some command does not need, not even the settings."""
    ended = run("import sys, qlogship.cli.app\nprint(*sys.modules)")

    assert not (HEAVY | {"pydantic", "qlogship.config"}) & set(ended.stdout.split())


def test_every_module_of_the_table_keeps_the_promise() -> None:
    """Every command's module offers `app`, or a function with the command's name."""
    for name, command in COMMANDS.items():
        if importlib.util.find_spec(command.module) is not None:
            module = importlib.import_module(command.module)
            assert hasattr(module, "app") or callable(getattr(module, name.replace("-", "_")))


@pytest.mark.parametrize(
    ("words", "completed"),
    [("qlogship conf", "config"), ("qlogship config sh", "show"), ("qlogship sand", "sandbox")],
)
def test_completion(words: str, completed: str) -> None:
    """A shell can complete commands, and those below them, without options of ours for it."""
    ended = run(
        "import sys; from qlogship.cli.app import main; sys.exit(main([]))",
        _QLOGSHIP_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(words.count(" ")),
    )

    assert ended.stdout.split() == [completed]


# Results


def test_full_disk() -> None:
    """Results that cannot be written are an error, with --json too."""
    for arguments in ("config example", "config show --json"):
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                [sys.executable, "-m", "qlogship", *arguments.split()],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )

        assert ended.returncode != 0
        assert "Traceback" not in ended.stderr
        assert ended.stderr.startswith("error: ")


def test_closed_pipe() -> None:
    """A reader that went away is passed over without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "qlogship", "config", "example"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)

    assert ended.stderr == b""


def test_what_a_locale_does_not_know() -> None:
    """A letter that stdout cannot encode is escaped; the result comes all the same."""
    ended = subprocess.run(
        [sys.executable, "-m", "qlogship", "check", "--monitor", "--config", "/нет"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 3
    assert ended.stdout.startswith(b"QLOGSHIP UNKNOWN - ")
    assert rb"/\u043d\u0435\u0442: the file is missing" in ended.stdout


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A table has its columns below each other, numbers to the right, and no foreign control."""
    output.print_table(
        ("day", "calls"), [("2026-11-23", 7), ("a\x1b[2J", 1234), ("", "")], right={"calls"}
    )

    assert capsys.readouterr().out == (
        "day         calls\n2026-11-23      7\na\\x1b[2J     1234\n\n"
    )


def test_json_takes_any_value(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """JSON is ASCII and takes paths, sets and broken file names; what is no number is refused."""
    output.print_json({"path": tmp_path, "set": {1}, "name": os.fsdecode(b"\xff"), "text": "ß"})

    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {
        "path": str(tmp_path),
        "set": [1],
        "name": "\udcff",
        "text": "ß",
    }
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.print_json({"value": float("nan")})
