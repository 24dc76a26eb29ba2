"""Very many rotated files: a name costs nothing, so whoever may write there can make them."""

from __future__ import annotations

import gzip
import os
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.source.cursor import Cursor
from qlogship.source.rotated_files import MANY
from qlogship.source.streams import HEAD_BYTES, Kin, Stream, compare, identify
from tests.support import stepped
from tests.support.following import EPOCH, Asterisk, Clock, Following, Records, reload_record
from tests.support.memory import state_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES: Final = 60


class Ticking(Clock):
    """A clock on which each look at it takes some time."""

    def __init__(self, tick: float) -> None:
        super().__init__()
        self.tick = tick

    def monotonic(self) -> float:
        """Return seconds, more at each call."""
        self.advance(self.tick)
        return super().monotonic()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the queue_log is."""
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "queue_log"


@pytest.fixture
def records() -> Records:
    """Return what makes records."""
    return Records()


@pytest.fixture
def follower(path: Path, records: Records) -> Iterator[Following]:
    """Return a follower that has read some rotated files of one line, and a live one."""
    add_files(path, records, FILES)
    path.write_bytes(records.one())
    follower = Following(path)
    follower.read()
    yield follower
    follower.close()


def add_files(path: Path, records: Records, count: int, *, first: int = 1) -> list[Path]:
    """Write rotated files of one line."""
    files = [path.with_name(f"{path.name}.{first + number}") for number in range(count)]
    for file in files:
        file.write_bytes(records.one())
    return files


def test_a_file_that_was_read_is_not_opened_again_under_another_name(
    path: Path, follower: Following
) -> None:
    """`rotate` renames all files each time: what was read is known by device and inode."""
    for number in range(FILES, 0, -1):
        file = path.with_name(f"{path.name}.{number}")
        status = file.stat()
        # It would be found out if anybody looked: the file has another text, and looks the same.
        with file.open("r+b") as out:
            out.write(b"2")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        file.rename(path.with_name(f"{path.name}.{number + 1}"))
    before = follower.rows_written
    assert follower.look_around() == b""
    assert follower.rows_written == before


def test_what_vanished_and_comes_back_is_known(path: Path, follower: Following) -> None:
    """A rotated file that was removed, and is restored later, is not read twice.

    That holds whatever its inode and name, when it was compressed, and after a restart.
    """
    files = [path.with_name(f"{path.name}.{number}") for number in (3, 4)]
    texts = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    assert follower.look_around() == b""
    follower.restart()
    assert follower.look_around() == b""
    path.with_name(f"{path.name}.1001").write_bytes(texts[0])
    path.with_name(f"{path.name}.1002.gz").write_bytes(gzip.compress(texts[1]))
    assert follower.look_around() == b""


def test_the_live_file_does_not_wait_for_files_that_come(
    path: Path, follower: Following, records: Records
) -> None:
    """What comes beside the live file while that is followed is read after its new lines."""
    added = add_files(path, records, FILES, first=1_000)
    line = records.one()
    with path.open("ab") as out:
        out.write(line)
    follower.log.scan()
    piece = follower.step()
    assert piece is not None
    assert piece.data == line
    assert follower.read() == b"".join(file.read_bytes() for file in added)


def test_the_live_file_gets_its_turn_in_a_backlog(
    path: Path, follower: Following, records: Records
) -> None:
    """A line that is written while many new files are read is read among them, at once."""
    add_files(path, records, FILES, first=1_000)
    follower.log.scan()
    for _ in range(5):
        follower.step()
    line = records.one()
    with path.open("ab") as out:
        out.write(line)
    pieces = [follower.step() for _ in range(2)]
    assert line in [piece.data for piece in pieces if piece is not None]


def test_a_restart_lets_no_known_live_file_wait(
    path: Path, follower: Following, records: Records
) -> None:
    """A live file that goes on where it was left goes before files that came meanwhile."""
    added = add_files(path, records, FILES, first=1_000)
    line = records.one()
    with path.open("ab") as out:
        out.write(line)
    follower.restart()
    piece = follower.step()
    assert piece is not None
    assert piece.data == line
    assert follower.read() == b"".join(file.read_bytes() for file in added)


@pytest.mark.parametrize("how", ["renamed", "copied", "cut"])
def test_a_restart_lets_a_replaced_live_file_wait(
    path: Path, follower: Following, records: Records, how: str
) -> None:
    """A live file that is another, or was begun anew, or cut, comes after all rotated files."""
    old = path.read_bytes() + records.one()
    path.write_bytes(old)
    follower.read()
    added = add_files(path, records, FILES, first=1_000)
    rest, line = records.one(), records.one()
    expected = b"".join(file.read_bytes() for file in added)
    if how == "renamed":
        with path.open("ab") as out:
            out.write(rest)
        path.rename(path.with_name(f"{path.name}.999"))
        path.write_bytes(line)
        expected += rest + line
    elif how == "copied":
        path.with_name(f"{path.name}.999").write_bytes(old + rest)
        path.write_bytes(line)
        expected += rest + line
    else:
        path.write_bytes(old[: old.index(b"\n") + 1] + line)
        expected += line
    follower.restart()
    assert sorted(follower.read().splitlines()) == sorted(expected.splitlines())
    assert follower.text.endswith(line)


def test_a_backlog_gets_its_turn_beside_a_busy_live_file(
    path: Path, follower: Following, records: Records
) -> None:
    """Rotated files are read on although each look finds new lines of the live one."""
    added = add_files(path, records, FILES, first=1_000)
    follower.log.scan()
    for _ in range(2 * FILES + 2):
        with path.open("ab") as out:
            out.write(records.one())
        follower.step()
    assert all(file.read_bytes() in follower.archived for file in added)


def test_a_look_goes_on_in_slices(path: Path, records: Records) -> None:
    """No step takes long, however many files there are; each is read once, oldest first."""
    clock = Ticking(0.05)
    added = add_files(path, records, FILES)
    path.write_bytes(records.one())
    follower = Following(path, clock=clock)
    steps = 0
    while True:
        began = clock.monotonic()
        piece = follower.step()
        assert clock.monotonic() - began < 1.0
        steps += 1
        if piece is None and not follower.log.restless:
            break
    assert follower.text == b"".join(file.read_bytes() for file in [*added, path])
    assert steps > FILES + 10
    follower.close()


def test_names_that_change_all_the_time_hold_nobody_up(
    path: Path, follower: Following, records: Records
) -> None:
    """Files that are exchanged at each look do not keep the live one from being read."""
    asterisk = Asterisk(path, records)
    for number in range(20):
        (one,) = add_files(path, records, 1, first=1_000 + number)
        follower.log.scan()
        follower.step()
        one.unlink(missing_ok=True)
        line = asterisk.calls(1)
        read = [follower.step() for _ in range(4)]
        assert line in [piece.data for piece in read if piece is not None]
    asterisk.close()


def test_streams_that_a_file_is_not_like_are_not_looked_at() -> None:
    """By the index the same stream is found as by comparing a file with each of them."""
    chance = Random(12)
    lines = [
        reload_record(1_795_411_800),
        b"1795411800|1.1|sales|NONE|ENTERQUEUE||1|1\n",
        b"1795411801|1.1|sales|NONE|ABANDON|1|1|7\n",
        b"1795411801|2.1|sales|NONE|ENTERQUEUE||" + b"7" * 90 + b"|1\n",
        b"\xff\xff\n",
        b"\xff" * 70,
    ]

    def text() -> bytes:
        whole = b"".join(chance.choice(lines) for _ in range(chance.randrange(1, 30)))
        return whole[: chance.choice([len(whole), chance.randrange(len(whole)) + 1])]

    db = state_in_memory()
    cursor = Cursor(db)
    for number in range(1, 200):
        head = text()[:HEAD_BYTES]
        cursor.save(Stream(number, head, head[-64:], len(head), 1, number % 150, "/q"))
    known = cursor.streams()
    kinds = set()
    for _ in range(400):
        start = chance.choice([text(), chance.choice(known).head + text()])[:HEAD_BYTES]
        key = 1, chance.randrange(200)
        expected = identify(start, key, known)
        found = identify(start, key, cursor.like(start, key))
        assert found[0] is expected[0]
        # Of some that are as near, either will do.
        assert found[1] == expected[1] or (
            found[1] is not None
            and expected[1] is not None
            and compare(found[1].head, start) is expected[0]
            and expected[0] is not Kin.SAME
        )
        kinds.add(expected[0])
    assert kinds == set(Kin)
    db.close()


def test_a_step_takes_a_limited_number_of_files(tmp_path: Path) -> None:
    """What a step writes is bounded by what it is, not only by time: the disk may be slow."""
    service = stepped.SteppedService(tmp_path, stepped.Clock(EPOCH))
    service.path.parent.mkdir(exist_ok=True)
    records = Records()
    add_files(service.path, records, 1_200)
    service.path.write_bytes(records.one())
    taken, before = [], 0
    while before < 1_201:
        service.shipper.step()
        lines = service.figures().archive.lines
        taken.append(lines - before)
        before = lines
    assert max(taken) <= 500
    service.close()


@pytest.mark.parametrize(
    "beginning", [reload_record(EPOCH), b"%d|1.1|q|NONE|ABANDON|1|1|1\n" % EPOCH]
)
def test_very_many_files_that_begin_alike_are_not_opened_again_and_again(
    path: Path, records: Records, beginning: bytes
) -> None:
    """Whoever makes them all the same, or nearly, costs no more than a few looks at each."""
    for number in range(200):
        rest = b"" if number < 100 else b"%d|1.1|q|NONE|DID|%d\n" % (EPOCH, number)
        path.with_name(f"{path.name}.{number}").write_bytes(beginning + rest)
    path.write_bytes(records.one())
    follower = Following(path)
    text = follower.read()
    assert follower.opened <= 5 * 200
    assert len([line for line in text.split(b"\n") if b"|DID|" in line]) == 100
    assert text.endswith(path.read_bytes())
    follower.close()


def test_many_damaged_files_are_one_trouble(tmp_path: Path) -> None:
    """However many files cannot be read, and however they come and go, it is said once."""
    service = stepped.SteppedService(tmp_path, stepped.Clock(EPOCH))
    service.path.parent.mkdir(exist_ok=True)
    service.path.write_bytes(Records().one())
    files = [service.path.with_name(f"queue_log.{number}.gz") for number in range(1, 100)]
    for file in files:
        file.write_bytes(b"\x1f\x8bno such thing")
        service.shipper.scan()
        service.shipper.step()
    for file in files[3:]:
        file.unlink()
        service.shipper.scan()
        service.shipper.step()
    assert service.log.count("trouble_began") + service.log.count("trouble_ended") <= 12
    assert [kind for kind in service.shipper.troubles if kind.startswith("file")] == ["files"]
    assert "3 files of the queue_log cannot be read" in service.shipper.troubles["files"]
    for file in files[:3]:
        file.unlink()
    service.shipper.scan()
    service.shipper.step()
    assert "files" not in service.shipper.troubles
    service.close()


def test_absurdly_many_rotated_files_are_named(path: Path, follower: Following) -> None:
    """When there are more than any rotation leaves, it is said how many, and what to do."""
    before = follower.log.overfull
    assert before is None
    first = path.with_name(f"{path.name}.1")
    for number in range(MANY):
        os.link(first, path.with_name(f"{path.name}.{10_000 + number}"))
    assert follower.look_around() == b""
    assert follower.log.overfull is not None
    assert f"{MANY + FILES:,} rotated files of {path}" in follower.log.overfull.message
    for number in range(MANY):
        path.with_name(f"{path.name}.{10_000 + number}").unlink()
    follower.look_around()
    after = follower.log.overfull
    assert after is None


@pytest.mark.parametrize("history", ["all", "none"])
def test_files_that_a_short_look_leaves_out_are_found_by_the_next_read(
    path: Path, records: Records, history: str
) -> None:
    """After a look without reading, such as while the disk is full, each file gets its due.

    What rotated files have comes before what the live file has; what `source.history` leaves out
    stays out.
    """
    old = add_files(path, records, 1_100)
    path.write_bytes(records.one())
    follower = Following(path, history=history)
    follower.log.survey()
    line = records.one()
    with path.open("ab") as file:
        file.write(line)
    texts = [file.read_bytes() for file in old]
    found = follower.read() + follower.look_around()
    if history == "none":
        assert found in {b"", line}
    else:
        assert found == b"".join([*texts, path.read_bytes()])
    follower.close()
