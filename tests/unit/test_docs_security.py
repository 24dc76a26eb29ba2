"""The page on attackers: what it says is tested is tested."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.boot.steps import STEPS

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| **")
]


def test_each_attacker_is_told_in_full() -> None:
    """Each row has all six cells: attacker, has, wants, what stands against it, tests, accepted."""
    assert ROWS
    for row in ROWS:
        assert len(row) == 6, row
        assert all(row), row


def test_each_named_test_exists() -> None:
    """Each attacker is played by a test, and each test and step that is named is there."""
    steps = {f"boot: {step.__name__}" for step in STEPS}
    tests = {
        one.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for one in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(one, ast.FunctionDef)
    }
    for row in ROWS:
        named = [name for name in re.findall(r"`([^`]+)`", row[4]) if not name.startswith(".ci/")]
        assert named, row[0]
        assert set(named) <= tests | steps, (row[0], set(named) - tests - steps)
