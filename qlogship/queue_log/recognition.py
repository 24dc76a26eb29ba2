r"""Is this a queue_log? Judged by the shape of its lines; pure.

Theory of operation
-------------------
A queue_log is text in which, sooner or later, there is a record. Among its records
stand all kinds of odd lines: fragments, blanks, what a value with a newline left. They
are archived as they are, so single lines prove nothing. Proof is the lack of records:

- of a *beginning*: it has a whole line, and none of its lines is a record;
- of *later text*: `ODD_LINES` lines in a row, or `ODD_BYTES`, without a record. Such a
  run is told from where it begins; a shorter one belongs to the records around it.

Blank lines, and the NUL bytes that a power cut leaves, prove neither.

A record is taken more widely here than in `records`: a clock that was never set
writes times of 1970, with few digits, and who writes so is Asterisk all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SAMPLE_BYTES: Final = 256 * 1024
"""How much of a beginning is judged, unless its first line is longer."""

ODD_LINES: Final = 100
ODD_BYTES: Final = 8 * 1024 * 1024

_SHORT_TIME = rb"\d{1,8}(?:\|[^|\n]*){3}\|[A-Z][A-Z_]+(?:\||\r?$)"
_RECORD = re.compile(rb"^\0*(?:\d{9,11}(?:\|[^|\n]*){3}\||" + _SHORT_TIME + rb")", re.MULTILINE)
# A backlog passes through here: of a time with all its digits, the pipe behind it is enough.
_ODD = re.compile(rb"\n(?!\0*(?:\d{9,11}\||" + _SHORT_TIME + rb"))", re.MULTILINE)
_BEGUN_RECORD = re.compile(rb"\0*\d{9,11}\|")
_TORN_RECORD = re.compile(rb"\0*\d{1,11}(?:\|[^\n]*)?")
_BLANK: Final = b" \t\r\n\0"


@dataclass(frozen=True, slots=True)
class OddRun:
    """How many lines, and bytes, without a record stand right before a place in a text."""

    lines: int = 0
    bytes: int = 0

    @property
    def foreign(self) -> bool:
        """Whether that many are of no queue_log."""
        return self.lines >= ODD_LINES or self.bytes >= ODD_BYTES


@dataclass(frozen=True, slots=True)
class Part:
    """The first `size` bytes of a text, which are `foreign` or not; `run` stands before the rest.

    `lines` is how many lines are foreign.
    """

    size: int
    foreign: bool
    run: OddRun
    lines: int = 0


def has_record(text: bytes) -> bool:
    """Return whether any line of a text begins as a record does."""
    return _RECORD.search(text) is not None


def is_foreign(start: bytes, *, complete: bool = False) -> bool:
    """Return whether this beginning is of no queue_log.

    Nothing is said against a line that is not whole, unless the text is `complete`: all
    that there is. A torn record is none that speaks against it then; one that has begun
    with a time speaks for it.
    """
    end = start.rfind(b"\n") + 1
    if _BEGUN_RECORD.match(start, end):
        return False
    if complete and not _TORN_RECORD.fullmatch(start[end:]):
        end = len(start)
    return bool(start[:end].strip(_BLANK)) and not has_record(start)


def lines_in(text: bytes) -> int:
    """Return how many lines of a text are not blank."""
    return sum(1 for line in text.split(b"\n") if line.strip(_BLANK))


def first_part(text: bytes, run: OddRun) -> Part:
    """Return how much of a text is of a queue_log, or is not; `run` is what stands before it.

    The text begins with a line. A run of odd lines at its end is left for the next
    part, where more of it may be seen, unless the text is nothing else.
    """
    runs = _odd_runs(text)
    for start, end, lines, size in runs:
        before = run if start == 0 else OddRun()
        grown = OddRun(before.lines + lines, before.bytes + size)
        at_end = end == len(text)
        if grown.foreign and start == 0:
            return Part(end, True, grown if at_end else OddRun(), lines)
        if start > 0 and (grown.foreign or at_end):
            return Part(start, False, OddRun())
        if at_end:
            return Part(end, False, grown)
    return Part(len(text), False, OddRun())


def run_before(text: bytes, *, from_start: bool) -> OddRun:
    """Return the run of odd lines at the end of a text; its first line is whole if `from_start`."""
    if not from_start:
        text = text[text.find(b"\n") + 1 :]
    for _, end, lines, size in _odd_runs(text)[-1:]:
        if end == len(text):
            return OddRun(lines, size)
    return OddRun()


def _odd_runs(text: bytes) -> list[tuple[int, int, int, int]]:
    """Return each run of lines that are no records: begin, end, lines and bytes in it."""
    runs: list[tuple[int, int, int, int]] = []
    for match in _ODD.finditer(b"\n" + text):
        start = match.start()
        if start == len(text):
            break  # behind the last newline
        end = text.find(b"\n", start) + 1 or len(text)
        size = len(text[start:end].strip(_BLANK))
        begin, lines, before = start, 0, 0
        if runs and runs[-1][1] == start:
            begin, _, lines, before = runs.pop()
        runs.append((begin, end, lines + bool(size), before + size))
    return runs
