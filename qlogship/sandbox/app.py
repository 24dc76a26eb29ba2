"""The sandbox's ASGI application: which address is what, and what the fault script does to it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from qlogship.sandbox import faults, page
from qlogship.sandbox.operations import OPERATIONS, Gate, Operation, Tenant, drain
from qlogship.sandbox.people import People
from qlogship.sandbox.replies import (
    Refused,
    as_json,
    before_the_body,
    error,
    login_page,
    reply_of,
    silence,
)
from qlogship.sandbox.storage import Arrival, Storage
from qlogship.sandbox.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from qlogship.sandbox.database import Database
    from qlogship.sandbox.door import Door
    from qlogship.sandbox.options import SandboxOptions

_SHOWN = 20
_LISTED = 1000
_NOT_SHOWN = (
    "Open the whole address, with its token, that was printed where the sandbox was started.\n"
)
_NO_TOKEN = "no valid token"  # noqa: S105


class App:
    """One Team Dashboard of one tenant; `asgi` is the application to serve."""

    def __init__(
        self,
        options: SandboxOptions,
        database: Database,
        door: Door,
        *,
        script: faults.Script = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tenant = Tenant(
            options,
            Storage(database),
            People(database, options.email),
            Tokens(options.token_lifetime, clock),
            clock,
        )
        # Replaced as a whole, never changed in place: tests set it from their own thread.
        self.script = script
        routes = [
            Route(operation.path, partial(self._serve, operation), methods=[operation.method])
            for operation in OPERATIONS
        ]
        routes += [
            Route("/", self._page),
            Route("/login/", lambda _: login_page()),
            Route("/sandbox/summary", self._summary),
            Route("/sandbox/uploads", self._uploads),
            Route("/sandbox/users", self._users),
            Route("/sandbox/uploads/{upload_id:int}/body", self._body),
            Route("/sandbox/faults", self._faults, methods=["GET", "PUT"]),
        ]
        self._door = door
        self._inside = Starlette(routes=routes)
        self.asgi: ASGIApp = self._let_in

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, unless it is a stranger's."""
        answer: ASGIApp = self._inside
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            query = scope["query_string"].decode("latin-1")
            if not self._door.answers_to(headers.get("host", "")):
                answer = Response("This is not the name of the sandbox.\n", 421)
            elif not self._door.opens(scope["path"], query, headers):
                answer = Response(_NOT_SHOWN, 403)
        await answer(scope, receive, send)

    # -- the vendor's API

    async def _serve(self, operation: Operation, request: Request) -> ASGIApp:
        try:
            return await self._perform(operation, request)
        except Refused as refusal:
            return error(refusal.status, str(refusal))
        except ClientDisconnect:
            return silence

    async def _perform(self, operation: Operation, request: Request) -> ASGIApp:
        """Let the fault script have its say, but only about requests that were let in."""
        if not self._lets_in(operation.gate, request):
            await drain(request)
            return error(401, _NO_TOKEN)
        asked: object = None
        if faults.looks_inside(self.script, operation.name):
            asked = await operation.read(self.tenant, request)
        file = asked.body if isinstance(asked, Arrival) else None
        step, self.script = faults.take(self.script, operation.name, file)
        early = before_the_body(step, was_read=asked is not None)
        if early is not None:
            return early
        return await self._act(step, operation, request, asked)

    async def _act(
        self, step: faults.Step, operation: Operation, request: Request, asked: object
    ) -> ASGIApp:
        usual = Response()
        try:
            if asked is None:
                asked = await operation.read(self.tenant, request)
            if isinstance(step, faults.ExpireTokens):
                self.tenant.tokens.expire_all()
                if operation.gate is not Gate.OPEN:
                    return error(401, _NO_TOKEN)
            if isinstance(step, faults.Delay):
                await asyncio.sleep(step.seconds)
            if faults.applies(step):
                usual = await asyncio.to_thread(operation.carry_out, self.tenant, asked, step)
            elif isinstance(asked, Arrival):
                storage, answer = self.tenant.storage, faults.on_record(step)
                await asyncio.to_thread(storage.refuse, asked, answer=answer)
        except Refused as refusal:
            usual = error(refusal.status, str(refusal))
        return reply_of(step, usual)

    def _lets_in(self, gate: Gate, request: Request) -> bool:
        """Look at the token; blanks around a Bearer token are in the vendor's own examples."""
        if gate is Gate.OPEN:
            return True
        if gate is Gate.COOKIE:
            return self.tenant.tokens.valid(request.cookies.get("jwt", ""))
        scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
        return scheme.lower() == "bearer" and self.tenant.tokens.valid(token.strip())

    # -- the sandbox's own addresses; Starlette runs those that are not async in threads

    def _page(self, request: Request) -> Response:
        tenant = self.tenant
        people, count = tenant.people.page(size=_SHOWN)
        view = page.View(
            now=tenant.clock(),
            address=str(request.base_url).rstrip("/"),
            email=tenant.options.email,
            summary=tenant.storage.summary(),
            latest=tuple(tenant.storage.latest(_SHOWN)),
            people=tuple(people),
            people_count=count,
            faults=tuple(faults.dump(self.script)),
        )
        shown = Response(page.render(view), media_type="text/html", headers=page.HEADERS)
        door = self._door
        shown.set_cookie(door.cookie, door.token, httponly=True, samesite="strict")
        return shown

    def _summary(self, _: Request) -> Response:
        return as_json(asdict(self.tenant.storage.summary()))

    def _uploads(self, _: Request) -> Response:
        return as_json([asdict(upload) for upload in self.tenant.storage.latest(_LISTED)])

    def _users(self, _: Request) -> Response:
        return as_json([asdict(person) for person in self.tenant.people.page()[0]])

    def _body(self, request: Request) -> Response:
        body = self.tenant.storage.body(request.path_params["upload_id"])
        if body is None:
            return error(404, "no such upload, or its bytes are not kept")
        return Response(body, media_type="application/octet-stream", headers=page.HEADERS)

    async def _faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.script = faults.parse(await request.json())
            except faults.FaultScriptError as refusal:
                return as_json({"error": refusal.message, "problems": refusal.problems}, 400)
            except ValueError as refusal:
                return as_json({"error": f"this is no JSON: {refusal}", "problems": []}, 400)
        return as_json(faults.dump(self.script))
