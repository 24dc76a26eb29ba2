"""The logs that the emulator derives, and the workbook it writes."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree as ET

import pytest

from qlogship.sandbox.reports import as_text, call_rows, status_rows
from qlogship.sandbox.workbook import workbook

DAY = 1_700_006_400  # 2023-11-15 00:00:00 UTC
LOG = (
    b"%d|MANAGER|sales|SIP/1|ADDMEMBER|\n"
    b"%d|NONE|NONE|Anna|PAUSEALL|Lunch\n"
    b"%d|NONE|sales|Anna|UNPAUSE|\n"
    b"%d|1.1|sales|NONE|ENTERQUEUE||74955550110|1\n"
    b"%d|1.1|sales|Anna|CONNECT|7|1.9|3\n"
    b"%d|1.1|sales|Anna|COMPLETECALLER|7|60|1\n"
    b"%d|1.2|sales|NONE|ENTERQUEUE||anonymous|1\n"
    b"%d|1.2|sales|NONE|ABANDON|1|1|30\n"
    b"%d|1.3|vip|NONE|ENTERQUEUE||5|1\n"
    b"%d|1.3|vip|NONE|EXITWITHTIMEOUT|1|1|45\n"
    b"%d|1.4|vip|NONE|ENTERQUEUE|\n"
) % tuple(DAY + 10 * number for number in range(11))
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def test_agents_changes_are_told_in_utc() -> None:
    """Pauses have a reason; what has no queue shows none."""
    assert status_rows([LOG], DAY, DAY + 86_400)[1:] == [
        ("2023-11-15 00:00:00", "SIP/1", "sales", "available", ""),
        ("2023-11-15 00:00:10", "Anna", "", "paused", "Lunch"),
        ("2023-11-15 00:00:20", "Anna", "sales", "available", ""),
        ("2023-11-15 00:00:40", "Anna", "sales", "talking", ""),
        ("2023-11-15 00:00:50", "Anna", "sales", "available", ""),
    ]


def test_calls_are_told_in_the_zone_that_was_asked_for() -> None:
    """One row for each time that a call entered a queue."""
    rows = call_rows([LOG], DAY, DAY + 86_400, offset=-90, lang="en")

    assert rows[0] == ("Time", "Queue", "Caller", "Result", "Agent", "Wait (s)", "Talk (s)")
    assert rows[1:] == [
        ("2023-11-14 22:30:30", "sales", "74955550110", "answered", "Anna", "7", "60"),
        ("2023-11-14 22:31:00", "sales", "anonymous", "abandoned", "", "30", ""),
        ("2023-11-14 22:31:20", "vip", "5", "left", "", "45", ""),
        ("2023-11-14 22:31:40", "vip", "", "open", "", "", ""),
    ]


def test_russian_has_words_of_its_own() -> None:
    """The header and the results."""
    rows = call_rows([LOG], DAY, DAY + 86_400, offset=0, lang="ru")
    assert rows[0][0] == "Время"
    assert [row[3] for row in rows[1:]] == ["отвечен", "потерян", "ушёл", "не завершён"]


def test_the_span_ends_before_its_end() -> None:
    """So two spans that touch tell nothing twice."""
    assert len(call_rows([LOG], DAY + 30, DAY + 60, offset=0, lang="en")) == 2
    assert len(status_rows([LOG], DAY + 10, DAY + 20)) == 2
    assert len(call_rows([LOG], DAY + 31, DAY + 32, offset=0, lang="en")) == 1


def test_what_came_twice_or_out_of_order_is_told_once_and_in_order() -> None:
    """Uploads may repeat each other, and come after a later one."""
    lines = LOG.splitlines(keepends=True)
    bodies = [b"".join(lines[5:]), LOG, b"".join(lines[:7]), b"nonsense\n\xff|\n"]
    for offset in (0, 60):
        assert call_rows(bodies, DAY, DAY + 99, offset=offset, lang="en") == call_rows(
            [LOG], DAY, DAY + 99, offset=offset, lang="en"
        )


def test_a_table_is_written_as_rfc_4180_says() -> None:
    """What holds the separator or a quote is quoted."""
    rows = [("a", "b;c"), ('say "x"', "d,e"), ("Ольга", "f\tg")]
    assert as_text(rows, separator=",") == 'a,b;c\r\n"say ""x""","d,e"\r\nОльга,f\tg\r\n'.encode()
    assert as_text(rows, separator="\t").count(b'"f\tg"') == 1


def test_a_workbook_is_a_zip_with_the_parts_of_one() -> None:
    """Each part is XML, each is declared, and the sheet is reached by the relationships."""
    with zipfile.ZipFile(io.BytesIO(workbook([("a",)]))) as archive:
        assert archive.testzip() is None
        parts = {name: ET.fromstring(archive.read(name)) for name in archive.namelist()}  # noqa: S314 -- ours

    declared = {part.get("PartName", "") for part in parts["[Content_Types].xml"]}
    assert {"/xl/workbook.xml", "/xl/worksheets/sheet1.xml"} <= declared
    (first,) = parts["_rels/.rels"]
    assert first.get("Target") == "xl/workbook.xml"
    (second,) = parts["xl/_rels/workbook.xml.rels"]
    assert second.get("Target") == "worksheets/sheet1.xml"
    (sheet,) = parts["xl/workbook.xml"].iter(f"{MAIN}sheet")
    relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
    assert sheet.get(relation) == second.get("Id")


@pytest.mark.parametrize(
    "text", ["<&>\"'", " blanks ", "Ольга", "two\nlines", "=1+1", "a\x00b\x1f"]
)
def test_a_cell_holds_any_text(text: str) -> None:
    """What XML cannot write is replaced; formulas are text."""
    with zipfile.ZipFile(io.BytesIO(workbook([("x", text)]))) as archive:
        sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314 -- ours

    _, cell = sheet.iter(f"{MAIN}t")
    assert cell.text == text.replace("\x00", "\ufffd").replace("\x1f", "\ufffd")


def test_the_same_rows_make_the_same_workbook() -> None:
    """It holds no time of its making."""
    assert workbook([("a", "b")]) == workbook([("a", "b")])
