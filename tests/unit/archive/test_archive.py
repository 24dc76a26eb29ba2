"""The archive: what was appended comes back, however it lies in chunks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlogship.archive.archive import Archive
from qlogship.archive.chunks import FOLD_BYTES, ChunkFacts
from qlogship.errors import StateError
from qlogship.queue_log.counting import MEMORY
from qlogship.source.cursor import Cursor
from qlogship.source.streams import Stream
from qlogship.state.figures import figures
from tests.support.books import damage
from tests.support.memory import state_in_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME = 1_795_411_800


class Book:
    """An archive in memory, a cursor beside it, and what was put in."""

    def __init__(self) -> None:
        self.db = state_in_memory()
        self.archive = Archive(self.db)
        self.offsets: dict[int, int] = {}
        self.lines: list[bytes] = []

    def append(
        self, data: bytes, *, stream: int = 1, offset: int | None = None, commit: bool = True
    ) -> int:
        """Append as the service does: the cursor, then the records; `commit` ends the step."""
        begin = self.offsets.get(stream, 0) if offset is None else offset
        self.offsets[stream] = begin + len(data)
        Cursor(self.db).save(
            Stream(stream, b"", data[-64:], begin + len(data), 1, stream, f"/log/{stream}")
        )
        text = data if data.endswith(b"\n") else data + b"\n"
        self.lines += text.split(b"\n")[:-1]
        first_seq = self.archive.append(data, stream=stream, offset=begin)
        if commit:
            self.archive.chunks.finish()
        return first_seq

    def reopen(self) -> None:
        """Forget all that is only in memory."""
        self.archive = Archive(self.db)

    def chunks(self) -> list[tuple[int, bool]]:
        """Return how many records each chunk has, and whether it is packed."""
        rows = self.db.execute("SELECT lines, packed FROM chunk ORDER BY first_seq")
        return [(lines, bool(packed)) for lines, packed in rows]

    def counted(self) -> int:
        """Return the calls that were counted."""
        row = self.db.execute("SELECT coalesce(sum(calls), 0) FROM chunk_facts").fetchone()
        return int(row[0])

    def text_of(self, runs: Sequence[tuple[int, int]]) -> bytes:
        """Return what the runs should give."""
        return b"".join(
            line + b"\n" for first, last in runs for line in self.lines[first - 1 : last]
        )


def records(count: int, size: int = 60, first: int = 0) -> bytes:
    """Return so many records of this size, all different."""
    head = b"".join(
        b"%d|%d.1|q|NONE|CONNECT|" % (TIME + number, number) + b"x" * size + b"\n"
        for number in range(first, first + count)
    )
    assert head.count(b"\n") == count
    return head


@st.composite
def pieces(draw: st.DrawFn) -> bytes:
    """Draw what one append may get: few or many lines, long, empty, torn, of any bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return records(draw(st.integers(2_500, 4_000)), 80)  # more than one chunk's worth
    if kind == 1:
        return b"y" * draw(st.sampled_from([FOLD_BYTES - 1, FOLD_BYTES, FOLD_BYTES + 1])) + b"\n"
    text = b"\n".join(draw(st.lists(st.binary(max_size=30), min_size=1, max_size=20)))
    torn = draw(st.integers(0, 5)) == 0 and bool(text) and not text.endswith(b"\n")
    return text if torn else text + b"\n"


@settings(max_examples=60)
@given(data=st.data())
def test_reading_back(data: st.DataObject) -> None:
    """After any mix of appends and reopenings, any runs give the records they name."""
    book = Book()
    for piece in data.draw(st.lists(pieces(), min_size=1, max_size=15)):
        expected = len(book.lines) + 1
        assert book.append(piece) == expected
        assert book.archive.next_seq == len(book.lines) + 1
        if data.draw(st.booleans()):
            book.reopen()
            assert book.archive.next_seq == len(book.lines) + 1
    last = len(book.lines)
    for _ in range(5):
        cuts = sorted(data.draw(st.sets(st.integers(1, last + 1), min_size=2, max_size=8)) | {1})
        runs = [(first, after - 1) for first, after in pairwise(cuts)][::2]
        assert book.archive.text(runs) == book.text_of(runs)
        assert [seq for seq, _ in book.archive.records(runs)] == [
            seq for first, after in runs for seq in range(first, after + 1)
        ]
    assert book.archive.text([(1, last)]) == book.text_of([(1, last)])


