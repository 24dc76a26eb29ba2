"""The two logs, each as it goes when nothing goes wrong."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from qlogship.sandbox import faults, reports
from qlogship.sandbox.administration import choice
from qlogship.sandbox.operations import BadRequest, Gate, Operation, Premises
from qlogship.sandbox.workbook import TYPE, workbook

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

_SEPARATORS = {"csv": ",", "tsv": "\t"}
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "xlsx": TYPE,
}
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)
_OFFSET = re.compile(r"[+-]\d{1,3}", re.ASCII)
_OFFSET_MAX = 14 * 60


class AgentStatusLog(Operation):
    """A span of time in UTC in, a table of agents' states out."""

    name = faults.AGENT_STATUS_LOG
    gate = Gate.COOKIE

    def __init__(self, premises: Premises) -> None:
        super().__init__(premises)
        self._span = (0.0, 0.0)
        self._form = "csv"

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Derive it from what was uploaded."""
        return await asyncio.to_thread(self._report)

    def _report(self) -> Response:
        rows = reports.status_rows(self.premises.storage.each_body(), *self._span)
        body = reports.as_text(rows, separator=_SEPARATORS[self._form])
        return _file(body, f"agents.{self._form}")

    async def _read(self, request: Request) -> None:
        query = request.query_params
        self._form = choice(query, "format", tuple(_SEPARATORS), "csv")
        self._span = _span(_moment(query, "from", _UTC), _moment(query, "to", _UTC))


class CallLog(Operation):
    """A span of time with its zone in, a table or a workbook of calls out."""

    name = faults.CALL_LOG
    gate = Gate.COOKIE

    def __init__(self, premises: Premises) -> None:
        super().__init__(premises)
        self._span = (0.0, 0.0)
        self._offset = 0
        self._lang = "en"
        self._form = "xlsx"

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Derive it from what was uploaded."""
        return await asyncio.to_thread(self._report)

    def _report(self) -> Response:
        rows = reports.call_rows(
            self.premises.storage.each_body(), *self._span, offset=self._offset, lang=self._lang
        )
        if self._form == "xlsx":
            return _file(workbook(rows), "calls.xlsx")
        return _file(reports.as_text(rows, separator=","), "calls.csv")

    async def _read(self, request: Request) -> None:
        query = request.query_params
        self._form = choice(query, "typeFile", ("xlsx", "csv"), "xlsx")
        self._lang = choice(query, "lang", reports.LANGUAGES, "en")
        offset = query.get("localTimeZoneOffset", "")
        if not _OFFSET.fullmatch(offset) or abs(int(offset)) > _OFFSET_MAX:
            raise BadRequest("localTimeZoneOffset: minutes with a sign are expected, + as %2B")
        self._offset = int(offset)
        self._span = _span(_moment(query, "dateFrom", _ZONED), _moment(query, "dateTo", _ZONED))


def _moment(query: QueryParams, name: str, form: re.Pattern[str]) -> float:
    """Read a time; one without an offset is UTC."""
    text = query.get(name, "")
    try:
        moment = datetime.fromisoformat(text if form.fullmatch(text) else "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        expected = "2021-10-13T00:00:00" + ("%2B05:00" if form is _ZONED else "")
        raise BadRequest(f"{name}: a time like {expected} is expected") from None


def _span(since: float, until: float) -> tuple[float, float]:
    if since > until:
        raise BadRequest("the span ends before it begins")
    return since, until


def _file(body: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
