"""What is written down of files that were read to their end."""

from __future__ import annotations

import os
from typing import Final

from qlogship.source.cursor import Cursor
from qlogship.source.sightings import Sightings
from tests.support.memory import state_in_memory

FILES: Final = 12_000
AT_ONCE: Final = 5_000


def status(number: int) -> os.stat_result:
    """Return what stat(2) says of some file."""
    stamp = {"st_mtime_ns": 1_795_411_800_000_000_000}
    return os.stat_result((0o100640, number, 1, 1, 0, 0, 100 + number, 0, 0, 0), stamp)


def test_very_many_files_that_come_or_go_are_written_down_in_parts() -> None:
    """No transaction writes more than some thousand of them; after some more, all is written.

    A file that is there again, or another with its inode, stays known, and after a restart.
    """
    db = state_in_memory()
    cursor = Cursor(db)
    sightings = Sightings(None)

    def save() -> int:
        before = db.total_changes
        sightings.save_changes(cursor)
        return db.total_changes - before

    for number in range(FILES):
        sightings.see(status(number))
    assert [save() for _ in range(4)] == [AT_ONCE, AT_ONCE, FILES - 2 * AT_ONCE, 0]
    assert len(cursor.sightings()) == FILES
    sightings.forget_all_but([])
    for number in range(10):
        sightings.see(status(number))
    written = [save() for _ in range(4)]
    assert max(written) <= AT_ONCE + 20
    assert written[-1] == 0
    assert set(cursor.sightings()) == {(1, number) for number in range(10)}
    known = Sightings(cursor)
    assert [number for number in range(20) if known.has(status(number))] == list(range(10))
    known.load()
    assert [number for number in range(20) if known.has(status(number))] == list(range(10))
    db.close()