@settings(max_examples=30)
@given(data=st.data())
def test_blocks(data: st.DataObject) -> None:
    """From any record on, block after block gives all records to the end, and then None."""
    book = Book()
    for piece in data.draw(st.lists(pieces(), min_size=1, max_size=8)):
        book.append(piece)
    seq = first = data.draw(st.integers(1, len(book.lines)))
    text = b""
    while (block := book.archive.block_at(seq)) is not None:
        assert block.first_seq == seq
        assert block.data.count(b"\n") == block.lines
        text += block.data
        seq += block.lines

    assert text == book.text_of([(first, len(book.lines))])
    assert seq == book.archive.next_seq


def test_part_of_a_block() -> None:
    """A block without its first records begins with the next one."""
    book = Book()
    book.append(b"one\ntwo\nthree\n")
    block = book.archive.block_at(1)
    assert block is not None
    rest = block.after(2, len(b"one\ntwo\n"))

    assert (rest.first_seq, rest.lines, rest.data) == (3, 1, b"three\n")


def test_live_records_are_folded() -> None:
    """Small chunks collect until they are worth packing; there are never many of them in bytes."""
    book = Book()
    number = 0
    while sum(packed for _, packed in book.chunks()) < 3:
        book.append(records(10, first=number))
        number += 10
        unpacked = book.db.execute("SELECT coalesce(sum(bytes), 0) FROM chunk WHERE NOT packed")
        assert unpacked.fetchone()[0] < FOLD_BYTES
        if number % 700 == 0:
            book.reopen()

    assert [packed for _, packed in book.chunks()] == [True] * 3
    assert book.archive.text([(1, number)]) == records(number)


def test_small_texts_of_one_transaction_are_one_chunk() -> None:
    """Of thousands of small files no more rows are written, and folded later, than there must be.

    Each record is read back as it is, at once and after the commit, and its calls are counted.
    """
    book = Book()
    for number in range(300):
        text = b"%d|%d.1|sales|NONE|ENTERQUEUE||1|1\n" % (TIME + number, number)
        book.append(text, stream=number + 1, commit=False)
        if number == 99:
            assert book.archive.text([(50, 100)]) == book.text_of([(50, 100)])
    book.archive.chunks.finish()
    assert book.archive.chunks.facts() == [
        ChunkFacts(1, 100, 100, len(book.text_of([(1, 100)])), 0, TIME, TIME + 99, packed=False),
        ChunkFacts(
            101, 200, 200, len(book.text_of([(101, 300)])), 0, TIME + 100, TIME + 299, packed=False
        ),
    ]
    book.reopen()
    assert book.archive.text([(1, 300)]) == book.text_of([(1, 300)])
    assert [origin.stream for origin in book.archive.origins.all()] == list(range(1, 301))


def test_there_are_never_many_unpacked_chunks() -> None:
    """However short live records are, folding them takes no longer than a moment."""
    book = Book()
    for number in range(4_500):
        book.append(b"%d\n" % number)
        if number % 700 == 0:
            book.reopen()
        if number % 500 == 0:
            assert sum(not packed for _, packed in book.chunks()) <= 2_000
    assert [lines for lines, packed in book.chunks() if packed] == [2_000, 2_000]


def test_backlog_is_packed_at_once() -> None:
    """A large block becomes one packed chunk; behind live records it is folded with them."""
    book = Book()
    book.append(records(5_000))
    assert book.chunks() == [(5_000, True)]
    book.append(records(3, first=5_000))
    book.append(records(5_000, first=5_003))

    assert book.chunks() == [(5_000, True), (5_003, True)]
    assert book.archive.text([(1, 10_003)]) == records(10_003)


def test_nothing_archived() -> None:
    """An empty archive has no block, no text, and begins with number 1."""
    book = Book()

    assert book.archive.next_seq == 1
    assert book.archive.block_at(1) is None
    assert book.archive.text([]) == b""
    assert book.archive.origins.last_text_of(1, want=100) == b""


@pytest.mark.parametrize("seq", [0, 11, 5_000])
def test_no_such_record(seq: int) -> None:
    """A record that is not there is an error that names it."""
    book = Book()
    book.append(records(10))

    with pytest.raises(StateError, match=f"no record {seq}"):
        book.archive.text([(seq, seq)])


