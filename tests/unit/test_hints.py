"""What is said is to be typed: nobody's file name becomes a command."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from qlogship.errors import SourceUnreadable
from qlogship.queue_log.recognition import SAMPLE_BYTES
from qlogship.source.files import OpenFile
from qlogship.source.foreign import Passage
from qlogship.wording import typed

PACKAGE = Path(__file__).parents[2] / "qlogship"
NAMES = re.compile(r"\b(?:path|paths|parent|directory|target|made|config)\b")
NEVER_OTHERS = {
    "cli/app.py",  # the words of a command
    "config/rules.py",  # a line of the settings
}


def shown(text: ast.JoinedStr) -> list[str]:
    """Return the expressions between backticks."""
    found, inside = [], False
    for part in text.values:
        if isinstance(part, ast.Constant):
            inside ^= str(part.value).count("`") % 2 == 1
        elif isinstance(part, ast.FormattedValue) and inside:
            found.append(ast.unparse(part.value))
    return found


def test_each_file_name_in_a_command_is_quoted() -> None:
    """A hint with a command shows a file's name through `wording.typed`; put it in there."""
    for module in PACKAGE.rglob("*.py"):
        if str(module.relative_to(PACKAGE)) in NEVER_OTHERS:
            continue
        for node in ast.walk(ast.parse(module.read_bytes())):
            for expression in shown(node) if isinstance(node, ast.JoinedStr) else ():
                assert not NAMES.search(expression) or "typed" in expression, (
                    f"{module}:{getattr(node, 'lineno', 0)}: write typed({expression})"
                )


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "x;reboot", "`reboot`", "it's", "-rf"])
def test_a_name_stays_one_word(name: str) -> None:
    """Whatever a file is called, a shell takes it for one name."""
    assert shlex.split(typed(Path("/log", name))) == [f"/log/{name}"]


def test_a_rotated_file_with_the_name_of_a_command(tmp_path: Path) -> None:
    """What is foreign in a file is looked at by a command that runs nothing else."""
    path = tmp_path / "queue_log.$(reboot)"
    path.write_bytes(b"no record\n" * (SAMPLE_BYTES // 10))
    passage = Passage()
    with OpenFile(path) as file:
        passage.take(file, 0, file.read_lines(0, SAMPLE_BYTES))
    found = passage.passed_over(path)

    assert isinstance(found, SourceUnreadable)
    assert f"'{path}' | head" in (found.hint or "")
