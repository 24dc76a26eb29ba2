"""`source.history`: what the first start takes, and that it is decided once."""

from __future__ import annotations

import gzip
import os
import shutil
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.support.following import Asterisk, Following, rotate_dateext, rotate_logrotate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Follow(Protocol):
    """Start a follower with this history; it is closed after the test."""

    def __call__(self, history: str) -> Following:
        """Start it."""


@pytest.fixture
def follow(path: Path) -> Iterator[Follow]:
    """Return what starts a follower."""
    with ExitStack() as stack:
        yield lambda history: stack.enter_context(closing(Following(path, history=history)))


def pack(path: Path) -> Path:
    """Compress a file: a new one, and the old one goes."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


class Past:
    """Three rotated files, one of them compressed, and a live one."""

    def __init__(self, asterisk: Asterisk) -> None:
        self.rotated = self.live = b""
        for day in range(3):
            self.rotated += self.live + asterisk.calls(20)
            old = rotate_dateext(asterisk.path)
            if day == 1:
                pack(old)
            self.live = asterisk.reload()
        self.live += asterisk.calls(20)


@pytest.mark.parametrize("history", ["all", "current", "none"])
@pytest.mark.parametrize("limit", [300, 1 << 20])
def test_first_start(asterisk: Asterisk, follow: Follow, history: str, limit: int) -> None:
    """The first start takes everything, the live file alone, or only what comes from then on."""
    past = Past(asterisk)
    follower = follow(history)
    expected = {"all": past.rotated + past.live, "current": past.live, "none": b""}[history]

    assert follower.read(limit) == expected
    expected += asterisk.calls(2)
    follower.wait()
    assert follower.text == expected


@pytest.mark.parametrize("history", ["current", "none"])
@pytest.mark.parametrize("restart", [False, True])
def test_later_rotation_of_what_was_skipped(
    asterisk: Asterisk, follow: Follow, path: Path, history: str, *, restart: bool
) -> None:
    """Files that were not wanted stay so when they are renamed, compressed or copied."""
    past = Past(asterisk)
    follower = follow(history)
    follower.read()
    expected = past.live if history == "current" else b""
    plain = path.with_name("queue_log-20261101")
    shutil.copyfile(plain, path.with_name("queue_log-20261131"))
    pack(plain)
    path.with_name("queue_log-20261102.gz").rename(path.with_name("queue_log.7.gz"))
    path.with_name("queue_log-20261103").rename(path.with_name("queue_log.8"))
    if restart:
        follower.restart()
    follower.wait()
    old = rotate_logrotate(path)
    expected += asterisk.calls(1) + asterisk.reload()
    if restart:
        follower.restart()
    follower.wait()
    pack(old)

    follower.wait()
    assert follower.text == expected


@pytest.mark.parametrize("history", ["current", "none"])
def test_crash_at_the_first_start(asterisk: Asterisk, follow: Follow, history: str) -> None:
    """A first start whose work was never written down is a first start again."""
    past = Past(asterisk)
    follower = follow(history)
    follower.crash()
    expected = past.live if history == "current" else b""

    assert follower.read() == expected
    expected += asterisk.calls(1)
    follower.wait()
    assert follower.text == expected


@pytest.mark.parametrize("history", ["current", "none"])
def test_history_is_applied_once(asterisk: Asterisk, follow: Follow, history: str) -> None:
    """Files that are rotated while the service is down later are read, whatever history says."""
    past = Past(asterisk)
    follower = follow(history)
    follower.read()
    expected = past.live if history == "current" else b""
    follower.log.close()
    for _ in range(3):
        expected += asterisk.calls(2)
        old = rotate_dateext(asterisk.path)
        expected += asterisk.reload()
        pack(old)
    follower.restart()

    follower.wait()
    assert follower.text == expected


@pytest.mark.parametrize("history", ["current", "none"])
@pytest.mark.parametrize("name", ["queue_log.1", "queue_log.old"])
def test_asterisk_still_writes_to_a_skipped_file(
    asterisk: Asterisk, follow: Follow, path: Path, history: str, name: str
) -> None:
    """What comes into a renamed file after the first start is wanted, and only that.

    But nobody knows of a file under a name that no rotation makes.
    """
    asterisk.calls(20)
    path.rename(path.with_name(name))
    follower = follow(history)
    follower.read()
    fresh = asterisk.calls(2)
    follower.wait()

    assert follower.text == (fresh if name == "queue_log.1" else b"")


def test_open_fragment(asterisk: Asterisk, follow: Follow) -> None:
    """With `none`, a line that is half there at the first start is handed out whole when it is."""
    asterisk.calls(3)
    last = asterisk.records.one()
    asterisk.write(last[:30])
    follower = follow("none")
    assert follower.read() == b""
    follower.restart()
    fresh = asterisk.write(last[30:]) + asterisk.calls(1)

    assert follower.read() == last + fresh[-len(fresh) + len(last[30:]) :]
    assert follower.torn == 0


def test_nothing_but_a_fragment(asterisk: Asterisk, follow: Follow) -> None:
    """The same when the file holds nothing else."""
    last = asterisk.records.one()
    asterisk.write(last[:30])
    follower = follow("none")
    assert follower.read() == b""
    fresh = asterisk.write(last[30:]) + asterisk.calls(1)

    assert follower.read() == last[:30] + fresh


@pytest.mark.parametrize("history", ["current", "none"])
def test_open_fragment_of_a_skipped_file(
    asterisk: Asterisk, follow: Follow, path: Path, history: str
) -> None:
    """A line of a skipped file that is finished after the start is never handed out torn."""
    asterisk.calls(3)
    last = asterisk.records.one()
    asterisk.write(last[:30])
    path.rename(path.with_name("queue_log.1"))
    follower = follow(history)
    follower.read()
    asterisk.write(last[30:])
    fresh = asterisk.calls(1)
    follower.wait()

    assert follower.text in {fresh, last + fresh}


@pytest.mark.parametrize("history", ["current", "none"])
def test_file_comes_later(asterisk: Asterisk, follow: Follow, path: Path, history: str) -> None:
    """With no file at the first start, all that comes is new."""
    asterisk.calls(3)
    rotate_logrotate(path)
    follower = follow(history)
    assert follower.read() == b""
    asterisk.reload()
    fresh = asterisk.calls(2)

    assert follower.look_around().endswith(fresh)


@pytest.mark.parametrize("history", ["current", "none"])
def test_path_cannot_be_read_at_first(
    asterisk: Asterisk, follow: Follow, path: Path, history: str
) -> None:
    """The first start is the first look that succeeds: a wrong path or right changes nothing."""
    past = Past(asterisk)
    aside = path.rename(path.with_name("aside"))
    path.symlink_to(path)  # as when it may not be read: the system says ELOOP
    follower = follow(history)
    follower.look_around()
    follower.restart()
    follower.look_around()
    path.unlink()
    aside.rename(path)
    follower.look_around()
    fresh = asterisk.calls(2)
    follower.wait()

    assert follower.text == (past.live if history == "current" else b"") + fresh


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
@pytest.mark.parametrize("history", ["current", "none"])
def test_permission_comes_later(
    asterisk: Asterisk, follow: Follow, path: Path, history: str
) -> None:
    """The same for a file that may not be read until the user is put into the right group."""
    past = Past(asterisk)
    path.chmod(0)
    follower = follow(history)
    follower.look_around()
    path.chmod(0o644)
    follower.look_around()
    fresh = asterisk.calls(2)
    follower.wait()

    assert follower.text == (past.live if history == "current" else b"") + fresh


@pytest.mark.parametrize("lost", [100, 1_000])
def test_power_cut_into_what_was_skipped(
    asterisk: Asterisk, follow: Follow, path: Path, lost: int
) -> None:
    """A power cut that takes more than was read brings back nothing that was not wanted."""
    before = asterisk.calls(60)
    follower = follow("none")
    follower.read()
    fresh = asterisk.calls(2)
    follower.read()
    os.truncate(path, len(before) - lost)
    follower.restart()
    follower.look_around()
    fresh += asterisk.write(b"\n") + asterisk.calls(2)
    follower.wait()

    assert before[:500] not in follower.text
    assert follower.text.endswith(fresh[-100:])


@pytest.mark.parametrize("history", ["current", "none"])
def test_skipped_file_without_calls(asterisk: Asterisk, follow: Follow, history: str) -> None:
    """A skipped file that holds nothing but a CONFIGRELOAD stays skipped when it is compressed."""
    asterisk.calls(3)
    rotate_dateext(asterisk.path)
    asterisk.reload()
    old = rotate_dateext(asterisk.path)
    live = asterisk.reload()
    follower = follow(history)
    follower.read()
    pack(old)
    follower.wait()

    assert follower.text == (live if history == "current" else b"")


@pytest.mark.parametrize("old", [b"1795411801|NONE|NON", b"1795411801|NONE|NONE|NONE|X|\n17954"])
def test_a_short_rotated_file_with_a_torn_end(
    asterisk: Asterisk, path: Path, follow: Follow, old: bytes
) -> None:
    """A rotated file of a line or less that was not wanted can be looked at again."""
    rotated = path.with_name("queue_log.1")
    rotated.write_bytes(old)
    live = asterisk.calls(2)
    follower = follow("current")
    assert follower.read() == live

    rotated.rename(path.with_name("queue_log.2"))
    assert follower.look_around() == b""
    assert follower.log.damaged == {}
