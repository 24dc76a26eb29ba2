"""Completion as real shells do it, with the files that the packages install."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.installation import PROGRAM, environment

FILES = Path(__file__).parents[2] / "packaging" / "completions"
DEADLINE = 20.0


def with_program() -> dict[str, str]:
    """Return an environment in which a shell finds the program under test."""
    return environment(PATH=f"{PROGRAM.parent}:{os.environ['PATH']}", TERM="dumb", LC_ALL="C")


def needs(shell: str) -> pytest.MarkDecorator:
    """Skip a test where this machine has no such shell."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell}")


@needs("bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("recon", "reconcile"),
        ("resync --dry", "--dry-run"),
        ("import --ship n", "now"),
        ("status --config ", ""),
    ],
)
def test_bash(typed: str, expected: str) -> None:
    """In bash a command, an option and a choice are completed; else bash offers files."""
    ask = (
        f"source {FILES}/qlogship.bash; words='qlogship {typed}'; COMP_WORDS=($words); "
        '[[ $words == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        '_qlogship qlogship; echo "${COMPREPLY[*]}"; complete -p qlogship'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", ask],
        env=with_program(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [expected, "complete -o default -F _qlogship qlogship"]
    assert done.stderr == ""


@needs("fish")
def test_fish(tmp_path: Path) -> None:
    """In fish an option comes with its meaning, and a file where one is asked for."""
    (tmp_path / "mine.toml").touch()
    asked = ("qlogship resync --dry", "qlogship status --config mi")
    lines = "; ".join(f"complete --do-complete '{line}'" for line in asked)
    done = subprocess.run(
        ["fish", "--no-config", "--command", f"source {FILES}/qlogship.fish; {lines}"],
        env=with_program() | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "--dry-run\tPrint the plan and change nothing.",
        "mine.toml",
    ]


@needs("zsh")
def test_zsh() -> None:
    """In zsh, which loads the file by its name, a command is completed as it is typed."""
    begin = f"fpath=({FILES} $fpath); autoload -U compinit; compinit -u -D; PS1='ready''> '\n"
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover -- becomes the shell
        os.execvpe("zsh", ["zsh", "-f", "-i"], with_program())  # noqa: S606
    try:
        os.write(terminal, begin.encode())
        read_until(terminal, b"ready> ")
        os.write(terminal, b"qlogship recon\t")
        assert b"qlogship reconcile " in read_until(terminal, b"reconcile ")
        os.write(terminal, b"--ht\t")
        assert b"--html " in read_until(terminal, b"--html ")
    finally:
        os.kill(process, 9)
        os.waitpid(process, 0)
        os.close(terminal)


def read_until(terminal: int, end: bytes) -> bytes:
    """Read what a terminal shows until `end` is part of it."""
    shown = b""
    deadline = time.monotonic() + DEADLINE
    while end not in shown:
        rest = deadline - time.monotonic()
        ready, _, _ = select.select([terminal], [], [], max(rest, 0.0))
        assert ready, shown
        shown += os.read(terminal, 4096)
    return shown
