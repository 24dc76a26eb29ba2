"""Whether commits in SQLite's write-ahead log were lost to damage.

When the log is opened, SQLite believes it up to the first frame whose checksum is wrong. A
commit behind that, of the same log, was finished once: a flaw on the disk has taken it back.
(https://www.sqlite.org/walformat.html)
"""

from __future__ import annotations

import struct
from contextlib import suppress
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
        number = believed
        first: list[int] | None = None
        while True:
            file.seek(_HEADER.size + number * (_FRAME.size + page))
            frame = file.read(_FRAME.size)
            if len(frame) < _FRAME.size:
                return lost
            _, commit, *rest = _FRAME.unpack(frame)
            number += 1
            ours = rest[:2] == salts
            if first is None and believed == 0:
                first = rest[:2]
                # The salts in the header may be what is damaged.
                if not ours and (rest[0] == salts[0] or rest[1] == salts[1]):
                    return 1
            if not ours and number > believed + 1:
                return lost
            lost += bool(commit) and ours
    return lost
