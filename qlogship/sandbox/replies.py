"""How the sandbox answers: as the vendor would, and in every wrong way.

Each reply is an ASGI application, as Starlette's responses are. The wrong ones
do over a real connection what the steps in `faults` promise.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

from qlogship.sandbox import faults
from qlogship.sandbox.connection import client_left, connection_of
from qlogship.sandbox.options import AnswerForm

if TYPE_CHECKING:
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
            return Cut(reset, after)
        case faults.Hang(after=int(after)) if not was_read:
            return Silence(after)
        case faults.Status(early=True):
            return _status(step)
        case _:
            return None


def reply_of(step: faults.Step, usual: Response | None) -> ASGIApp:
    """Return what the client gets; `usual` is the honest answer, if the work was done."""
    if usual is not None:
        match step:
            case faults.HalfReply(reset=reset):
                return Half(usual, reset)
            case faults.Trickle(every=every):
                return Trickle(every)
            case faults.Slow(piece=piece, every=every):
                return Slowly(usual, piece, every)
            case faults.Pass() | faults.Delay() | faults.ExpireTokens():
                return usual
    return _wrong_reply(step)


def _wrong_reply(step: faults.Step) -> ASGIApp:
    match step:
        case faults.LoseReply(reset=reset) | faults.Drop(reset=reset):
            return Cut(reset)
        case faults.Hang():
            return Silence()
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
        case _:
            raise AssertionError(f"{step} is answered in the usual way")


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


@dataclass(frozen=True, slots=True)
class Cut:
    """No byte of an answer: the connection ends, after `after` bytes of the body if given."""

    reset: bool
    after: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Cut, and stay until the connection is gone, so that nothing else is answered."""
        if self.after is not None:
            await _read_at_least(receive, self.after)
        connection_of(scope).cut(reset=self.reset)
        await client_left(receive)


@dataclass(frozen=True, slots=True)
class Half:
    """The status, the headers and the first half of the body; then the connection ends."""

    whole: Response
    reset: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise the whole length, send half of it, cut."""
        # Two bytes at least, so that there is a first half to send.
        body = bytes(self.whole.body).ljust(2)
        headers = [pair for pair in self.whole.raw_headers if pair[0] != b"content-length"]
        headers.append((b"content-length", b"%d" % len(body)))
        await send(
            {"type": "http.response.start", "status": self.whole.status_code, "headers": headers}
        )
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        connection_of(scope).cut(reset=self.reset)
        await client_left(receive)


@dataclass(frozen=True, slots=True)
class Slowly:
    """The whole answer, `piece` bytes every `every` seconds."""

    whole: Response
    piece: int
    every: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send piece after piece, until the client has it all or has left."""
        body = bytes(self.whole.body)
        await send(
            {
                "type": "http.response.start",
                "status": self.whole.status_code,
                "headers": self.whole.raw_headers,
            }
        )
        leaving = asyncio.ensure_future(client_left(receive))
        try:
            for start in range(0, len(body), self.piece):
                await asyncio.wait([leaving], timeout=self.every)
                if leaving.done():
                    return
                piece = body[start : start + self.piece]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()


@dataclass(frozen=True, slots=True)
class Trickle:
    """The headers of a long answer, then a blank every `every` seconds until the client leaves."""

    every: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send byte after byte; JSON may begin with blanks, so no reader can give up early."""
        headers = [
            (b"content-type", _JSON.encode("ascii")),
            (b"content-length", b"%d" % _TRICKLE_LENGTH),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        leaving = asyncio.ensure_future(client_left(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.wait([leaving], timeout=self.every)


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer at all; `after` says how much of the body is read before reading stops."""

    after: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Hold the connection until the client leaves."""
        if self.after is None:
            await client_left(receive)
        else:
            await _read_at_least(receive, self.after)
            await connection_of(scope).gone()


async def _read_at_least(receive: Receive, size: int) -> None:
    """Read until this much of the body, or all of it, has come."""
    seen = 0
    while seen < size:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
