"""Logging in: who we are, what is asked, and how long the token is good.

Here live the credentials, the login request and the meaning of its answer, as
values; nothing here talks to the network.

The token is the cookie `LOGIN_COOKIE` of the answer to the login (the vendor's page,
"Login and Get a Security Token"). That it is a JWT is only likely: its `exp` is
read when it has one, and nothing else depends on it. The signature is the
dashboard's business.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qlogship.dashboard.exchange import Request, is_success
from qlogship.dashboard.outcome import Answer, Outcome, judge
from qlogship.dashboard.verdicts import Verdict
from qlogship.login_cookie import LOGIN_COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LOGIN_PATH = "/login/api/auth"

# How long before its end a token is renewed: this, or a tenth of its life.
MARGIN_MAX = 60.0
MARGIN_SHARE = 0.1

# What can stand in a header and in a cookie alike; longer is no token.
_TOKEN = re.compile(r"[!#-+\--:<-\[\]-~]{1,16384}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EmailPassword:
    """The account of the Team administrator."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file that holds a token and nothing else; read anew when the token is refused."""

    path: Path


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token from somewhere else, which cannot be renewed."""

    text: str = field(repr=False)


Credentials = EmailPassword | TokenFile | GivenToken


@dataclass(frozen=True, slots=True)
class Token:
    """What opens the dashboard, until `renew_at` (epoch seconds; None: until it is refused)."""

    text: str = field(repr=False)
    renew_at: float | None

    def is_live(self, *, now: float) -> bool:
        """Return whether there is no reason yet to ask for another one."""
        return self.renew_at is None or now < self.renew_at


def login_request(base: str, account: EmailPassword) -> Request:
    """Return the request to log in; `base` is the dashboard's address."""
    fields = {"login": account.email, "password": account.password}
    return Request(
        method="POST",
        path=LOGIN_PATH,
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json, text/plain, */*",
            "Referer": f"{base}/login/",
        },
        content=(json.dumps(fields, separators=(",", ":")).encode(),),
    )


def token_of(text: str, *, now: float) -> Token | None:
    """Return a token received at `now`; None when the text can be none.

    A token that looks expired when it is new says that one of the clocks is
    wrong. It is used until it is refused: to renew it would bring another one
    like it, for ever.
    """
    text = text.strip()
    if not _TOKEN.fullmatch(text):
        return None
    claims = _claims(text)
    end = _epoch(claims.get("exp"))
    if end is None:
        return Token(text, None)
    start = _epoch(claims.get("iat"))
    life = end - (start if start is not None and start < end else now)
    renew_at = end - min(MARGIN_MAX, MARGIN_SHARE * life)
    return Token(text, renew_at if now < renew_at else None)


def token_in(set_cookie: Iterable[str], *, now: float) -> Token | None:
    """Return the token among the Set-Cookie headers of an answer; the last one, if several."""
    found = None
    for header in set_cookie:
        name, _, value = header.partition(";")[0].partition("=")
        if name.strip() == LOGIN_COOKIE:
            found = token_of(value.strip().strip('"'), now=now) or found
    return found


def judge_login(answer: Answer, token: Token | None, *, now: float) -> Outcome:
    """Say what the answer to a login means, for the login and for what was to follow.

    Never UNKNOWN: whatever became of the login, nothing else has left yet. Never
    TOO_BIG or REFUSED either: these would condemn a batch that was not sent.
    """
    outcome = judge(replace(answer, sent=False), now=now)
    status = answer.status
    success = is_success(status)
    if success and token is not None:
        return replace(
            outcome,
            verdict=Verdict.ACCEPTED,
            reported_calls=None,
            answer="",
            detail="the dashboard accepted the login",
        )
    if outcome.verdict is Verdict.UNREACHABLE:
        return replace(outcome, detail=f"login: {outcome.detail}")
    if success:
        page = "is a web page and " if outcome.verdict is Verdict.NOT_ACCEPTED else ""
        return replace(
            outcome,
            verdict=Verdict.NOT_ACCEPTED,
            reported_calls=None,
            detail=f"login: the answer {status} {page}holds no cookie {LOGIN_COOKIE}",
        )
    if status in {400, 422} or outcome.verdict is Verdict.UNAUTHORIZED:
        return replace(
            outcome,
            verdict=Verdict.UNAUTHORIZED,
            detail=f"login: the dashboard answered {status}: e-mail or password refused",
        )
    if outcome.verdict in {Verdict.TOO_BIG, Verdict.REFUSED, Verdict.NOT_THERE}:
        return replace(
            outcome,
            verdict=Verdict.NOT_ACCEPTED,
            detail=f"login: the answer is {status}; is this a Team Dashboard?",
        )
    return replace(outcome, detail=f"login: {outcome.detail}")


def _claims(text: str) -> dict[str, Any]:
    """Return what a JWT says (RFC 7519), nothing when it is none."""
    parts = text.split(".")
    if len(parts) != 3:
        return {}
    payload = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _epoch(value: object) -> float | None:
    """Return a claim that is a time as one, None when it is anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 1e12 else None
