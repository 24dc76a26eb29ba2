"""A resync of two million records, killed three times. It takes minutes: set QLOGSHIP_TEST_LONG."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import ExitCode
from qlogship.state.reader import Reader
from tests.support.arrivals import lines_of
from tests.support.backlog import write_backlog
from tests.support.installation import environment
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

RECORDS: Final = 2_000_000
SIZE: Final = 200 * 2**20
KILLED_AT: Final = (0.1, 0.3, 0.6)
"""The parts of all records that are shipped again when the command is killed."""
PATIENCE: Final = 400.0


def fingerprint(texts: Iterable[bytes]) -> tuple[int, int]:
    """Return how many lines there are, and a sum over them that no order changes."""
    count = total = 0
    for text in texts:
        lines = lines_of(text)
        count += len(lines)
        total += sum(map(hash, lines))
    return count, total


def shipped_again(installation: Installation) -> int:
    """Return how many records of the resync under way the dashboard has accepted."""
    with Reader(installation.state) as reader:
        progress = reader.progress()
    return progress.accepted if progress is not None else 0


@pytest.mark.slow
@pytest.mark.skipif("QLOGSHIP_TEST_LONG" not in os.environ, reason="QLOGSHIP_TEST_LONG is not set")
def test_two_million_records_through_three_kills(
    installation: Installation, dashboard: Sandbox
) -> None:
    """Killed at the beginning, in the middle and near the end, it ends with each record once."""
    installation.configure(
        # A clear waits for so long after a kill: what was cut off may be stored until then.
        dashboard={"timeout": 5.0},
        batch={"settle": 5.0, "linger": 15.0},
        log={"level": "warning"},
    )
    with installation.log.open("wb") as log:
        backlog = write_backlog(log, SIZE)
    assert backlog.lines >= RECORDS
    shipped = subprocess.run(
        installation.command("run", "--once", "--flush"), env=environment(), check=False
    )
    assert shipped.returncode == ExitCode.DONE

    for part in KILLED_AT:
        process = subprocess.Popen(
            installation.command("resync", "--yes"),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: shipped_again(installation) >= part * backlog.lines, PATIENCE)  # noqa: B023
        process.kill()
        process.wait()
        assert installation.figures().resync != "idle"
    done = subprocess.run(
        installation.command("resync"), env=environment(), capture_output=True, check=False
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    figures = installation.figures()
    assert figures.shipped.lines == figures.archive.lines == backlog.lines
    assert figures.shipped.calls == backlog.calls
    assert fingerprint(dashboard.bodies()) == fingerprint([installation.log.read_bytes()])
