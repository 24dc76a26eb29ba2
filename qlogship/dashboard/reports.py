"""The dashboard's own logs: how each is asked for, and what an answer must be to be one.

Here live requests as values and a filter that bytes pass on their way; where they
end up is `destination`'s business. Names, order and form of the parameters are those
of the vendor's page, "Get Agents Status Log" and "Get Call Log". What is in the files
the vendor does not say, so they are handed on as they come.

An answer is a report when its end can be told from a cut, and its beginning from a
page, from an error in JSON, and from a file of another kind.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from qlogship.dashboard.exchange import Request
from qlogship.dashboard.outcome import is_page
from qlogship.errors import UsageError
from qlogship.wording import size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    Progress = Callable[[int, int | None], None]

STATUS_LOG_PATH = "/api/reports/agents/worktime/raw"
CALL_LOG_PATH = "/api/history/calls/export"


class StatusLogFormat(StrEnum):
    """The forms of the agents' status log."""

    CSV = "csv"
    TSV = "tsv"


class CallLogFormat(StrEnum):
    """The forms of the call log."""

    CSV = "csv"
    XLSX = "xlsx"


class Language(StrEnum):
    """The languages of the call log's headings."""

    EN = "en"
    RU = "ru"


# The zones that there are, in minutes east of Greenwich.
OFFSET_MIN = -12 * 60
OFFSET_MAX = 14 * 60

# Beyond these a time in another zone may be in a year that there is not.
YEAR_MIN = 1970
YEAR_MAX = 9998

# A line for every call of some millions; what is longer would fill the disk of a PBX.
REPORT_MAX = 1024**3

# A number of more digits is no length of anything.
_DIGITS_MAX = 18

# How much of a beginning shows what it is.
_HEAD = 4096
# A workbook is a zip file, which begins with a local file header (APPNOTE, 4.3.7).
_ZIP = b"PK\x03\x04"
# It ends with a record of its own and at most 64 KiB of comment (the same, 4.3.16).
_ZIP_END = b"PK\x05\x06"
_ZIP_END_MAX = 22 + 0xFFFF

Kind = Literal["text", "workbook", "any"]


class NoReport(Exception):
    """What came is no report, in words that fit behind "cannot download it"."""


class TooLong(NoReport):
    """It may be a report, and is too long for any."""


def status_log_request(*, since: datetime, until: datetime, wanted: str | None) -> Request:
    """Return the request for the agents' status log; raises UsageError.

    Times are sent in UTC, as the page wants them, without parts of a second.
    """
    _check_span(since, until)
    _check_choice("format", wanted, StatusLogFormat)
    begin, end = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for at in (since, until))
    return _request(STATUS_LOG_PATH, {"from": begin, "to": end, "format": wanted})


def call_log_request(
    *, since: datetime, until: datetime, utc_offset: int, lang: str | None, wanted: str | None
) -> Request:
    """Return the request for the call log; raises UsageError.

    Times are sent with `utc_offset`, in minutes: it is the zone of the times in the
    file too.
    """
    _check_span(since, until)
    _check_choice("language", lang, Language)
    _check_choice("format", wanted, CallLogFormat)
    if not OFFSET_MIN <= utc_offset <= OFFSET_MAX:
        raise UsageError(
            f"there is no time zone {utc_offset} minutes from UTC",
            hint=f"Give minutes from {OFFSET_MIN} to {OFFSET_MAX}.",
        )
    zone = timezone(timedelta(minutes=utc_offset))
    query = {
        "dateFrom": since.astimezone(zone).isoformat(timespec="seconds"),
        "dateTo": until.astimezone(zone).isoformat(timespec="seconds"),
        "localTimeZoneOffset": f"{utc_offset:+d}",
        "lang": lang,
        "typeFile": wanted,
    }
    return _request(CALL_LOG_PATH, query)


def kind_of(wanted: str | None) -> Kind:
    """Return what a file of a format looks like; without one the dashboard may choose."""
    if wanted is None:
        return "any"
    return "workbook" if wanted == "xlsx" else "text"


