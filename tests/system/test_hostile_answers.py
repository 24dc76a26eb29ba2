"""A dashboard that is hostile, or another server at its address: what one command may take."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import ExitCode
from tests.support.installation import Installation, environment
from tests.support.scripted import FarEnd, login, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMORY_MAX = 400 * 1024
"""KiB of memory, the interpreter's own included."""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (lambda: "[" + "{}," * 6_000_000 + "{}]", ExitCode.UNREACHABLE),
        (lambda: "[" + "{}," * 490_000 + "{}]", ExitCode.UNREACHABLE),
        (lambda: '[{"name":"\U0001f4de' + "x" * 20_000_000 + '"}]', ExitCode.UNREACHABLE),
        (lambda: '[{"name":"\U0001f4de' + "x" * 16_000_000 + '"}]', ExitCode.DONE),
        (
            lambda: (
                "[" + ",".join(f'{{"id":{one},"a":[1.5,{{}}]}}' for one in range(1, 99_000)) + "]"
            ),
            ExitCode.DONE,
        ),
    ],
    ids=["values", "fewer values", "text", "less text", "users"],
)
def test_a_list_of_users_takes_little_memory(
    tmp_path: Path, body: Callable[[], str], code: ExitCode
) -> None:
    """Whatever a dashboard sends for a list, the command stays small: it shows it or refuses it."""
    with FarEnd(login(), reply(body()), reply("[]")) as far:
        installation = Installation(tmp_path, far.url)
        installation.prefix = ("sh", "-c", f'ulimit -d {MEMORY_MAX} && exec "$@"', "sh")
        done = subprocess.run(
            installation.command("users", "list", "--json"),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == code, done.stderr
