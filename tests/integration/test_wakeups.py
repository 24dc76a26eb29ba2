"""Hints from a real file system, through real inotify."""

from __future__ import annotations

import os
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import pytest

from qlogship.service.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROWN, CHANGED = "grown", "changed"


class Watched:
    """A queue_log under watch, and the hints that came."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "queue_log"
        self.path.write_text("first\n")
        self.hints: SimpleQueue[str] = SimpleQueue()
        self.wakeups = Wakeups(
            self.path,
            [],
            grown=lambda: self.hints.put(GROWN),
            changed=lambda: self.hints.put(CHANGED),
        )

    def append(self) -> None:
        """Write a line as Asterisk does."""
        with self.path.open("a") as file:
            file.write("line\n")

    def next_hint(self) -> str:
        """Return the next hint; fail when none comes."""
        try:
            return self.hints.get(timeout=5)
        except Empty:
            pytest.fail("no hint came")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A file under watch."""
    watched = Watched(tmp_path)
    yield watched
    watched.wakeups.close()


def test_growth(watched: Watched) -> None:
    """A line that is appended to the live file is a hint of growth."""
    assert watched.wakeups.complete
    watched.append()
    assert watched.next_hint() == GROWN


@pytest.mark.parametrize("name", ["queue_log.1", "queue_log-20261123.gz"])
def test_rename(watched: Watched, name: str) -> None:
    """A rename within the family is a hint of change, though the file itself is watched too."""
    watched.path.rename(watched.path.with_name(name))
    assert watched.next_hint() == CHANGED


def test_new_file(watched: Watched) -> None:
    """After a rotation the new live file is watched for growth as soon as it is followed."""
    watched.path.rename(watched.path.with_name("queue_log.1"))
    watched.path.write_text("")
    watched.wakeups.follow()
    while watched.hints.qsize():
        watched.hints.get()
    watched.append()
    hints = {watched.next_hint()}
    while GROWN not in hints:
        hints.add(watched.next_hint())


def test_truncation(watched: Watched) -> None:
    """A truncation in place is a hint of growth: the file is to be looked at."""
    os.truncate(watched.path, 0)
    assert watched.next_hint() == GROWN


def test_neighbours(watched: Watched) -> None:
    """What happens to other files of the directory is no hint."""
    for name in ("full", "supervisor_queue_log", "messages.1"):
        neighbour = watched.path.with_name(name)
        neighbour.write_text("busy\n")
        neighbour.rename(neighbour.with_name(name + ".0"))
    watched.append()
    assert watched.next_hint() == GROWN


def test_reading(watched: Watched) -> None:
    """Reading the file is no hint, or every look would call for the next."""
    for _ in range(10):
        watched.path.read_text()
    watched.path.rename(watched.path.with_name("queue_log.1"))
    assert watched.next_hint() == CHANGED


def test_no_directory(tmp_path: Path) -> None:
    """Where there is nothing to watch, the service is told so and lives by its poll."""
    wakeups = Wakeups(tmp_path / "gone" / "queue_log", [], grown=print, changed=print)
    assert not wakeups.complete
    wakeups.close()
