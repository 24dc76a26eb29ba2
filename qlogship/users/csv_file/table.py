"""The rows of a CSV file with semicolons, each with the line it begins in.

Cells may be quoted, and then hold semicolons, line ends and doubled quotes (RFC
4180, but for the separator). A row that is cut wrong is a fault of that row: the
reading goes on in the next line, so that one forgotten quote does not hide what
is wrong with the rows behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

SEPARATOR: Final = ";"

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_PLAIN: Final = re.compile(r"[^;\r\n]*")
_QUOTED: Final = re.compile(r'"([^"]*(?:""[^"]*)*)"')
_REST: Final = re.compile(r"[^\r\n]*")
_HINT_LINE: Final = re.compile(r'"?sep=(.)"?(?=\r|\n|$)', re.IGNORECASE)


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
    rows = []
    at, line = 0, 1
    hint = _HINT_LINE.match(text)
    if hint and hint[1] == SEPARATOR:
        at = hint.end()
        at, line = _after_line_end(text, at), 2
    while at < len(text):
        row, end = _row_at(text, at, line)
        if row.problem or any(cell.strip() for cell in row.cells):
            rows.append(row)
        line += len(_LINE_END.findall(text, at, end)) + 1
        at = _after_line_end(text, end)
    return rows


def _row_at(text: str, at: int, line: int) -> tuple[Row, int]:
    """Return the row that begins at `at`, and where it ends, before its line end."""
    cells: list[str] = []
    end = at
    while True:
        quoted = _QUOTED.match(text, end)
        if quoted:
            cells.append(quoted[1].replace('""', '"'))
            end = quoted.end()
        elif text.startswith('"', end):
            return _broken(
                text, at, line, "a quote is opened and never closed", "Close it, or write it twice."
            )
        else:
            plain = _plain_at(text, end)
            cells.append(plain)
            end += len(plain)
        if end == len(text) or text[end] in "\r\n":
            return Row(line, tuple(cells)), end
        if text[end] != SEPARATOR:
            return _broken(
                text,
                at,
                line,
                "there is something behind a closing quote",
                "Close the quote at the end of its cell, and write quotes within it twice.",
            )
        end += 1


def _plain_at(text: str, at: int) -> str:
    found = _PLAIN.match(text, at)
    return found[0] if found else ""


def _broken(text: str, at: int, line: int, problem: str, remedy: str) -> tuple[Row, int]:
    """Return a row that ends with the line it begins in, whatever it opened."""
    rest = _REST.match(text, at)
    found = rest[0] if rest else ""
    return Row(line, (found,), problem, remedy), at + len(found)


def _after_line_end(text: str, at: int) -> int:
    found = _LINE_END.match(text, at)
    return found.end() if found else at
