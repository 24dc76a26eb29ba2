"""Where a telephone number stands in a record, and what is put in its place; pure.

Theory of operation
-------------------
A number is looked for in every column behind the callid: as a column of its own (the caller
in ENTERQUEUE) and as part of one (`SIP/79161234567-0001`, `Local/79161234567@out`, a URL). It
is the number where no further digit stands before or behind it, but for a `+`, which stays,
or the `00` of an international call, or a `%xx` of a URL. So 1234 is not found in 51234, nor
9161234567 in 79161234567: those are other spellings, and asked for by themselves.

Never touched are the time and the callid, whatever they hold, unique ids in other columns
(`1795411824.12`), and the columns of the events that hold positions and seconds. All bytes
of what is found become `*`, so that lines and columns keep their places. In lines that are
no records nothing has a meaning, and the number is masked wherever it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from qlogship.errors import UsageError
from qlogship.queue_log.records import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

Span = tuple[int, int]
"""Where something begins in a text, and the place behind it."""

FEWEST: Final = 3
MOST: Final = 20
"""Digits of a number."""

_SEPARATORS: Final = re.compile(r"[ ()./\-]")
_DIGITS: Final = re.compile(rb"[0-9.]+")
_EDGE: Final = 3
"""So many digits of a number at the end of a text that was cut off are taken for a part of it."""

_WAITED = (0, 1, 2)
_COUNTS: Final[dict[bytes, tuple[int, ...]]] = {
    b"ABANDON": _WAITED,
    b"AGENTCALLBACKLOGOFF": (1,),
    b"AGENTLOGOFF": (1,),
    b"ATTENDEDTRANSFER": (2, 3, 4, 5),
    b"BLINDTRANSFER": (2, 3, 4),
    b"COMPLETEAGENT": _WAITED,
    b"COMPLETECALLER": _WAITED,
    b"CONNECT": (0, 2),
    b"ENTERQUEUE": (2,),
    b"EXITEMPTY": _WAITED,
    b"EXITWITHKEY": (1, 2, 3),
    b"EXITWITHTIMEOUT": _WAITED,
    b"OUTCALL": (1,),
    b"PENALTY": (0,),
    b"RINGCANCELED": (0,),
    b"RINGINUSE": (0,),
    b"RINGNOANSWER": (0,),
    b"TRANSFER": (2, 3, 4),
    b"WITHDRAW": _WAITED,
}
"""Which columns of an event's data are counts, positions or times (Asterisk, app_queue.c)."""

_LONGEST_COUNT: Final = 7
_LONGEST_POSITION: Final = 4
"""Digits of a count. A URL with a pipe puts the caller where ENTERQUEUE has the position."""


