"""The client of the Team Dashboard.

Here lives what is asked of the dashboard, in which order: log in when there is
no live token, ask, and once more after a new login when the token is refused.
What an answer means is said by `core.outcome` and `auth`; the sockets are
`wire`'s. Nothing is logged here, and no secret gets into what is returned.
"""

from __future__ import annotations

import html
import json
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import httpx

from qlogship import __version__
from qlogship.core.outcome import Answer, Outcome, Verdict, judge
from qlogship.dashboard.auth import (
    LOGIN_PATH,
    EmailPassword,
    GivenToken,
    Token,
    TokenFile,
    judge_login,
    login_request,
    token_in,
    token_of,
)
from qlogship.dashboard.transport import Transport
from qlogship.dashboard.wire import Wire
from qlogship.errors import Fault, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from qlogship.dashboard.auth import Credentials

UPLOAD_PATH = "/api/reports/asterisk/upload"
CLEAR_PATH = "/api/reports/asterisk/clear"

# How much of an answer is read. An answer to an upload is a line; what is
# longer is a page, and its beginning shows that.
ANSWER_MAX = 64 * 1024

# A token file is read up to here.
_TOKEN_FILE_MAX = 64 * 1024

# A shorter secret is no secret, and blotting it out would eat numbers.
_SECRET_MIN = 4

# All that httpx raises for what may happen to a request.
FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)


