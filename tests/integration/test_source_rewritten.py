"""Following a file that is copied, truncated, cut by a power failure, replaced by its copy."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.following import (
    Asterisk,
    Following,
    rotate_dateext,
    rotate_logrotate,
    rotate_sequential,
)

if TYPE_CHECKING:
    from pathlib import Path


def copytruncate(path: Path, name: str = "queue_log.1") -> Path:
    """Do what logrotate's copytruncate does."""
    copy = path.with_name(name)
    shutil.copyfile(path, copy)
    os.truncate(path, 0)
    return copy


def pack(path: Path) -> None:
    """Compress a file: a new one, and the old one goes."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


# copytruncate


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("count", [3, 60])
def test_copytruncate(
    asterisk: Asterisk, follower: Following, *, restart: bool, packed: bool, count: int
) -> None:
    """The copy of what was read is nothing new; the emptied file is read from its beginning."""
    written = b""
    for day in range(3):
        written += asterisk.calls(count)
        follower.read()
        copy = copytruncate(asterisk.path, f"queue_log-2026110{day}")
        if packed:
            pack(copy)
        if restart:
            follower.restart()
        written += asterisk.calls(2)
        follower.look_around()
        follower.wait()
        assert follower.text == written


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("more", [0, 2, 100])
def test_rest_in_the_copy(
    asterisk: Asterisk, follower: Following, *, restart: bool, packed: bool, more: int
) -> None:
    """What was not read before a copytruncate is read from the copy, also if it was compressed."""
    written = asterisk.calls(50)
    follower.step(limit=500)
    copy = copytruncate(asterisk.path)
    if packed:
        pack(copy)
    if restart:
        follower.restart()
    written += asterisk.calls(more)

    follower.read(limit=500)
    follower.wait()
    assert follower.text == written


def test_several_copytruncates_while_down(asterisk: Asterisk, follower: Following) -> None:
    """Several of them while nobody looked: the rest of the first copy, then the others, by age."""
    written = asterisk.calls(50)
    follower.step(limit=500)
    for day in range(4):
        copytruncate(asterisk.path, f"queue_log-2026110{day}")
        written += asterisk.calls(10)
    follower.restart()

    follower.read(limit=500)
    follower.wait()
    assert follower.text == written


def test_copytruncate_of_a_partial_line(asterisk: Asterisk, follower: Following) -> None:
    """A line that is half in the copy and half in the emptied file loses no byte."""
    written, last = asterisk.calls(2), asterisk.records.one()
    asterisk.write(last[:30])
    follower.read()
    copytruncate(asterisk.path)
    rest = asterisk.write(last[30:]) + asterisk.calls(1)

    follower.wait()
    follower.wait()
    assert sorted([last[:30], rest, written]) == sorted(
        [follower.text.replace(written, b"").replace(rest, b""), rest, written]
    )


def test_file_without_calls(asterisk: Asterisk, follower: Following) -> None:
    """A file that holds nothing but a CONFIGRELOAD is copied and truncated: it counts once."""
    written = asterisk.reload()
    follower.read()
    for day in range(3):
        copytruncate(asterisk.path, f"queue_log-2026110{day}")
        follower.look_around()
        written += asterisk.reload()
        follower.wait()

    assert follower.text == written


# Truncated


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 200])
def test_truncated_in_place(
    asterisk: Asterisk, follower: Following, *, restart: bool, count: int
) -> None:
    """A file that was emptied is read from its beginning, shorter, as long, or longer than before.

    Between two looks it may have outgrown the place that was read up to.
    """
    written = asterisk.calls(20)
    follower.read()
    os.truncate(asterisk.path, 0)
    if restart:
        follower.restart()
    written += asterisk.calls(count)
    follower.read()
    assert follower.text == written
    written += asterisk.calls(1)

    follower.wait()
    assert follower.text == written


def test_truncated_with_unread_records(asterisk: Asterisk, follower: Following) -> None:
    """What nobody read before it was truncated is lost, and nothing else."""
    first = asterisk.calls(20)
    piece = follower.step(limit=500)
    assert piece is not None
    os.truncate(asterisk.path, 0)
    second = asterisk.calls(30)
    follower.wait()

    assert follower.text == piece.data + second
    assert first.startswith(piece.data)


@pytest.mark.parametrize("reload", [False, True])
@pytest.mark.parametrize("count", [1, 60])
def test_truncated_and_renamed(
    asterisk: Asterisk, follower: Following, *, reload: bool, count: int
) -> None:
    """A file that was emptied, written to and renamed between two looks is read as the new text."""
    written = asterisk.calls(20)
    follower.read()
    os.truncate(asterisk.path, 0)
    written += asterisk.calls(count)
    rotate_logrotate(asterisk.path)
    if reload:
        written += asterisk.reload()

    follower.look_around()
    follower.wait()
    follower.wait()
    assert follower.text == written


def test_copytruncated_and_renamed(asterisk: Asterisk, follower: Following) -> None:
    """The same after a copytruncate, with a rest in the copy."""
    written = asterisk.calls(20)
    follower.step(limit=500)
    copytruncate(asterisk.path, "queue_log-20261101")
    written += asterisk.calls(40)
    rotate_sequential(asterisk.path)
    written += asterisk.reload() + asterisk.calls(1)

    follower.look_around()
    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())
    assert follower.text == written


@pytest.mark.parametrize("restart", [False, True])
def test_deleted_and_made_anew(
    asterisk: Asterisk, follower: Following, path: Path, *, restart: bool
) -> None:
    """A file that was read, deleted and made anew is read from its beginning."""
    written = asterisk.calls(20)
    for count in (1, 20, 40):
        follower.read()
        path.unlink()
        if restart:
            follower.restart()
        written += asterisk.reload() + asterisk.calls(count)
        follower.look_around()
        assert follower.text == written
    follower.wait()
    assert follower.text == written


# A power cut: the archive was synced, the end of the queue_log was not


@pytest.mark.parametrize("look_first", [False, True])
@pytest.mark.parametrize("then", ["go on", "rotate", "rotate and compress", "rotate twice"])
@pytest.mark.parametrize(
    ("count", "lost"),
    [(10, 25), (10, 120), (10, 300), (60, 1), (60, 25), (60, 60), (60, 2_000), (3_000, 170_000)],
)
def test_power_cut(
    asterisk: Asterisk, follower: Following, *, look_first: bool, then: str, count: int, lost: int
) -> None:
    """The file is shorter than what was read of it, and Asterisk writes on: no loss, no repetition.

    The stump of a cut line and the first line after it make one line in the
    file, and that one is handed out as it is.
    """
    before = asterisk.calls(count)
    follower.read()
    stump = before[: len(before) - lost]
    os.truncate(asterisk.path, len(stump))
    follower.restart()
    if look_first:
        assert follower.read() == b""
    after = stump[stump.rfind(b"\n") + 1 :]
    after += asterisk.write(asterisk.records.one("QUEUESTART")) + asterisk.calls(3)
    if then != "go on":
        old = rotate_dateext(asterisk.path)
        after += asterisk.reload()
        if then == "rotate and compress":
            pack(old)
        if then == "rotate twice":
            rotate_dateext(asterisk.path)
            after += asterisk.reload()

    follower.look_around()
    follower.wait()
    follower.restart()
    follower.wait()
    assert follower.text == before + after


def test_power_cut_to_nothing(asterisk: Asterisk, follower: Following) -> None:
    """A file of which nothing survived is a new one."""
    written = asterisk.calls(30)
    follower.read()
    os.truncate(asterisk.path, 0)
    follower.restart()
    written += asterisk.calls(3)

    follower.wait()
    assert follower.text == written


def test_power_cut_leaves_zeros(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """Where the file system kept the length and lost the bytes, zeros stand: they are one line."""
    before = asterisk.calls(60)
    follower.read()
    kept = before[:2_000]
    kept = kept[: kept.rfind(b"\n") + 1]
    path.write_bytes(kept + b"\0" * (len(before) - len(kept)))
    follower.restart()
    assert follower.read() == b""
    after = b"\0" * (len(before) - len(kept)) + asterisk.calls(3)

    follower.wait()
    assert follower.text == before + after


def test_two_power_cuts(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A second power cut that takes still more of the file repeats nothing either."""
    before = asterisk.calls(60)
    follower.read()
    lines = before.splitlines(keepends=True)
    os.truncate(path, len(b"".join(lines[:50])))
    follower.restart()
    follower.read()
    os.truncate(path, len(b"".join(lines[:40])))
    follower.restart()
    after = asterisk.calls(3)

    follower.wait()
    assert follower.text == before + after


