"""Whether commits in SQLite's write-ahead log were lost to damage.

When the log is opened, SQLite believes it up to the first frame whose checksum is wrong. A
commit behind that, of the same log, was finished once: a flaw on the disk has taken it back.
(https://www.sqlite.org/walformat.html)
"""

from __future__ import annotations

import struct
from contextlib import suppress
from os import SEEK_CUR
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LOST_COMMITS: Final = (
    "the write-ahead log of the state database is damaged, so the state is older than it was:"
    " what was uploaded last may be uploaded again, and be counted twice"
)
LOST_COMMITS_HINT: Final = "Run `qlogship resync`, which makes the numbers exact."

_HEADER: Final = struct.Struct(">IIIIIIII")
_FRAME: Final = struct.Struct(">IIIIII")
_BELIEVED: Final = struct.Struct("=I")
_BELIEVED_AT: Final = 16  # mxFrame in the header of the index, the file -shm
_MAGIC: Final = 0x377F0682


def lost_commits(database: Path) -> int:
    """Return how many commits are in the log that SQLite does not believe.

    To be asked after the first look into the database and before the first write.
    """
    log = database.with_name(f"{database.name}-wal")
    index = database.with_name(f"{database.name}-shm")
    lost = 0
    with suppress(FileNotFoundError, struct.error), log.open("rb") as file:
        # Of a log whose own header is damaged, SQLite believes nothing.
        magic, _, page, _, *salts, _, _ = _HEADER.unpack(file.read(_HEADER.size))
        believed = 0
        with index.open("rb") as shared:
            shared.seek(_BELIEVED_AT)
            (believed,) = _BELIEVED.unpack(shared.read(_BELIEVED.size))
        if magic & ~1 != _MAGIC or page < 512 or page & (page - 1):
            return int(believed == 0 and len(file.read(_FRAME.size)) == _FRAME.size)
        file.seek(_HEADER.size + believed * (_FRAME.size + page))
        while len(frame := file.read(_FRAME.size)) == _FRAME.size:
            _, commit, *marks, _, _ = _FRAME.unpack(frame)
            # Of a log before this one, both salts are others; if one is, it has turned.
            ours = any(mark == salt for mark, salt in zip(marks, salts, strict=True))
            lost += bool(commit) and ours
            file.seek(page, SEEK_CUR)
    return lost
