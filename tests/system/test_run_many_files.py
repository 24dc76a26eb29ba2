"""Very many rotated files do not stop the service. All 100,000: set QLOGSHIP_TEST_LONG."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.calls import call
from tests.support.notify import Manager
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

LONG: Final = "QLOGSHIP_TEST_LONG" in os.environ
FILES: Final = 100_000 if LONG else 300
NOON: Final = 1_795_411_800
WATCHDOG: Final = 60.0 if LONG else 10.0
"""Seconds; as in the unit."""
PATIENCE: Final = 900.0 if LONG else 30.0


@pytest.mark.slow
def test_the_service_lives_and_archives_beside_very_many_files(
    installation: Installation, dashboard: Sandbox
) -> None:
    """While rotated files come and are read, each ping is in time and live lines are archived.

    `status` answers at once, before all are read and after.
    """
    second = call(2, NOON + 60)
    installation.write(call(1, NOON))
    with (
        Manager() as manager,
        installation.start(**manager.environment(watchdog=WATCHDOG)) as service,
    ):
        service.wait_for("batch_accepted")
        for number in range(FILES):
            when = NOON - FILES + number
            installation.log.with_name(f"queue_log.{number}").write_bytes(
                b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % when
            )
            if number == FILES // 2:
                installation.write(second)
                until(lambda: second in installation.archived(), 15.0, what="the second call")
        began = time.monotonic()
        installation.status()
        answered = time.monotonic() - began
        until(
            lambda: installation.figures().archive.lines >= FILES + 2 * call(1, NOON).count(b"\n"),
            PATIENCE,
            what="all of them",
        )
        installation.write(call(3, NOON + 120))
        until(lambda: installation.figures().shipped.calls == 3, 15.0, what="the third call")
        began = time.monotonic()
        assert installation.status()["source"]["lag_bytes"] == 0
        answered = max(answered, time.monotonic() - began)
        assert answered < (2.0 if LONG else 15.0)
        pings = manager.times("WATCHDOG=1")
        assert all(two - one < WATCHDOG for one, two in pairwise(pings))
        assert ("files_overfull" in installation.troubles()) is LONG
