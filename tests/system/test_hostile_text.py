"""Text that others wrote, on the terminal of whoever administers the PBX."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.installation import Installation, environment
from tests.support.scripted import FarEnd, login, reply
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scripted import Step

# Names the window, deletes the line before, and hides what comes behind it.
ATTACK: Final = "\x1b]0;owned\x07\x1b[1A\x1b[2K\x9b8m\u202e"
SHOWN: Final = "\\x1b]0;owned\\x07\\x1b[1A\\x1b[2K\\x9b8m\\u202e"
RECORD: Final = f"1795411800|1.1|q{ATTACK}|NONE|ENTERQUEUE||74955550123|1\n"
TABLE: Final = f"Time,Queue\r\n2026-11-23,Очередь {ATTACK}\r\n"
USER: Final = {"id": 7, "name": f"Eve {ATTACK}", "email": "eve@example.com", "groups": [ATTACK]}
FROM: Final = ("--from", "2026-11-01", "--to", "2026-11-02")

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "users list": ("users", "list"),
    "users list --csv": ("users", "list", "--csv"),
    "users list --json": ("users", "list", "--json"),
    "report calls": ("report", "calls", *FROM),
    "report calls -o /dev/tty": ("report", "calls", *FROM, "-o", "/dev/tty"),
    "export": ("export",),
    "export -o /dev/stdout": ("export", "-o", "/dev/stdout"),
}
AS_JSON: Final = json.dumps(ATTACK)[1:-1]


def answers(command: str) -> tuple[Step, ...]:
    """Return what the dashboard says to a command."""
    if command.startswith("report"):
        return login(), reply(TABLE, Content_Type="text/csv; charset=utf-8")
    return login(), reply(json.dumps({"totalCount": 1, "users": [USER]}))


def installed(directory: Path, far: FarEnd) -> Installation:
    """Return an installation whose archive holds what a caller has sent."""
    installation = Installation(directory, far.url)
    old = directory / "old"
    old.write_text(RECORD)
    installation.call("import", str(old)).check_returncode()
    return installation


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_is_not_commanded_by_others(tmp_path: Path, command: str) -> None:
    """What others wrote is shown on a terminal with its control characters escaped."""
    with FarEnd(*answers(command)) as far:
        installation = installed(tmp_path, far)
        with Terminal(installation.command(*COMMANDS[command]), environment()) as terminal:
            assert terminal.end() == 0, terminal.shown

    assert (AS_JSON if "json" in command else SHOWN) in terminal.shown
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(terminal.shown)
    assert ("Очередь" in terminal.shown) == command.startswith("report")


@pytest.mark.parametrize(
    ("command", "wanted"),
    [("users list --csv", f"Eve {ATTACK}"), ("report calls", TABLE), ("export", RECORD)],
)
def test_a_pipe_gets_the_bytes_as_they_are(tmp_path: Path, command: str, wanted: str) -> None:
    """Programs read what others wrote byte for byte."""
    with FarEnd(*answers(command)) as far:
        installation = installed(tmp_path, far)
        done = subprocess.run(
            installation.command(*COMMANDS[command]),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=30,
            check=True,
        )

    assert wanted.encode() in done.stdout
