"""The order of time: merging pieces, weaving texts that overlap, cutting out."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from qlogship.archive.timeline import (
    Excerpt,
    Item,
    Stretch,
    complete,
    merge,
    range_of,
    stretches_without,
    weave,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qlogship.archive.runs import Run

TIME = 1_795_411_800
YEAR = 366 * 86_400


class Book:
    """Records numbered as they come, and the piece that each is of."""

    def __init__(self) -> None:
        self.records: list[bytes] = [b""]
        self.pieces: list[int] = [0]

    def add(self, piece: int, *lines: str) -> Stretch:
        """Archive lines `seconds text`, or other text, as one stretch of a piece."""
        first = len(self.records)
        for line in lines:
            seconds, _, text = line.partition(" ")
            is_record = seconds.isdigit()
            self.records.append(
                b"%d|%s" % (TIME + int(seconds), text.encode()) if is_record else line.encode()
            )
            self.pieces.append(piece)
        (stretch,) = self.stretches([(first, len(self.records) - 1)])
        return stretch

    def lines(self, first: int, last: int) -> Sequence[bytes]:
        """Return the records of a run."""
        return self.records[first : last + 1]

    def stretches(self, runs: Iterable[Run]) -> list[Stretch]:
        """Return runs as stretches."""
        found = []
        for first, last in self._parts(runs):
            times = range_of(
                [int(line[:10]) for line in self.lines(first, last) if line[10:11] == b"|"]
            )
            found.append(Stretch(first, last, self.pieces[first], *(times or (-1, -1))))
        return complete(found)

    def _parts(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Cut runs where another piece begins."""
        for first, last in runs:
            start = first
            for seq in range(first + 1, last + 2):
                if seq > last or self.pieces[seq] != self.pieces[start]:
                    yield start, seq - 1
                    start = seq

    def text(self, runs: Iterable[Run]) -> str:
        """Return what stands behind the times, in the order of the runs."""
        lines = [line for first, last in runs for line in self.lines(first, last)]
        return " ".join(line.rpartition(b"|")[2].decode() for line in lines)


def merged(*texts: Sequence[str]) -> set[str]:
    """Merge the pieces one after the other, in every order; return what comes of it."""
    found = set()
    for order in permutations(range(len(texts))):
        book = Book()
        runs: list[Run] = []
        for piece in order:
            runs = merge([book.add(piece, *texts[piece])], book.stretches(runs), book.lines)
        found.add(book.text(runs))
    return found


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        ((["0 a", "5 b"], ["500 c"]), "a b c"),
        ((["0 a", "5 b"], ["3 c", "8 d"]), "a c b d"),
        ((["0 a", "5 b"], ["5 c", "8 d"]), "a b c d"),
        ((["0 a", "5 b", "9 e"], ["5 c", "8 d"]), "a b c d e"),
        ((["0 a", "5 b"], ["5 c"], ["5 d", "9 e"]), "a b c d e"),
        ((["0 a", "5 b", "4 c", "6 d"], ["5 x", "9 y"]), "a b c x d y"),
        ((["0 a", "no-record", "5 b"], ["0 x", "3 y"]), "a no-record x y b"),
        ((["head", "5 b"], ["0 x", "3 y"]), "x y head b"),
        ((["0 a", "5 b"], ["0 b", "5 a"]), "a b a b"),
    ],
    ids=[
        "apart",
        "interleaved",
        "a rotation",
        "one begins within another",
        "one between two",
        "a time that goes back",
        "no record",
        "no record first",
        "two of the same seconds",
    ],
)
def test_pieces_are_merged_by_seconds(texts: tuple[list[str], ...], order: str) -> None:
    """Seconds decide, the end of a text goes before the beginning of another, and no text changes.

    Whichever was archived first makes no difference.
    """
    assert len(merged(*texts)) == 1
    if order != "a b a b":
        assert merged(*texts) == {order}


def test_far_apart_stretches_are_not_looked_into() -> None:
    """What is alone in its time is taken as a whole."""

    def lines(first: int, last: int) -> Sequence[bytes]:
        raise AssertionError((first, last))

    one, other = Stretch(1, 10, 1, TIME, TIME + 9), Stretch(11, 20, 2, TIME + 99, TIME + 120)
    assert merge([other], [one], lines) == [(1, 20)]


