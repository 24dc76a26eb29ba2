"""This program, started by itself."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from qlogship.installation.program import this_program

if TYPE_CHECKING:
    from pathlib import Path


def test_the_current_directory_has_no_say(tmp_path: Path) -> None:
    """What lies where root happens to stand is not run: neither as qlogship nor as a library."""
    for name in ("qlogship", "typer", "json"):
        module = tmp_path / f"{name}.py"
        module.write_text("raise SystemExit('planted')", encoding="utf-8")

    done = subprocess.run(
        [*this_program(), "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
