"""A commit that a flaw in the write-ahead log takes back does not go unnoticed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from qlogship.state.database import FILE_NAME
from qlogship.state.reader import Reader
from qlogship.state.store import Store
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


LOCKED = """
    import fcntl, sys
    with open(sys.argv[1] + "-shm", "r+b") as index:
        try:
            fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)  # the dead-man switch
        except OSError:
            print("locked")
"""


def is_locked(directory: Path) -> bool:
    """Return whether SQLite's lock that the index is in use is seen by another process."""
    asked = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOCKED), str(directory / FILE_NAME)],
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout == "locked\n"


@pytest.mark.parametrize("closed", [False, True], ids=["killed", "stopped"])
def test_what_is_open_keeps_the_locks_of_sqlite(tmp_path: Path, *, closed: bool) -> None:
    """No look at the database's files takes away the locks that keep others from its index."""
    writing = """
        import os, sys
        from pathlib import Path
        from qlogship.source.streams import Stream
        from qlogship.state.store import Store
        store = Store(Path(sys.argv[1]))
        with store.transaction():
            store.cursor.save(Stream(1, b"", b"", 0, 1, 2, "/log/q"))
            line = b"1795411800|1.1|q|NONE|ENTERQUEUE||1|1\\n"
            store.archive.append(line * 200, stream=1, offset=0)
        if sys.argv[2] == "True":
            store.close()
        os._exit(0)
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(writing), str(tmp_path), str(closed)], check=True
    )
    if not closed:
        with Reader(tmp_path) as reader:
            assert reader.figures().archive.lines == 200
            assert is_locked(tmp_path)
    store = Store(tmp_path)
    try:
        assert is_locked(tmp_path)
        with Reader(tmp_path) as reader:
            assert reader.figures().archive.lines == 200
        assert is_locked(tmp_path)
    finally:
        store.close()
