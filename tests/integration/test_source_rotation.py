"""Following through rotations by renaming: every strategy, reloaded or not, watched or not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.support.following import (
    EPOCH,
    LATER,
    ROTATIONS,
    Asterisk,
    Following,
    reload_record,
    rotate_logrotate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

STRATEGIES = sorted(ROTATIONS)


def open_files() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # iterdir would hold it open


# While the service runs


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotation(asterisk: Asterisk, follower: Following, strategy: str) -> None:
    """A rotation with a reload loses nothing and repeats nothing, at once and later."""
    written = asterisk.calls(30)
    follower.read()
    for _ in range(4):
        written += asterisk.calls(2)
        written += asterisk.rotate(strategy)
        written += asterisk.calls(3)
        follower.look_around()
        assert follower.text == written
        follower.wait()

    assert follower.text == written
    assert follower.archived == written


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotation_without_reload(asterisk: Asterisk, follower: Following, strategy: str) -> None:
    """Asterisk writes on to the renamed file: its records are handed out as they come, for days."""
    written = asterisk.calls(3)
    follower.read()
    ROTATIONS[strategy](asterisk.path)
    for _ in range(5):
        written += asterisk.calls(2)
        follower.wait(40_000.0)
        assert follower.text == written

    assert follower.log.restless
    written += asterisk.reload() + asterisk.calls(1)
    follower.read()
    assert follower.text == written


def test_new_file_before_reload(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """With logrotate's `create` the path has a new, empty file while Asterisk has the old one."""
    written = asterisk.calls(3)
    follower.read()
    rotate_logrotate(path)
    path.touch()
    for _ in range(3):
        written += asterisk.calls(2)
        follower.wait()
        assert follower.text == written
    written += asterisk.reload() + asterisk.calls(1)

    follower.wait()
    assert follower.text == written


