"""What the sandbox answers when nothing goes wrong: the operations of the vendor's API.

An operation reads its request, and can then be carried out or not; which of the two,
and what the client gets to see of it, is `app`'s business.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from qlogship.sandbox import faults, requests
from qlogship.sandbox.replies import Refused, as_json, counted, error
from qlogship.sandbox.storage import Arrival

if TYPE_CHECKING:
    from pydantic import BaseModel
    from starlette.requests import Request

    from qlogship.sandbox.options import SandboxOptions
    from qlogship.sandbox.people import People
    from qlogship.sandbox.storage import Storage
    from qlogship.sandbox.tokens import Tokens

_FIELD = "logs"
# What a multipart form takes beside the file itself.
_FORM_OVERHEAD = 64 * 1024
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Gate(Enum):
    """Where an operation wants its token: as strict as the vendor's page, to prove a client."""

    OPEN = "no token"
    BEARER = "the Authorization header"
    COOKIE = "the cookie jwt"


@dataclass(frozen=True, slots=True)
class Tenant:
    """What every operation works with."""

    options: SandboxOptions
    storage: Storage
    people: People
    tokens: Tokens
    clock: Callable[[], float]


_Reader = Callable[[Tenant, "Request"], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One address of the API.

    `read` reads the whole request and raises Refused; what it returns is given to
    `carry_out`, which works in a thread and knows the step of the fault script
    that the request met.
    """

    name: faults.Operation
    method: str
    path: str
    gate: Gate
    read: _Reader
    carry_out: Callable[[Tenant, Any, faults.Step], Response]


async def drain(request: Request) -> None:
    """Read a body to its end and forget it, so that the client gets to see the answer."""
    async for _ in request.stream():
        pass


# --- reading a request


def _from_json(reader: Callable[[bytes], object], *, strict: bool = True) -> _Reader:
    """Read what is in a body; `strict` wants its Content-Type to be right."""

    async def read(_: Tenant, request: Request) -> object:
        body = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if strict and kind != "application/json":
            raise Refused("Content-Type: application/json is expected", 415)
        return requests.read(reader, body)

    return read


def _from_query(kind: type[BaseModel]) -> _Reader:
    """Read the parameters in an address."""

    async def read(_: Tenant, request: Request) -> object:
        return requests.read(kind.model_validate, dict(request.query_params))

    return read


async def _nothing(_: Tenant, request: Request) -> str:
    await drain(request)
    return ""


# --- logging in


def _log_in(tenant: Tenant, given: requests.Credentials, _: faults.Step) -> Response:
    """Compare, and hand out a token beside a cookie that means nothing."""
    options = tenant.options
    known = _same(given.login, options.email) & _same(given.password, options.password)
    if not known:
        return error(401, "wrong e-mail or password")
    reply = as_json({"login": options.email})
    reply.set_cookie("lang", "en", path="/", samesite=None)
    token = tenant.tokens.issue(options.email)
    reply.set_cookie("jwt", token, path="/", httponly=True, samesite=None)
    # The vendor's page has its reader look for a line in these very letters.
    reply.raw_headers = [
        (b"Set-Cookie" if name == b"set-cookie" else name, value)
        for name, value in reply.raw_headers
    ]
    return reply


def _same(left: object, right: str) -> bool:
    """Compare without telling by the time it takes; what is no text is never the same."""
    if not isinstance(left, str):
        return False
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


# --- the queue_log


async def _read_upload(tenant: Tenant, request: Request) -> Arrival:
    limit = tenant.options.max_file
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit + _FORM_OVERHEAD:
        await drain(request)
        raise Refused(f"a file may have {limit} bytes at most", 413)
    at = tenant.clock()
    async with request.form(max_files=4, max_fields=16) as form:
        file = form.get(_FIELD)
        if not isinstance(file, UploadFile):
            raise Refused(f"the form has no file {_FIELD}")
        if (file.size or 0) > limit:
            raise Refused(f"a file may have {limit} bytes at most", 413)
        return Arrival(at, file.filename or "", await file.read())


def _upload(tenant: Tenant, arrival: Arrival, step: faults.Step) -> Response:
    """Store the file and count its calls."""
    options = tenant.options
    count = tenant.storage.keep(arrival, answer=faults.on_record(step), repeats=options.repeats)
    form = step.form if isinstance(step, faults.Pass) else None
    return counted(form or options.answer, count)


def _clear(tenant: Tenant, _asked: str, _: faults.Step) -> Response:
    """Forget everything uploaded, for the whole tenant."""
    tenant.storage.clear()
    return as_json({"status": "ok"})


# --- users


def _create_user(tenant: Tenant, user: requests.NewPerson, _: faults.Step) -> Response:
    return as_json(tenant.people.add(user))


def _delete_users(tenant: Tenant, ids: list[int], _: faults.Step) -> Response:
    tenant.people.remove(ids)
    return as_json({"status": "ok"})


def _list_users(tenant: Tenant, wanted: requests.UserList, _: faults.Step) -> Response:
    people, count = tenant.people.page(
        sort=wanted.sort_column,
        descending=wanted.sort_direction == "desc",
        size=None if wanted.all_users == "true" else int(wanted.page_size),
        number=int(wanted.page_number),
    )
    return as_json({"totalCount": count, "users": [person.listed for person in people]})


# --- the two logs: samples, for the vendor does not say which columns its files have


def _download(
    _tenant: Tenant, asked: requests.AgentStatusLog | requests.CallLog, _: faults.Step
) -> Response:
    body = resources.files(__package__).joinpath("samples", asked.sample).read_bytes()
    headers = {"content-disposition": f'attachment; filename="{asked.sample}"'}
    return Response(body, media_type=_TYPES[asked.sample.rpartition(".")[2]], headers=headers)


_LOGIN = _from_json(requests.Credentials.model_validate_json, strict=False)
_USER = _from_json(requests.NewPerson.model_validate_json)
_IDS = _from_json(requests.IDS.validate_json)
_LIST = _from_query(requests.UserList)
_AGENTS = _from_query(requests.AgentStatusLog)
_CALLS = _from_query(requests.CallLog)

OPERATIONS = (
    Operation("login", "POST", "/login/api/auth", Gate.OPEN, _LOGIN, _log_in),
    Operation("upload", "POST", "/api/reports/asterisk/upload", Gate.BEARER, _read_upload, _upload),
    Operation("clear", "POST", "/api/reports/asterisk/clear", Gate.BEARER, _nothing, _clear),
    Operation("create_user", "POST", "/api/settings/users/save", Gate.BEARER, _USER, _create_user),
    Operation(
        "delete_users", "POST", "/api/settings/users/delete", Gate.BEARER, _IDS, _delete_users
    ),
    Operation("list_users", "GET", "/api/settings/users", Gate.BEARER, _LIST, _list_users),
    Operation(
        "agent_status_log",
        "GET",
        "/api/reports/agents/worktime/raw",
        Gate.COOKIE,
        _AGENTS,
        _download,
    ),
    Operation("call_log", "GET", "/api/history/calls/export", Gate.COOKIE, _CALLS, _download),
)
