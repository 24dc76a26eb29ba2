"""The emulator's ASGI application: which address is what, and what the fault script does to it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from qlogship.sandbox import faults, faults_json, page
from qlogship.sandbox.administration import CreateUser, DeleteUsers, ListUsers
from qlogship.sandbox.downloads import AgentStatusLog, CallLog
from qlogship.sandbox.operations import (
    BadRequest,
    Clear,
    Gate,
    Login,
    Operation,
    Premises,
    Upload,
    drain,
)
from qlogship.sandbox.people import People, Rejected
from qlogship.sandbox.replies import (
    Cut,
    Half,
    Silence,
    Slowly,
    Trickle,
    as_json,
    error,
    login_page,
    redirect,
    scripted,
)
from qlogship.sandbox.storage import Storage
from qlogship.sandbox.tokens import Tokens
from qlogship.sandbox.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from qlogship.sandbox.database import Database
    from qlogship.sandbox.options import Options

_SHOWN = 20
_LISTED = 1000


class Emulator:
    """One Team Dashboard of one tenant; `asgi` is the application to serve."""

    def __init__(
        self,
        options: Options,
        database: Database,
        *,
        script: faults.Script | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self.storage = Storage(database)
        self.people = People(database, options.email)
        self.tokens = Tokens(options.token_lifetime, clock)
        self.traffic = Traffic(clock)
        # Replaced as a whole, never changed in place: tests set it from their own thread.
        self.script = script or faults.Script()
        self._clock = clock
        self._premises = Premises(options, self.storage, self.people, self.tokens, clock)
        self.asgi: ASGIApp = self.traffic.watch(Starlette(routes=self._routes()))

    def _routes(self) -> list[Route]:
        return [
            Route("/login/api/auth", self._serve(Login), methods=["POST"]),
            Route("/api/reports/asterisk/upload", self._serve(Upload), methods=["POST"]),
            Route("/api/reports/asterisk/clear", self._serve(Clear), methods=["POST"]),
            Route("/api/settings/users", self._serve(ListUsers), methods=["GET"]),
            Route("/api/settings/users/save", self._serve(CreateUser), methods=["POST"]),
            Route("/api/settings/users/delete", self._serve(DeleteUsers), methods=["POST"]),
            Route("/api/reports/agents/worktime/raw", self._serve(AgentStatusLog), methods=["GET"]),
            Route("/api/history/calls/export", self._serve(CallLog), methods=["GET"]),
            Route("/", self._page),
            Route("/login/", lambda _: login_page()),
            Route("/sandbox/summary", self._summary),
            Route("/sandbox/uploads", self._uploads),
            Route("/sandbox/users", self._users),
            Route("/sandbox/uploads/{upload_id:int}/body", self._body),
            Route("/sandbox/faults", self._faults, methods=["GET", "PUT"]),
        ]

    # -- the vendor's API

    def _serve(self, kind: type[Operation]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> ASGIApp:
            try:
                return await self._perform(kind(self._premises), request)
            except BadRequest as problem:
                return error(problem.status, str(problem))
            except ClientDisconnect:
                return Silence()

        return endpoint

    async def _perform(self, operation: Operation, request: Request) -> ASGIApp:
        """Let the fault script have its say, but only about requests that were let in."""
        if not self._lets_in(operation.gate, request):
            await drain(request)
            return _stranger()
        if faults.looks_inside(self.script, operation.name):
            await operation.read(request)
        action, self.script = faults.take(self.script, operation.name, operation.file)
        self.traffic.note()
        early = _before_the_body(action, was_read=operation.was_read)
        if early is not None:
            return early
        await operation.read(request)
        return await self._act(action, operation)

    async def _act(self, action: faults.Action, operation: Operation) -> ASGIApp:
        if isinstance(action, faults.ExpireTokens):
            self.tokens.expire_all()
            if operation.gate is not Gate.OPEN:
                return _stranger()
        if isinstance(action, faults.Delay):
            await asyncio.sleep(action.seconds)
        answer = faults.on_record(action)
        usual: Response | None = None
        if faults.applies(action):
            form = action.form if isinstance(action, faults.Pass) else None
            try:
                usual = await operation.carry_out(answer, form)
            except (BadRequest, Rejected) as problem:
                usual = error(problem.status, str(problem))
        else:
            await operation.decline(answer)
        return _reply(action, usual)

    def _lets_in(self, gate: Gate, request: Request) -> bool:
        """Look at the token; blanks around a Bearer token are in the vendor's own examples."""
        if gate is Gate.OPEN:
            return True
        if gate is Gate.COOKIE:
            return self.tokens.valid(request.cookies.get("jwt", ""))
        scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
        return scheme.lower() == "bearer" and self.tokens.valid(token.strip())

    # -- the emulator's own addresses

    async def _page(self, request: Request) -> Response:
        view = await asyncio.to_thread(self._view, str(request.base_url).rstrip("/"))
        return Response(page.render(view), media_type="text/html", headers=page.HEADERS)

    def _view(self, address: str) -> page.View:
        people, count = self.people.page(size=_SHOWN)
        return page.View(
            now=self._clock(),
            address=address,
            email=self.options.email,
            summary=self.storage.summary(),
            latest=tuple(self.storage.latest(_SHOWN)),
            people=tuple(people),
            people_count=count,
            faults=tuple(faults_json.dump(self.script)),
        )

    async def _summary(self, _: Request) -> Response:
        return as_json(asdict(await asyncio.to_thread(self.storage.summary)))

    async def _uploads(self, _: Request) -> Response:
        latest = await asyncio.to_thread(self.storage.latest, _LISTED)
        return as_json([asdict(upload) for upload in latest])

    async def _users(self, _: Request) -> Response:
        people, _count = await asyncio.to_thread(self.people.page)
        return as_json([asdict(person) for person in people])

    async def _body(self, request: Request) -> Response:
        body = await asyncio.to_thread(self.storage.body, request.path_params["upload_id"])
        if body is None:
            return error(404, "no such upload, or its bytes are not kept")
        return Response(body, media_type="application/octet-stream", headers=page.HEADERS)

    async def _faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.script = faults_json.parse(await request.json())
            except faults_json.FaultScriptError as problem:
                return as_json({"error": problem.message, "problems": problem.problems}, 400)
            except ValueError as problem:
                return as_json({"error": f"this is no JSON: {problem}", "problems": []}, 400)
        return as_json(faults_json.dump(self.script))


