"""Requests to the dashboard, each with a token that opens it.

Here lives how a request is made: log in when there is no live token, ask, and
once more after a new login when the token is refused. What is asked, and what an
answer means, is the business of the door, `client`; the sockets are `wire`'s.
Nothing is logged here, and no secret gets into the answer of a `Reply`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from qlogship import __version__
from qlogship.dashboard.address import checked_address, trust
from qlogship.dashboard.auth import (
    EmailPassword,
    GivenToken,
    Token,
    TokenFile,
    judge_login,
    login_request,
    token_in,
    token_of,
)
from qlogship.dashboard.exchange import Reply, Request, is_redirect, is_success
from qlogship.dashboard.masking import masked
from qlogship.dashboard.outcome import Answer, Outcome
from qlogship.dashboard.transport import Transport
from qlogship.dashboard.verdicts import MEANINGS, Verdict
from qlogship.dashboard.wire import Wire
from qlogship.login_cookie import LOGIN_COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from qlogship.dashboard.auth import Credentials
    from qlogship.dashboard.exchange import Sink

# A token file is read up to here.
_TOKEN_FILE_MAX = 64 * 1024

_LOGIN_PAGE = re.compile(r"[^?#]*/login(?:[/.?#]|$)", re.IGNORECASE)

# All that httpx raises for what may happen to a request.
FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An answer with the cookies that came along, and how it failed, if it did."""

    answer: Answer
    set_cookie: list[str]
    failure: Exception | None


