"""A file that is there whole or not at all: real files."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from qlogship.atomic_file import NewFile

if TYPE_CHECKING:
    from pathlib import Path


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Who reads meanwhile finds the old one; nothing else is left in the directory."""
    target = tmp_path / "page"
    target.write_text("old")
    with NewFile(target) as new:
        new.file.write(b"new")
        assert target.read_text() == "old"
        new.put_in_place()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_without_its_end_nothing_is_left(tmp_path: Path) -> None:
    """Neither of a block that fails nor of one that does not say that the file is complete."""
    with suppress(KeyboardInterrupt), NewFile(tmp_path / "page") as new:
        new.file.write(b"new")
        raise KeyboardInterrupt
    with NewFile(tmp_path / "page"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_nobody_else_can_read_it_at_any_moment(tmp_path: Path, mode: int) -> None:
    """The mode that was asked for holds whatever the umask, before anything is written."""
    before = os.umask(0o777)
    try:
        with NewFile(tmp_path / "page", mode=mode, owner=(os.geteuid(), os.getegid())) as new:
            assert stat.S_IMODE(new.path.stat().st_mode) == mode
            new.put_in_place()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page").stat().st_mode) == mode


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else can read it, whatever the umask; one that is replaced keeps its mode."""
    target = tmp_path / "page"
    before = os.umask(0)
    try:
        for mode in (0o600, 0o604):
            with NewFile(target) as new:
                assert stat.S_IMODE(new.path.stat().st_mode) == mode
                new.put_in_place()
            assert stat.S_IMODE(target.stat().st_mode) == mode
            target.chmod(0o604)
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_what_others_put_in_the_way_opens_nothing(tmp_path: Path) -> None:
    """A file of somebody else is replaced by one that its owner alone can read."""
    target = tmp_path / "page"
    target.touch()
    target.chmod(0o666)
    os.chown(target, 65534, 65534)

    with NewFile(target) as new:
        new.put_in_place()

    assert (target.stat().st_uid, stat.S_IMODE(target.stat().st_mode)) == (0, 0o600)


def test_what_stands_in_the_way_is_removed_and_not_followed(tmp_path: Path) -> None:
    """A file of a run that was killed, or a link that somebody has put there."""
    victim, beside = tmp_path / "victim", tmp_path / ".page.new"
    victim.write_text("precious")
    beside.symlink_to(victim)
    with NewFile(tmp_path / "page", path=beside) as new:
        new.file.write(b"new")
        new.put_in_place()
    assert victim.read_text() == "precious"
    assert (tmp_path / "page").read_text() == "new"