def test_a_text_is_woven_into_the_piece_it_overlaps() -> None:
    """New records stand between the known ones that they stand between in the file."""
    book = Book()
    known = book.add(1, "1 b", "2 c", "9 z")
    new = book.add(2, "0 a", "5 x", "10 end")
    runs = weave(
        [
            Item(new.first, new.first, None, 0, kept=True),
            Item(known.first, known.first + 1, 1, TIME + 1, kept=True),
            Item(new.first + 1, new.first + 1, None, 0, kept=True),
            Item(known.last, known.last, 1, TIME + 9, kept=True),
            Item(new.last, new.last, None, 0, kept=True),
        ],
        {1: [known]},
        book.lines,
        stretches_of=book.stretches,
    )
    assert book.text(runs) == "a b c x z end"


def test_two_pieces_are_joined_by_a_text_that_overlaps_both() -> None:
    """The file says in which order they stand, and which records they have twice."""
    book = Book()
    later, earlier = book.add(1, "3 c", "3 d"), book.add(2, "3 a", "3 b", "3 c")
    runs = weave(
        [
            Item(earlier.first, earlier.last - 1, 2, TIME + 3, kept=True),
            Item(earlier.last, earlier.last, 2, TIME + 3, kept=False),
            Item(later.first, later.last, 1, TIME + 3, kept=True),
        ],
        {1: [later], 2: [earlier]},
        book.lines,
        stretches_of=book.stretches,
    )
    assert book.text(runs) == "a b c d"


def test_where_both_texts_go_on_the_times_decide() -> None:
    """Records that only one of two texts has, at the same place, are merged by time."""
    book = Book()
    known = book.add(1, "0 a", "3 c", "6 e")
    new = book.add(2, "1 b", "5 d")
    runs = weave(
        [
            Item(known.first, known.first, 1, TIME, kept=True),
            Item(new.first, new.last, None, 0, kept=True),
        ],
        {1: [known]},
        book.lines,
        stretches_of=book.stretches,
    )
    assert book.text(runs) == "a b c d e"


def test_records_are_taken_out() -> None:
    """What is left of a stretch are the records before and behind."""
    stretch = Stretch(1, 10, 1, TIME, TIME)
    left = stretches_without([stretch], [(9, 12), (4, 4), (1, 1)])
    assert [(part.first, part.last) for part in left] == [(2, 3), (5, 8)]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([], None),
        ([TIME], (TIME, TIME)),
        ([TIME, TIME - 1, TIME + 5, TIME + 4], (TIME, TIME + 5)),
        ([TIME - 40 * YEAR, TIME, TIME + 1], (TIME, TIME + 1)),
        ([TIME + 40 * YEAR, TIME, TIME + 1], (TIME, TIME + 1)),
        ([TIME, TIME + 40 * YEAR, TIME + 1], (TIME, TIME + 1)),
        ([TIME, TIME + 1, TIME + 40 * YEAR], (TIME, TIME + 1)),
        ([TIME, TIME + YEAR // 2, TIME + YEAR], (TIME, TIME + YEAR)),
    ],
)
def test_false_times_do_not_count(times: list[int], found: tuple[int, int] | None) -> None:
    """A time that stands alone, far from its neighbours, is a fragment's."""
    assert range_of(times) == found


def test_stretches_without_a_time_get_their_neighbours() -> None:
    """What has no time stands with what is before it in its piece, else with what is behind."""
    unknown = Stretch(1, 1, 1, -1, -1)
    known = Stretch(2, 5, 1, TIME, TIME + 9)
    other = Stretch(6, 6, 2, TIME + 50, TIME + 50)
    found = complete([unknown, known, other, unknown])
    assert [(part.begins, part.latest) for part in found] == [
        (TIME, TIME),
        (TIME, TIME + 9),
        (TIME + 50, TIME + 50),
        (TIME + 9, TIME + 9),
    ]


def test_an_excerpt_lies_between_two_times() -> None:
    """The first time is included, the second is not; lines without a time go with their record."""
    lines = [b"1|a", b"x\ry", b"2|b", b"", b"3|c"]
    text = b"".join(line.replace(b"|", b"%09d|" % 0, 1) + b"\n" for line in lines)
    start = 2_000_000_000
    assert Excerpt(None, None).of(text) == text
    assert Excerpt(start, start + 1).of(text) == b"2000000000|b\n\n"
    assert Excerpt(None, start).of(text) == b"1000000000|a\nx\ry\n"
    excerpt = Excerpt(start, None)
    assert excerpt.of(text) + excerpt.of(b"more\n") == b"2000000000|b\n\n3000000000|c\nmore\n"
