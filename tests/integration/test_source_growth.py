"""Following one file that is only written to: growth, odd bytes, and what the path may be."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import pytest

from qlogship.source.files import unreadable
from tests.support.following import Asterisk, Following

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# Growth


def test_what_stands_there(asterisk: Asterisk, follower: Following) -> None:
    """What the file holds at the first look is handed out byte for byte, and once."""
    written = asterisk.calls(50)

    assert follower.read() == written
    assert follower.read() == b""
    assert follower.archived == written


def test_growth(asterisk: Asterisk, follower: Following) -> None:
    """Whatever is appended is handed out by the next read, and nothing else."""
    for count in (1, 0, 3, 200, 1):
        written = asterisk.calls(count)

        assert follower.read() == written


def test_partial_last_line(asterisk: Asterisk, follower: Following) -> None:
    """A last line without its newline waits, however long, and is then handed out whole."""
    whole, last = asterisk.calls(2), asterisk.records.one()
    asterisk.write(last[:30])

    assert follower.read() == whole
    assert follower.wait(1_000.0) == b""
    asterisk.write(last[30:-1])
    assert follower.wait(1_000.0) == b""
    asterisk.write(b"\n")
    assert follower.read() == last
    assert follower.torn == 0


def test_partial_line_over_restart(asterisk: Asterisk, follower: Following) -> None:
    """A line that is half there at a restart is handed out once, and whole."""
    whole, last = asterisk.calls(2), asterisk.records.one()
    asterisk.write(last[:30])
    follower.read()
    follower.restart()
    asterisk.write(last[30:])

    assert follower.read() == last
    assert follower.text == whole + last


@pytest.mark.parametrize("limit", [1, 7, 59, 60, 61, 1_000, 1 << 20])
def test_any_limit(asterisk: Asterisk, follower: Following, limit: int) -> None:
    """Pieces of any size are whole lines, and together they are the file."""
    written = asterisk.calls(40)

    assert follower.read(limit) == written
    assert all(piece.data.endswith(b"\n") for piece in follower.pieces)
    assert max(len(piece.data) for piece in follower.pieces) <= max(limit, 8 * 60)


@pytest.mark.parametrize("pieces", range(0, 12, 3))
def test_restart_anywhere(asterisk: Asterisk, follower: Following, pieces: int) -> None:
    """A restart between any two pieces neither loses nor repeats a byte."""
    written = asterisk.calls(20)
    for _ in range(pieces):
        follower.step(limit=100)
    follower.restart()
    written += asterisk.calls(5)

    follower.read(limit=100)
    assert follower.text == written


@pytest.mark.parametrize("pieces", range(0, 12, 3))
def test_crash_anywhere(asterisk: Asterisk, follower: Following, pieces: int) -> None:
    """What was handed out and never written down is handed out again."""
    written = asterisk.calls(20)
    follower.step(limit=100)
    follower.crash(limit=100, pieces=pieces)
    written += asterisk.calls(5)

    follower.read(limit=100)
    assert follower.text == written


def test_empty_file(asterisk: Asterisk, follower: Following) -> None:
    """An empty file is no trouble, and what comes into it is handed out."""
    assert follower.read() == b""
    assert follower.log.trouble is None
    written = asterisk.calls(1)
    assert follower.read() == written


# Odd bytes


@pytest.mark.parametrize(
    "odd",
    [
        b"\n",
        b"\n\n\n",
        b"no record at all\n",
        b"1795411800|1.1|q|NONE|ENTERQUEUE||49|1\r\n",
        b"\r\r\n",
        b"\0" * 5_000 + b"\n",
        b"1795411800|1.1|q|NO\0NE|PAUSE|\n",
        b"1795411800|1.1|q|\xd0|CONNECT|1\n",
        "1795411800|1.1|q|Иванов Пётр\u2028\x85|CONNECT|1\n".encode(),
        b"1795412299|113.113|q1|x|E113|mmmm1795412299|140.140|q1|x|E140|mmm\n",
        b"\x0b\x0c\x1c\x1d\x1e\n",
    ],
)
def test_odd_lines(asterisk: Asterisk, follower: Following, odd: bytes) -> None:
    """A line that is no record is handed out as it is, at the beginning and anywhere else."""
    written = asterisk.write(odd) + asterisk.calls(2) + asterisk.write(odd * 2) + asterisk.calls(1)

    assert follower.read(limit=100) == written
    assert follower.archived == written
    follower.restart()
    assert follower.look_around() == b""


@pytest.mark.parametrize("start", [b"\x1f\x8b", b"\x1f\x8b\x08\0", b"BZh9", b"\x28\xb5\x2f\xfd"])
def test_live_file_that_looks_compressed(
    asterisk: Asterisk, follower: Following, start: bytes
) -> None:
    """Asterisk never compresses: the live file is text, whatever its first bytes look like."""
    written = asterisk.write(start + b"|\n") + asterisk.calls(2)

    assert follower.read() == written


@pytest.mark.parametrize("length", [4_096, 8_191, 65_536, 1 << 20, 5_000_000])
@pytest.mark.parametrize("limit", [1_000, 1 << 20])
def test_long_line(asterisk: Asterisk, follower: Following, length: int, limit: int) -> None:
    """A long line is one piece of whole lines, whatever the limit."""
    written = asterisk.calls(1) + asterisk.write(b"x" * length + b"\n") + asterisk.calls(1)

    assert follower.read(limit) == written
    assert follower.torn == 0


def test_no_newline_in_megabytes(asterisk: Asterisk, follower: Following) -> None:
    """Megabytes without a newline stop nothing: a record is handed out, and what follows too."""
    heap = b"1795411801|1795411801.1|sales|NONE|INFO|" + b"x" * (9 * 1024 * 1024)
    written = asterisk.calls(1) + asterisk.write(heap)
    assert len(follower.read()) >= 8 * 1024 * 1024
    follower.restart()
    written += asterisk.write(b"\n") + asterisk.calls(1)

    follower.read()
    assert follower.text == written


def test_megabytes_of_something_else(asterisk: Asterisk, follower: Following) -> None:
    """Megabytes without a newline that are no record are passed over; what follows is not."""
    before = asterisk.calls(1)
    asterisk.write(b"x" * (20 * 1024 * 1024))
    follower.read()
    follower.restart()
    follower.read()
    asterisk.write(b"\n")
    after = asterisk.calls(1)

    follower.read()
    assert follower.text == before + after


# The path


def test_missing_file(path: Path, follower: Following) -> None:
    """A file that is not there is a trouble with the path and a hint, until it comes."""
    assert follower.read() == b""
    trouble = follower.log.trouble
    assert trouble is not None
    assert str(path) in trouble.message
    assert "does not exist" in trouble.message
    assert trouble.hint.startswith("Check ")

    writer = Asterisk(path)
    written = writer.calls(2)
    assert follower.read() == written
    assert follower.log.trouble is None
    writer.close()


def make_loop(path: Path) -> None:
    """Make a symlink to itself: the system says ELOOP, to root as well."""
    path.symlink_to(path)


def make_socket(path: Path) -> None:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def link_to_device(path: Path) -> None:
    """Make a symlink to a device."""
    path.symlink_to("/dev/null")


KINDS: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path.mkdir(), "is a directory"),
    (os.mkfifo, "is a FIFO"),
    (link_to_device, "is a device"),
    (make_loop, os.strerror(errno.ELOOP)),
    (make_socket, "is a socket"),
]


@pytest.mark.parametrize(("make", "words"), KINDS)
def test_no_regular_file(
    path: Path, follower: Following, make: Callable[[Path], object], words: str
) -> None:
    """A path to anything but a file is named as what it is, hangs nothing, and can be mended."""
    make(path)

    assert follower.read() == b""
    trouble = follower.log.trouble
    assert trouble is not None
    assert words in trouble.message
    assert trouble.hint

    path.rename(path.with_name("aside"))
    writer = Asterisk(path)
    written = writer.calls(2)
    assert follower.read() == written
    assert follower.log.trouble is None
    writer.close()


def test_no_hint_opens_a_group(path: Path) -> None:
    """What to do about a file that may not be read is never to join the group that owns it."""
    said = unreadable(path, PermissionError(errno.EACCES, "Permission denied"))
    assert "qlogship check" in said.hint
    assert "group" not in said.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_file(asterisk: Asterisk, path: Path, follower: Following) -> None:
    """A file that may not be read is a trouble that names the remedy, until it may."""
    written = asterisk.calls(2)
    path.chmod(0o200)

    assert follower.read() == b""
    trouble = follower.log.trouble
    assert trouble is not None
    assert "may not be read" in trouble.message
    assert "qlogship check" in trouble.hint
    path.chmod(0o600)
    assert follower.read() == written


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_directory(asterisk: Asterisk, path: Path, follower: Following) -> None:
    """A directory that may not be entered is a trouble, until it may; nothing is lost by it."""
    written = asterisk.calls(2)
    assert follower.read() == written
    path.parent.chmod(0)
    try:
        follower.look_around()
        assert follower.log.trouble is not None
        assert "may not be read" in follower.log.trouble.message
    finally:
        path.parent.chmod(0o700)
    written = asterisk.calls(2)
    assert follower.look_around() == written


@pytest.mark.parametrize(("make", "words"), KINDS)
def test_path_lost_for_a_while(
    asterisk: Asterisk,
    path: Path,
    follower: Following,
    make: Callable[[Path], object],
    words: str,
) -> None:
    """A file that was read, and gives way to something else for a while, is read on."""
    written = asterisk.calls(3)
    assert follower.read() == written
    away = path.rename(path.with_name("away"))
    make(path)
    follower.look_around()
    assert follower.log.trouble is not None
    path.rename(path.with_name("aside"))
    away.rename(path)

    for _ in range(2):
        written += asterisk.calls(2)
        follower.look_around()
        assert follower.text == written
    assert follower.log.trouble is None


def test_symlink(tmp_path: Path, path: Path, follower: Following) -> None:
    """A path that is a symlink is followed, and so is a change of where it leads."""
    first, second = tmp_path / "first", tmp_path / "second"
    path.symlink_to(first)
    one = Asterisk(first)
    written = one.calls(3)
    assert follower.read() == written
    two = Asterisk(second, one.records)
    late, fresh = one.calls(1), two.calls(2)
    path.unlink()
    path.symlink_to(second)

    assert follower.read() == late + fresh
    one.close()
    two.close()


def test_stale_handle(asterisk: Asterisk, path: Path, follower: Following) -> None:
    """A handle that fails, as on a stale mount, is a trouble and no exception; it recovers."""
    written = asterisk.calls(3)
    follower.read()
    live = follower.log._open.live
    assert live is not None
    directory = os.open(path.parent, os.O_RDONLY)
    os.dup2(directory, live.file._handle)  # reading it says EISDIR
    os.close(directory)
    written += asterisk.calls(2)

    follower.read()
    follower.look_around()
    assert follower.text == written
    assert follower.log.trouble is None


# What it says about itself


def test_lag(asterisk: Asterisk, follower: Following) -> None:
    """The lag is what is there and was not handed out, and a survey reads nothing."""
    written = asterisk.calls(10)

    assert follower.log.survey() == len(written)
    assert follower.pieces == []
    piece = follower.step(limit=200)
    assert piece is not None
    assert follower.log.survey() == len(written) - len(piece.data)
    follower.read()
    assert follower.log.survey() == 0
    asterisk.write(b"half a record")
    assert follower.log.survey() == 13


def test_when_it_was_written_to(asterisk: Asterisk, path: Path, follower: Following) -> None:
    """When the file was written to is told by its own time, unless that is still to come."""
    seen = [follower.log.written_at]
    asterisk.calls(1)
    os.utime(path, (1_795_400_000, 1_795_400_000))
    follower.clock.advance(1_795_400_100 - follower.clock.wall())
    follower.read()
    seen.append(follower.log.written_at)
    follower.clock.advance(-200.0)
    seen.append(follower.log.written_at)

    assert seen == [None, 1_795_400_000, None]


def test_changes_are_told_once(asterisk: Asterisk, follower: Following) -> None:
    """What changed is written down with the piece it belongs to, and once."""
    asterisk.calls(1)
    follower.read()
    before = follower.rows_written
    follower.step()
    assert follower.rows_written == before

    asterisk.calls(1)
    piece = follower.step()
    assert piece is not None
    (stream,) = follower.streams()
    assert (stream.id, stream.offset) == (piece.stream, piece.offset + len(piece.data))
    before = follower.rows_written
    follower.step()
    assert follower.rows_written == before
