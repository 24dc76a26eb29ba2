"""Memory does not grow with what there is to ship. It takes a minute: set QLOGSHIP_TEST_LONG."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.backlog import write_backlog
from tests.support.installation import Installation, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backlog import Backlog

MIB: Final = 1 << 20
SMALL: Final = 100 * MIB
LARGE: Final = 1024 * MIB
SLACK: Final = 6.0
"""MiB that two runs may differ by, for other reasons than the size of their backlog."""
# Linux counts what a process was before it became the program (setmax_mm_hiwater_rss in fs/exec.c):
# pytest is larger than what is measured here, so a small process stands between.
MEASURE: Final = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
SINK: Final = Path(__file__).parents[1] / "bench" / "sink.py"


@pytest.fixture
def sink() -> Iterator[str]:
    """Return the address of a dashboard that takes everything and keeps nothing."""
    with subprocess.Popen(
        [sys.executable, SINK], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def peak(directory: Path, url: str, size: int) -> tuple[float, Backlog]:
    """Ship a backlog of this size with the service's own round; return the peak RSS in MiB."""
    directory.mkdir()
    installation = Installation(directory, url)
    installation.configure(batch={"settle": 5.0, "linger": 15.0}, log={"level": "warning"})
    with installation.log.open("wb") as file:
        backlog = write_backlog(file, size)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *installation.command("run", "--once", "--flush")],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = installation.figures()
    assert figures.shipped.lines == figures.archive.lines == backlog.lines
    assert figures.archive.bytes == backlog.bytes == installation.log.stat().st_size
    assert figures.archive.calls == backlog.calls
    installation.log.unlink()
    return int(done.stdout) / 1024, backlog


@pytest.mark.slow
@pytest.mark.skipif("QLOGSHIP_TEST_LONG" not in os.environ, reason="QLOGSHIP_TEST_LONG is not set")
def test_memory_is_the_same_for_a_small_and_a_large_backlog(tmp_path: Path, sink: str) -> None:
    """More than ten million records take no more memory than the first million."""
    small, _ = peak(tmp_path / "small", sink, SMALL)
    large, backlog = peak(tmp_path / "large", sink, LARGE)
    assert backlog.lines >= 10_000_000
    assert large - small <= SLACK, f"{small:.1f} MiB, then {large:.1f} MiB"
