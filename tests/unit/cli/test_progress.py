"""How much of a download has come, as it is shown."""

from __future__ import annotations

import io

import pytest

from qlogship.cli.progress import Arrival


class Terminal(io.StringIO):
    """Text on a terminal."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


def shown(stream: io.StringIO, *, total: int | None, seconds: int) -> str:
    """Let 1 KiB come each second; return what was shown of it."""
    now = 0.0
    arrival = Arrival(stream, clock=lambda: now)
    for second in range(1, seconds + 1):
        now = second * 1.0
        arrival.show(second * 1024, total)
    arrival.clear()
    return stream.getvalue()


def test_on_a_terminal() -> None:
    """One line is written over, with share and rate, and is gone in the end."""
    lines = shown(Terminal(), total=4096, seconds=2).split("\r\x1b[K")
    assert lines == [
        "",
        "downloading: 1.0 KiB of 4.0 KiB (25 %), 1.0 KiB/s",
        "downloading: 2.0 KiB of 4.0 KiB (50 %), 1.0 KiB/s",
        "",
    ]


@pytest.mark.parametrize(("seconds", "count"), [(59, 0), (60, 1), (125, 2)])
def test_elsewhere(seconds: int, count: int) -> None:
    """A line a minute, and nothing for what is done sooner; the whole may be unknown."""
    lines = shown(io.StringIO(), total=None, seconds=seconds).splitlines()
    assert len(lines) == count
    assert not lines or lines[0] == "downloading: 60.0 KiB, 1.0 KiB/s"


def test_a_short_download_shows_nothing() -> None:
    """What is over at once leaves the terminal as it was."""
    assert shown(Terminal(), total=None, seconds=0) == ""
