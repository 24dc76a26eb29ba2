"""Whether another user can read a file, tried on real files."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from qlogship.installation.identity import can_read_as
from tests.support.access import open_to_all

if TYPE_CHECKING:
    from pathlib import Path

ME = pwd.getpwuid(os.geteuid()).pw_name
NOBODY = "nobody"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a queue_log that everybody can read."""
    open_to_all(tmp_path)
    path = tmp_path / "asterisk" / "queue_log"
    path.parent.mkdir(mode=0o755)
    path.write_text("1700000000|NONE|NONE|NONE|QUEUESTART|\n")
    path.chmod(0o644)
    return path


def test_what_can_be_read_has_no_barrier(log: Path) -> None:
    """A file that the user can read, in a directory that the user can list, is fine."""
    assert can_read_as(ME, log) is None


def test_a_missing_file_is_named(log: Path) -> None:
    """A file that does not exist is the problem itself; no right makes it readable."""
    log.unlink()
    barrier = can_read_as(ME, log)
    assert barrier is not None
    assert (barrier.path, barrier.denied) == (log, False)
    assert "does not exist" in barrier.problem


def test_a_directory_is_no_queue_log(log: Path) -> None:
    """What is no regular file is refused without being opened."""
    barrier = can_read_as(ME, log.parent)
    assert barrier is not None
    assert barrier.path == log.parent


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_the_barrier_is_where_the_user_is_stopped(log: Path) -> None:
    """Root finds out as that user: at the file, at its directory, and behind a link."""
    assert can_read_as(NOBODY, log) is None
    log.chmod(0o640)
    at_file = can_read_as(NOBODY, log)
    assert at_file is not None
    assert at_file.path == log
    log.chmod(0o644)
    log.parent.chmod(0o711)
    at_directory = can_read_as(NOBODY, log)
    assert at_directory is not None
    assert (at_directory.path, "list" in at_directory.problem) == (log.parent, True)
    link = log.parent.parent / "linked"
    link.symlink_to(log)
    behind_link = can_read_as(NOBODY, link)
    assert behind_link is not None
    assert behind_link.path == log.parent


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_a_file_of_the_users_group_can_be_read(log: Path) -> None:
    """The groups count as they do for a service of that user."""
    entry = pwd.getpwnam(NOBODY)
    log.chmod(0o640)
    os.chown(log, 0, entry.pw_gid)
    assert can_read_as(NOBODY, log) is None
