"""Text into rows: separators, quotes, line ends, and rows that are cut wrong."""

from __future__ import annotations

import csv
import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.users.csv_file.table import rows_of


def cells(text: str) -> list[tuple[str, ...]]:
    """Return the cells of each row."""
    return [row.cells for row in rows_of(text)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a;b\r\nc;d\r\n", [("a", "b"), ("c", "d")]),
        ("a;b\nc;d", [("a", "b"), ("c", "d")]),
        ("a;b\rc;d\r", [("a", "b"), ("c", "d")]),
        ('"a;1";"b ""q"""\n', [("a;1", 'b "q"')]),
        ('"a\r\nb";c\r\nd;e', [("a\r\nb", "c"), ("d", "e")]),
        ('a"b;c\n', [('a"b', "c")]),
        ("a;\n;b\n", [("a", ""), ("", "b")]),
        ('"";x\n', [("", "x")]),
        ("\n\r\na;b\n   \n;;\n\nc;d\n\n", [("a", "b"), ("c", "d")]),
        ("sep=;\r\na;b\r\n", [("a", "b")]),
        ("", []),
    ],
)
def test_rows(text: str, rows: list[tuple[str, ...]]) -> None:
    """Cells are cut at semicolons and line ends outside quotes; blank rows are left out."""
    assert cells(text) == rows


def test_lines() -> None:
    """A row is told by the line it begins in, blank lines and quoted ones counted."""
    text = 'sep=;\r\nh;i\r\n\r\n"x\r\ny";b\r\n"p""\nq";r\nlast;1'
    assert [(row.line, row.cells[0]) for row in rows_of(text)] == [
        (2, "h"),
        (4, "x\r\ny"),
        (6, 'p"\nq'),
        (8, "last"),
    ]


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ('a;b\n"open;b\nc;d\n', {2}),
        ('a;b\n"open;b\nc;"d"\ne;f\n', {2}),
        ('a;b\n"x"y;b\nc;d\n', {2}),
        ('a;"open\nb;"open\nc;d\n', {1, 2}),
    ],
)
def test_a_row_that_is_cut_wrong_hides_no_other(text: str, bad: set[int]) -> None:
    """A quote that is not closed, or closed too soon, is a fault of its row alone."""
    rows = rows_of(text)
    assert {row.line for row in rows if row.problem} == bad
    assert [row.line for row in rows] == list(range(1, text.count("\n") + 1))
    assert all(row.remedy for row in rows if row.problem)


@given(
    st.lists(
        st.lists(st.text(st.sampled_from('ab;"\r\n \té')), min_size=1, max_size=4), max_size=6
    ),
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_it_reads_what_others_write(
    table: list[list[str]], form: tuple[str, Literal[0, 1]]
) -> None:
    """What Python's own writer makes of any cells is read as these cells, but for blank rows."""
    file = io.StringIO(newline="")
    line_end, quoting = form
    csv.writer(file, delimiter=";", lineterminator=line_end, quoting=quoting).writerows(table)
    wanted = [tuple(row) for row in table if any(cell.strip() for cell in row)]
    assert cells(file.getvalue()) == wanted