def test_damaged_chunk() -> None:
    """A packed chunk whose bytes changed is an error with a remedy, not other text."""
    book = Book()
    book.append(records(5_000))
    data = bytearray(book.db.execute("SELECT data FROM chunk").fetchone()[0])
    data[len(data) // 2] ^= 0x55
    book.db.execute("UPDATE chunk SET data = ?", (bytes(data),))

    with pytest.raises(StateError, match="records 1 to 5,000") as caught:
        book.archive.text([(1, 10)])
    assert caught.value.hint.startswith("Run `qlogship import`")


# What is counted


def test_lines_and_bytes() -> None:
    """Lines and bytes are those of the text, with the newline put behind a torn record."""
    book = Book()
    book.append(b"\n")
    book.append(b"one\ntwo\n")
    book.append(b"torn")
    book.append(records(5_000))
    book.append(b"x\ntorn again")
    book.reopen()
    now = figures(book.db)

    assert now.archive.lines == len(book.lines) == 5_006
    assert now.archive.bytes == sum(len(line) + 1 for line in book.lines)
    assert now.archive.torn_lines == 2


def test_torn_record_stays_a_record() -> None:
    """What follows a torn record is a record of its own."""
    book = Book()
    book.append(b"1795411800|1.1|q|NO")
    book.append(records(1))

    assert [line for _, line in book.archive.records([(1, 2)])] == [
        b"1795411800|1.1|q|NO",
        records(1)[:-1],
    ]


def test_times_of_chunks() -> None:
    """A chunk knows the times of its first and last record that has one, also when folded."""
    book = Book()
    book.append(b"no time\n")
    book.append(b"\n1795411805|a|b|c|d|\nnothing\n1795411803|a|b|c|d|\n12|x\n")
    book.append(b"no time\n")
    rows = book.db.execute("SELECT first_time, last_time FROM chunk ORDER BY first_seq").fetchall()
    assert rows == [(None, None), (1_795_411_805, 1_795_411_803), (None, None)]
    book.append(b"x" * FOLD_BYTES + b"\n")

    rows = book.db.execute("SELECT first_time, last_time FROM chunk").fetchall()
    assert rows == [(1_795_411_805, 1_795_411_803)]


def entering(*callids: str) -> bytes:
    """Return records with which these calls enter a queue."""
    return b"".join(f"{TIME}|{callid}|q|NONE|ENTERQUEUE||49|1\n".encode() for callid in callids)


def test_calls_are_counted_once() -> None:
    """A call that enters queues again and again is one, also over appends, folds and reopenings."""
    book = Book()
    book.append(entering("1.1", "1.2", "1.1"))
    book.append(entering("1.1"))
    book.reopen()
    book.append(entering("1.2", "1.3"))
    book.append(records(5_000))
    book.append(b"z" * FOLD_BYTES + b"\n")
    book.reopen()
    book.append(entering("1.1", "1.4", "NONE", "MANAGER", ""))

    assert figures(book.db).archive.calls == 4


def test_memory_for_calls_over_reopening() -> None:
    """After a reopening at least as many calls are remembered as promised."""
    book = Book()
    book.append(entering("first"))
    for start in range(0, MEMORY - 1, 500):
        book.append(entering(*(f"2.{n}" for n in range(start, min(start + 500, MEMORY - 1)))))
    book.reopen()
    book.append(entering("first"))

    assert figures(book.db).archive.calls == MEMORY


# The archived end of a stream


def test_last_text_of_a_stream() -> None:
    """The end of what was read from a stream, as much as is wanted, up to its cursor."""
    book = Book()
    whole = b""
    for start in range(0, 9_000, 100):
        piece = records(100, first=start)
        whole += piece
        book.append(piece)
        if start % 700 == 0:
            book.reopen()
    for want in (1, 100, 50_000, 300_000, len(whole) - 1, len(whole), len(whole) * 2):
        got = book.archive.origins.last_text_of(1, want=want)
        assert whole.endswith(got)
        assert len(got) >= min(want, len(whole))


def test_last_text_with_a_torn_end() -> None:
    """The end of a stream is known though its last record has a newline of ours."""
    book = Book()
    book.append(records(5))
    book.append(b"1795411800|1.1|q|NO")
    book.reopen()
    text = records(5) + b"1795411800|1.1|q|NO"

    assert book.archive.origins.last_text_of(1, want=1 << 20).removesuffix(b"\n") == text


def test_last_text_of_several_streams() -> None:
    """Each stream has its own end, whichever was read last."""
    book = Book()
    texts = {number: records(20, first=100 * number) for number in (1, 2, 3)}
    for number, text in texts.items():
        book.append(text, stream=number)

    for number, text in texts.items():
        assert book.archive.origins.last_text_of(number, want=1 << 20) == text
    assert book.archive.origins.last_text_of(4, want=100) == b""


def test_last_text_of_streams_that_took_turns() -> None:
    """What was read between two parts of a stream is no part of it, and hides none of it."""
    book = Book()
    texts = {1: b"", 2: b""}
    for turn in range(6):
        number = 1 + turn % 2
        piece = records(3, first=10 * turn)
        texts[number] += piece
        book.append(piece, stream=number)
        if turn == 3:
            book.reopen()

    for number, text in texts.items():
        assert book.archive.origins.last_text_of(number, want=len(text)) == text
        assert (
            book.archive.origins.last_text_of(number, want=10) == text[-len(records(3, first=50)) :]
        )


def test_last_text_after_a_rewind() -> None:
    """When a stream was rewound (a power cut) and read on, its text is the new one from there."""
    book = Book()
    lines = [records(1, first=number) for number in range(10)]
    book.append(b"".join(lines))
    at = len(b"".join(lines[:6]))
    fresh = records(2, first=50)
    book.append(fresh, offset=at)

    assert book.archive.origins.last_text_of(1, want=len(fresh)) == fresh
    assert book.archive.origins.last_text_of(1, want=1 << 20) in {
        fresh,
        b"".join(lines[:6]) + fresh,
    }


def test_origins_are_few() -> None:
    """Where records come from is noted when it changes, not for each piece."""
    book = Book()
    for turn in range(20):
        book.append(records(2, first=turn))
        if turn % 5 == 0:
            book.reopen()
    book.append(records(2), stream=2)
    book.append(records(2), stream=2)

    assert book.db.execute("SELECT count(*) FROM origin").fetchone()[0] == 2


@settings(max_examples=30)
@given(data=st.data())
def test_calls_are_counted_late_or_at_once(data: st.DataObject) -> None:
    """However records come, and whenever they are counted, each call is counted once."""
    book = Book()
    number = 0
    for count in data.draw(st.lists(st.sampled_from([1, 40, 3_500]), min_size=1, max_size=6)):
        calls = range(number, number + count)
        number += count
        book.append(
            b"".join(
                b"%d|%d.1|q|NONE|ENTERQUEUE||7|1\n%d|%d.1|q|NONE|ABANDON|1|1|9\n"
                % (TIME + call, call, TIME + call + 9, call)
                for call in calls
            )
        )
        if data.draw(st.booleans()):
            book.archive.calls.count_next()
        if data.draw(st.booleans()):
            book.reopen()
        assert book.counted() + book.archive.calls.uncounted_calls() == number
    while book.archive.calls.count_next():
        pass
    assert (book.counted(), book.archive.calls.uncounted_calls()) == (number, 0)


@pytest.mark.parametrize("counted", [False, True])
def test_what_is_damaged_stops_no_other(counted: bool) -> None:  # noqa: FBT001
    """Archiving and counting go on beside a damaged chunk, whose calls are not to be had."""
    book = Book()
    first, second = (
        book.append(entering(*(f"{kind}.{number}" for number in range(MEMORY))))
        for kind in ("first", "second")
    )
    while counted and book.archive.calls.count_next():
        pass
    damage(book.db, second)
    book.reopen()

    book.append(entering(*(f"third.{number}" for number in range(10))))
    known = MEMORY + 10 + (MEMORY if counted else 0)
    assert book.counted() + book.archive.calls.uncounted_calls() == known
    while book.archive.calls.count_next():
        pass
    assert (book.counted(), book.archive.calls.uncounted_calls()) == (known, 0)
    behind, chunk = book.archive.chunks.check(first) or (0, None)
    assert behind == second
    assert chunk is not None
    assert book.archive.chunks.check(second) == (2 * MEMORY + 1, None)
