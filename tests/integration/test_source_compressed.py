"""Following into compressed files: whole, in the making, damaged; each line still once."""

from __future__ import annotations

import bz2
import gzip
import lzma
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import zstandard

from qlogship.errors import SourceUnreadable
from qlogship.source.files import OpenFile
from qlogship.source.identity import PATIENCE, OpenFiles
from tests.support.following import (
    EPOCH,
    LATER,
    Asterisk,
    Following,
    reload_record,
    rotate_dateext,
    rotate_logrotate,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
SUFFIXES = sorted(PACK)


def packed_name(path: Path, suffix: str) -> Path:
    """Return the name that compression gives to a file."""
    return path.with_name(path.name + suffix)


def pack(path: Path, suffix: str) -> Path:
    """Compress a file as logrotate does: a new file, and the old one goes."""
    packed = packed_name(path, suffix)
    packed.write_bytes(PACK[suffix](path.read_bytes()))
    path.unlink()
    return packed


# Whole files


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("limit", [100, 1 << 20])
def test_archives_at_first_start(
    asterisk: Asterisk, follower: Following, suffix: str, limit: int
) -> None:
    """The first start reads compressed and plain rotated files by their age."""
    written = b""
    for _ in range(6):
        written += asterisk.calls(20)
        old = rotate_logrotate(asterisk.path)
        written += asterisk.reload()
        if old.with_name("queue_log.2").exists():
            pack(old.with_name("queue_log.2"), suffix)
        for number in (3, 4, 5, 6):
            if (older := old.with_name(f"queue_log.{number - 1}{suffix}")).exists():
                older.rename(old.with_name(f"queue_log.{number + 5}{suffix}"))

    assert follower.read(limit) == written
    assert follower.log.damaged == {}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_streams_in_one_file(
    asterisk: Asterisk, follower: Following, path: Path, suffix: str
) -> None:
    """Compressed files that were put together are one text, cut anywhere."""
    text = asterisk.records.many(30)
    parts = [text[:1], text[1:500], b"", text[500:]]
    path.with_name(f"queue_log.1{suffix}").write_bytes(b"".join(map(PACK[suffix], parts)))
    written = text + asterisk.calls(1)

    assert follower.read(limit=100) == written
    assert follower.log.damaged == {}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_restart_within_a_compressed_file(
    asterisk: Asterisk, follower: Following, path: Path, suffix: str
) -> None:
    """A restart within a compressed file goes on at the right byte."""
    text = asterisk.records.many(50)
    path.with_name(f"queue_log.1{suffix}").write_bytes(PACK[suffix](text))
    written = text + asterisk.calls(1)
    for _ in range(5):
        follower.step(limit=300)
        follower.restart()

    follower.read(limit=300)
    assert follower.text == written


def test_big_compressed_file(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A file of many megabytes is read through once, not from its start for each piece."""
    text = asterisk.records.many(100_000)
    path.with_name("queue_log.1.gz").write_bytes(gzip.compress(text, 1))

    assert follower.read(limit=1 << 16) == text


def test_names_say_little(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """What a file is, is told by its bytes: plain text named .gz, gzip without a suffix."""
    plain, packed = asterisk.records.many(3), asterisk.records.many(3)
    path.with_name("queue_log.2.gz").write_bytes(plain)
    path.with_name("queue_log.1").write_bytes(gzip.compress(packed))
    live = asterisk.calls(2)

    assert follower.read() == plain + packed + live


# Compressed after it was followed


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [3, 40, 3_000])
def test_compressed_when_read(
    asterisk: Asterisk, follower: Following, suffix: str, count: int
) -> None:
    """A file that was read to its end and is compressed later is not handed out again."""
    written = asterisk.calls(count)
    follower.read()
    old = rotate_logrotate(asterisk.path)
    written += asterisk.calls(1) + asterisk.reload()
    follower.wait()
    packed = pack(old, suffix)
    follower.wait()
    assert follower.text == written
    follower.restart()
    packed.rename(packed.with_name(f"queue_log.2{suffix}"))

    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("limit", [500, 100_000])
def test_compressed_at_once(
    asterisk: Asterisk, follower: Following, suffix: str, limit: int
) -> None:
    """With compress and without delaycompress the rest of a file is handed out once, not twice.

    It is open here under its old inode, and it is there as a compressed file.
    """
    written = asterisk.calls(50)
    follower.step(limit=500)
    old = rotate_logrotate(asterisk.path)
    written += asterisk.calls(2) + asterisk.reload() + asterisk.calls(1)
    pack(old, suffix)

    follower.look_around(limit)
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compressed_before_it_was_read(
    asterisk: Asterisk, follower: Following, suffix: str
) -> None:
    """The same, when the file was open here and nothing of it had been read."""
    follower.read()
    written = asterisk.calls(5)
    old = rotate_logrotate(asterisk.path)
    written += asterisk.reload()
    pack(old, suffix)

    follower.look_around()
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_torn_rest_compressed_at_once(asterisk: Asterisk, follower: Following, suffix: str) -> None:
    """A rest without newline is handed out once, though it is open here and compressed there."""
    written = asterisk.calls(2)
    follower.read()
    rest = asterisk.write(b"1795411800|1.1|q|NO")
    old = rotate_logrotate(asterisk.path)
    fresh = asterisk.reload()
    pack(old, suffix)
    follower.wait()
    follower.wait()

    assert sorted(follower.text) == sorted(written + rest + fresh)
    assert follower.text.count(rest) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compressed_while_down(asterisk: Asterisk, follower: Following, suffix: str) -> None:
    """A file that was rotated and compressed while the service was down is read on where it was."""
    written = asterisk.calls(50)
    follower.step(limit=500)
    follower.log.close()
    for _ in range(3):
        old = rotate_dateext(asterisk.path)
        written += asterisk.reload() + asterisk.calls(5)
        pack(old, suffix)
    follower.restart()

    follower.read(limit=300)
    follower.wait()
    assert follower.text == written


def test_compressed_while_it_is_read(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A backlog that is compressed while it is being read is read on in the compressed file."""
    written = asterisk.calls(50) + asterisk.rotate("logrotate") + asterisk.calls(1)
    follower.step(limit=500)
    pack(path.with_name("queue_log.1"), ".gz")

    follower.look_around(limit=500)
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("restart", [False, True])
def test_quiet_weekend(asterisk: Asterisk, follower: Following, *, restart: bool) -> None:
    """Files that hold nothing but a CONFIGRELOAD are rotated and compressed; each counts once."""
    written = asterisk.calls(3)
    for _ in range(4):
        follower.look_around()
        old = rotate_dateext(asterisk.path)
        written += asterisk.reload()
        if restart:
            follower.restart()
        follower.wait()
        pack(old, ".gz")
        follower.wait()

    assert follower.text == written


def test_quiet_night_of_agents(asterisk: Asterisk, follower: Following) -> None:
    """The same with agents that log in and pause: a few records of no call, and compressed."""
    asterisk.calls(1)
    follower.read()
    asterisk.rotate("dateext")
    events = b"".join(
        b"%d|NONE|sales|Agent/%d|PAUSE|lunch\n" % (EPOCH + 100 + second, second)
        for second in range(5)
    )
    asterisk.write(events)
    follower.wait()
    old = rotate_dateext(asterisk.path)
    asterisk.reload()
    follower.wait()
    pack(old, ".gz")
    follower.wait()

    assert follower.text.count(b"|PAUSE|") == 5


# In the making


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99])
def test_compression_is_watched(
    asterisk: Asterisk, follower: Following, suffix: str, share: float
) -> None:
    """A compressed file that is seen half-written, of a file that was read, is nothing new."""
    written = asterisk.calls(4_000, data="some more words to make it long")
    follower.read()
    old = rotate_logrotate(asterisk.path)
    written += asterisk.reload()
    follower.wait()
    whole = PACK[suffix](old.read_bytes())
    packed = packed_name(old, suffix)
    packed.write_bytes(whole[: int(share * len(whole))])
    follower.look_around()
    follower.clock.advance(11.0)
    follower.look_around()
    packed.write_bytes(whole)
    old.unlink()

    follower.wait()
    assert follower.text == written
    assert follower.torn == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_first_start_during_compression(
    asterisk: Asterisk, follower: Following, suffix: str, share: float
) -> None:
    """At the first start a file and its half-written compressed copy are one."""
    written = asterisk.calls(4_000, data="some more words to make it long")
    old = rotate_logrotate(asterisk.path)
    written += asterisk.reload()
    whole = PACK[suffix](old.read_bytes())
    packed = packed_name(old, suffix)
    packed.write_bytes(whole[: int(share * len(whole))])
    follower.read()
    packed.write_bytes(whole)
    old.unlink()

    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())
    assert follower.text == written


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_first_start_after_compression(
    asterisk: Asterisk, follower: Following, suffix: str
) -> None:
    """At the first start a file and its whole compressed copy are one, whichever comes first."""
    written = asterisk.calls(20)
    old = rotate_logrotate(asterisk.path)
    written += asterisk.reload()
    packed_name(old, suffix).write_bytes(PACK[suffix](old.read_bytes()))

    follower.read(limit=300)
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compression_of_something_unread(
    asterisk: Asterisk, follower: Following, path: Path, suffix: str
) -> None:
    """Of a half-written file that nobody has read, what is there is handed out, then the rest."""
    text = asterisk.records.many(4_000, data="some more words to make it long")
    whole = PACK[suffix](text)
    packed = path.with_name(f"queue_log.1{suffix}")
    packed.write_bytes(whole[: len(whole) // 2])
    follower.read()
    assert text.startswith(follower.text)
    assert follower.log.damaged == {}
    packed.write_bytes(whole)

    follower.look_around()
    assert follower.text == text
    assert follower.torn == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compression_that_was_cut_off(
    asterisk: Asterisk, follower: Following, path: Path, suffix: str
) -> None:
    """A file that stays half-written is given up after a while with all that can be read."""
    text = asterisk.records.many(4_000, data="some more words to make it long")
    whole = PACK[suffix](text)
    packed = path.with_name(f"queue_log.1{suffix}")
    packed.write_bytes(whole[: len(whole) // 2])
    follower.wait(LATER)
    follower.wait(LATER)
    assert text.startswith(follower.text)
    first = follower.text
    assert follower.wait(LATER) == b""
    follower.restart()
    assert follower.wait(LATER) == b""
    packed.write_bytes(whole)

    follower.wait()
    assert follower.text == text
    assert len(first) <= len(text)


# Damage


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("where", [6, 12, 40, 2_000])
def test_damaged_file(
    asterisk: Asterisk, follower: Following, path: Path, suffix: str, where: int
) -> None:
    """A damaged file stops nothing: it is named as damaged, and all others are read.

    What it gives is given once, also over restarts.
    """
    text = asterisk.records.many(2_000)
    packed = bytearray(PACK[suffix](text))
    for index in range(where, min(where + 30, len(packed))):
        packed[index] ^= 0xFF
    damaged = path.with_name(f"queue_log.1{suffix}")
    damaged.write_bytes(packed)
    live = asterisk.calls(3)
    follower.read()
    follower.wait()

    assert live in follower.text
    assert list(follower.log.damaged) == [str(damaged)]
    error = follower.log.damaged[str(damaged)]
    assert str(damaged) in error.message
    assert error.hint
    before = follower.text
    follower.restart()
    follower.wait()
    assert follower.text == before


@pytest.mark.parametrize("limit", [1_000, 1 << 20])
def test_text_before_the_damage(
    asterisk: Asterisk, follower: Following, path: Path, limit: int
) -> None:
    """What stands well before the damage is handed out, and when the file is restored, the rest."""
    text = asterisk.records.many(30_000)
    whole = bz2.compress(text, 1)  # in blocks of 100,000 bytes, each with a checksum
    packed = path.with_name("queue_log.1.bz2")
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 30] = b"\xff" * 30
    packed.write_bytes(damaged)
    follower.look_around(limit)
    follower.wait()
    assert len(follower.text) > len(text) // 2 - 600_000
    assert text.startswith(follower.text)
    assert list(follower.log.damaged) == [str(packed)]
    packed.write_bytes(whole)

    follower.wait()
    assert follower.text == text
    assert follower.log.damaged == {}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_but_a_beginning(
    asterisk: Asterisk, follower: Following, path: Path, suffix: str
) -> None:
    """A compressed file whose text has no line yet, or never, is no trouble."""
    path.with_name(f"queue_log.1{suffix}").write_bytes(PACK[suffix](b""))
    path.with_name(f"queue_log.2{suffix}").write_bytes(b"")
    path.with_name(f"queue_log.3{suffix}").write_bytes(PACK[suffix](b"x" * 1_000)[:2])
    live = asterisk.calls(3)

    follower.read()
    follower.wait()
    assert follower.text == live


@pytest.mark.parametrize("padding", [512, 100_000])
def test_padding(asterisk: Asterisk, follower: Following, path: Path, padding: int) -> None:
    """Zero bytes after the compressed text, as tapes and power cuts leave them, are no damage."""
    text = asterisk.records.many(30)
    path.with_name("queue_log.1.gz").write_bytes(gzip.compress(text) + b"\0" * padding)

    assert follower.read() == text
    follower.wait()
    assert follower.log.damaged == {}


def test_garbage_behind(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """Other bytes behind the compressed text are named, and the text is handed out whole."""
    text = asterisk.records.many(30)
    path.with_name("queue_log.1.gz").write_bytes(gzip.compress(text) + b"garbage")

    assert follower.read() == text
    assert list(follower.log.damaged) == [str(path.with_name("queue_log.1.gz"))]


def test_zeros_instead(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A compressed file that a power cut left as zeros is no text: nothing of it is archived."""
    path.with_name("queue_log.1.gz").write_bytes(b"\0" * 5_000)
    live = asterisk.calls(3)

    follower.read()
    follower.wait()
    follower.wait()
    assert follower.text == live


def test_same_second_compressed(asterisk: Asterisk, follower: Following) -> None:
    """Two files of one second with the same CONFIGRELOAD, one of them compressed: both count."""
    follower.read()
    same = reload_record(EPOCH + 500)
    written = asterisk.reload(record=same)
    follower.read()
    old = rotate_dateext(asterisk.path)
    written += asterisk.reload(record=same) + asterisk.calls(2)
    follower.look_around()
    pack(old, ".gz")

    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())


# Text of gigabytes in a file of kilobytes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_far_place_is_not_looked_for_without_end(tmp_path: Path, suffix: str) -> None:
    """To find a place takes as long as somebody is patient; to read on from one, as it takes."""
    text = b"1795411800|1795411800.1|sales|NONE|ENTERQUEUE||49|1\n" * 20_000
    path = tmp_path / f"queue_log.1{suffix}"
    path.write_bytes(PACK[suffix](text))
    found = OpenFiles(patience=0.0)

    with closing(found.another(path)) as file, pytest.raises(SourceUnreadable, match="too long"):
        file.read_at(len(text) - 100, 100)
    with closing(OpenFile(path)) as file:
        assert file.read_at(len(text) - 100, 100) == text[-100:]


def test_what_takes_too_long_stops_nothing_and_is_not_forgotten(
    asterisk: Asterisk, follower: Following
) -> None:
    """A file whose rest would take too long to find is named, others are read, and it is later."""
    old = asterisk.calls(10_000)
    packed = pack(rotate_logrotate(asterisk.path), ".gz")
    reload = asterisk.reload()
    follower.step(1 << 18)
    follower.step(1 << 18)
    begun = len(follower.text)
    follower.patience = 0.0
    follower.restart()
    now = asterisk.calls(5)

    assert follower.wait().endswith(now)
    assert len(follower.text) == begun + len(reload + now)
    assert "too long" in str(follower.log.damaged[str(packed)])

    follower.patience = PATIENCE
    follower.restart()
    assert follower.wait()
    assert not follower.log.damaged
    assert sorted(follower.archived.splitlines()) == sorted((old + reload + now).splitlines())


def test_an_end_that_is_far_away_is_not_forgotten(asterisk: Asterisk, follower: Following) -> None:
    """A file with too much of nothing in it is named, and read on after the next start."""
    old = asterisk.calls(100)
    packed = pack(rotate_logrotate(asterisk.path), ".gz")
    last = asterisk.reload() + asterisk.calls(5)
    with packed.open("ab") as file:
        file.write(gzip.compress(b"") * 200_000)
        file.write(gzip.compress(b"1795411800|NONE|NONE|NONE|QUEUESTART|\n"))
    follower.patience = 0.2
    follower.restart()

    assert follower.wait().endswith(last)
    assert "too long" in str(follower.log.damaged[str(packed)])

    follower.patience = PATIENCE
    follower.restart()
    follower.wait()
    assert not follower.log.damaged
    assert follower.archived.count(b"\n") == (old + last).count(b"\n") + 1
