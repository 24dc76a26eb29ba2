"""Where the records of an upload came from, and which uploads carried a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.archive.archive import Archive
from qlogship.archive.chunks import FOLD_BYTES
from qlogship.shipping.batching import Batch, Composition
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.upload_contents import Contents, Place
from qlogship.source.cursor import Cursor
from qlogship.source.streams import Stream
from tests.support.memory import state_in_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME = 1_795_411_800
FILLER = b"".join(b"%d|NONE|q|a|PAUSE|%d\n" % (TIME, number) for number in range(20_000))


class Book:
    """An archive and a ledger in memory, and the files that were read into it."""

    def __init__(self) -> None:
        self.db = state_in_memory()
        self.archive = Archive(self.db)
        self.ledger = Ledger(self.db)
        self.contents = Contents(self.db, self.archive)
        self.files: dict[int, bytes] = {}

    def read(self, data: bytes, *, stream: int = 1) -> int:
        """Read on in a file, as the service does; return the first record's number."""
        before = self.files.get(stream, b"")
        self.files[stream] = before + data
        Cursor(self.db).save(
            Stream(stream, b"", b"", len(before + data), 1, stream, f"/log/{stream}")
        )
        first = self.archive.append(data, stream=stream, offset=len(before))
        self.archive.chunks.finish()
        return first

    def upload(self, *runs: tuple[int, int], generation: int = 1) -> int:
        """Write an upload of these records; return its number."""
        composition = Composition(
            runs, lines=0, calls=0, bytes=0, first_time=None, last_time=None, sha256=""
        )
        batch = Batch(composition, b"")
        return self.ledger.prepare(batch, generation=generation, at=1.0).id

    def text_of(self, places: Sequence[Place]) -> bytes:
        """Return what stands in the files at these places."""
        return b"".join(self.files[place.stream][place.start : place.end] for place in places)


@pytest.fixture
def book() -> Book:
    """Return an empty one."""
    return Book()


def test_one_file(book: Book) -> None:
    """Records that followed each other in a file are one range of its bytes."""
    book.read(b"one\ntwo\n")
    book.read(b"three\nfour\n")

    assert book.contents.places([(2, 3)]) == [Place("/log/1", 1, 4, 14, 2, 3)]
    assert book.contents.places([(1, 1), (4, 4)]) == [
        Place("/log/1", 1, 0, 4, 1, 1),
        Place("/log/1", 1, 14, 19, 4, 4),
    ]
    assert book.contents.places([]) == []


def test_across_files(book: Book) -> None:
    """A run over a rotation is a range in each file; a file that is read on goes on counting."""
    book.read(b"one\n", stream=1)
    book.read(b"two\n", stream=2)
    book.read(b"three\n", stream=1)

    assert book.contents.places([(1, 3)]) == [
        Place("/log/1", 1, 0, 4, 1, 1),
        Place("/log/2", 2, 0, 4, 2, 2),
        Place("/log/1", 1, 4, 10, 3, 3),
    ]


def test_a_torn_record(book: Book) -> None:
    """The newline that a torn record got is not in the file."""
    book.read(b"one\ntw", stream=1)
    book.read(b"three\n", stream=2)

    assert book.contents.places([(2, 3)]) == [
        Place("/log/1", 1, 4, 6, 2, 2),
        Place("/log/2", 2, 0, 6, 3, 3),
    ]


def test_a_file_that_went_on_behind_a_torn_record(book: Book) -> None:
    """What follows in the same file is where it stands there, newline of ours or not."""
    book.read(b"one\ntw")
    book.read(b"o\nthree\n")

    assert [line for _, line in book.archive.records([(1, 4)])] == [b"one", b"tw", b"o", b"three"]
    (place,) = book.contents.places([(1, 4)])
    assert (place.start, place.end) == (0, 14)
    assert book.text_of(book.contents.places([(3, 3)])) == b"o\n"


def test_runs_that_stand_in_the_order_of_time(book: Book) -> None:
    """The ranges stand in the order of the runs, as they were uploaded."""
    book.read(b"new\n", stream=1)
    book.read(b"old\n", stream=2)

    assert [place.path for place in book.contents.places([(2, 2), (1, 1)])] == ["/log/2", "/log/1"]


def test_across_chunks(book: Book) -> None:
    """Packed chunks, folded ones and the live tail are measured alike."""
    assert len(FILLER) > FOLD_BYTES
    book.read(b"first\n")
    book.read(FILLER)
    for line in FILLER.splitlines(keepends=True)[:50]:
        book.read(line)
    last = book.archive.next_seq - 1
    runs = [(1, 1), (700, 900), (20_000, 20_003), (last, last)]

    assert book.text_of(book.contents.places(runs)) == book.archive.text(runs)


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.lists(st.binary(max_size=5), min_size=1), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_places_hold_the_text(
    pieces: list[tuple[int, list[bytes], bool]], data: st.DataObject
) -> None:
    """Whatever was read, the bytes at the places are the records, but for newlines of ours."""
    book = Book()
    for stream, lines, torn in pieces:
        text = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
        book.read(text[:-1] if torn and len(text) > 1 else text, stream=stream)
    first = data.draw(st.integers(1, book.archive.next_seq - 1))
    last = data.draw(st.integers(first, book.archive.next_seq - 1))
    places = book.contents.places([(first, last)])

    assert [seq for place in places for seq in range(place.first_seq, place.last_seq + 1)] == list(
        range(first, last + 1)
    )
    found = book.text_of(places).replace(b"\n", b"")
    assert found == book.archive.text([(first, last)]).replace(b"\n", b"")


def test_the_records_of_a_call(book: Book) -> None:
    """Only what stands in the second column counts, in every chunk of the archive."""
    of_call = b"%d|7.7|q|NONE|ENTERQUEUE|\n" % TIME
    one = book.read(of_call)
    book.read(FILLER + b"%d|8.8|q|7.7|CONNECT|7.7|\n" % TIME + b"x|7.7|\n" + of_call * 2)
    last = book.archive.next_seq - 1
    book.read(b"%d|17.7|q|NONE|ENTERQUEUE|\n" % TIME)

    assert book.contents.seqs_of(b"7.7") == [one, last - 1, last]
    assert book.contents.seqs_of(b"9.9") == []


def test_the_uploads_that_carried_a_call(book: Book) -> None:
    """Every upload with a record of it is found, newest first, with how many it holds."""
    one = book.upload((1, 5))
    book.upload((6, 9))
    three = book.upload((20, 30), (3, 4), generation=2)

    assert book.contents.carriers([4, 5, 25]) == [(three, 2), (one, 2)]
    assert book.contents.carriers([10, 11]) == []
