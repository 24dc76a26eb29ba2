"""The characters of a file of users, whatever program saved it.

UTF-8, with or without a byte order mark, is what is wanted. UTF-16 with a mark
and Windows-1251 are what Excel saves in its other moods: they are converted,
and that is said. Bytes that are no UTF-8 could be any of a hundred encodings:
they are taken for Windows-1251 only when that makes Cyrillic words of them.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

SIZE_MAX: Final = 32 * 1024 * 1024
"""Bytes; a user takes about a hundred."""

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOK: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WORD: Final = re.compile(r"[^\W\d_]+")
_CYRILLIC: Final = re.compile(r"[Ѐ-ӿ]")
_LATIN: Final = re.compile(r"[A-Za-z]")
_TYPOGRAPHY: Final = frozenset("«»—–…№„“”‘’\xa0")
_BAD_SHARE_MAX: Final = 0.2
_SAVE_AS: Final = (
    "Save it as CSV in UTF-8 (in Excel: CSV UTF-8), with semicolons between the columns."
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, without a byte order mark, and the encoding it was in."""

    text: str
    encoding: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why the bytes are no text, and what to do."""

    problem: str
    remedy: str


def decode(data: bytes) -> Decoded | Unreadable:
    """Return the text of a file, or why there is none; `encoding` is as Python calls it."""
    if len(data) > SIZE_MAX:
        size = SIZE_MAX // (1024 * 1024)
        return Unreadable(f"it is larger than {size} MiB", "Divide it, or name the right file.")
    if data.startswith(_WORKBOOK):
        return Unreadable("it is a workbook of Excel, not a CSV file", _SAVE_AS)
    if data.startswith(_UTF16):
        try:
            return Decoded(data.decode("utf-16"), "utf-16")
        except UnicodeDecodeError:
            return Unreadable("it begins as UTF-16 and does not go on so", _SAVE_AS)
    if b"\0" in data:
        return Unreadable("it holds NUL bytes: it is no text, or in another encoding", _SAVE_AS)
    try:
        return Decoded(data.decode("utf-8-sig"), "utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    try:
        text = data.decode("cp1251")
    except UnicodeDecodeError:
        text = ""
    if text and _is_cyrillic(text):
        return Decoded(text, "cp1251")
    return Unreadable(f"line {line} is neither UTF-8 nor Windows-1251 (Cyrillic)", _SAVE_AS)


def _is_cyrillic(text: str) -> bool:
    """Return whether what is beyond ASCII looks like Cyrillic words.

    Western text read as Windows-1251 mixes scripts within words ("Mьller"), KOI8-R
    turns capitals round ("йЧБО"), and the code pages of DOS give signs that no
    name has. A few such words are let pass: they may be passwords.
    """
    strange = {sign for sign in text if ord(sign) > 127 and not sign.isalpha()}
    odd = sum(text.count(sign) for sign in strange - _TYPOGRAPHY)
    words = [word for word in _WORD.findall(text) if _CYRILLIC.search(word)]
    foreign = sum(ord(sign) > 127 and not _CYRILLIC.match(sign) for sign in text if sign.isalpha())
    bad = sum(_is_odd(word) for word in words)
    return bool(words) and bad + odd + foreign <= _BAD_SHARE_MAX * len(words)


def _is_odd(word: str) -> bool:
    turned_round = len(word) > 1 and word[0].islower() and word[1:].isupper()
    return turned_round or _LATIN.search(word) is not None
