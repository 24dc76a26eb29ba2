"""The commands that need the sandbox's libraries, on a machine that has only the service's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qlogship.errors import ExitCode

PROGRAM = Path(sys.executable).with_name("qlogship")
ABSENT = 'raise ModuleNotFoundError(f"No module named {__name__!r}", name=__name__)\n'


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_what_is_missing_is_named_with_the_package(command: str, tmp_path: Path) -> None:
    """Without the sandbox's libraries these commands say which package brings them, and end."""
    for library in ("starlette", "uvicorn", "python_multipart"):
        (tmp_path / f"{library}.py").write_text(ABSENT, encoding="ascii")
    ended = subprocess.run(
        [PROGRAM, command],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == ExitCode.USAGE
    said = " ".join(ended.stderr.split())
    assert said.startswith("error: the sandbox needs the Python package starlette, which is not")
    assert "Install the package qlogship-sandbox" in said
