"""What a resync would do, told from a real archive and ledger: also of a damaged one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.archive.chunks import FOLD_BYTES
from qlogship.state.reader import Reader
from tests.support.books import Books, whole
from tests.support.importing import Importing

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.shipping.resync.rules import ResyncPlan

T: Final = 1_795_411_800
MANY: Final = 1_500
"""Calls that make a packed chunk."""


def calls(count: int, first: int = 0, at: int = T) -> bytes:
    """Return so many calls of three records, ten seconds apart."""
    return b"".join(whole(f"{at}.{n}", at + 10 * n) for n in range(first, first + count))


def plan_of(directory: Path) -> ResyncPlan:
    """Return what a resync would do."""
    with Reader(directory) as reader:
        plan = reader.plan(max_bytes=100_000, say=lambda *_: None)
    assert plan is not None
    return plan


def test_a_whole_archive(tmp_path: Path) -> None:
    """All that is archived can be restored: calls once each, lines, bytes and times."""
    text = calls(MANY)
    with Books(tmp_path) as books:
        books.upload(books.archive(text))
        books.archive(whole(f"{T}.{MANY - 1}", T + 10 * MANY))  # the last call once more
    found = plan_of(tmp_path)
    assert len(text) >= FOLD_BYTES
    assert (found.lost, found.lost_lines) == ((), 0)
    assert (found.restorable.calls, found.restorable.lines) == (MANY, 3 * MANY + 3)
    assert (found.restorable.first_time, found.restorable.last_time) == (T, T + 10 * MANY + 1)
    assert (found.holding.calls, found.holding.lines) == (MANY, 3 * MANY)
    assert found.uploads == -(-found.restorable.bytes // 100_000)


def test_a_damaged_chunk(tmp_path: Path) -> None:
    """Calls, lines, bytes and times are those of the chunks that can be read."""
    last = calls(20, 2 * MANY)
    with Books(tmp_path) as books:
        shipped = [books.archive(calls(MANY)), books.archive(calls(MANY, MANY))]
        for run in shipped:
            books.upload(run)
        books.archive(last)
        lost = books.damage(shipped[0][0])
    found = plan_of(tmp_path)
    assert (found.lost, found.lost_lines) == ((1,), lost[1])
    assert (found.restorable.calls, found.restorable.lines) == (MANY + 20, 3 * MANY + 60)
    assert found.restorable.bytes == len(calls(MANY, MANY)) + len(last)
    assert found.restorable.first_time == T + 10 * MANY
    assert (found.holding.first_time, found.holding.calls) == (T, 2 * MANY)


def test_what_is_left_out_of_the_order(tmp_path: Path) -> None:
    """A cut record of which an import brought the whole is archived, and not shipped again."""
    importing = Importing(tmp_path)
    text = calls(10)
    importing.add(text[5:], text)
    found = plan_of(importing.state)
    assert importing.figures().archive.lines == 31
    assert found.restorable.lines == 30
    assert found.restorable.calls == 10


def test_the_times_are_the_earliest_and_the_latest(tmp_path: Path) -> None:
    """What was imported and shipped behind newer records is as old as its oldest record."""
    with Books(tmp_path) as books:
        new = books.archive(calls(3))
        old = books.archive(calls(3, at=T - 90_000))
        books.upload((new[0], old[1]))
        books.archive(calls(1, at=T - 180_000))
    found = plan_of(tmp_path)
    assert (found.holding.first_time, found.holding.last_time) == (T - 90_000, T + 21)
    assert (found.restorable.first_time, found.restorable.last_time) == (T - 180_000, T + 21)
