"""What holds for all tests: where their files lie, which run apart, how Hypothesis looks.

`HYPOTHESIS_PROFILE` names the profile. The usual one tries the same examples on
every run, so a red test is always the change's doing; `search` looks further,
other ones each time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 1 << 30

# A deadline would measure the machine, not the code.
settings.register_profile("ci", derandomize=True, max_examples=100, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Half of the time was spent on waiting for fsync. What a power cut leaves of a file is tested
# nowhere, and what a kill leaves is the same in memory. TMPDIR, if set, is where files go.
if (
    "TMPDIR" not in os.environ
    and os.access(_MEMORY, os.W_OK | os.X_OK)
    and shutil.disk_usage(_MEMORY).free >= _ROOM
):
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None  # asked for anew


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--alone` choose the tests that want the machine for themselves."""
    parser.addoption("--alone", action="store_true", help="only the tests marked as alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked as alone where others run beside them."""
    only, beside = config.getoption("--alone"), hasattr(config, "workerinput")
    if not only and not beside:
        return
    chosen = [item for item in items if (item.get_closest_marker("alone") is not None) == only]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen
