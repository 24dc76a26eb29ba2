"""The rows of a CSV file with semicolons, each with the line it begins in.

A row that is cut wrong is a fault of that row: the reading goes on in the next line,
so that one forgotten quote does not hide what is wrong with the rows behind it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HINT_LINE: Final = re.compile(r'"?sep=;"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row, which begins in `line` (the first is 1).

    When it is cut wrong, `problem` says why, and its line is the only cell.
    """

    line: int
    cells: tuple[str, ...] = field(repr=False)
    problem: str = ""
    remedy: str = ""


def rows_of(text: str) -> list[Row]:
    """Return the rows of a text; those that are blank, or only separators, are left out.

    A first line `sep=;`, by which Excel is told the separator, is no row.
    """
    lines = _LINE.findall(text)
    at = 1 if lines and _HINT_LINE.fullmatch(lines[0]) else 0
    rows = []
    while at < len(lines):
        row, taken = _row_at(lines, at)
        if row.problem or any(cell.strip() for cell in row.cells):
            rows.append(row)
        at += taken
    return rows


def _row_at(lines: Sequence[str], at: int) -> tuple[Row, int]:
    """Return the row that begins with a line, and how many lines it takes."""
    rest = (lines[index] for index in range(at, len(lines)))
    reader = csv.reader(rest, delimiter=";", strict=True)
    try:
        return Row(at + 1, tuple(next(reader))), reader.line_num
    except csv.Error as error:
        # It has one class for all errors. The other one is the end of the text, or of
        # what a cell may hold, within quotes.
        if "expected after" in str(error):
            problem = "there is something behind a closing quote"
            remedy = "Close the quote at the end of its cell, and write quotes within it twice."
        else:
            problem = "a quote is opened and never closed"
            remedy = "Close it, or write it twice."
    return Row(at + 1, (lines[at].rstrip("\r\n"),), problem, remedy), 1
