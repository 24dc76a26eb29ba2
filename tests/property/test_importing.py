"""Whatever pieces of queue_logs are imported, in whatever order, the archive is the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.queue_log import TREES, sample
from tests.support.importing import Importing

if TYPE_CHECKING:
    from random import Random

FILES = [f"{tree}/{name}" for tree, names in TREES.items() for name in names]
FILES.append("scenarios.queue_log")

LEAST = 1500
"""Bytes that two pieces share at least: a dozen records, so that the overlap can be told."""


@cache
def in_order() -> bytes:
    """Return the archive after every sample was imported once, in order."""
    with TemporaryDirectory() as directory:
        archive = Importing(Path(directory))
        archive.add(*map(sample, FILES))
        return archive.text()


def cut(text: bytes, random: Random, *, at_lines: bool) -> list[bytes]:
    """Cut a text into pieces that overlap."""
    most = len(text)
    cuts = sorted(random.sample(range(LEAST, most - LEAST), random.randint(0, 3)))
    pieces = []
    for start, end in zip([0, *cuts], [*cuts, most], strict=True):
        first = max(0, start - random.randint(LEAST, 2 * LEAST))
        last = min(most, end + random.randint(0, 200))
        if at_lines:
            first, last = text.rfind(b"\n", 0, first) + 1, text.find(b"\n", last - 1) + 1
        pieces.append(text[first:last])
    return pieces


def test_every_record_of_every_sample_is_there() -> None:
    """What is exported is what was imported, record for record."""
    lines = b"".join(map(sample, FILES)).split(b"\n")
    assert sorted(in_order().split(b"\n")) == sorted(lines)


def test_each_tree_is_exported_as_it_was_written() -> None:
    """Files that follow each other come out one behind the other, byte for byte."""
    for tree, names in TREES.items():
        texts = [sample(f"{tree}/{name}") for name in names]
        with TemporaryDirectory() as directory:
            archive = Importing(Path(directory))
            archive.add(*sorted(texts))
            assert archive.text() == b"".join(texts)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False), at_lines=st.booleans())
def test_the_order_of_imports_does_not_matter(random: Random, *, at_lines: bool) -> None:
    """All samples in overlapping pieces, twice and shuffled: the same export, byte for byte.

    Pieces may begin and end within a record: the fragments give way to the whole.
    """
    pieces = [piece for name in FILES for piece in cut(sample(name), random, at_lines=at_lines)] * 2
    random.shuffle(pieces)
    with TemporaryDirectory() as directory:
        archive = Importing(Path(directory))
        archive.add(*pieces)
        assert archive.text() == in_order()
        assert sum(done.new for done in archive.add(*pieces)) == 0
