"""docs/team-dashboard.md and the commands it tells of: neither knows more than the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from qlogship.reports import command as report
from qlogship.users import command as users
from qlogship.users.csv_file.columns import COLUMNS
from qlogship.users.csv_file.configuration import DEFAULT, PLACEHOLDERS

PAGE: Final = (Path(__file__).parents[2] / "docs" / "team-dashboard.md").read_text()
GROUPS: Final[dict[str, Any]] = {
    "users": get_command(users.app),
    "report": get_command(report.app),
}
# Every command has them, and the README tells of them.
COMMON: Final = {"--config", "-c", "--json", "--help"}
ELSEWHERE: Final = {"qlogship export --to"}


def options(command: Any) -> set[str]:  # noqa: ANN401
    """Return all spellings of the options of a command."""
    return {
        word
        for parameter in command.params
        for word in (*parameter.opts, *parameter.secondary_opts)
        if word.startswith("-")
    }


def command_lines() -> list[list[str]]:
    """Return the command lines on the page: in the blocks, and between backticks."""
    typed = re.findall(r"^\$ (qlogship .*)$", PAGE, re.MULTILINE)
    named = [line for line in re.findall(r"`(qlogship [^`]*)`", PAGE) if line not in ELSEWHERE]
    return [shlex.split(line.replace("…", "")) for line in typed + named]


def test_every_command_line_on_the_page_exists() -> None:
    """Each command that is named there exists, with all of its options."""
    for _, group, *rest in command_lines():
        if group not in GROUPS:
            continue
        command = GROUPS[group].commands[rest[0]]
        given = {word.partition("=")[0] for word in rest if word.startswith("-")}
        assert given - {"--password"} <= options(command), rest


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_is_on_the_page(group: str) -> None:
    """Each command and each of its options is told of."""
    for name, command in GROUPS[group].commands.items():
        assert f"qlogship {group} {name}" in PAGE
        told = {word for word in options(command) if re.search(rf"{word}\b", PAGE)}
        assert options(command) - told - COMMON <= {"--output", "--softphone"}, name


def test_every_option_on_the_page_exists() -> None:
    """What looks like an option is one of some command."""
    known = set().union(
        *(options(command) for group in GROUPS.values() for command in group.commands.values())
    )
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= known | {"--help"}


def test_columns_and_template() -> None:
    """All columns and placeholders are told of; the template is shown as it is built in."""
    assert all(f"`{column}`" in PAGE for column in COLUMNS)
    assert all(f"`@{word}@`" in PAGE for word in PLACEHOLDERS)
    assert f"```\n{DEFAULT}```" in PAGE
