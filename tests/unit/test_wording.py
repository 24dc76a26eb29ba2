"""Numbers in words."""

from __future__ import annotations

import pytest

from qlogship.wording import count, duration, lasting, listed, named, roughly, size, time_left


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


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (1_023, "1,023 bytes"),
        (1_536, "1.5 KiB"),
        (50 << 20, "50.0 MiB"),
        (3 << 40, "3,072.0 GiB"),
    ],
)
def test_size(number: int, words: str) -> None:
    """The largest unit that fits, up to GiB."""
    assert size(number) == words


@pytest.mark.parametrize(
    ("things", "words"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), ([1, 2, 3, 4, 5], "1, 2, 3 and 2 more")],
)
def test_listed(things: list[object], words: str) -> None:
    """The first three are named, the others counted."""
    assert listed(things) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (1.9, "1 second"),
        (119, "1 minute"),
        (7_200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_lasting(seconds: float, words: str) -> None:
    """The largest unit that fits, rounded down; a clock that was put back makes none negative."""
    assert lasting(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (89, "89 seconds"), (90, "2 minutes"), (7_200, "120 minutes")],
)
def test_roughly(seconds: float, words: str) -> None:
    """What is only guessed is said in seconds or minutes, and never as nothing."""
    assert roughly(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(40.4, "40 s"), (90, "2 min"), (5_400, "1.5 h"), (36_000, "10.0 h")]
)
def test_time_left(seconds: float, words: str) -> None:
    """The longer it takes, the coarser it is said."""
    assert time_left(seconds) == words