class Numbers:
    """The numbers to be found, as they were spelled. Raises `UsageError` for what is none."""

    def __init__(self, spellings: Iterable[str]) -> None:
        self._needles: set[bytes] = set()
        self._digits: set[bytes] = set()
        for spelled in spellings:
            bare = spelled.strip().removeprefix("+")
            digits = _SEPARATORS.sub("", bare)
            if digits.startswith("00"):
                bare, digits = bare[2:], digits[2:]
            if not (digits.isascii() and digits.isdigit() and FEWEST <= len(digits) <= MOST):
                raise UsageError(
                    f"{spelled!r} is no telephone number",
                    hint=f"Give {FEWEST} to {MOST} digits, as the queue_log has them.",
                )
            self._digits.add(digits.encode())
            self._needles |= {digits.encode(), bare.encode()}
        wanted = sorted(self._needles, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(_pattern, wanted)))

    def __bool__(self) -> bool:
        return bool(self._needles)

    def may_be_in(self, text: bytes) -> bool:
        """Return whether the digits stand anywhere in a text; it is quick."""
        return any(needle in text for needle in self._needles)

    def lines_with(self, text: bytes) -> list[Span]:
        """Return the lines of a text in which the digits stand anywhere, without newlines."""
        found = set()
        for needle in self._needles:
            at = text.find(needle)
            while at >= 0:
                end = text.find(b"\n", at)
                end = end if end >= 0 else len(text)
                found.add((text.rfind(b"\n", 0, at) + 1, end))
                at = text.find(needle, end)
        return sorted(found)

    def in_line(self, line: bytes) -> list[Span]:
        """Return where a number stands in a line of a queue_log, where it may be masked."""
        columns = _columns(line)
        counts = _counts(columns)
        start = len(b"|".join(columns[:2]))
        return [span for span in self._spans(line, start) if span not in counts]

    def in_key(self, line: bytes) -> set[bytes]:
        """Return the time and the callid of a record if the digits stand there: they stay."""
        return {column for column in _columns(line)[:2] if self.may_be_in(column)}

    def left_in(self, line: bytes) -> list[bytes]:
        """Return the longer numbers, counts and ids behind the callid that hold the digits."""
        start = len(b"|".join(_columns(line)[:2]))
        if not self.may_be_in(line[start:]):
            return []
        return [run for run in _DIGITS.findall(line[start:]) if self.may_be_in(run)]

    def in_text(self, text: bytes) -> list[Span]:
        """Return where a number stands in whole lines of a queue_log."""
        return [
            (start + first, start + behind)
            for start, end in self.lines_with(text)
            for first, behind in self.in_line(text[start:end])
        ]

    def in_piece(self, text: bytes, *, begins: bool = False) -> list[Span]:
        """Return where a number stands in a piece of a queue_log, which may be cut anywhere.

        It `begins` with a whole line, or what its first line begins with has no meaning.
        """
        found = self.in_text(text)
        if not begins:
            found += self._spans(text[: text.find(b"\n") + 1] or text, 0)
        for digits in self._digits:
            for length in range(len(digits) - 1, _EDGE - 1, -1):
                part = digits[-length:]
                if text.startswith(part) and not text[length : length + 1].isdigit():
                    found.append((0, length))
                part = digits[:length]
                start = len(text) - length
                if text.endswith(part) and not text[max(start - 1, 0) : start].isdigit():
                    found.append((start, len(text)))
        return found

    def digits_in(self, text: bytes) -> bool:
        """Return whether a number stands in any bytes, by itself."""
        return bool(self._spans(text, 0))

    def masked_words(self, words: str) -> str:
        """Return what a person or a program said, with the numbers masked."""
        text = words.encode("utf-8", "surrogateescape")
        return masked(text, self._spans(text, 0)).decode("utf-8", "surrogateescape")

    def _spans(self, text: bytes, start: int) -> list[Span]:
        return [match.span(match.lastindex or 0) for match in self._pattern.finditer(text, start)]


def masked(text: bytes, spans: Iterable[Span]) -> bytes:
    """Return a text with these parts of it masked, as long as before."""
    result = bytearray(text)
    for start, end in spans:
        result[start:end] = b"*" * (end - start)
    return bytes(result)


def _columns(line: bytes) -> list[bytes]:
    """Return the columns of a record; none of a line that is no record."""
    return line.split(b"|") if parse(line) is not None else []


def _pattern(needle: bytes) -> bytes:
    number = b"(" + re.escape(needle) + b")"
    # Seconds, a dot, a counter: a unique id. No number is as long as a counter, nor a longer
    # one than the seconds are.
    before = rb"(?<![0-9]\.)" if len(needle) <= 8 else b""
    behind = rb"(?!\.[0-9])" if len(needle) in {9, 10} else b""
    end = rb"(?![0-9])" + behind
    plain = rb"(?<![0-9])" + before + rb"(?:00)?" + number + end
    # Behind an escaped byte of a URL, of which the last digits may be digits, too.
    escaped = rb"(?:(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2}))(?:00)?" + number + end
    return plain + rb"|" + escaped


def _counts(columns: list[bytes]) -> frozenset[Span]:
    """Return where a record has its counts."""
    event = columns[4] if len(columns) > 4 else b""
    places = [5 + place for place in _COUNTS.get(event, ())]
    longest = _LONGEST_POSITION if event == b"ENTERQUEUE" else _LONGEST_COUNT
    if event == b"ATTENDEDTRANSFER":
        places = places[1:] if len(columns) > 10 else places[:3]  # LINK names two channels
    found, at = set(), 0
    for number, column in enumerate(columns):
        if number in places and len(column) <= longest:
            found.add((at, at + len(column)))
        at += len(column) + 1
    return frozenset(found)
