"""How the sandbox answers: as the vendor would, and in every wrong way.

Each reply is an ASGI application, as Starlette's responses are. The wrong ones
do over a real connection what the steps in `faults` promise.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from qlogship.sandbox import faults
from qlogship.sandbox.connection import client_left, connection_of
from qlogship.sandbox.options import AnswerForm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

_JSON = "application/json"
_TRICKLE_LENGTH = 1_000_000_000

LOGIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Team Dashboard: log in</title></head>
<body><h1>Log in</h1>
<form method="post">
<input name="login"> <input name="password" type="password"> <button>Log in</button>
</form>
</body></html>
"""


def counted(form: str, count: int) -> Response:
    """Answer an accepted upload with its count of calls, in one of the forms."""
    match form:
        case AnswerForm.TEXT:
            return Response(f"Uploaded calls: {count}\n", media_type="text/plain")
        case AnswerForm.OBJECT:
            return as_json({"status": "ok", "result": {"asterisk": {"calls": count}}})
        case AnswerForm.EMPTY:
            return Response(b"")
        case AnswerForm.NO_COUNT:
            return as_json({"status": "ok"})
        case _:
            return as_json(count)


def as_json(value: object, status: int = 200) -> Response:
    """Answer with a JSON value."""
    return Response(json.dumps(value, ensure_ascii=False), status_code=status, media_type=_JSON)


def login_page() -> Response:
    """Answer with the page a browser would see."""
    return Response(LOGIN_PAGE, media_type="text/html")


class Refused(Exception):
    """The request is not granted; `status` is how it is answered."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def error(status: int, message: str) -> Response:
    """Answer that it did not work, and why."""
    return as_json({"error": message}, status)


def before_the_body(step: faults.Step, *, was_read: bool) -> ASGIApp | None:
    """Return the reply of a step that does not wait for the whole body; None for the others."""
    match step:
        case faults.Drop(after=int(after), reset=reset) if not was_read:
            return partial(_cut, reset, after)
        case faults.Hang(after=int(after)) if not was_read:
            return partial(_stop_reading, after)
        case faults.Status(early=True):
            return _status(step)
        case _:
            return None


def reply_of(step: faults.Step, usual: Response) -> ASGIApp:  # noqa: C901 -- a table
    """Return what the client gets; `usual` is the honest answer, where the work was done."""
    match step:
        case faults.Pass() | faults.Delay() | faults.ExpireTokens():
            return usual
        case faults.HalfReply(reset=reset):
            return partial(_half, usual, reset)
        case faults.Trickle(every=every):
            return _trickle(every)
        case faults.Slow(piece=piece, every=every):
            return _slowly(usual, piece, every)
        case faults.LoseReply(reset=reset) | faults.Drop(reset=reset):
            return partial(_cut, reset, None)
        case faults.Hang():
            return silence
        case faults.Html():
            return login_page()
        case faults.Redirect(status=status, location=location):
            return Response(status_code=status, headers={"location": location})
        case faults.Status():
            return _status(step)
        case faults.TooLarge(limit=limit):
            return error(step.status, f"the file is larger than {limit} bytes")
        case faults.RefuseContaining(status=status):
            return error(status, "the file has something in it that is not accepted")


def _status(step: faults.Status) -> Response:
    """Answer what the step says; without a body, the status' own name."""
    if step.status in faults.BODILESS:
        return Response(status_code=step.status, headers=dict(step.headers))
    body = step.body
    if body is None:
        known = step.status in set(HTTPStatus)
        name = HTTPStatus(step.status).phrase if known else f"status {step.status}"
        body = json.dumps({"error": name})
    headers = {"content-type": step.content_type, **step.headers}
    return Response(body, status_code=step.status, headers=headers)


async def _cut(
    reset: bool,
    after: int | None,
    scope: Scope,
    receive: Receive,
    _: Send,
) -> None:
    """Cut without a byte of an answer, after `after` bytes of the body if given.

    It stays until the connection is gone, so that nothing else is answered.
    """
    if after is not None:
        await _read_at_least(receive, after)
    connection_of(scope).cut(reset=reset)
    await client_left(receive)


async def _half(
    whole: Response,
    reset: bool,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Promise the whole length, send half of it, cut."""
    # Two bytes at least, so that there is a first half to send.
    body = bytes(whole.body).ljust(2)
    whole.headers["content-length"] = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": whole.status_code,
            "headers": whole.raw_headers,
        }
    )
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    connection_of(scope).cut(reset=reset)
    await client_left(receive)


def _slowly(whole: Response, size: int, every: float) -> Response:
    """Answer with the whole, `size` bytes every `every` seconds."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole.body), size):
            await asyncio.sleep(every)
            yield bytes(whole.body[start : start + size])

    slow = StreamingResponse(pieces(), whole.status_code)
    slow.raw_headers = whole.raw_headers
    return slow


def _trickle(every: float) -> Response:
    """Answer with a blank every `every` seconds until the client leaves.

    JSON may begin with blanks, so no reader can give up early.
    """

    async def blanks() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(every)

    headers = {"content-length": str(_TRICKLE_LENGTH)}
    return StreamingResponse(blanks(), headers=headers, media_type=_JSON)


async def silence(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Hold the connection, without an answer, until the client leaves."""
    await client_left(receive)


async def _stop_reading(after: int, scope: Scope, receive: Receive, _: Send) -> None:
    """Read no more than `after` bytes of the body, and hold the connection."""
    await _read_at_least(receive, after)
    await connection_of(scope).gone()


async def _read_at_least(receive: Receive, size: int) -> None:
    """Read until this much of the body, or all of it, has come."""
    seen = 0
    while seen < size:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
