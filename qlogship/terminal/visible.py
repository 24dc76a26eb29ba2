"""Foreign text made visible, so that it cannot command the terminal that shows it.

Names of users, reports and records are written by others: by a caller's telephone, by
whoever has an account on the dashboard. A terminal would obey what is in them: move
the cursor, rewrite lines, set the clipboard. Here lives what a person sees instead.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Final

# A line that ends as in a file of Windows is no command; a carriage return elsewhere lets
# what follows it hide what is before it.
_RETURN: Final = re.compile(r"\r(?!\n)")


def visible(text: str) -> str:
    """Return a text of several lines with every control character escaped, as `ascii` does it."""
    plain = text.replace("\r\n", "").replace("\n", "").replace("\t", "")
    if plain.isprintable():
        return text
    escaped = "".join(map(_shown, text))
    return _RETURN.sub(r"\\r", escaped)


def _shown(character: str) -> str:
    if character.isprintable() or character in "\r\n\t" or unicodedata.category(character) == "Zs":
        return character
    return ascii(character)[1:-1]


class Decoder:
    """Makes bytes visible that come in pieces, cut anywhere; what is no UTF-8 is escaped."""

    def __init__(self) -> None:
        # A mark at the very beginning, as spreadsheets want it, is no text.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("backslashreplace")
        self._return = ""

    def decode(self, piece: bytes, *, final: bool = False) -> str:
        """Return what can be shown so far; `final` shows the rest."""
        text = self._return + self._decoder.decode(piece, final)
        self._return = "\r" if text.endswith("\r") and not final else ""
        return visible(text.removesuffix(self._return) if self._return else text)
