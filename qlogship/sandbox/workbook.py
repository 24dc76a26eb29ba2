"""Rows as an xlsx file with one sheet: the least that ECMA-376 calls a workbook; pure.

Cells hold text as it is (`inlineStr`), so that there is no table of strings.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OPEN = "http://schemas.openxmlformats.org"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_OPEN}/package/2006/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_OPEN}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_OPEN}/officeDocument/2006/relationships/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_OPEN}/spreadsheetml/2006/main"'
        f' xmlns:r="{_OPEN}/officeDocument/2006/relationships">'
        '<sheets><sheet name="Calls" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_OPEN}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_OPEN}/officeDocument/2006/relationships/worksheet"'
        ' Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
# The earliest time that a zip file can tell: the same rows are always the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What XML 1.0 has no way to write (its production Char), not even as a reference.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def workbook(rows: Iterable[Iterable[str]]) -> bytes:
    """Return an xlsx file with these rows of text."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**_PARTS, "xl/worksheets/sheet1.xml": _sheet(rows)}.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _DECLARATION + text)
    return out.getvalue()


def _sheet(rows: Iterable[Iterable[str]]) -> str:
    body = "".join(
        f'<row r="{number}">{"".join(map(_cell, row))}</row>'
        for number, row in enumerate(rows, start=1)
    )
    main = f"{_OPEN}/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'


def _cell(text: str) -> str:
    clean = escape(_UNWRITABLE.sub("\ufffd", text))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{clean}</t></is></c>'
