"""Very many rotated files do not stop the service. All 100,000: set QLOGSHIP_TEST_LONG."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import Process
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.access import act_as
from tests.support.calls import call
from tests.support.installation import PROGRAM, Installation
from tests.support.notify import Manager
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.sandbox import Sandbox

LONG: Final = "QLOGSHIP_TEST_LONG" in os.environ
FILES: Final = 100_000 if LONG else 300
NOON: Final = 1_795_411_800
ASTERISK: Final = 61_001
SERVICE: Final = 61_002
WATCHDOG: Final = 20.0
"""Seconds; a third of what the unit allows."""

PATIENCE: Final = 900.0 if LONG else 30.0
SOON: Final = 10.0 if LONG else 15.0
"""Seconds within which a live line is archived."""

PAUSE: Final = 0.2 if LONG else 0.05

AT_ONCE: Final = 0.5
"""Seconds of the processor that `status` may take besides the half second without such files.

The best of some tries counts.
"""


@pytest.fixture
def among(installation: Installation, dashboard: Sandbox) -> Iterator[Installation]:
    """Return an installation whose log directory is Asterisk's user's, if root is at hand.

    The service runs as a user of its own where other users may run this Python.
    """
    if os.geteuid() != 0:
        yield installation
        return
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="qlogship-") as directory:
        Path(directory).chmod(0o755)
        one = Installation(Path(directory), dashboard.url)
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [PROGRAM, "--version"],
                user=SERVICE,
                extra_groups=[],
                capture_output=True,
                check=True,
            )
            one.belong_to(SERVICE)
        one.log.touch()
        for path in (one.log.parent, one.log):
            os.chown(path, ASTERISK, ASTERISK)
        yield one


def as_asterisk(work: Callable[[Path], None], path: Path) -> Process:
    """Let Asterisk's user do this, beside the test; without root, who asks."""

    def done() -> None:
        if os.geteuid() == 0:
            act_as(ASTERISK)
        work(path)

    process = Process(target=done)
    process.start()
    return process


def make_files(path: Path) -> None:
    """Make rotated files of one line, all beside the live one."""
    for number in range(FILES):
        path.with_name(f"queue_log.{number}").write_bytes(
            b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % (NOON - FILES + number)
        )


def remove_files(path: Path) -> None:
    """Remove them."""
    for number in range(FILES):
        path.with_name(f"queue_log.{number}").unlink()


@dataclass
class Neighbour:
    """Calls that come in, and a person who looks: how long each of them waits, in seconds.

    Of the person it is processor time: the machine may have other things to do.
    """

    installation: Installation
    calls: int = 0
    waits: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)

    def ring(self) -> None:
        """Let a call come in, and wait until it is archived."""
        self.calls += 1
        self.installation.write(call(self.calls, NOON + 60 * self.calls))
        size = self.installation.log.stat().st_size
        began = time.monotonic()
        until(lambda: self._archived() == size, PATIENCE, what="a live line")
        self.waits.append(time.monotonic() - began)

    def _archived(self) -> int:
        """Return how much of the live file is archived, without looking at anything else."""
        inode = self.installation.log.stat().st_ino
        with closing(
            sqlite3.connect(f"file:{self.installation.state}/qlogship.db?mode=ro", uri=True)
        ) as database:
            row = database.execute(
                "SELECT coalesce(max(offset), 0) FROM stream WHERE inode = ?", (inode,)
            ).fetchone()
        return int(row[0])

    def look(self) -> None:
        """Ask for the status."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.installation.status()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.answers.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    def lines(self) -> int:
        """Return how many lines are archived."""
        return self.installation.figures().archive.lines

    def wait_for(self, process: Process) -> None:
        """Go on with all that until somebody has finished."""
        while process.is_alive():
            self.ring()
            self.look()
            time.sleep(PAUSE)
        assert process.exitcode == 0


@pytest.mark.slow
def test_the_service_lives_and_archives_beside_very_many_files(
    among: Installation,
) -> None:
    """Asterisk's user makes rotated files while the service runs, and removes them at last.

    While they come, are read and go, each ping is in time, a live line is archived within
    seconds, and `status` answers as without them; that there are absurdly many is said, as
    long as they are there. After a restart it is the same.
    """
    one = Neighbour(among)
    with Manager() as manager:
        environment = manager.environment(watchdog=WATCHDOG)
        with among.start(**environment) as service:
            manager.wait_for("READY=1")
            one.ring()
            for _ in range(3):
                one.look()
            usual, one.answers = min(one.answers), []
            one.wait_for(as_asterisk(make_files, among.log))
            end = time.monotonic() + PATIENCE
            while (lines := one.lines()) < FILES:
                assert time.monotonic() < end, lines
                one.ring()
                one.look()
                time.sleep(10 * PAUSE)
            for _ in range(3):
                one.look()
            assert among.status()["source"]["lag_bytes"] == 0
            assert ("files_overfull" in among.troubles()) is LONG
            service.stop(30.0)
        with among.start(**environment):
            manager.wait_for("READY=1", 2, PATIENCE)
            one.ring()
            one.wait_for(as_asterisk(remove_files, among.log))
            until(lambda: "files_overfull" not in among.troubles(), 60.0, what="they are gone")
            one.ring()
            until(lambda: among.figures().shipped.calls == one.calls, PATIENCE, what="all calls")
            assert one.lines() == FILES + 3 * one.calls
    starts, pings = manager.times("READY=1"), manager.times("WATCHDOG=1")
    moments = pairwise(sorted([*starts, *pings]))
    gaps = [after - before for before, after in moments if after not in starts]
    for name, values in (("live line", one.waits), ("status", one.answers), ("pings", gaps)):
        shortest, longest = min(values, default=0.0), max(values, default=0.0)
        sys.stdout.write(f"{name}: {len(values)}, {shortest:.2f} to {longest:.2f} s\n")
    assert max(one.waits) < SOON
    assert min(one.answers) - usual < AT_ONCE
    assert max(gaps, default=0.0) < WATCHDOG
