"""Which file is which: beginnings, and what a look at a file means."""

from __future__ import annotations

import pytest

from qlogship.source.streams import (
    HEAD_BYTES,
    TAIL_BYTES,
    Kin,
    Stream,
    compare,
    identify,
    is_restarted,
)
from tests.fixtures.queue_log import TREES, sample

RELOAD = b"1795411924|NONE|NONE|NONE|CONFIGRELOAD|\n"
CALL = b"1795411924|1795411924.1|q1|NONE|ENTERQUEUE||79161234567|1\n"
LATER = b"1795411931|1795411924.1|q1|NONE|ABANDON|1|1|7\n"
PAUSE = b"1795411930|NONE|q1|7001|PAUSE|lunch\n"
LONG = RELOAD + CALL * 40


def stream(
    text: bytes, *, number: int = 1, inode: int = 10, device: int = 1, skipped: bool = False
) -> Stream:
    """Return the stream of a file that was read to this text's end."""
    return Stream(number, b"", b"", 0, device, inode, "queue_log", skipped).advanced(text)


# --- beginnings ---


@pytest.mark.parametrize(
    ("head", "start", "kin"),
    [
        (RELOAD, RELOAD, Kin.SAME),
        (RELOAD, RELOAD + CALL, Kin.SAME),
        (RELOAD + CALL, RELOAD + CALL + LATER, Kin.SAME),
        (RELOAD + CALL, RELOAD, Kin.PART),
        (RELOAD + CALL, RELOAD + CALL[:-1], Kin.PART),
        (RELOAD + CALL, b"1", Kin.PART),
        (RELOAD, CALL, Kin.OTHER),
        (RELOAD + CALL, RELOAD + LATER, Kin.OTHER),
        (RELOAD, RELOAD.replace(b"924", b"925"), Kin.OTHER),
        (RELOAD, b"", Kin.OTHER),
        (b"", RELOAD, Kin.OTHER),
        (b"", b"", Kin.OTHER),
        (LONG[:HEAD_BYTES], LONG[:HEAD_BYTES], Kin.SAME),
        (LONG[:HEAD_BYTES], LONG[: HEAD_BYTES - 1] + b"!", Kin.FORK),
        (LONG[:HEAD_BYTES], LONG[: HEAD_BYTES - 1], Kin.PART),
    ],
)
def test_compare(head: bytes, start: bytes, kin: Kin) -> None:
    """A file is the same stream, a beginning of it, or another one, by its first bytes alone."""
    assert compare(head, start) is kin


def test_a_renamed_file_is_known() -> None:
    """A stream is found again in its inode, whatever was read of it."""
    for text in (RELOAD, RELOAD + CALL, LONG):
        known = stream(text)
        assert identify((text + LATER)[:HEAD_BYTES], (1, 10), [known]) == (Kin.SAME, known)


def test_a_copy_is_known() -> None:
    """A copied or compressed file of a call's records is found again in another inode."""
    for text in (RELOAD + CALL, CALL, LONG):
        known = stream(text)
        assert identify(text[:HEAD_BYTES], (1, 11), [known]) == (Kin.SAME, known)
        assert identify(text[:HEAD_BYTES], (2, 10), [known]) == (Kin.SAME, known)


def test_a_reused_inode_is_another_stream() -> None:
    """A new file in the inode of a deleted one is not taken for it."""
    known = stream(RELOAD + CALL)
    fresh = RELOAD.replace(b"924", b"999") + CALL.replace(b"924", b"999")
    assert identify(fresh, (1, 10), [known]) == (Kin.OTHER, None)


def test_an_empty_file_is_no_stream() -> None:
    """Nothing can be said of a file without a byte, not even in a known inode."""
    assert identify(b"", (1, 10), [stream(RELOAD + CALL)]) == (Kin.OTHER, None)
    assert identify(RELOAD, (1, 10), []) == (Kin.OTHER, None)
    assert identify(RELOAD, (1, 10), [stream(b"")]) == (Kin.OTHER, None)


@pytest.mark.parametrize("more", [b"", CALL, PAUSE])
def test_two_reloads_in_one_second(more: bytes) -> None:
    """Of two files that begin with the same CONFIGRELOAD, each is known by its inode."""
    first = stream(RELOAD, number=1, inode=10)
    assert identify(RELOAD + more, (1, 11), [first]) == (Kin.OTHER, None)
    second = stream(RELOAD, number=2, inode=11)
    assert identify(RELOAD + more, (1, 10), [first, second]) == (Kin.SAME, first)
    assert identify(RELOAD + more, (1, 11), [first, second]) == (Kin.SAME, second)
    assert identify(RELOAD + more, (2, 10), [first, second]) == (Kin.OTHER, None)


def test_a_new_file_with_the_reload_of_a_longer_one() -> None:
    """A file of one CONFIGRELOAD is not taken for a copy of another file that begins with it."""
    known = stream(RELOAD + CALL, inode=10)
    assert identify(RELOAD, (1, 11), [known]) == (Kin.OTHER, None)
    assert identify(RELOAD, (1, 10), [known]) == (Kin.PART, known)


def test_a_copy_in_the_making() -> None:
    """A file that is shorter than a known head and agrees with it is a part of that stream."""
    known = stream(LONG)
    for size in (1, len(RELOAD) - 1, len(RELOAD) + 1, len(RELOAD + CALL), HEAD_BYTES - 1):
        assert identify(LONG[:size], (1, 11), [known]) == (Kin.PART, known)
    assert identify(LONG[:HEAD_BYTES], (1, 11), [known]) == (Kin.SAME, known)


