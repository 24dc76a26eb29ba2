"""Whether commits in SQLite's write-ahead log were lost to damage.

When the log is opened, SQLite believes it up to the first frame whose checksum is wrong. A
commit behind that, of the same log, was finished once: a flaw on the disk has taken it back.
(https://www.sqlite.org/walformat.html)
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from qlogship.state.own_files import open_own

if TYPE_CHECKING:
    from pathlib import Path

LOST_COMMITS: Final = (
    "the write-ahead log of the state database is damaged, so the state is older than it was:"
    " what was uploaded last may be uploaded again, and be counted twice"
)
LOST_COMMITS_HINT: Final = "Run `qlogship resync`, which makes the numbers exact."

_HEADER: Final = struct.Struct(">IIIIIIII")
_FRAME: Final = struct.Struct(">IIIIII")
_MAGIC: Final = 0x377F0682


def lost_commits(database: Path) -> int:
    """Return how many commits are in the log that SQLite does not believe.

    To be asked before the first write. Neither the database nor its index (`-shm`) is opened
    for it, which would loosen SQLite's locks (`own_files`). The log itself is never locked.
    """
    try:
        handle = open_own(database.with_name(f"{database.name}-wal"), os.O_RDONLY)
    except FileNotFoundError:
        return 0
    with os.fdopen(handle, "rb") as file:
        log = file.read()
    return commits_behind_a_flaw(log)


def commits_behind_a_flaw(log: bytes) -> int:
    """Return how many commits in the text of a log stand behind its first flaw."""
    if len(log) < _HEADER.size + _FRAME.size:
        return 0
    magic, _, page, _, *salts, first, second = _HEADER.unpack_from(log)
    # Of a log whose own header is damaged, SQLite believes nothing.
    if magic & ~1 != _MAGIC or page < 512 or page & (page - 1):
        return 1
    words = struct.Struct(">II" if magic & 1 else "<II")
    sums = _add(words, (0, 0), log[: _HEADER.size - 8])
    believing, lost = sums == (first, second), 0
    for start in range(_HEADER.size, len(log) - _FRAME.size - page + 1, _FRAME.size + page):
        _, commit, *marks, first, second = _FRAME.unpack_from(log, start)
        if believing:
            sums = _add(words, sums, log[start : start + 8])
            sums = _add(words, sums, log[start + _FRAME.size : start + _FRAME.size + page])
            believing = marks == salts and sums == (first, second)
        # Of a log before this one, both salts are others; if one is, it has turned.
        ours = any(mark == salt for mark, salt in zip(marks, salts, strict=True))
        lost += not believing and bool(commit) and ours
    return lost


def _add(words: struct.Struct, sums: tuple[int, int], data: bytes) -> tuple[int, int]:
    """Return the checksum of a log's beginning, with `data` behind it."""
    first, second = sums
    for one, other in words.iter_unpack(data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
