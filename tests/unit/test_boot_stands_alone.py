"""The boot steps are started beside the packages, where qlogship itself is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_WITHOUT: Final = """
import sys
sys.modules["qlogship"] = None
import tests.boot.steps
"""


def test_the_steps_need_no_qlogship() -> None:
    """What boots a machine and looks at it imports nothing of what it looks at."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