def test_power_cut_after_two_files_took_turns(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """All archived text of a file is compared, though another file was read in between."""
    old = asterisk
    first = old.calls(20)
    follower.read()
    rotate_logrotate(path)
    new = Asterisk(path, old.records)
    live = new.calls(30)
    follower.read()
    first += old.calls(1)
    follower.read()
    live += new.calls(1)
    follower.read()
    assert sorted(follower.text.splitlines()) == sorted((first + live).splitlines())
    so_far = follower.text
    os.truncate(path, len(b"".join(live.splitlines(keepends=True)[:25])))
    follower.restart()
    after = new.calls(3)

    follower.wait()
    assert follower.text == so_far + after
    new.close()


def test_power_cut_after_a_torn_line(asterisk: Asterisk, follower: Following, path: Path) -> None:
    """A newline that the archive put behind a torn record does not spoil the comparison."""
    heap = b"1795411801|1795411801.1|sales|NONE|INFO|" + b"x" * (9 * 1024 * 1024)
    before = asterisk.calls(30) + asterisk.write(heap)
    follower.read()
    before += asterisk.write(b"\n") + asterisk.calls(30)
    follower.read()
    assert follower.torn == 1
    assert follower.text == before
    os.truncate(path, len(before) - 300)
    follower.restart()
    stump = before[:-300]
    after = stump[stump.rfind(b"\n") + 1 :] + asterisk.calls(3)

    follower.wait()
    assert follower.text == before + after


# The file is replaced by a copy of itself


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("limit", [500, 1 << 20])
def test_copied_and_moved(
    asterisk: Asterisk, follower: Following, path: Path, *, restart: bool, limit: int
) -> None:
    """After cp and mv the path has a copy of the file in another inode: nothing of it is new.

    Asterisk writes to the deleted file until it is told to reload.
    """
    written = asterisk.calls(60)
    follower.step(limit)
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.rename(path)
    if restart:
        follower.restart()
        written += asterisk.reload()
    else:
        follower.step(limit)
        written += asterisk.calls(2)
        follower.read(limit)
        written += asterisk.reload()
    written += asterisk.calls(2)

    follower.read(limit)
    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())