def test_the_longest_head_is_meant() -> None:
    """Of several streams that a file continues, the one it shares most with is found."""
    short = stream(RELOAD + CALL, number=2)
    long = stream(RELOAD + CALL + LATER, number=1)
    part = stream(RELOAD + CALL + LATER + PAUSE, number=3)
    start = RELOAD + CALL + LATER
    for streams in ([short, long, part], [part, long, short]):
        assert identify(start, (1, 11), streams) == (Kin.SAME, long)
    assert identify(RELOAD + CALL, (1, 11), [part, long]) == (Kin.PART, part)


def test_the_newest_of_equals_is_meant() -> None:
    """Of streams with one head, the one that was begun last is found."""
    first, second = stream(RELOAD + CALL, number=1), stream(RELOAD + CALL, number=2)
    for streams in ([second, first], [first, second]):
        assert identify(RELOAD + CALL, (1, 11), streams) == (Kin.SAME, second)


def test_a_full_head_is_proof() -> None:
    """Records of no call that fill a whole head are no coincidence."""
    text = PAUSE.replace(b"lunch", b"x" * (69 - len(PAUSE))) * 16
    assert len(text) == HEAD_BYTES
    known = stream(text)
    assert identify(text, (1, 11), [known]) == (Kin.SAME, known)


def test_skipped_streams_are_found_too() -> None:
    """A stream that is not wanted is still known, or it would be taken for a new one."""
    known = stream(RELOAD + CALL, skipped=True)
    assert identify(RELOAD + CALL, (1, 11), [known]) == (Kin.SAME, known)


@pytest.mark.parametrize("tree", TREES)
def test_the_real_files_are_told_apart(tree: str) -> None:
    """Every file of a tree is itself, in whatever inode, and no other."""
    texts = {name: sample(f"{tree}/{name}") for name in TREES[tree]}
    streams = {
        name: stream(text, number=number, inode=number)
        for number, (name, text) in enumerate(texts.items(), 1)
    }
    for name, text in texts.items():
        found = identify(text[:HEAD_BYTES], (9, 99), streams.values())
        assert found == (Kin.SAME, streams[name])
        others = [known for other, known in streams.items() if other != name]
        assert identify(text[:HEAD_BYTES], (1, 1), others) == (Kin.OTHER, None)


def test_a_quiet_day_that_was_compressed() -> None:
    """A head with records of several seconds is known in any inode, also without a call."""
    known = stream(RELOAD + PAUSE)
    assert identify(RELOAD + PAUSE, (1, 11), [known]) == (Kin.SAME, known)


@pytest.mark.parametrize("head", [b"\n", b"y\n", b"\n\n", b"1\n"])
def test_a_head_that_says_nothing(head: bytes) -> None:
    """A file that begins with a blank line is not every other file that begins with one."""
    known = stream(head)
    assert identify(head + RELOAD + CALL, (1, 11), [known]) == (Kin.OTHER, None)


# --- looks ---


@pytest.mark.parametrize("more", [b"", LATER, b"1"])
def test_a_look_at_a_file_that_grew(more: bytes) -> None:
    """A file that has what was read of it, and perhaps more, goes on."""
    known = stream(RELOAD + CALL)
    text = RELOAD + CALL + more
    assert not is_restarted(known, size=len(text), start=text[: len(known.head)])


@pytest.mark.parametrize(
    "text",
    [
        RELOAD,
        b"",
        RELOAD + LATER * 2,
        CALL + LATER,
        CALL + LATER * 9,
        b"\0" * len(RELOAD + CALL),
    ],
)
def test_a_look_at_a_file_that_was_begun_anew(text: bytes) -> None:
    """A file that shrank, or begins otherwise than what was read, was begun anew."""
    known = stream(RELOAD + CALL)
    assert is_restarted(known, size=len(text), start=text[: len(known.head)])


def test_a_file_that_outgrew_what_was_read() -> None:
    """A file that was truncated and grew beyond the cursor is seen by its first line."""
    known = stream(LONG)
    again = LATER + LONG
    assert is_restarted(known, size=len(again), start=again[: len(known.head)])


def test_a_short_head_is_compared_as_far_as_it_goes() -> None:
    """Of a file of which one line was read, that line tells whether it goes on."""
    known = stream(RELOAD)
    assert not is_restarted(known, size=len(RELOAD + CALL), start=RELOAD)
    other = RELOAD.replace(b"924", b"925")
    assert is_restarted(known, size=len(other + CALL), start=other)


# --- the cursor ---


def test_head_and_tail() -> None:
    """A stream knows its first and its last bytes, and how many there are."""
    known = stream(LONG)
    assert known.head == LONG[:HEAD_BYTES]
    assert known.tail == LONG[-TAIL_BYTES:]
    assert known.offset == len(LONG)


def test_a_stream_that_began_in_the_middle_gets_no_head() -> None:
    """What is read far behind the beginning is never taken for the beginning."""
    known = Stream(1, b"", b"x" * TAIL_BYTES, 500, 1, 10, "queue_log").advanced(CALL)
    assert known.head == b""
    assert known.offset == 500 + len(CALL)
    assert identify(CALL, (1, 10), [known]) == (Kin.OTHER, None)


def test_reading_on_keeps_the_rest() -> None:
    """Reading changes neither the stream's number nor where it lies."""
    known = stream(RELOAD, number=7, inode=12, device=3, skipped=True).advanced(CALL)
    assert (known.id, known.inode, known.device, known.path) == (7, 12, 3, "queue_log")
    assert known.skipped
