"""How the logs are asked for, and what an answer must be to be one."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard.reports import (
    NoReport,
    ReportFilter,
    call_log_request,
    kind_of,
    status_log_request,
)
from qlogship.errors import UsageError

if TYPE_CHECKING:
    from qlogship.dashboard.reports import Kind

EKATERINBURG = timezone(timedelta(hours=5))
SINCE = datetime(2021, 10, 13, tzinfo=EKATERINBURG)
UNTIL = datetime(2021, 10, 14, tzinfo=EKATERINBURG)
CHUNKED = {"transfer-encoding": "chunked"}
WORKBOOK = b"PK\x03\x04 and so on"


def filtered(
    *pieces: bytes, kind: Kind = "any", headers: dict[str, str] | None = None
) -> tuple[bytes, list[tuple[int, int | None]]]:
    """Return what gets through, and what was told of the progress."""
    out = io.BytesIO()
    told: list[tuple[int, int | None]] = []
    sink = ReportFilter(out, kind, lambda count, total: told.append((count, total)))
    sink.begin(CHUNKED if headers is None else headers)
    for piece in pieces:
        sink.write(piece)
    sink.finish()
    assert sink.count == len(out.getvalue())
    return out.getvalue(), told


def pour(sink: ReportFilter, answer: bytes) -> None:
    """Let a whole answer through, byte by byte."""
    for byte in answer:
        sink.write(bytes([byte]))
    sink.finish()


# Requests


def test_the_status_log_is_asked_for_in_utc() -> None:
    """Without an offset, without parts of a second, by cookie."""
    request = status_log_request(
        since=SINCE, until=datetime(2021, 10, 14, 1, 2, 3, 456_789, tzinfo=UTC), wanted="tsv"
    )

    assert request.query == "from=2021-10-12T19:00:00&to=2021-10-14T01:02:03&format=tsv"
    assert request.by_cookie


@pytest.mark.parametrize(
    ("offset", "since", "coded"),
    [
        (300, "2021-10-13T00:00:00%2B05:00", "%2B300"),
        (-300, "2021-10-12T14:00:00-05:00", "-300"),
        (0, "2021-10-12T19:00:00%2B00:00", "%2B0"),
        (345, "2021-10-13T00:45:00%2B05:45", "%2B345"),
        (840, "2021-10-13T09:00:00%2B14:00", "%2B840"),
        (-720, "2021-10-12T07:00:00-12:00", "-720"),
    ],
)
def test_the_call_log_is_asked_for_in_its_zone(offset: int, since: str, coded: str) -> None:
    """A plus is coded, a minus and colons stay as they are."""
    query = call_log_request(
        since=SINCE, until=UNTIL, utc_offset=offset, lang=None, wanted=None
    ).query

    first, second, third = query.split("&")
    assert first == f"dateFrom={since}"
    assert second.startswith("dateTo=2021-10-1")
    assert third == f"localTimeZoneOffset={coded}"


def test_what_may_be_left_out_is_sent_when_it_is_given() -> None:
    """In the order of the vendor's table."""
    query = call_log_request(
        since=SINCE, until=UNTIL, utc_offset=300, lang="ru", wanted="csv"
    ).query
    assert query.endswith("&localTimeZoneOffset=%2B300&lang=ru&typeFile=csv")

    query = status_log_request(since=SINCE, until=UNTIL, wanted=None).query
    assert "format" not in query


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (SINCE, SINCE),
        (UNTIL, SINCE),
        (SINCE.replace(tzinfo=None), UNTIL),
        (SINCE, UNTIL.replace(tzinfo=None)),
        (datetime.min.replace(tzinfo=UTC), UNTIL),
        (SINCE, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_span_must_be_one(since: datetime, until: datetime) -> None:
    """Both ends have a zone, and there is something between them."""
    with pytest.raises(UsageError):
        status_log_request(since=since, until=until, wanted=None)
    with pytest.raises(UsageError):
        call_log_request(since=since, until=until, utc_offset=0, lang=None, wanted=None)


@pytest.mark.parametrize(
    ("offset", "lang", "wanted"),
    [(841, None, None), (-721, None, None), (0, "de", None), (0, None, "tsv"), (0, None, "")],
)
def test_what_the_call_log_has_not_is_not_asked_for(
    offset: int, lang: str | None, wanted: str | None
) -> None:
    """No zone, no language and no format but those of the vendor's page."""
    with pytest.raises(UsageError):
        call_log_request(since=SINCE, until=UNTIL, utc_offset=offset, lang=lang, wanted=wanted)


def test_the_status_log_is_no_workbook() -> None:
    """It comes as csv or tsv."""
    with pytest.raises(UsageError):
        status_log_request(since=SINCE, until=UNTIL, wanted="xlsx")


# Answers


@pytest.mark.parametrize("size", [1, 7, 4095, 4096, 4097, 100_000])
def test_a_report_passes_as_it_is(size: int) -> None:
    """However it is cut into pieces, and however long it is."""
    report = (b"time;agent\n" + b"1;\xd0\x9e\n" * 20_000)[: 3 * size]
    pieces = [report[start : start + size] for start in range(0, len(report), size)]

    assert filtered(*pieces, kind="text")[0] == report
    assert filtered(*pieces)[0] == report


def test_an_empty_text_is_a_report() -> None:
    """Nothing happened in that time."""
    assert filtered(kind="text")[0] == b""
    with pytest.raises(NoReport):
        filtered(kind="workbook")


def test_progress_is_told_with_the_length_when_it_is_known() -> None:
    """In bytes."""
    piece = b"x" * 5000
    assert filtered(piece, piece)[1] == [(5000, None), (10_000, None)]
    headers = {"content-length": "10000"}
    assert filtered(piece, piece, headers=headers)[1] == [(5000, 10_000), (10_000, 10_000)]


@pytest.mark.parametrize("kind", ["text", "workbook", "any"])
@pytest.mark.parametrize(
    ("answer", "content_type"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "text/html; charset=utf-8"),
        (b"\n\n<html><body>Error</body></html>", "text/csv"),
        (b"<!-- a proxy --><html>" + b" " * 10_000, "application/octet-stream"),
        (b'{"error": "no"}', "application/json"),
        (b'{"error": "no"}', ""),
        (b"[]", "application/json"),
    ],
)
def test_a_page_and_an_error_are_no_report(answer: bytes, content_type: str, kind: Kind) -> None:
    """Whatever the status and the type say, not a byte of them gets through."""
    out = io.BytesIO()
    sink = ReportFilter(out, kind, None)
    sink.begin({**CHUNKED, "content-type": content_type})

    with pytest.raises(NoReport):
        pour(sink, answer)
    assert out.getvalue() == b""


