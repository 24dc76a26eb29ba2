"""Logging in, uploading and clearing, each as it goes when nothing goes wrong.

The other operations of the vendor's API are in `administration` and `downloads`. An
operation reads its request, and can then be carried out or declined; which of the two,
and what the client gets to see of it, is `app`'s business.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from starlette.datastructures import UploadFile

from qlogship.sandbox import faults
from qlogship.sandbox.replies import as_json, counted, error
from qlogship.sandbox.storage import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from qlogship.sandbox.options import Options
    from qlogship.sandbox.people import People
    from qlogship.sandbox.storage import Storage
    from qlogship.sandbox.tokens import Tokens

_FIELD = "logs"
# What a multipart form takes beside the file itself.
_FORM_OVERHEAD = 64 * 1024


class BadRequest(Exception):
    """The request cannot be read; `status` is how it is answered."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Gate(Enum):
    """Where an operation wants its token: as strict as the vendor's page, to prove a client."""

    OPEN = "no token"
    BEARER = "the Authorization header"
    COOKIE = "the cookie jwt"


@dataclass(frozen=True, slots=True)
class Premises:
    """What every operation works with."""

    options: Options
    storage: Storage
    people: People
    tokens: Tokens
    clock: Callable[[], float]


class Operation(ABC):
    """One request; `gate` says where its token is."""

    name: ClassVar[str]
    gate: ClassVar[Gate] = Gate.BEARER

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        self.was_read = False

    @property
    def file(self) -> bytes | None:
        """Return the uploaded file once it was read; None for what uploads nothing."""
        return None

    async def read(self, request: Request) -> None:
        """Read the whole request, once; raises BadRequest."""
        if not self.was_read:
            self.was_read = True
            await self._read(request)

    @abstractmethod
    async def carry_out(self, answer: str, form: str | None = None) -> Response:
        """Do the work and return the answer; `answer` is the word for it that goes on record."""

    async def decline(self, answer: str) -> None:  # noqa: B027 -- most keep no record
        """Do nothing but put on record what came; `answer` as in `carry_out`."""

    async def _read(self, request: Request) -> None:
        await drain(request)


class Login(Operation):
    """E-mail and password in, a token in a cookie out."""

    name = faults.LOGIN
    gate = Gate.OPEN

    def __init__(self, premises: Premises) -> None:
        super().__init__(premises)
        self._login: object = None
        self._password: object = None

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Compare, and hand out a token beside a cookie that means nothing."""
        options = self.premises.options
        known = _same(self._login, options.email) & _same(self._password, options.password)
        if not known:
            return error(401, "wrong e-mail or password")
        reply = as_json({"login": options.email})
        reply.set_cookie("lang", "en", path="/", samesite=None)
        reply.set_cookie(
            "jwt", self.premises.tokens.issue(options.email), path="/", httponly=True, samesite=None
        )
        # The vendor's page has its reader look for a line in these very letters.
        reply.raw_headers = [
            (b"Set-Cookie" if name == b"set-cookie" else name, value)
            for name, value in reply.raw_headers
        ]
        return reply

    async def _read(self, request: Request) -> None:
        body = await request.body()
        try:
            credentials = json.loads(body)
            self._login = credentials["login"]
            self._password = credentials["password"]
        except (ValueError, KeyError, TypeError):
            raise BadRequest("a JSON object with login and password is expected") from None


class Upload(Operation):
    """A queue_log in, the count of its calls out."""

    name = faults.UPLOAD

    def __init__(self, premises: Premises) -> None:
        super().__init__(premises)
        self._arrival: Arrival | None = None

    @property
    def file(self) -> bytes | None:
        """Return the file's bytes."""
        return self._arrival.body if self._arrival else None

    async def carry_out(self, answer: str, form: str | None = None) -> Response:
        """Store the file and count its calls."""
        if self._arrival is None:
            raise BadRequest(f"the form has no file {_FIELD}")
        count = await asyncio.to_thread(
            self.premises.storage.keep,
            self._arrival,
            answer=answer,
            repeats=self.premises.options.repeats,
        )
        return counted(form or self.premises.options.answer, count)

    async def decline(self, answer: str) -> None:
        """Put a file on record that is not taken."""
        if self._arrival is not None:
            await asyncio.to_thread(self.premises.storage.refuse, self._arrival, answer=answer)

    async def _read(self, request: Request) -> None:
        limit = self.premises.options.max_file
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit + _FORM_OVERHEAD:
            await drain(request)
            raise BadRequest(f"a file may have {limit} bytes at most", 413)
        at = self.premises.clock()
        async with request.form(max_files=4, max_fields=16) as form:
            file = form.get(_FIELD)
            if not isinstance(file, UploadFile):
                raise BadRequest(f"the form has no file {_FIELD}")
            if (file.size or 0) > limit:
                raise BadRequest(f"a file may have {limit} bytes at most", 413)
            self._arrival = Arrival(at, file.filename or "", await file.read())


class Clear(Operation):
    """Everything uploaded is forgotten, for the whole tenant."""

    name = faults.CLEAR

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Wipe."""
        await asyncio.to_thread(self.premises.storage.clear)
        return as_json({"status": "ok"})


async def drain(request: Request) -> None:
    """Read a body to its end and forget it, so that the client gets to see the answer."""
    async for _ in request.stream():
        pass


def _same(left: object, right: str) -> bool:
    """Compare without telling by the time it takes; what is no text is never the same."""
    if not isinstance(left, str):
        return False
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))
