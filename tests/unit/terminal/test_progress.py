"""The meter of long work, where there is no terminal to draw on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.terminal.progress import Meter

if TYPE_CHECKING:
    import pytest


class Clock:
    """A clock that is told the time."""

    now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was said on stderr since the last call; stdout is for results."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there is a line at once, and one a minute, with rate and time left."""
    clock = Clock()
    with Meter("shipping", clock=clock) as meter:
        meter.show(0, 12_000)
        for _ in range(60):
            clock.now += 2.0
            meter.show(int(clock.now - 100) * 50, 12_000)
    assert said(capsys) == [
        "shipping: 0 of 12,000 records",
        "shipping: 3,000 of 12,000 records, 50 a second, 3 min left",
        "shipping: 6,000 of 12,000 records, 50 a second, 2 min left",
    ]


def test_patience(capsys: pytest.CaptureFixture[str]) -> None:
    """A patient meter says nothing of what takes less than a minute, file after file."""
    clock = Clock()
    meter = Meter(unit="bytes", patient=True, clock=clock)
    for name, total in (("old.1", 50 << 20), ("old.2.gz", None), ("old.3", 80 << 20)):
        meter.title = name
        with meter:
            for step in range(1, 5):
                clock.now += 10.0
                meter.show(step * 10 << 20, total)
    assert said(capsys) == [
        "old.2.gz: 20.0 MiB, 1.0 MiB/s",
        "old.3: 40.0 MiB of 80.0 MiB, 1.0 MiB/s, 40 s left",
    ]


def test_what_is_done_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A change is said at once, the same words only a minute later."""
    clock = Clock()
    with Meter("shipping", clock=clock) as meter:
        for text in ("waiting", "waiting", "clearing", "clearing"):
            meter.say(text)
            clock.now += 10.0
        clock.now += 60.0
        meter.say("clearing")
    assert said(capsys) == ["waiting", "clearing", "clearing"]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """For output that a program reads nothing is shown."""
    with Meter("shipping", quiet=True) as meter:
        meter.say("waiting")
        meter.show(1, 2)
    assert said(capsys) == []
