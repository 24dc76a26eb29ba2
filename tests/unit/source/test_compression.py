"""Decompressing: any cut of the bytes gives the same text, and the end is told from a cut."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from qlogship.source.compression import (
    DamagedError,
    Decompressing,
    TooLongError,
    compression,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda text: lzma.compress(text, preset=0),  # the others make a table of megabytes
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
KINDS = sorted(PACK)
TEXT = b"".join(b"%d|%d.1|sales|NONE|ENTERQUEUE||49|1\n" % (n * n, n) for n in range(1_000))
PACKED = {kind: pack(TEXT) for kind, pack in PACK.items()}


def reading(packed: bytes, kind: str) -> Decompressing:
    """Return what decompresses these bytes."""
    return Decompressing(io.BytesIO(packed).read, kind)


def read_all(source: Decompressing, size: int) -> bytes:
    """Read to the end in pieces of about this size."""
    parts = []
    while part := source.read(size):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 1_000, 1 << 20])
def test_round_trip(kind: str, size: int) -> None:
    """The text comes back, in pieces of any size, and its end is known as the real one."""
    text = TEXT[:3_000] if size == 1 else TEXT
    source = reading(PACK[kind](text), kind)

    assert read_all(source, size) == text
    assert source.whole
    assert source.position == len(text)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50)
@given(data=st.data())
def test_streams_behind_each_other(kind: str, data: st.DataObject) -> None:
    """Any number of streams in one file, empty ones too, are one text."""
    parts = data.draw(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
    source = reading(b"".join(map(PACK[kind], parts)), kind)

    assert read_all(source, 50) == b"".join(parts)
    assert source.whole


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50)
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_cut_off(kind: str, share: float) -> None:
    """A file that is cut anywhere gives a beginning of its text, is no damage, and is not whole."""
    packed = PACKED[kind]
    source = reading(packed[: int(share * len(packed))], kind)

    assert TEXT.startswith(read_all(source, 10_000))
    assert not source.whole


@pytest.mark.parametrize("kind", KINDS)
def test_end_of_one_stream_is_no_end(kind: str) -> None:
    """A file that is cut within its second stream is not whole."""
    packed = PACK[kind](b"one\n") + PACK[kind](b"two\n")[:-4]
    source = reading(packed, kind)

    assert read_all(source, 100).startswith(b"one\n")
    assert not source.whole


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50)
@given(data=st.data())
def test_damage_never_surprises(kind: str, data: st.DataObject) -> None:
    """Whatever the bytes are, reading ends: with text, or with DamagedError and nothing else."""
    packed = bytearray(PACKED[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    source = reading(bytes(packed), kind)
    with contextlib.suppress(DamagedError):
        while source.read(1_000):
            assert source.position < 10_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_after_the_text_before_it(kind: str) -> None:
    """What stands before the damage comes first, then the damage is told, each time again."""
    source = reading(PACK[kind](TEXT) + b"\1garbage", kind)

    assert source.read(len(TEXT)) == TEXT
    for _ in range(3):
        with pytest.raises(DamagedError):
            source.read(1)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_after_text_in_one_read(kind: str) -> None:
    """The same when one read is asked for more than stands before the damage."""
    source = reading(PACK[kind](TEXT) + b"\1garbage", kind)
    parts = []
    with pytest.raises(DamagedError):
        parts += [source.read(len(TEXT) * 2) for _ in range(3)]


# Not zst: its library cannot be told how much to return.
@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_little_memory(kind: str) -> None:
    """A piece is not much larger than what was asked for, however well the text was packed."""
    source = reading(PACK[kind](b"x" * 50_000_000), kind)

    assert max(len(source.read(100_000)) for _ in range(5)) <= 100_000 + (1 << 20)


def test_kinds() -> None:
    """The first bytes say what a file is; while they are not all there, its name does."""
    for kind in KINDS:
        packed = PACK[kind](TEXT)
        assert compression(packed[:6], suffix="") == kind
        assert compression(packed[:6], suffix=".1") == kind
        for length in (1, 2):
            assert compression(packed[:length], suffix=f".{kind}") == kind
        assert compression(b"", suffix=".1") is None
        assert compression(b"179541", suffix=f".{kind}") is None
    assert compression(b"179541", suffix="") is None


# Files that somebody made to do harm


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_empty_streams_have_an_end(kind: str) -> None:
    """Streams with nothing in them are not gone through for longer than somebody is patient."""
    source = Decompressing(endless(PACK[kind](b"")), kind, patience=0.1)

    with pytest.raises(TooLongError):
        source.read(100)


def test_short_streams_have_an_end() -> None:
    """What came in time is handed out, and is all there is."""
    source = Decompressing(endless(gzip.compress(b"text")), "gz", patience=0.1)

    assert source.read(1 << 40).startswith(b"texttext")
    with pytest.raises(TooLongError):
        source.read(1)


def test_memory_for_xz() -> None:
    """A file that says itself how much memory it needs is not given more than `xz -9` needs."""
    largest, too_large = (
        lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": size}])
        for size in (64 << 20, 128 << 20)
    )

    assert read_all(reading(largest, "xz"), 1 << 20) == TEXT
    with pytest.raises(DamagedError):
        reading(too_large, "xz").read(1)


def test_memory_for_zst() -> None:
    """Text of a million times the size of its file comes in small pieces."""
    source = reading(zstandard.compress(bytes(64 << 20)), "zst")

    assert 0 < len(source.read(1)) <= 16 << 20


def endless(packed: bytes) -> Callable[[int], bytes]:
    """Return a file of these bytes, again and again."""
    return lambda size: packed * (size // len(packed))
