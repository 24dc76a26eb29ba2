"""Bytes of a file of users: which become text, and which are refused with a remedy."""

from __future__ import annotations

import pytest

from qlogship.users.csv_file.text import SIZE_MAX, Decoded, Unreadable, decode

RUSSIAN = "name;surname\r\nИван;Петров\r\nЁлка;Щукина-Ельцова\r\nAnna;№ 7 «Север»\r\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (RUSSIAN.encode(), "utf-8"),
        (RUSSIAN.encode("utf-8-sig"), "utf-8"),
        (RUSSIAN.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + RUSSIAN.encode("utf-16-be"), "utf-16"),
        (RUSSIAN.encode("cp1251"), "cp1251"),
    ],
)
def test_the_text_is_the_same_in_each_encoding(data: bytes, encoding: str) -> None:
    """UTF-8, with a mark or without, UTF-16 and Windows-1251 give the same text, without a mark."""
    assert decode(data) == Decoded(RUSSIAN, encoding)


def test_a_strange_password_does_not_hide_cyrillic() -> None:
    """A few words that mix scripts are let pass: most of them are names."""
    text = RUSSIAN * 3 + "Олег;пaroль\r\n"
    assert decode(text.encode("cp1251")) == Decoded(text, "cp1251")


@pytest.mark.parametrize(
    "data",
    [
        "Jürgen;Müller\r\nRené;Gonçalves\r\n".encode("latin-1"),
        "Åsa;Öberg\r\n".encode("cp1252"),
        "Łukasz;Żółć\r\n".encode("cp1250"),
        RUSSIAN.replace("№", "N").replace("«", "").replace("»", "").encode("koi8-r"),
        RUSSIAN.replace("«", "").replace("»", "").encode("cp866"),
        b"name\r\n\x98\x98\r\n",
        bytes(range(128, 256)),
    ],
    ids=["latin-1", "cp1252", "cp1250", "koi8-r", "cp866", "no letter", "noise"],
)
def test_what_is_no_cyrillic_is_refused(data: bytes) -> None:
    """Bytes that are neither UTF-8 nor plausible Cyrillic are refused, never guessed."""
    found = decode(data)
    assert isinstance(found, Unreadable)
    assert "UTF-8" in found.remedy


def test_the_line_is_named() -> None:
    """The first line that is no UTF-8 is named."""
    found = decode(b"name\nJohn\nM\xfcller\n")
    assert isinstance(found, Unreadable)
    assert "line 3" in found.problem


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"PK\x03\x04rest", "workbook"),
        (b"\xd0\xcf\x11\xe0rest", "workbook"),
        ("name;x".encode("utf-16-le"), "NUL"),
        (b"\xff\xfen", "UTF-16"),
        (b"x" * (SIZE_MAX + 1), "larger"),
    ],
)
def test_what_is_no_csv_is_named(data: bytes, word: str) -> None:
    """A workbook, half a UTF-16 file and one that is too large are told as what they are."""
    found = decode(data)
    assert isinstance(found, Unreadable)
    assert word in found.problem
