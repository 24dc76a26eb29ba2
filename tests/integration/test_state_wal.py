"""A commit that a flaw in the write-ahead log takes back does not go unnoticed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from qlogship.state.wal import lost_commits

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096
HEADER, FRAME = 32, 24 + PAGE
COMMITS = 4


@pytest.fixture
def log(tmp_path: Path) -> bytes:
    """Return the log of a database with some commits of several pages each; the file is there."""
    database = tmp_path / "db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE t (data BLOB)")
        for _ in range(COMMITS):
            connection.execute("INSERT INTO t VALUES (randomblob(?))", (3 * PAGE,))
        kept = database.read_bytes(), database.with_name("db-wal").read_bytes()
    database.write_bytes(kept[0])
    return kept[1]


def rows_and_losses(directory: Path, log: bytes) -> tuple[int, int]:
    """Return how many rows are read with this log, and how many commits were lost."""
    database = directory / "db"
    database.with_name("db-wal").write_bytes(log)
    database.with_name("db-shm").unlink(missing_ok=True)
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT count(*) FROM t").fetchone()[0]
        except sqlite3.OperationalError:
            rows = 0  # the table itself was made in a commit that is lost
        return rows, lost_commits(database)


def test_a_sound_log_has_lost_nothing(tmp_path: Path, log: bytes) -> None:
    """All commits are there."""
    assert rows_and_losses(tmp_path, log) == (COMMITS, 0)


@pytest.mark.parametrize("place", [0, 5, 9, 13, 17, 21, 24, 24 + PAGE // 2])
def test_a_flaw_in_any_frame(tmp_path: Path, log: bytes, place: int) -> None:
    """Wherever a bit has turned, and in whichever frame of a commit, it is noticed."""
    frames = (len(log) - HEADER) // FRAME
    assert frames > 3 * COMMITS
    for frame in range(frames):
        flawed = bytearray(log)
        flawed[HEADER + frame * FRAME + place] ^= 4
        rows, losses = rows_and_losses(tmp_path, bytes(flawed))
        assert rows < COMMITS, frame
        assert losses > 0, frame