class TeamDashboard:
    """A Team Dashboard at `url`, used by one thread.

    `timeout` bounds each whole request, from the first look-up to the last byte
    of the answer; an upload takes up to four of them, when its token is refused.
    `ca_file` holds certificates (PEM) to trust besides the system's. Only
    `abort` may be called from another thread.

    Raises SettingsError when `url` or `ca_file` cannot be used.
    """

    def __init__(
        self,
        *,
        url: str,
        credentials: Credentials,
        timeout: float,
        ca_file: Path | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._base = _checked(url)
        self._credentials = credentials
        self._timeout = timeout
        self._wall_clock = wall_clock
        self._token: Token | None = None
        # The same for every upload: nobody who writes into the body knows it.
        self._boundary = secrets.token_hex(16)
        self._wire = Wire()
        self._busy = threading.Lock()
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
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def log_in(self) -> Outcome:
        """Get a new token, whether or not there is one, and say how that went.

        A token from a file is read, which asks nothing of the dashboard.
        """
        _, outcome = self._new_token()
        return outcome

    def upload(self, filename: str, body: bytes) -> Outcome:
        """Send the records of one batch as a queue_log; say what became of them.

        `filename` is what the dashboard is told the file is called.
        """
        head = (
            f"--{self._boundary}\r\n"
            f'Content-Disposition: form-data; name="logs"; filename="{_quoted(filename)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{self._boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        return self._ask(UPLOAD_PATH, headers, (head, body, tail))

    def clear(self) -> Outcome:
        """Remove all uploaded queue_log data of the tenant, whoever uploaded it."""
        return self._ask(CLEAR_PATH, {}, ())

    def knock(self) -> Answer:
        """Ask for an upload without a token and without a file; a dashboard refuses that."""
        return self._post(UPLOAD_PATH, {}, ()).answer

    def abort(self) -> None:
        """End the request under way within a second, and refuse all later ones.

        There is no way back: an abort that came between two requests would
        otherwise be lost on the second.
        """
        self._wire.stop()

    def close(self) -> None:
        """Close the connection. The client is of no use afterwards."""
        self._client.close()

    def _ask(self, path: str, headers: Mapping[str, str], content: tuple[bytes, ...]) -> Outcome:
        """Post with a token; when it is refused, once more with a new one."""
        token = self._token
        if token is None or not token.is_live(now=self._wall_clock()):
            token, login = self._new_token()
            if token is None:
                return login
        outcome = self._post_with(token, path, headers, content)
        if outcome.verdict is not Verdict.UNAUTHORIZED:
            return outcome
        renewed, login = self._new_token()
        if renewed is None:
            return login
        if renewed.text != token.text or isinstance(self._credentials, EmailPassword):
            outcome = self._post_with(renewed, path, headers, content)
        if outcome.verdict is Verdict.UNAUTHORIZED:
            self._token = None
        return outcome

    def _new_token(self) -> tuple[Token | None, Outcome]:
        self._token = None
        now = self._wall_clock()
        match self._credentials:
            case EmailPassword() as account:
                headers, body = login_request(self._base, account)
                reply = self._post(LOGIN_PATH, headers, (body,))
                now = self._wall_clock()
                self._token = token_in(reply.set_cookie, now=now) if reply.is_success else None
                outcome = judge_login(self._masked(reply.answer), self._token, now=now)
                return self._token, outcome
            case TokenFile(path):
                text, problem = _read_token(path)
            case GivenToken(text):
                problem = ""
        self._token = token_of(text, now=now)
        if self._token is not None:
            return self._token, Outcome(Verdict.ACCEPTED, None, None, None, "there is a token", "")
        detail = f"login: {problem or 'what was given is no token'}"
        return None, Outcome(Verdict.UNAUTHORIZED, None, None, None, detail, "")

    def _post_with(
        self, token: Token, path: str, headers: Mapping[str, str], content: tuple[bytes, ...]
    ) -> Outcome:
        authorized = {**headers, "Authorization": f"Bearer {token.text}"}
        reply = self._post(path, authorized, content)
        return judge(self._masked(reply.answer), now=self._wall_clock())

    def _post(self, path: str, headers: Mapping[str, str], content: tuple[bytes, ...]) -> _Reply:
        """Post the pieces of a body; return what came back, as far as it came."""
        length = {"Content-Length": str(sum(map(len, content)))}
        # httpx ties request and response into a circle, which lives until the
        # collector comes: it must not keep the body alive.
        pieces = (piece for piece in content)
        answer = Answer(sent=False)
        cookies: list[str] = []
        body = bytearray()
        with self._busy:
            self._wire.begin(self._timeout)
            try:
                with self._client.stream(
                    "POST", self._base + path, headers={**headers, **length}, content=pieces
                ) as response:
                    answer = _head(response)
                    cookies = response.headers.get_list("set-cookie")
                    for piece in response.iter_raw():
                        body += piece
                        if len(body) >= ANSWER_MAX:
                            break
                answer = replace(answer, complete=True)
            except FAILURES as exc:
                answer = replace(answer, detail=str(exc) or type(exc).__name__)
            finally:
                pieces.close()
            answer = replace(answer, sent=self._wire.sent, body=bytes(body[:ANSWER_MAX]))
        return _Reply(answer, cookies)

    def _masked(self, answer: Answer) -> Answer:
        """Blot out the secrets that the other side may have repeated."""
        body, location, detail = answer.body, answer.location, answer.detail
        for form in self._secret_forms():
            body = body.replace(form.encode(), b"***")
            location = location.replace(form, "***")
            detail = detail.replace(form, "***")
        return replace(answer, body=body, location=location, detail=detail)

    def _secret_forms(self) -> set[str]:
        """Return password and token, as they are and as answers may spell them."""
        known = [self._token.text] if self._token is not None else []
        if isinstance(self._credentials, EmailPassword):
            known.append(self._credentials.password)
        return {
            form
            for secret in known
            if len(secret) >= _SECRET_MIN
            for form in (
                secret,
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                quote(secret, safe=""),
                html.escape(secret),
            )
        }


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer with the cookies that came along, which are nobody else's business."""

    answer: Answer
    set_cookie: list[str] = field(repr=False)

    @property
    def is_success(self) -> bool:
        return self.answer.status is not None and 200 <= self.answer.status < 300


def _head(response: httpx.Response) -> Answer:
    return Answer(
        sent=True,
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        retry_after=response.headers.get("retry-after"),
        location=response.headers.get("location", ""),
    )


def _quoted(filename: str) -> str:
    """Return a file name as browsers and curl put it between quotes."""
    return "".join(_QUOTED.get(character, character) for character in filename)


_QUOTED = {'"': "%22", "\r": "%0D", "\n": "%0A"}


def _checked(url: str) -> str:
    """Return the address without a slash at its end; never repeat what may hold a secret."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        parts = httpx.URL()
    if (
        parts.scheme not in {"http", "https"}
        or not parts.host
        or parts.userinfo
        or parts.query
        or parts.fragment
    ):
        raise SettingsError(
            [
                Fault(
                    "dashboard.url",
                    "this is no address of a dashboard",
                    "Give scheme and host only, such as https://company.softphone.pro.",
                )
            ]
        )
    return str(parts).rstrip("/")


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return what checks the dashboard's certificate: the system's store, and `ca_file`."""
    context = ssl.create_default_context()
    # Python before 3.11.3 takes a connection that was cut for one that was ended
    # (CPython's issue 95494): half an answer would pass for a whole one.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as exc:
            problem = (
                "no certificates in PEM form" if isinstance(exc, ssl.SSLError) else exc.strerror
            )
            raise SettingsError(
                [
                    Fault(
                        "dashboard.ca_file",
                        f"{ca_file}: {problem}",
                        "Give a file that can be read and holds certificates in PEM form.",
                    )
                ]
            ) from exc
    return context


def _read_token(path: Path) -> tuple[str, str]:
    """Return what a token file holds, and what is wrong with it."""
    try:
        with path.open("rb") as file:
            return file.read(_TOKEN_FILE_MAX).decode("ascii", errors="replace"), ""
    except OSError as exc:
        return "", f"the token file {path} cannot be read: {exc.strerror}"
