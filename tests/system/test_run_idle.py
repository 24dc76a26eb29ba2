"""A service that has nothing to do does nothing: it is a guest on a PBX."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.notify import Manager

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
WATCHED: Final = 13.0
"""Seconds: a poll and a bit."""
POLL: Final = 10.0
WATCHDOG: Final = 6.0
SWITCHES: Final = 2
"""Voluntary context switches that one wake-up may take, all threads together."""


def switches(pid: int) -> int:
    """Return how often the threads of a process have gone to sleep by themselves."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def processor_time(pid: int) -> int:
    """Return the ticks of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.alone
@pytest.mark.slow
def test_nothing_wakes_it_but_the_poll_and_the_watchdog(
    installation: Installation, dashboard: Sandbox
) -> None:
    """When all is shipped, it wakes every 10 s to look and for each ping, and for nothing else.

    An open call is held back meanwhile: waiting for it takes no wake-up either. Nor do
    the metrics.
    """
    metrics = installation.directory / "qlogship.prom"
    installation.configure(metrics={"textfile": str(metrics)})
    installation.write(call(1, NOON) + call(3, NOON, ended=False))
    with (
        Manager() as manager,
        installation.start(**manager.environment(watchdog=WATCHDOG)) as service,
    ):
        service.wait_for("batch_accepted")
        manager.wait_for("WATCHDOG=1")
        before, ticks = switches(service.pid), processor_time(service.pid)
        pings = len(manager.times("WATCHDOG=1"))
        time.sleep(WATCHED)  # the one thing that is watched is time itself
        after = switches(service.pid)
        wakeups = WATCHED / POLL + len(manager.times("WATCHDOG=1")) - pings
        assert after - before <= SWITCHES * (wakeups + 1), f"{after - before} for {wakeups}"
        assert processor_time(service.pid) - ticks <= 5
        assert metrics.exists()
        assert service.stop() == ExitCode.DONE
