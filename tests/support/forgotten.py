"""Looking for text in a state directory, wherever it could be hidden."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import zstandard

if TYPE_CHECKING:
    from pathlib import Path

_SAMPLE: Final = 24


def places_of(state: Path, needle: bytes) -> list[str]:
    """Return where some bytes stand: in which files, and in the text of which packed chunks."""
    found = [path.name for path in sorted(state.iterdir()) if needle in path.read_bytes()]
    with closing(sqlite3.connect(f"file:{state}/qlogship.db?mode=ro", uri=True)) as database:
        for seq, data in database.execute("SELECT first_seq, data FROM chunk WHERE packed"):
            if needle in zstandard.ZstdDecompressor().decompress(data):
                found.append(f"chunk {seq}")
    return found


def packed_samples(state: Path, needle: bytes) -> list[bytes]:
    """Return pieces of the packed chunks that hold some bytes, as they lie in the file."""
    with closing(sqlite3.connect(f"file:{state}/qlogship.db?mode=ro", uri=True)) as database:
        packed = [
            data
            for (data,) in database.execute("SELECT data FROM chunk WHERE packed")
            if needle in zstandard.ZstdDecompressor().decompress(data)
        ]
    return [
        data[start : start + _SAMPLE]
        for data in packed
        for start in range(len(data) // 4, len(data) - _SAMPLE, 997)
    ]


def free_pages(state: Path) -> int:
    """Return how many pages of the database nobody needs."""
    with closing(sqlite3.connect(f"file:{state}/qlogship.db?mode=ro", uri=True)) as database:
        found: int = database.execute("PRAGMA freelist_count").fetchone()[0]
        return found
