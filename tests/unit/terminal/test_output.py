"""How long lines are folded on a terminal."""

from __future__ import annotations

import pytest

from qlogship.terminal.output import folded

TEXT = "the service may not read the file; type `usermod --append --groups asterisk qlogship` now"


def test_lines_are_folded_between_words_and_stand_below_each_other() -> None:
    """No line is wider than the terminal, and nothing is lost."""
    lines = folded("one two three four five six seven eight", first="  ok  ", width=26)
    assert lines == ["  ok  one two three four", "      five six seven eight"]


def test_what_is_to_be_typed_stays_in_one_piece() -> None:
    """A command that was folded would be copied with a gap in it."""
    lines = folded(TEXT, first="-> ", width=60)
    assert any("`usermod --append --groups asterisk qlogship`" in line for line in lines)
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize("width", [0, 12, 200])
def test_nothing_is_folded_where_there_is_no_need_or_no_room(width: int) -> None:
    """A pipe has no width; on a sliver of a terminal folding would make things worse."""
    assert folded(TEXT, first="-> ", width=width) == [f"-> {TEXT}"]


def test_a_word_longer_than_a_line_is_left_whole() -> None:
    """An address is copied as it stands."""
    address = f"https://{'x' * 60}.example.com"
    assert folded(f"look at {address} now", first="", width=40) == ["look at", address, "now"]