def test_a_file_of_another_kind_is_no_report() -> None:
    """A workbook under the name of a table helps nobody, nor the other way round."""
    assert filtered(WORKBOOK, kind=kind_of("xlsx"))[0] == WORKBOOK
    assert filtered(WORKBOOK, kind=kind_of(None))[0] == WORKBOOK
    assert filtered(b"a;b\n", kind=kind_of(None))[0] == b"a;b\n"
    with pytest.raises(NoReport, match="xlsx"):
        filtered(WORKBOOK, kind=kind_of("csv"))
    with pytest.raises(NoReport, match="xlsx"):
        filtered(b"a;b\n", kind=kind_of("xlsx"))


@pytest.mark.parametrize("headers", [{}, {"content-length": "x"}])
def test_an_answer_that_does_not_say_its_end_must_look_whole(headers: dict[str, str]) -> None:
    """A last line without an end, or a zip file without its closing record, has been cut."""
    assert filtered(b"", headers=headers)[0] == b""
    assert filtered(b"a;b\n", headers=headers)[0] == b"a;b\n"
    whole = WORKBOOK + b"PK\x05\x06" + bytes(18)
    assert filtered(whole, headers=headers, kind="any")[0] == whole
    for cut in (b"a;b", whole[:-22]):
        with pytest.raises(NoReport, match="looks cut"):
            filtered(cut, headers=headers, kind="any")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "5", "content-encoding": "gzip"},
        {**CHUNKED, "content-encoding": "br"},
    ],
)
def test_an_answer_must_be_plain(headers: dict[str, str]) -> None:
    """What is packed was not asked for."""
    with pytest.raises(NoReport):
        filtered(b"a;b\n", headers=headers)
