"""File identity over any text, read in any pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qlogship.source.rotated_names import is_related_name, is_rotated_name
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

_TEXTS = st.sampled_from([f"{tree}/{name}" for tree, names in TREES.items() for name in names]).map(
    sample
) | st.binary(max_size=200)
_BORDERS = st.lists(
    st.integers(0, 300) | st.sampled_from((63, 64, 65, 1023, 1024, 1025)) | st.integers(0, 20_000),
    max_size=12,
).map(sorted)


def read(text: bytes, borders: list[int]) -> Stream:
    """Read a file in these pieces, some of them empty, to the last border."""
    stream = Stream(1, b"", b"", 0, 1, 10, "queue_log")
    for start, end in zip([0, *borders], borders, strict=False):
        stream = stream.advanced(text[start:end])
    return stream


@given(_TEXTS, _BORDERS)
def test_pieces_do_not_matter(text: bytes, borders: list[int]) -> None:
    """Head, tail and cursor depend on what was read, not on the pieces it was read in."""
    stream = read(text, borders)
    done = text[: borders[-1]] if borders else b""
    assert stream.head == done[:HEAD_BYTES]
    assert stream.tail == done[-TAIL_BYTES:]
    assert stream.offset == len(done)


@given(_TEXTS, _BORDERS, st.integers(0, 20_000))
def test_a_file_is_itself_at_every_size(text: bytes, borders: list[int], size: int) -> None:
    """A file that has what was read of it is the same; a shorter one that agrees is a part."""
    stream = read(text, borders)
    start = text[:size][:HEAD_BYTES]
    kin = compare(stream.head, start)
    if not stream.head or not start:
        assert kin is Kin.OTHER
    elif len(start) >= len(stream.head):
        assert kin is Kin.SAME
    else:
        assert kin is Kin.PART
    expected = (kin, None if kin is Kin.OTHER else stream)
    assert identify(start, (1, 10), [stream]) == expected


@given(_TEXTS, _TEXTS, st.integers(0, 2_000))
def test_compare_is_what_startswith_says(text: bytes, other: bytes, size: int) -> None:
    """Two beginnings are of one stream exactly when one of them begins the other."""
    head, start = text[:size][:HEAD_BYTES], other[:HEAD_BYTES]
    common = min(len(head), len(start))
    related = common > 0 and head[:common] == start[:common]
    assert (compare(head, start) is not Kin.OTHER) == related


@given(_TEXTS, _BORDERS, st.integers(0, 20_000))
def test_a_look_at_a_file_that_only_grows(text: bytes, borders: list[int], size: int) -> None:
    """A file that lost nothing is never taken for one that was begun anew; one that did, always."""
    stream = read(text, borders)
    now = text[:size]
    restarted = is_restarted(stream, size=len(now), start=now[: len(stream.head)])
    assert restarted == (len(now) < stream.offset)


@given(st.text(max_size=12), st.text(min_size=1, max_size=6))
def test_every_rotated_name_is_a_related_one(rest: str, base: str) -> None:
    """What rotation makes is related; nothing is that does not begin with the name."""
    for name in (rest, base + rest, f"{base}.{rest}", f"{base}-1{rest}", rest + base):
        if is_rotated_name(name, base):
            assert is_related_name(name, base)
        if is_related_name(name, base):
            assert name.startswith(base)
            assert name != base
