"""Only a queue_log is read: files that are none, and text in one that is of none."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import NotAQueueLog
from tests.support.following import Asterisk, Following

if TYPE_CHECKING:
    from pathlib import Path

FULL = b"[2026-11-28 04:39:34] VERBOSE[812][C-0001] pbx.c: secret=%d in [s@q:1]\n"


def full(number: int) -> bytes:
    """Return so many lines of Asterisk's own log."""
    return b"".join(FULL % one for one in range(number))


@pytest.mark.parametrize(
    "text", [full(1), full(5_000), b"root:x:0:0::/root:/bin/sh\n", b"\x7fELF\0\n\0" * 9_000]
)
def test_a_file_that_is_none_is_not_read(path: Path, follower: Following, text: bytes) -> None:
    """What stands at the path and has no record is trouble with a hint, and not one line leaves."""
    path.write_bytes(text)
    assert follower.read() == b""
    follower.restart()
    assert follower.look_around() == b""
    trouble = follower.log.trouble
    assert isinstance(trouble, NotAQueueLog)
    assert str(path) in trouble.message
    assert trouble.hint.startswith("Set source.path ")
    assert follower.log.survey() == 0


def test_a_true_one_in_its_place_is_read(
    path: Path, asterisk: Asterisk, follower: Following
) -> None:
    """Another log stands at the path for a while: the queue_log before and after it is whole."""
    before = asterisk.calls(3)
    assert follower.read() == before
    own = path.rename(path.with_name("kept"))
    path.write_bytes(full(400))
    assert follower.wait() == b""
    assert "is not a queue_log" in str(follower.log.trouble)
    path.unlink()
    own.rename(path)
    after = asterisk.calls(3)
    assert follower.wait() == after
    assert follower.log.trouble is None
    assert follower.text == before + after


@pytest.mark.parametrize("history", ["current", "none"])
def test_the_first_start_waits_for_a_queue_log(path: Path, history: str) -> None:
    """With another log at the path nothing is skipped for good: the first start is to come."""
    path.write_bytes(full(50))
    follower = Following(path, history=history)
    assert follower.wait() == b""
    path.unlink()
    asterisk = Asterisk(path)
    old = asterisk.calls(2)
    follower.wait()
    new = asterisk.calls(2)
    follower.wait()
    assert follower.text == (old + new if history == "current" else new)
    follower.close()
    asterisk.close()


@pytest.mark.parametrize("limit", [1 << 16, 1 << 20])
@pytest.mark.parametrize("restarts", [False, True])
def test_another_log_is_appended(
    asterisk: Asterisk, follower: Following, limit: int, *, restarts: bool
) -> None:
    """`cat full >> queue_log`: the records before and behind it are read, nothing of it is."""
    own = asterisk.calls(30) + asterisk.write(b"a fragment\n\n")
    follower.read(limit)
    asterisk.write(full(2_000))
    own += asterisk.calls(1)
    asterisk.write(full(300))
    assert b"secret" not in follower.read(limit)
    if restarts:
        follower.restart()
        follower.read(limit)
    assert "not written as a queue_log any more" in str(follower.log.trouble)
    own += asterisk.calls(3)
    follower.read(limit)
    assert follower.log.trouble is None
    assert follower.text == own
    assert follower.log.lag() == 0


def test_what_was_passed_over_stays_said(
    path: Path, asterisk: Asterisk, follower: Following
) -> None:
    """Foreign text with records behind it, met in one look, is named with its place."""
    begin = len(asterisk.calls(3))
    asterisk.write(full(150))
    asterisk.calls(1)
    follower.read()
    said = follower.log.damaged[str(path)]
    assert f"150 lines from byte {begin:,} on" in said.message
    assert "import --any-text" in said.hint


def test_another_log_grows_line_by_line(asterisk: Asterisk, follower: Following) -> None:
    """`tail -f full >> queue_log`: from the hundredth line on, over a restart, nothing is read."""
    asterisk.calls(1)
    for number in range(400):
        asterisk.write(FULL % number)
        follower.read()
        if number == 50:
            follower.restart()
    assert follower.text.count(b"secret") == 99
    assert isinstance(follower.log.trouble, NotAQueueLog)
    assert follower.read() == b""
    last = asterisk.calls(1)
    assert follower.read() == last


@pytest.mark.parametrize("packed", [False, True])
def test_a_rotated_file_that_is_none_is_not_read(
    path: Path, asterisk: Asterisk, follower: Following, *, packed: bool
) -> None:
    """A core dump or another log under a name of the family is named, and left alone."""
    own = asterisk.calls(2)
    dump = path.with_name("queue_log.1.gz" if packed else "queue_log.1")
    dump.write_bytes(gzip.compress(full(500)) if packed else b"\x7fELF" + bytes(range(256)) * 50)
    path.with_name("queue_log.2").write_bytes(full(500))
    assert follower.wait() == own
    assert set(follower.log.damaged) == {str(dump), str(path.with_name("queue_log.2"))}
    follower.restart()
    assert follower.wait() == b""
    assert all(isinstance(error, NotAQueueLog) for error in follower.log.damaged.values())
    assert len(follower.log.damaged) == 2
    dump.unlink()
    follower.wait()
    assert len(follower.log.damaged) == 1


def test_a_rotated_file_that_turned_is_read_as_far_as_it_is_one(
    path: Path, asterisk: Asterisk, follower: Following
) -> None:
    """Of a rotated file with another log in it the records are read."""
    old = asterisk.records.many(5)
    later = asterisk.records.many(5)
    own = asterisk.calls(2)
    path.with_name("queue_log.1").write_bytes(old + full(700) + later)
    assert follower.wait() == old + later + own
    assert "700 lines" in follower.log.damaged[str(path.with_name("queue_log.1"))].message
