"""Deadlines and the wish to stop, by a clock that the test moves."""

from __future__ import annotations

import httpcore
import pytest

from qlogship.dashboard.wire import SLICE, Wire


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time it is set to."""
        return self.now


def test_waits_are_cut_at_the_deadline() -> None:
    """No wait is longer than a slice, none goes beyond the deadline, and then time is out."""
    clock = Clock()
    wire = Wire(clock=clock)
    wire.begin(1.0)

    assert wire.wait_at_most(httpcore.ReadTimeout) == SLICE
    clock.now = 100.9
    assert wire.wait_at_most(httpcore.ReadTimeout) == pytest.approx(0.1)
    clock.now = 101.0
    with pytest.raises(httpcore.ReadTimeout, match="not done within 1 s"):
        wire.wait_at_most(httpcore.ReadTimeout)


def test_each_request_has_its_own_deadline() -> None:
    """The next request starts with all of its time, and with nothing sent."""
    clock = Clock()
    wire = Wire(clock=clock)
    wire.begin(1.0)
    wire.sent = True
    clock.now = 200.0
    wire.begin(1.0)

    assert wire.wait_at_most(httpcore.ReadTimeout) == SLICE
    assert not wire.sent


def test_a_download_may_take_long_but_not_stand_still() -> None:
    """Its idle time starts anew with each progress, and the whole time does not."""
    clock = Clock()
    wire = Wire(clock=clock)
    wire.begin(10.0, idle=1.0)
    for _ in range(19):
        clock.now += 0.5
        wire.progressed()
    assert wire.wait_at_most(httpcore.ReadTimeout) == SLICE
    clock.now += 0.5
    with pytest.raises(httpcore.ReadTimeout, match="not done within 10 s"):
        wire.wait_at_most(httpcore.ReadTimeout)

    wire.begin(10.0, idle=1.0)
    clock.now += 0.9
    assert wire.wait_at_most(httpcore.ReadTimeout) == pytest.approx(0.1)
    clock.now += 0.2
    with pytest.raises(httpcore.ReadTimeout, match="nothing came for 1 s"):
        wire.wait_at_most(httpcore.ReadTimeout)


def test_a_stop_is_for_good() -> None:
    """It ends the request under way and every one that comes later."""
    wire = Wire(clock=Clock())
    wire.begin(1.0)
    wire.stop()

    with pytest.raises(httpcore.WriteTimeout, match="stopped on request"):
        wire.wait_at_most(httpcore.WriteTimeout)
    wire.begin(1.0)
    with pytest.raises(httpcore.ConnectTimeout, match="stopped on request"):
        wire.connect_tcp("localhost", 9)
