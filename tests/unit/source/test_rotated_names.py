"""What rotated files are called."""

from __future__ import annotations

import pytest

from qlogship.source.compression import SUFFIXES
from qlogship.source.rotated_names import is_related_name, is_rotated_name
from tests.fixtures.queue_log import TREES

ROTATED = [
    # Asterisk: sequential and rotate, timestamp
    "queue_log.0",
    "queue_log.3",
    "queue_log.52",
    "queue_log.1795411854",
    "queue_log.0.gz",
    "queue_log.1.bz2",
    "queue_log.1795411854.gz",
    # logrotate: FreePBX before 2024, Wazo, Debian, contrib
    "queue_log.1",
    "queue_log.30",
    "queue_log.1.gz",
    "queue_log.2.gz",
    "queue_log.2.xz",
    "queue_log.2.zst",
    # logrotate with dateext: FreePBX 17, Issabel, ATSIP
    "queue_log-20261123",
    "queue_log-20261123.gz",
    "queue_log-20261123.bz2",
    # dateformat
    "queue_log-2026-11-23",
    "queue_log.2026-11-23",
    "queue_log-2026112305",
    "queue_log-20261123-053052",
    "queue_log-20261123T053052",
    "queue_log-2026-11-23_05:30.gz",
    "queue_log-1795411854",
    # rotated by both
    "queue_log.0-20261123",
    "queue_log-20261123.1",
    "queue_log-20261123.1.gz",
]
RELATED = [
    "queue_log.old",
    "queue_log.bak",
    "queue_log-old",
    "queue_log_old",
    "queue_log_1",
    "queue_log_20261123",
    "queue_log_backup.sql",
    "queue_log.1~",
    "queue_log.1.gz.tmp",
    "queue_log.1.swp",
    "queue_log.gz",
    "queue_log-20261123.csv",
    "queue_log-20261123_backup",
    "queue_log.dpkg-old",
    "queue_log.1.Z",  # written by compress(1), which nothing here can unpack
    "queue_log.1.tar.gz",
    "queue_log.copy of 1",
    "queue_log.١",
]
NEIGHBOURS = [
    "queue_log",
    "supervisor_queue_log",
    "supervisor_queue_log-20261123",
    "supervisor_queue_log.1.gz",
    ".queue_log.swp",
    ".queue_log.1.swp",
    "queue_log~",
    "queue_logs",
    "queue_logs.1",
    "queue_log2",
    "queue_log2.1",
    "queue_logger.1",
    "Queue_log.1",
    "xqueue_log.1",
    "queue.log.1",
    "queuelog.1",
    "messages.log.1",
    "full-20261123.gz",
    "queue_log.",
    "queue_log-",
    "",
]


@pytest.mark.parametrize("name", ROTATED)
def test_names_that_rotation_makes(name: str) -> None:
    """What any distribution's rotation makes of queue_log may begin a stream."""
    assert is_rotated_name(name, "queue_log")
    assert is_related_name(name, "queue_log")


@pytest.mark.parametrize("name", RELATED)
def test_names_that_no_rotation_makes(name: str) -> None:
    """A copy under a name of somebody's own may only continue what is known."""
    assert is_related_name(name, "queue_log")
    assert not is_rotated_name(name, "queue_log")


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_names_of_other_files(name: str) -> None:
    """The file itself and its neighbours are none of its rotated files."""
    assert not is_related_name(name, "queue_log")
    assert not is_rotated_name(name, "queue_log")


@pytest.mark.parametrize("base", ["calls.log", "queue+log", "q(1)", "[q]", "очередь", "a.1"])
def test_other_names_of_the_queue_log(base: str) -> None:
    """The file may have any name in logger.conf; its characters mean themselves."""
    assert is_rotated_name(f"{base}.1.gz", base)
    assert is_related_name(f"{base}.old", base)
    assert not is_related_name(base, base)
    assert not is_related_name(f"x{base}.1", base)
    assert not is_related_name("callsxlog.1", base)


@pytest.mark.parametrize("tree", TREES)
def test_names_in_the_real_trees(tree: str) -> None:
    """What Asterisk's three strategies made is found beside the live file, and nothing else."""
    names = [*TREES[tree], "messages.log", "messages.log.0", "cdr-csv", "cdr-custom"]
    found = {name for name in names if is_rotated_name(name, "queue_log")}
    assert found == set(TREES[tree]) - {"queue_log"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_compression_that_is_read(suffix: str) -> None:
    """A rotated file may have the suffix of every compression that can be read."""
    assert is_rotated_name(f"queue_log.1{suffix}", "queue_log")
