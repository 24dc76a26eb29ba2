"""Numbers in words."""

from __future__ import annotations

import pytest

from qlogship.wording import count, duration, named


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (12_000, "12,000 calls")]
)
def test_count(number: int, words: str) -> None:
    """Only one is singular."""
    assert count(number, "call") == words


@pytest.mark.parametrize(
    ("uploads", "most", "words"),
    [
        ([3], 3, "upload 3"),
        ([3, 5], 3, "uploads 3 and 5"),
        ([3, 5, 7], 3, "uploads 3, 5 and 7"),
        ([3, 5, 7, 9, 11], 3, "uploads 3, 5, 7 and 2 more"),
        ([3, 5, 7, 9, 11], None, "uploads 3, 5, 7, 9 and 11"),
    ],
)
def test_named(uploads: list[int], most: int | None, words: str) -> None:
    """A few uploads are named, more are counted, unless all are wanted."""
    assert named(uploads, most=most) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "0 min"), (60, "1 min"), (3_600, "1 h"), (34_500, "9 h 35 min"), (90_000, "25 h")],
)
def test_duration(seconds: float, words: str) -> None:
    """Hours and minutes, without what is naught."""
    assert duration(seconds) == words