def test_old_file_before_new(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """What is in the old file comes before what is in the new one, however little is read at once.

    Once Asterisk writes to the new file it writes no more to the old one.
    """
    written = asterisk.calls(20)
    follower.step(limit=100)
    rotate_logrotate(path)
    written += asterisk.calls(5)
    written += asterisk.reload() + asterisk.calls(5)

    follower.look_around(limit=100)
    assert follower.text == written


def test_old_file_that_is_not_open_before_new(follower: Following, path: Path) -> None:
    """Nor does a new file come before the rest of one that was renamed before the start.

    Nobody was there when that was the live one, so it is not open, but Asterisk may write to it
    until the new one is there.
    """
    old = path.with_name(f"{path.name}.1")
    first, rest, new = (reload_record(EPOCH + second) for second in range(3))
    path.unlink(missing_ok=True)
    old.write_bytes(first)
    assert follower.look_around() == first
    with old.open("ab") as out:
        out.write(rest)
    path.write_bytes(new)
    assert follower.look_around() == rest + new


def test_let_go_of_old_file(asterisk: Asterisk, follower: Following) -> None:
    """A rotated file is kept open until it was still for long and the new one is written to."""
    before = open_files()
    asterisk.calls(3)
    follower.read()
    asterisk.rotate("logrotate")
    follower.look_around()
    follower.wait(LATER - 2.0)
    assert follower.log.restless
    follower.wait(2.0)

    assert open_files() == before + 1


def test_late_words(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A record that comes to a rotated file long after it was let go is handed out all the same."""
    other = Asterisk(path, asterisk.records)
    asterisk.calls(3)
    follower.read()
    asterisk.rotate("sequential")
    follower.wait()
    assert not follower.log.restless
    late = other.calls(2)

    assert follower.look_around() == late
    assert follower.wait() == b""
    other.close()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("limit", [70, 500])
def test_rotations_during_backlog(
    asterisk: Asterisk, follower: Following, strategy: str, limit: int
) -> None:
    """Rotations while a backlog is being read change neither what is handed out nor its order."""
    written = asterisk.calls(20)
    for _ in range(4):
        follower.step(limit)
        written += asterisk.rotate(strategy) + asterisk.calls(10)
        follower.log.scan()
        follower.step(limit)
    follower.look_around(limit)
    follower.wait()

    assert follower.text == written


def test_many_rotations_between_two_looks(asterisk: Asterisk, follower: Following) -> None:
    """However many rotations fall between two looks, all files are read, in their order."""
    written = asterisk.calls(3)
    follower.read()
    for _ in range(30):
        written += asterisk.calls(3) + asterisk.rotate("rotate")

    follower.read()
    follower.wait()
    assert follower.text == written


def test_open_files_are_bounded(asterisk: Asterisk, follower: Following) -> None:
    """However often the file is rotated, few files are open, and none after the end."""
    before = open_files()
    written = b""
    for _ in range(60):
        written += asterisk.calls(1)
        follower.read()
        written += asterisk.rotate("sequential")
    follower.read()
    assert open_files() - before <= 20
    follower.wait()
    assert open_files() - before <= 2
    follower.log.close()

    assert open_files() == before
    assert follower.text == written


# While the service is down


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotations_at_first_start(asterisk: Asterisk, follower: Following, strategy: str) -> None:
    """The first start hands out all rotated files by their age, whatever the strategy's numbers."""
    written = asterisk.calls(3)
    for _ in range(12):
        written += asterisk.rotate(strategy) + asterisk.calls(3)

    assert follower.read() == written


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("rotations", [1, 2, 11])
def test_rotations_while_down(
    asterisk: Asterisk, follower: Following, strategy: str, rotations: int
) -> None:
    """Rotations that nobody saw: the rest of the old file, then each newer file, by age."""
    written = asterisk.calls(3) + asterisk.rotate(strategy) + asterisk.calls(30)
    follower.step(limit=1_000)
    follower.step(limit=1_000)
    for _ in range(rotations):
        written += asterisk.rotate(strategy) + asterisk.calls(3)
    follower.restart()

    follower.read(limit=300)
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_old_file_grows_while_down(asterisk: Asterisk, follower: Following, strategy: str) -> None:
    """What Asterisk wrote to the renamed file while the service was down is handed out."""
    written = asterisk.calls(3)
    follower.read()
    follower.log.close()
    ROTATIONS[strategy](asterisk.path)
    written += asterisk.calls(2)
    follower.restart()
    follower.read()
    assert follower.text == written
    written += asterisk.calls(2)
    follower.restart()
    written += asterisk.reload() + asterisk.calls(1)

    follower.look_around()
    assert follower.text == written


@pytest.mark.parametrize("when", ["renamed", "reloaded", "read"])
def test_crash_in_a_rotation(asterisk: Asterisk, follower: Following, when: str) -> None:
    """A crash at any moment of a rotation loses nothing and repeats nothing."""
    written = asterisk.calls(3)
    follower.read()
    written += asterisk.calls(2)
    rotate_logrotate(asterisk.path)
    if when == "renamed":
        follower.crash()
    written += asterisk.calls(1) + asterisk.reload() + asterisk.calls(1)
    if when == "reloaded":
        follower.crash()
    follower.step(limit=100)
    if when == "read":
        follower.crash()
    written += asterisk.calls(1)

    follower.look_around()
    follower.wait()
    assert follower.text == written


def test_names_shift_before_a_file_is_opened(asterisk: Asterisk, follower: Following) -> None:
    """A backlog of several files is read in order though their names shift meanwhile."""
    written = asterisk.calls(10)
    for _ in range(4):
        written += asterisk.rotate("rotate") + asterisk.calls(10)
    for _ in range(6):
        follower.step(limit=200)
        written += asterisk.rotate("rotate") + asterisk.calls(1)
    follower.look_around(limit=200)
    follower.wait()

    assert follower.text == written


def test_name_changes_before_a_file_is_opened(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """A file that is not found by its name at its turn is looked for before newer ones are read."""
    written = asterisk.calls(20) + asterisk.rotate("dateext")
    written += asterisk.calls(20) + asterisk.rotate("dateext") + asterisk.calls(5)
    follower.step(limit=500)  # the first one is being read
    path.with_name("queue_log-20261102").rename(path.with_name("queue_log-20261103"))

    follower.read(limit=500)
    follower.wait()
    assert follower.text == written


# The end of a rotated file


def test_torn_rest(asterisk: Asterisk, follower: Following) -> None:
    """A rotated file's last line without newline is waited for, then handed out as it is."""
    written = asterisk.calls(2)
    rest = asterisk.write(b"1795411800|1.1|q|NO")
    follower.read()
    fresh = asterisk.rotate("logrotate")
    follower.look_around()
    follower.wait(LATER - 2.0)
    assert follower.text == written + fresh
    assert follower.torn == 0
    follower.wait(2.0)

    assert follower.text == written + fresh + rest
    assert follower.archived == written + fresh + rest + b"\n"
    assert follower.torn == 1
    follower.restart()
    assert follower.wait() == b""


def test_torn_rest_is_finished(asterisk: Asterisk, follower: Following) -> None:
    """A last line that is finished after the rename is handed out whole."""
    written, last = asterisk.calls(2), asterisk.records.one()
    asterisk.write(last[:30])
    follower.read()
    rotate_logrotate(asterisk.path)
    follower.wait(LATER - 2.0)
    asterisk.write(last[30:])
    written += last + asterisk.reload()

    follower.wait()
    assert follower.text == written
    assert follower.torn == 0


def test_torn_rest_finished_after_it_was_given_up(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """The rest of a line that was already given up is handed out too: no byte is lost."""
    other = Asterisk(path, asterisk.records)
    last = other.records.one()
    written = asterisk.calls(2) + other.write(last[:30])
    follower.read()
    fresh = asterisk.rotate("logrotate")
    follower.wait()
    other.write(last[30:])

    follower.wait()
    assert follower.text == written + fresh + last[30:] or follower.text == (
        written[:-30] + fresh + last
    )
    other.close()


def test_torn_rest_is_young(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A rest is as old as its last byte, however long the renamed file was quiet before."""
    other = Asterisk(path, asterisk.records)
    asterisk.calls(2)
    follower.read()
    rotate_logrotate(path)
    follower.look_around()
    follower.clock.advance(LATER)
    last = other.records.one()
    other.write(last[:30])
    asterisk.reload()
    asterisk.calls(1)
    follower.look_around()
    assert follower.torn == 0
    other.write(last[30:])

    follower.wait()
    assert last in follower.text
    assert follower.torn == 0
    other.close()


def test_torn_rest_while_down(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A torn rest of a file that was rotated long before the start is not waited for."""
    written = asterisk.calls(2) + asterisk.write(b"1795411800|1.1|q|NO")
    old = rotate_logrotate(path)
    os.utime(old, (EPOCH, EPOCH))
    written += asterisk.reload()

    assert follower.read() == written
    assert follower.torn == 1


def test_torn_rest_of_a_growing_file(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """That a renamed file was old when it was opened does not make its newest line old."""
    written = asterisk.calls(40)
    old = rotate_logrotate(path)
    os.utime(old, (EPOCH, EPOCH))
    follower.step(limit=300)  # it is open now, and Asterisk writes on to it
    last = asterisk.records.one()
    asterisk.write(last[:30])
    follower.read()
    assert follower.text == written
    asterisk.write(last[30:])

    follower.look_around()
    assert follower.text == written + last
    assert follower.torn == 0


# Which file is which


def test_neighbours(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """Files of other names are no part of the family, whatever they hold."""
    written = asterisk.calls(3)
    names = [
        "supervisor_queue_log",
        "supervisor_queue_log-20261123",
        "queue_logs",
        "queue_logs.1",
        "queue_log2.1",
        "queue_log_custom",
        "queue_log.old",
        "queue_log.bak.1",
        "queue_log~",
        "queue_log.1.swp",
        "queue_log.gz",
        ".queue_log.1",
        "xqueue_log.1",
        "full.1",
    ]
    for name in names:
        path.with_name(name).write_bytes(asterisk.records.many(5))
    path.with_name("queue_log.2").mkdir()
    path.with_name("queue_log.3").symlink_to(path)
    os.mkfifo(path.with_name("queue_log.4"))

    follower.read()
    follower.wait()
    assert follower.text == written
    assert follower.log.damaged == {}


def test_other_name_of_the_queue_log(tmp_path: Path) -> None:
    """A queue_log of another name (queue_log_name) has its own family."""
    path = tmp_path / "queues.log"
    asterisk = Asterisk(path)
    (tmp_path / "queue_log.1").write_bytes(asterisk.records.many(3))
    written = asterisk.calls(3) + asterisk.rotate("dateext") + asterisk.calls(1)
    follower = Following(path)

    assert follower.read() == written
    follower.close()
    asterisk.close()


def test_name_that_is_no_text(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A name in another charset (here "copy" in CP1251) does not stop the service."""
    written = asterisk.calls(30)
    follower.read()
    path.with_name(os.fsdecode(b"queue_log.\xea\xee\xef\xe8\xff")).write_bytes(written)
    written += asterisk.rotate("logrotate") + asterisk.calls(1)

    follower.look_around()
    follower.wait()
    assert follower.text == written


def test_renamed_by_hand(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A file that was followed is read on under a name that no rotation makes (queue_log.old)."""
    written = asterisk.calls(30)
    follower.step(limit=500)
    path.rename(path.with_name("queue_log.old"))
    written += asterisk.calls(1) + asterisk.reload()
    follower.restart()

    follower.read()
    follower.wait()
    assert follower.text == written


def test_archives_elsewhere(asterisk: Asterisk, path: Path, tmp_path: Path) -> None:
    """With logrotate's `olddir`, the `archives` globs say where the rotated files are."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "supervisor_queue_log-20261101").write_bytes(asterisk.records.many(3))
    follower = Following(path, archives=[str(old / "*"), str(old / "queue_log*"), "/no/such/*"])
    written = asterisk.calls(20)
    follower.step(limit=500)
    for day in range(3):
        path.rename(old / f"queue_log-2026110{day}")
        written += asterisk.calls(1) + asterisk.reload() + asterisk.calls(3)
    follower.restart()

    follower.read()
    follower.wait()
    assert follower.text == written
    follower.close()


def test_archives_copied_to_another_directory(
    asterisk: Asterisk, path: Path, tmp_path: Path
) -> None:
    """A rotated file that is moved to another file system is a copy, and is not read again."""
    old = tmp_path / "old"
    old.mkdir()
    follower = Following(path, archives=[str(old / "queue_log*")])
    written = asterisk.calls(30)
    follower.read()
    rotated = rotate_logrotate(path)
    written += asterisk.reload()
    follower.wait()
    (old / "queue_log-20261101").write_bytes(rotated.read_bytes())
    follower.look_around()
    rotated.unlink()

    follower.wait()
    follower.restart()
    follower.look_around()
    assert follower.text == written
    follower.close()


@pytest.mark.parametrize("known", [False, True])
def test_one_file_by_two_ways(
    asterisk: Asterisk, path: Path, tmp_path: Path, *, known: bool
) -> None:
    """A file that is found under two names, or through a symlinked directory, is read once."""
    (tmp_path / "way").symlink_to(tmp_path)
    follower = Following(path, archives=[str(tmp_path / "way" / "queue_log*")])
    written = asterisk.calls(30)
    if known:
        follower.step(limit=100)
    written += asterisk.rotate("dateext") + asterisk.calls(3)
    written += asterisk.rotate("dateext") + asterisk.calls(3)
    os.link(tmp_path / "queue_log-20261101", tmp_path / "queue_log-20261031")

    follower.look_around()
    follower.wait()
    assert follower.text == written
    follower.close()


def test_inode_is_used_again(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A new file in the inode of an older one is not taken for it, longer or shorter than that."""
    written = asterisk.calls(20)
    follower.read()
    for count in (40, 3, 20):
        follower.wait()
        follower.log.close()
        inode = path.stat().st_ino
        spare = path.rename(path.with_name("spare"))
        os.truncate(spare, 0)
        spare.rename(path)
        written += asterisk.reload() + asterisk.calls(count)
        assert path.stat().st_ino == inode
        follower.restart()

        follower.read()
        assert follower.text == written


def test_inode_of_an_archive_is_used_again(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """The live file gets the inode that a rotated, deleted one had; both were read once."""
    written = asterisk.calls(20) + asterisk.rotate("logrotate") + asterisk.calls(2)
    follower.read()
    follower.wait()
    spare = path.with_name("queue_log.1").rename(path.with_name("spare"))
    follower.look_around()
    written += asterisk.calls(1)
    rotate_logrotate(path)
    os.truncate(spare, 0)
    spare.rename(path)
    written += asterisk.reload() + asterisk.calls(40)

    follower.look_around()
    follower.wait()
    assert follower.text == written


def test_deleted_while_it_is_still_open(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """A file that is deleted with an unread rest is read to its end while it is open here."""
    written = asterisk.calls(30)
    follower.step(limit=200)
    path.unlink()
    written += asterisk.calls(2)
    follower.look_around(limit=200)
    written += asterisk.reload() + asterisk.calls(1)

    follower.look_around(limit=200)
    follower.wait()
    assert follower.text == written


def test_backlog_deleted_while_it_is_read(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """A rotated file that is deleted while it is being read is read to its end."""
    written = asterisk.calls(30) + asterisk.rotate("logrotate") + asterisk.calls(1)
    follower.step(limit=200)
    path.with_name("queue_log.1").unlink()

    follower.look_around(limit=200)
    assert follower.text == written


def test_backlog_renamed_while_it_is_read(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """A rotated file that is renamed while it is being read is read on where it was."""
    written = asterisk.calls(30) + asterisk.rotate("logrotate") + asterisk.calls(1)
    follower.step(limit=200)
    path.with_name("queue_log.1").rename(path.with_name("queue_log-20261101"))

    follower.look_around(limit=200)
    assert follower.text == written


@pytest.mark.parametrize("restart", [False, True])
def test_same_second(asterisk: Asterisk, follower: Following, path: Path, *, restart: bool) -> None:
    """Two files begun in one second with the same CONFIGRELOAD are two: none hides the other."""
    written = asterisk.calls(2)
    follower.read()
    same = reload_record(EPOCH + 500)
    for count in (0, 0, 3):
        rotate_logrotate(path)
        written += asterisk.reload(record=same)
        written += asterisk.calls(count)
        follower.look_around()
        if restart:
            follower.restart()
    follower.wait()

    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())
    assert follower.text.count(same) == 3


def test_same_second_while_down(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """The same, when all of it happened while nobody looked."""
    written = asterisk.calls(2)
    follower.read()
    same = reload_record(EPOCH + 500)
    for count in (0, 2, 3):
        rotate_logrotate(path)
        written += asterisk.reload(record=same) + asterisk.calls(count)
    follower.restart()

    follower.look_around()
    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())


def test_equal_lines(asterisk: Asterisk, follower: Following) -> None:
    """Equal lines are lines of their own: none is dropped as a repetition."""
    line = reload_record(EPOCH)
    written = asterisk.write(line * 3)
    follower.read()
    written += asterisk.write(line * 3)
    follower.read()
    written += asterisk.rotate("sequential") + asterisk.calls(1)
    follower.restart()

    follower.look_around()
    assert follower.text == written


def test_order_of_the_clock(asterisk: Asterisk, follower: Following) -> None:
    """Within a file the order is that of the file, though the times in it run backwards."""
    records = [reload_record(EPOCH + second) for second in (50, 10, 30, 10, 0)]
    written = asterisk.write(b"".join(records))
    written += asterisk.rotate("sequential")

    assert follower.read() == written


# When names change between look and open


class Swapped(type(Path())):  # type: ignore[misc]
    """A path whose two names are exchanged whenever it was looked at."""

    between: ClassVar[list[tuple[Path, Path]]] = []

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Look, and exchange after that what stands there."""
        found: os.stat_result = super().stat(follow_symlinks=follow_symlinks)
        for one, other in self.between:
            kept = one.with_name("kept")
            one.rename(kept)
            other.rename(one)
            kept.rename(other)
        return found


@pytest.fixture
def swapping() -> Iterator[list[tuple[Path, Path]]]:
    """Return the names that are exchanged after each look; none in the beginning."""
    yield Swapped.between
    Swapped.between.clear()


def test_names_that_change_between_look_and_open(
    asterisk: Asterisk, path: Path, swapping: list[tuple[Path, Path]]
) -> None:
    """A file that is gone when it is looked at and back when it is opened is read once."""
    other = path.with_name("other")
    other.symlink_to("/dev/null")
    follower = Following(Swapped(path))
    try:
        written = asterisk.calls(2)
        follower.read()
        # Each look finds now the one, now the other, and what is opened then is the other one.
        swapping.append((path, other))
        for _ in range(5):
            follower.step()
            follower.step()
        swapping.clear()
        if path.is_symlink():
            path.unlink()
            other.rename(path)
        written += asterisk.calls(3)
        follower.wait()
        assert follower.text == written
    finally:
        follower.close()