@pytest.mark.parametrize("count", [2, 60])
def test_copied_and_moved_with_a_rest(
    asterisk: Asterisk, follower: Following, path: Path, count: int
) -> None:
    """What was not read of the file before it was replaced stands in both, and is read once."""
    follower.read()
    written = asterisk.calls(count)
    follower.step(limit=60)
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.rename(path)
    written += asterisk.calls(1) + asterisk.reload()

    follower.read()
    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())


def test_copy_is_older_than_what_was_read(
    asterisk: Asterisk, follower: Following, path: Path
) -> None:
    """The copy was made before the last records, and they were read: they are not repeated."""
    written = asterisk.calls(60)
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    written += asterisk.calls(5)
    follower.read()
    copy.rename(path)
    follower.read()
    written += asterisk.reload() + asterisk.calls(2)

    follower.wait()
    follower.restart()
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize(
    "restart",
    [
        False,
        pytest.param(True),
    ],
)
def test_moved_and_copied_back(
    asterisk: Asterisk, follower: Following, path: Path, *, restart: bool
) -> None:
    """Asterisk writes on to the renamed file, and a copy of it stands at the path."""
    written = asterisk.calls(60)
    follower.read()
    old = rotate_logrotate(path)
    shutil.copyfile(old, path)
    written += asterisk.calls(2)
    follower.look_around()
    if restart:
        follower.restart()
    written += asterisk.calls(2)
    follower.look_around()
    written += asterisk.reload() + asterisk.calls(2)

    follower.wait()
    follower.wait()
    assert follower.text == written


# Copies that somebody makes and leaves there

COPIES = ["queue_log.bak", "queue_log.old", "queue_log-20261123", "queue_log.9", "queue_log.2026"]


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("count", [3, 60])
@pytest.mark.parametrize("cut", [0, 20])
def test_copy_of_the_live_file(
    asterisk: Asterisk, follower: Following, path: Path, *, name: str, count: int, cut: int
) -> None:
    """A copy of the live file is nothing new, while that is live, rotated, compressed and gone.

    Nor is a copy that was made while a line was being written.
    """
    written = asterisk.calls(count)
    follower.read()
    path.with_name(name).write_bytes(written[: len(written) - cut])
    follower.look_around()
    written += asterisk.calls(3)
    follower.restart()
    follower.wait()
    assert follower.text == written
    old = rotate_dateext(path)
    written += asterisk.reload()
    follower.wait()
    assert follower.text == written
    follower.restart()
    pack(old)
    follower.wait()
    assert follower.text == written
    old.with_name(f"{old.name}.gz").unlink()
    follower.restart()
    follower.wait()
    follower.wait()

    assert follower.text == written


@pytest.mark.parametrize("name", COPIES)
def test_copy_of_a_file_not_read_yet(
    asterisk: Asterisk, follower: Following, path: Path, name: str
) -> None:
    """At the first start the live file and a copy of it are one."""
    written = asterisk.calls(60)
    shutil.copyfile(path, path.with_name(name))
    written += asterisk.calls(3)

    follower.read(limit=500)
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("name", ["queue_log.bak", "queue_log-20261123"])
def test_copy_when_the_live_file_is_gone(
    asterisk: Asterisk, follower: Following, path: Path, name: str
) -> None:
    """What a copy has of a deleted file that was not read to its end is handed out."""
    written = asterisk.calls(60)
    follower.step(limit=500)
    shutil.copyfile(path, path.with_name(name))
    follower.log.close()
    path.unlink()
    follower.restart()

    follower.read()
    assert follower.text == written


@pytest.mark.parametrize("edit", ["first line", "last line"])
def test_edited_file(asterisk: Asterisk, follower: Following, path: Path, edit: str) -> None:
    """Somebody removes a line with an editor: no other line is lost, and the service goes on."""
    written = asterisk.calls(30)
    follower.read()
    lines = written.splitlines(keepends=True)
    copy = path.with_name("copy")
    copy.write_bytes(b"".join(lines[1:] if edit == "first line" else lines[:-1]))
    copy.rename(path)
    follower.read()
    asterisk.reload()
    fresh = asterisk.calls(3)

    follower.wait()
    assert follower.text.endswith(fresh)
    assert set(lines) <= set(follower.text.splitlines(keepends=True))
    if edit == "last line":
        assert follower.text.startswith(written)
        assert follower.text.count(lines[0]) == 1