def _before_the_body(action: faults.Action, *, was_read: bool) -> ASGIApp | None:
    """Return the reply of an action that does not wait for the whole body; None for the others."""
    match action:
        case faults.Drop(after=int(after), reset=reset) if not was_read:
            return Cut(reset, after)
        case faults.Hang(after=int(after)) if not was_read:
            return Silence(after)
        case faults.Status(early=True):
            return _as_scripted(action)
        case _:
            return None


def _reply(action: faults.Action, usual: Response | None) -> ASGIApp:
    """Return what the client gets; `usual` is the honest answer, if the work was done."""
    if usual is not None:
        match action:
            case faults.HalfReply(reset):
                return Half(usual, reset)
            case faults.Trickle(every):
                return Trickle(every)
            case faults.Slow(piece, every):
                return Slowly(usual, piece, every)
            case faults.Pass() | faults.Delay() | faults.ExpireTokens():
                return usual
    return _wrong_reply(action)


def _wrong_reply(action: faults.Action) -> ASGIApp:
    match action:
        case faults.LoseReply(reset) | faults.Drop(reset=reset):
            return Cut(reset)
        case faults.Hang():
            return Silence()
        case faults.Html():
            return login_page()
        case faults.Redirect(status, location):
            return redirect(status, location)
        case faults.TooLarge(limit):
            return error(action.status, f"the file is larger than {limit} bytes")
        case faults.RefuseContaining(_, status):
            return error(status, "the file has something in it that is not accepted")
        case faults.Status():
            return _as_scripted(action)
        case _:
            raise AssertionError(f"{action} is answered in the usual way")


def _as_scripted(action: faults.Status) -> Response:
    return scripted(
        action.status,
        headers=action.headers,
        body=action.body,
        content_type=action.content_type,
    )


def _stranger() -> Response:
    return error(401, "no valid token")
