"""The first start after quiet days: a call that is open then leaves whole, with all that follows.

The records before it are older than `batch.hold`, so its time is far ahead of them all,
as a false one would be.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from tests.support.arrivals import calls_in, lines_of
from tests.support.calls import call
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from pathlib import Path

EPOCH: Final = 1_795_411_800
DAY: Final = 86_400
QUIET: Final = 3 * DAY
BATCH: Final[dict[str, Any]] = {"settle": 5.0, "linger": 3.0}


class Morning:
    """A service that is started for the first time in the morning after quiet days."""

    def __init__(self, directory: Path, before: bytes, **batch: float) -> None:
        self.bodies: list[bytes] = []
        self.clock = Clock(EPOCH)
        self.path = directory / "log" / "queue_log"
        self.path.parent.mkdir()
        self.path.write_bytes(before)
        self.touch(EPOCH - QUIET)
        self.service: SteppedService
        self._directory, self._batch = directory, BATCH | batch

    def start(self) -> SteppedService:
        """Start it."""
        self.service = SteppedService(
            self._directory, self.clock, upload=self._take, batch=self._batch
        )
        return self.service

    def _take(self, _filename: str, body: bytes) -> Outcome:
        self.bodies.append(body)
        return Outcome(Verdict.ACCEPTED, len(calls_in(body)), None, 200, "", "")

    def touch(self, at: float) -> None:
        """Let the file have been written to at that time."""
        os.utime(self.path, (at, at))

    def write(self, lines: bytes) -> None:
        """Append to the queue_log now."""
        with self.path.open("ab") as file:
            file.write(lines)
        self.touch(self.clock.wall_now)

    def holds(self, lines: bytes) -> bool:
        """Return whether these lines are held back, and none of them has left."""
        left = b"".join(self.bodies)
        held = self.service.figures().held.lines
        return held == len(lines_of(lines)) and not any(line in left for line in lines_of(lines))


def history(calls: int = 20) -> bytes:
    """Return calls that were over days ago."""
    return b"".join(call(2 * n + 1, EPOCH - QUIET - 60 * (calls - n)) for n in range(calls))


CALLID: Final = b"|%d.999|" % EPOCH
FIRST, *REST = lines_of(call(999, EPOCH))


def goes_on(morning: Morning) -> None:
    """The call that came first goes on and ends, and is uploaded in one piece."""
    rest = b"".join(REST).replace(b"%d|" % EPOCH, b"%d|" % int(morning.clock.wall_now), 2)
    morning.write(rest)
    morning.service.live(30.0)
    assert [body for body in morning.bodies if CALLID in body] == [FIRST + rest]


@pytest.mark.parametrize("calls", [1, 20, 20_000])
def test_a_call_that_came_before_the_start(tmp_path: Path, calls: int) -> None:
    """The last record of the file, of the time the file was written at, is no false one."""
    morning = Morning(tmp_path, history(calls))
    morning.write(FIRST)
    morning.clock.advance(60.0)
    with morning.start() as service:
        service.live(60.0)
        assert morning.holds(FIRST)
        assert sum(len(lines_of(body)) for body in morning.bodies) == 3 * calls
        goes_on(morning)


def test_a_call_that_comes_after_the_start(tmp_path: Path) -> None:
    """The silence before the start counts: nobody waited for records then."""
    morning = Morning(tmp_path, history())
    with morning.start() as service:
        service.live(60.0)
        morning.write(FIRST.replace(b"%d|" % EPOCH, b"%d|" % (EPOCH + 60), 1))
        service.live(600.0)
        assert service.figures().held.lines == 1
        assert all(CALLID not in body for body in morning.bodies)


def test_after_a_crash_before_anything_was_sent(tmp_path: Path) -> None:
    """What was archived and never looked at is judged as at the first start."""
    morning = Morning(tmp_path, history(), linger=3_600.0)
    morning.write(FIRST)
    with morning.start() as service:
        service.live(60.0)
        assert morning.bodies == []
        service.crash(batch={"linger": 3.0})
        service.live(60.0)
        assert morning.holds(FIRST)
        goes_on(morning)


def test_rotated_away_just_before_the_start(tmp_path: Path) -> None:
    """The file that it stands in has another name, and the new one is empty."""
    morning = Morning(tmp_path, history())
    morning.write(FIRST)
    morning.path.rename(morning.path.with_name("queue_log.1"))
    morning.clock.advance(60.0)
    morning.path.touch()
    morning.touch(EPOCH + 60)
    with morning.start() as service:
        service.live(60.0)
        assert morning.holds(FIRST)


def test_a_false_time_at_the_end(tmp_path: Path) -> None:
    """A time that the file was not written at is doubted: the call before it stays held."""
    false = b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % (EPOCH + 4_000 * DAY)
    morning = Morning(tmp_path, history())
    open_call = call(999, EPOCH, ended=False)
    morning.write(open_call + false)
    with morning.start() as service:
        service.live(60.0)
        assert morning.holds(open_call)
        assert any(false in body for body in morning.bodies)


def test_a_file_from_the_future(tmp_path: Path) -> None:
    """Where the machine's clock was wrong, the time of the file proves nothing."""
    ahead = 4_000 * DAY
    morning = Morning(tmp_path, history())
    open_call = call(999, EPOCH, ended=False)
    morning.write(open_call + b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % (EPOCH + ahead))
    morning.touch(EPOCH + ahead)
    with morning.start() as service:
        service.live(60.0)
        assert morning.holds(open_call)
