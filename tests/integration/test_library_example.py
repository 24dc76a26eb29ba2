"""The example of a program, in docs/team-dashboard.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.sandbox import Sandbox

DOCUMENT = Path(__file__).parents[2] / "docs" / "team-dashboard.md"


def test_the_example_works_as_it_is_printed(tmp_path: Path) -> None:
    """But for the address, the account and its password, which are the reader's own."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## As a library")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    with Sandbox() as sandbox:
        (tmp_path / "password").write_text(f"{sandbox.password}\n")
        program = found[1]
        for theirs, ours in (
            ("https://company.softphone.pro", sandbox.url),
            ("admin@company.ru", sandbox.email),
            ("/etc/qlogship/password", str(tmp_path / "password")),
        ):
            assert theirs in program
            program = program.replace(theirs, ours)
        shown = [
            subprocess.run(
                [sys.executable, "-W", "error", "-c", program],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            ).stdout
            for _ in range(2)
        ]

    size = (tmp_path / "calls.csv").stat().st_size
    listed = "1 admin@example.com ADMIN \n2 anna@company.ru EMPLOYEE Team 1\n"
    assert shown[0] == f"made, with the id 2\n{listed}{size} bytes of calls\n"
    assert shown[1].startswith("not made: 500 ")