class Session:
    """One connection and one token; used by one thread, but for `abort`.

    `timeout` bounds each whole request in seconds, from the first look-up to the
    last byte of the answer. A download may take `download_timeout` instead, but
    may not stand still for longer than `timeout`.

    Raises SettingsError when `url` or `ca_file` cannot be used.
    """

    def __init__(
        self,
        *,
        url: str,
        credentials: Credentials,
        timeout: float,
        download_timeout: float,
        ca_file: Path | None,
        wall_clock: Callable[[], float],
    ) -> None:
        self._base = checked_address(url)
        self._credentials = credentials
        self._timeout = timeout
        self._download_timeout = download_timeout
        self._wall_clock = wall_clock
        self._token: Token | None = None
        self._wire = Wire()
        context = trust(ca_file) if self._base.startswith("https:") else None
        self._client = httpx.Client(
            transport=Transport(backend=self._wire, ssl_context=context),
            headers={
                "User-Agent": f"qlogship/{__version__}",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
            },
            # The token travels as the vendor's page has it, and only so.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=None,  # noqa: S113 -- the wire keeps the deadline
            trust_env=False,
        )

    def log_in(self) -> Outcome:
        """Get a new token, whether or not there is one, and say how that went."""
        _, outcome = self._new_token()
        return outcome

    def probe(self, request: Request) -> Answer:
        """Make a request as a stranger, without a token."""
        return self._exchange(request, {}, None).answer

    def ask(self, request: Request, sink: Sink | None = None) -> Reply:
        """Make a request with a token; when it is refused, once more with a new one.

        The body of a success goes to `sink`, if there is one; what a sink raises
        comes out of here.
        """
        token = self._token
        if token is None or not token.is_live(now=self._wall_clock()):
            token, login = self._new_token()
            if token is None:
                return Reply(Answer(sent=False), login=login)
        reply = self._ask_with(token, request, sink)
        if not refuses_token(reply.answer):
            return reply
        renewed, login = self._new_token()
        if renewed is None:
            return Reply(Answer(sent=False), login=login)
        if renewed.text != token.text or isinstance(self._credentials, EmailPassword):
            reply = self._ask_with(renewed, request, sink)
        if refuses_token(reply.answer):
            self._token = None
        return reply

    def abort(self) -> None:
        """End the request under way within a second, and refuse all later ones."""
        self._wire.stop()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _new_token(self) -> tuple[Token | None, Outcome]:
        self._token = None
        now = self._wall_clock()
        match self._credentials:
            case EmailPassword() as account:
                exchange = self._exchange(login_request(self._base, account), {}, None)
                now = self._wall_clock()
                if is_success(exchange.answer.status):
                    self._token = token_in(exchange.set_cookie, now=now)
                outcome = judge_login(self._masked(exchange.answer), self._token, now=now)
                return self._token, outcome
            case TokenFile(path):
                text, problem = _read_token(path)
            case GivenToken(text):
                problem = ""
        self._token = token_of(text, now=now)
        if self._token is not None:
            detail = "there is a token"
            return self._token, Outcome(Verdict.ACCEPTED, None, None, None, detail, "", sent=False)
        detail = f"login: {problem or 'what was given is no token'}"
        return None, Outcome(Verdict.UNAUTHORIZED, None, None, None, detail, "", sent=False)

    def _ask_with(self, token: Token, request: Request, sink: Sink | None) -> Reply:
        if request.by_cookie:
            proof = {"Cookie": f"{LOGIN_COOKIE}={token.text}"}
        else:
            proof = {"Authorization": f"Bearer {token.text}"}
        exchange = self._exchange(request, proof, sink)
        if self._died_idle(request, exchange):
            exchange = self._exchange(request, proof, sink)
        answer = exchange.answer
        return Reply(self._masked(answer, request.secrets), answer.body)

    def _died_idle(self, request: Request, exchange: _Exchange) -> bool:
        """Return whether a kept connection was over before it brought anything.

        What changes nothing may be asked for again; and only once, because the
        next connection is a new one.
        """
        return (
            request.method == "GET"
            and exchange.answer.status is None
            and not self._wire.connected
            and not isinstance(exchange.failure, httpx.TimeoutException)
        )

    def _exchange(self, request: Request, proof: Mapping[str, str], sink: Sink | None) -> _Exchange:
        """Make one request; return what came back, as far as it came."""
        headers = {**request.headers, **proof}
        if request.content:
            headers["Content-Length"] = str(sum(map(len, request.content)))
        # httpx and httpcore tie request and response into a circle, which lives until
        # the collector comes: it must not keep the body alive.
        pieces = (piece for piece in request.content)
        url = f"{self._base}{request.path}" + (f"?{request.query}" if request.query else "")
        answer = Answer(sent=False)
        cookies: list[str] = []
        body = bytearray()
        failure: Exception | None = None
        if sink is None:
            self._wire.begin(self._timeout)
        else:
            self._wire.begin(self._download_timeout, idle=self._timeout)
        try:
            with self._client.stream(
                request.method, url, headers=headers, content=pieces if request.content else None
            ) as response:
                fields = response.headers
                cookies = fields.get_list("set-cookie")
                answer = Answer(
                    sent=True,
                    status=response.status_code,
                    content_type=fields.get("content-type", ""),
                    retry_after=fields.get("retry-after"),
                    location=fields.get("location", ""),
                )
                to_sink = sink if is_success(answer.status) else None
                if to_sink is not None:
                    to_sink.begin({name.lower(): value for name, value in fields.items()})
                for piece in response.iter_raw():
                    if to_sink is not None:
                        to_sink.write(piece)
                        self._wire.progressed()  # the sink's time is not the dashboard's
                        continue
                    body += piece
                    if len(body) >= request.answer_max:
                        break
            answer = replace(answer, complete=True)
        except FAILURES as exc:
            failure = exc
            answer = replace(answer, detail=str(exc) or type(exc).__name__)
        finally:
            pieces.close()
        answer = replace(answer, sent=self._wire.sent, body=bytes(body[: request.answer_max]))
        return _Exchange(answer, cookies, failure)

    def _masked(self, answer: Answer, secrets: Iterable[str] = ()) -> Answer:
        """Blot out password, token and `secrets`, which the other side may have repeated."""
        known = [*secrets]
        if self._token is not None:
            known.append(self._token.text)
        if isinstance(self._credentials, EmailPassword):
            known.append(self._credentials.password)
        return masked(answer, known)


def refuses_token(answer: Answer) -> bool:
    """Return whether an answer sends away who has no live token; some point to the login page."""
    if is_redirect(answer.status):
        return _LOGIN_PAGE.match(answer.location) is not None
    return answer.status in MEANINGS[Verdict.UNAUTHORIZED].statuses


def _read_token(path: Path) -> tuple[str, str]:
    """Return what a token file holds, and what is wrong with it."""
    try:
        with path.open("rb") as file:
            return file.read(_TOKEN_FILE_MAX).decode("ascii", errors="replace"), ""
    except OSError as exc:
        return "", f"the token file {path} cannot be read: {exc.strerror}"