class ReportFilter:
    """Write the body of an answer to `out` as long as it is a report; `count` bytes so far.

    A report has `most` bytes at most. Its methods raise NoReport. `finish` belongs behind
    a whole answer: a short one is looked at only then.
    """

    def __init__(
        self, out: BinaryIO, kind: Kind, progress: Progress | None, *, most: int = REPORT_MAX
    ) -> None:
        self._out = out
        self._most = most
        self._kind = kind
        self._progress = progress
        self._content_type = ""
        self._total: int | None = None
        self._says_its_end = True
        self._head: bytes | None = b""
        self._tail = b""
        self.count = 0

    def begin(self, headers: Mapping[str, str]) -> None:
        """Look at the head of the answer."""
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"", "identity"}:
            raise NoReport(f"the answer is packed with {coding}, which was not asked for")
        length = headers.get("content-length", "")
        self._total = int(length[:_DIGITS_MAX]) if length.isdecimal() else None
        self._check_length(self._total or 0)
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self._says_its_end = self._total is not None or chunked
        self._content_type = headers.get("content-type", "").lower()

    def write(self, piece: bytes) -> None:
        """Pass a piece on; the first ones wait until there are enough of them to look at."""
        if self._head is not None:
            self._head += piece
            if len(self._head) < _HEAD:
                return
            piece = self._checked_head(self._head)
        self._pass_on(piece)

    def finish(self) -> None:
        """Say that the answer is whole."""
        if self._head is not None:
            self._pass_on(self._checked_head(self._head))
        self._out.flush()
        # Where the end of the connection is all there is, the end of the report must show.
        looks_whole = _ZIP_END in self._tail or self.count == 0 or self._tail.endswith(b"\n")
        if not self._says_its_end and not looks_whole:
            raise NoReport("the answer does not say where it ends, and looks cut")

    def _checked_head(self, head: bytes) -> bytes:
        """Return the beginning when it is that of a report; it is not looked at again."""
        if not head.startswith(_ZIP):
            text = head.decode("utf-8-sig", errors="replace")
            if is_page(text, declared="html" in self._content_type):
                raise NoReport("the answer is a web page, such as a login page")
            if text.lstrip()[:1] == "{" or "json" in self._content_type:
                # Not quoted: it may repeat the token, and is not blotted out here.
                raise NoReport("the answer is JSON, which may tell of an error, and no report")
            if self._kind == "workbook":
                raise NoReport("the answer is no xlsx file")
        elif self._kind == "text":
            raise NoReport("the answer is an xlsx file, which was not asked for")
        self._head = None
        return head

    def _check_length(self, length: int) -> None:
        if length > self._most:
            raise TooLong(f"it is longer than {size(self._most)}; ask for less time at once")

    def _pass_on(self, piece: bytes) -> None:
        self._check_length(self.count + len(piece))
        self._out.write(piece)
        if not self._says_its_end:
            self._tail = (self._tail + piece)[-_ZIP_END_MAX:]
        self.count += len(piece)
        if self._progress is not None:
            self._progress(self.count, self._total)


def _check_span(since: datetime, until: datetime) -> None:
    for moment in (since, until):
        if moment.tzinfo is None or moment.utcoffset() is None:
            raise UsageError(
                f"{moment.isoformat()} may be any moment: it has no time zone",
                hint="Give a time with an offset, such as 2026-11-01T00:00:00+03:00.",
            )
        if not YEAR_MIN <= moment.year <= YEAR_MAX:
            raise UsageError(
                f"the year {moment.year} cannot be asked for",
                hint=f"Give a time from {YEAR_MIN} to {YEAR_MAX}.",
            )
    if since >= until:
        raise UsageError(
            f"there is nothing between {since.isoformat()} and {until.isoformat()}",
            hint="Give a beginning that is before the end.",
        )


def _check_choice(what: str, value: str | None, choices: type[StrEnum]) -> None:
    if value is not None and value not in set(choices):
        raise UsageError(
            f"there is no {what} {value!r} of this report",
            hint=f"Choose {' or '.join(choices)}.",
        )


def _request(path: str, query: Mapping[str, str | None]) -> Request:
    """Return the request for what of a query is given; the vendor leaves colons as they are."""
    given = {name: value for name, value in query.items() if value is not None}
    return Request(method="GET", path=path, query=urlencode(given, safe=":"), by_cookie=True)
