"""What a person sees instead of what would command a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from qlogship.terminal.visible import Decoder, visible

ANY = st.text(st.characters() | st.sampled_from("\r\n\t\x1b\x9b\u202e\ufeff"))


@given(text=ANY)
def test_nothing_commands_a_terminal(text: str) -> None:
    """Only line ends and tabs are left of all that is no letter, figure, sign or blank."""
    shown = visible(text).replace("\r\n", "\n")

    assert not [
        one
        for one in shown
        if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and one not in "\n\t"
    ]


@given(text=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("\n\t")))
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    """Letters of any language, blanks of any width, tabs and line ends are shown as they are."""
    assert visible(text) == text
    assert visible(text.replace("\n", "\r\n")) == text.replace("\n", "\r\n")


@given(text=ANY.map(lambda text: text.lstrip("\ufeff")), cuts=st.lists(st.integers(1, 9)))
def test_where_the_bytes_are_cut_does_not_matter(text: str, cuts: list[int]) -> None:
    """Pieces are shown as the whole, whatever letter or line end is cut in two."""
    data = text.encode(errors="replace")
    decoder, shown, at = Decoder(), "", 0
    for length in cuts:
        shown += decoder.decode(data[at : at + length])
        at += length
    shown += decoder.decode(data[at:], final=True)

    assert shown == visible(data.decode())


def test_what_is_no_utf8_is_shown_as_bytes() -> None:
    """A byte that is a command in an old character set is escaped like any other one."""
    assert Decoder().decode(b"\xef\xbb\xbfa\x9b2Jb\r\n\xd0\xaf\rc", final=True) == (
        "a\\x9b2Jb\r\nЯ\\rc"
    )
