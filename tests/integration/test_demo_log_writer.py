"""The demo's queue_log on disk: written as Asterisk does, rotated as Asterisk does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.demo.log_writer import LogWriter
from qlogship.queue_log.records import entered_calls, time_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


def _family(path: Path) -> list[bytes]:
    """Return the contents of a rotated family, oldest first."""
    numbered = [other for other in path.parent.iterdir() if other != path]
    numbered.sort(key=lambda other: int(other.name.rpartition(".")[2]), reverse=True)
    return [other.read_bytes() for other in [*numbered, path]]


def _stepper(live: LogWriter, clock: Clock) -> Callable[[float], int]:
    def step(seconds: float) -> int:
        clock.now += seconds
        return live.step()

    return step


def test_writes_what_is_due(tmp_path: Path) -> None:
    """A step writes the lines whose time has come, and no others."""
    clock = Clock()
    path = tmp_path / "queue_log"
    with LogWriter(path, clock=clock) as live:
        assert path.read_bytes() == b""
        step = _stepper(live, clock)
        written = step(0) + step(600)
        assert step(0) == 0
        lines = path.read_bytes().splitlines()
        assert len(lines) == written == live.lines
        assert all((time_of(line) or 0) <= clock.now for line in lines)
        assert step(600) > 0


def test_finish(tmp_path: Path) -> None:
    """`finish` writes how every open call ends."""
    clock = Clock()
    path = tmp_path / "queue_log"
    with LogWriter(path, clock=clock) as live:
        _stepper(live, clock)(900)
        before = (live.over, live.seen().going_on > 0)
        live.finish()
        assert before == (False, True)
        assert (live.over, live.seen().going_on) == (True, 0)
        assert live.seen().entered == len(entered_calls(path.read_bytes()))
        assert live.step() == 0


def test_closes_in_time(tmp_path: Path) -> None:
    """After `close`, the open calls end in their own time."""
    clock = Clock()
    with LogWriter(tmp_path / "queue_log", clock=clock, pace=30) as live:
        step = _stepper(live, clock)
        step(60)
        live.close()
        for _ in range(1000):
            step(1)
        assert live.over
        last = (tmp_path / "queue_log").read_bytes().splitlines()[-1]
        assert (time_of(last) or 0) <= clock.now


def test_rotation(tmp_path: Path) -> None:
    """A rotation shifts the older files, and the new one begins with CONFIGRELOAD."""
    clock = Clock()
    path = tmp_path / "queue_log"
    with LogWriter(path, clock=clock) as live:
        step = _stepper(live, clock)
        inodes = []
        for _ in range(3):
            step(300)
            inodes.append(path.stat().st_ino)
            live.rotate()
        step(300)
        assert live.seen().rotations == 3
        assert [(tmp_path / f"queue_log.{age}").stat().st_ino for age in (2, 1, 0)] == inodes
        family = _family(path)
        assert len(family) == 4
        for body in family[1:]:
            assert body.split(b"\n")[0].endswith(b"|NONE|NONE|NONE|CONFIGRELOAD|")
        stamps = [time_of(line) or 0 for line in b"".join(family).splitlines()]
        assert stamps == sorted(stamps)
        assert live.written == b"".join(family)
        assert live.seen().entered == len(entered_calls(bytes(live.written)))


def test_oldest_goes(tmp_path: Path) -> None:
    """Twenty rotated files stay; other files are left alone."""
    (tmp_path / "queue_log-20261123").write_bytes(b"other")
    with LogWriter(tmp_path / "queue_log", clock=Clock()) as live:
        for _ in range(25):
            live.rotate()
    rotated = {f"queue_log.{age}" for age in range(20)}
    assert {path.name for path in tmp_path.iterdir()} == {
        "queue_log",
        "queue_log-20261123",
        *rotated,
    }


def test_appends(tmp_path: Path) -> None:
    """Lines are appended, even after the file was truncated under the writer."""
    clock = Clock()
    path = tmp_path / "queue_log"
    path.write_bytes(b"before\n")
    with LogWriter(path, clock=clock) as live:
        step = _stepper(live, clock)
        step(300)
        assert path.read_bytes().startswith(b"before\n17")
        path.write_bytes(b"")
        step(300)
        assert path.read_bytes().startswith(b"17")
