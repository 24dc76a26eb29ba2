"""Files with callers' numbers that a command writes for whoever typed it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from qlogship.cli.app import main
from tests.support.installation import Installation
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD = "1795411800|1.1|q|NONE|ENTERQUEUE||74955550123|1\n"


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Let the umask take nothing away, as on a machine where nobody thought of it."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    """Return the files of a directory with their modes."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


@pytest.mark.parametrize(
    "command",
    [
        ("report", "calls", "--from", "2026-11-01", "--to", "2026-11-02", "-o"),
        ("report", "agent-status", "--from", "2026-11-01", "--to", "2026-11-02", "-o"),
        ("export", "-o"),
        ("reconcile", "--html"),
    ],
    ids=" ".join,
)
def test_a_result_is_its_owners_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Whatever a command writes to a new file, no other user of the machine can read it."""
    results = tmp_path / "results"
    results.mkdir()
    old = tmp_path / "old"
    old.write_text(RECORD)
    with Sandbox() as sandbox:
        config = ("--config", str(Installation(tmp_path, sandbox.url).config))
        assert main(["import", str(old), *config]) == 0
        main([*command, str(results / "result"), *config])

    assert modes(results) == {"result": 0o600}


def test_the_data_of_the_sandbox_are_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else can read the file that the sandbox keeps, nor what SQLite makes beside it.

    A file that an older version left open is closed.
    """
    data = tmp_path / "data"
    for _ in range(2):
        with Sandbox(data=data):
            found = modes(tmp_path)
            assert set(found.values()) == {0o600}, found
            assert len(found) > 1
        data.chmod(0o644)
