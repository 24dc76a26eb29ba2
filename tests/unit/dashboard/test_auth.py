"""Logging in: the request, the token among the cookies, and how long it is good."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from qlogship.dashboard.outcome import Answer
from qlogship.dashboard.verdicts import Verdict

NOW = 1_800_000_000.0
LIVE = Token("live", None)


def jwt(**claims: object) -> str:
    """Return a token as the dashboard might sign one."""
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (b'{"alg":"HS256"}', json.dumps(claims).encode(), b"signature")
    )


def renewal(text: str) -> float | None:
    """Return when a token that came just now is to be renewed, in seconds from now."""
    token = token_of(text, now=NOW)
    assert token is not None
    return None if token.renew_at is None else round(token.renew_at - NOW, 3)


def test_the_login_is_the_vendors() -> None:
    """Headers and body are those of the vendor's page."""
    request = login_request(
        "https://company.softphone.pro", EmailPassword("admin@company.ru", 'pa"ß')
    )

    assert request.headers == {
        "Content-Type": "application/json",
        "Accept": "application/json, text/plain, */*",
        "Referer": "https://company.softphone.pro/login/",
    }
    assert json.loads(request.content[0]) == {"login": "admin@company.ru", "password": 'pa"ß'}


def test_no_secret_is_shown() -> None:
    """What holds a secret does not tell it when it is printed."""
    holders = (
        EmailPassword("admin@company.ru", "s3cret"),
        GivenToken("s3cret"),
        Token("s3cret", 1),
    )

    assert "s3cret" not in repr(holders)
    assert "admin@company.ru" in repr(holders)
    assert "/etc/token" in repr(TokenFile(Path("/etc/token")))


@pytest.mark.parametrize(
    ("cookies", "text"),
    [
        (["jwt=abc"], "abc"),
        (["jwt=a.b.c; Path=/; HttpOnly; Expires=Fri, 15 Jan 2027 08:02:00 GMT"], "a.b.c"),
        (["lang=en; Path=/", "jwt=abc; Secure", "sid=jwt=def"], "abc"),
        ([' jwt = "abc" ; Path=/'], "abc"),
        (["jwt=; Max-Age=0", "jwt=abc"], "abc"),
        (["jwt=old", "jwt=new"], "new"),
        (["jwt=abc", "jwt=; Max-Age=0"], "abc"),
        (["xjwt=abc", "jwt2=abc", "jwt"], None),
        (["jwt="], None),
        (["jwt=a b"], None),
        (["jwt=a\r\nX: y"], None),
        (["jwt=ключ"], None),
        (["jwt=" + "a" * 20_000], None),
        ([], None),
    ],
)
def test_the_token_is_the_cookie_jwt(cookies: list[str], text: str | None) -> None:
    """Other cookies may come too; what cannot stand in a header is no token."""
    token = token_in(cookies, now=NOW)

    assert (token and token.text) == text


@pytest.mark.parametrize(
    ("claims", "after"),
    [
        ({"exp": NOW + 3600, "iat": NOW}, 3540.0),
        ({"exp": NOW + 3600}, 3540.0),
        ({"exp": NOW + 100, "iat": NOW}, 90.0),
        ({"exp": NOW + 100}, 90.0),
        ({"exp": NOW + 100, "iat": NOW - 3500}, 40.0),
        ({"exp": NOW + 100, "iat": NOW + 200}, 90.0),
        ({"exp": NOW + 100, "iat": "now"}, 90.0),
    ],
)
def test_a_token_is_renewed_ahead_of_its_end(claims: dict[str, object], after: float) -> None:
    """A tenth of its life before, a minute at most."""
    assert renewal(jwt(**claims)) == after


@pytest.mark.parametrize(
    "text",
    [
        "opaque",
        "a.b",
        "a.b.c",
        "a.!!!.c",
        jwt(),
        jwt(exp="soon"),
        jwt(exp=True),
        jwt(exp=None),
        jwt(exp=-1),
        jwt(exp=1e300),
        jwt(exp=NOW * 1000),
        "a." + base64.urlsafe_b64encode(b"[1]").decode().rstrip("=") + ".c",
        "a." + base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("=") + ".c",
    ],
)
def test_a_token_that_names_no_end_is_used_until_it_is_refused(text: str) -> None:
    """Nothing depends on the token being a JWT."""
    assert renewal(text) is None


@pytest.mark.parametrize("end", [NOW - 86_400, NOW - 1, NOW, NOW + 0.0])
def test_a_new_token_that_looks_expired_is_used_until_it_is_refused(end: float) -> None:
    """With a wrong clock every token looks like that: to renew it would never end."""
    token = token_of(jwt(exp=end), now=NOW)

    assert token is not None
    assert token.is_live(now=NOW)
    assert token.is_live(now=NOW + 1e6)


def test_a_token_lives_until_its_renewal() -> None:
    """From that moment on it is not used any more."""
    token = Token("abc", NOW)

    assert token.is_live(now=NOW - 0.001)
    assert not token.is_live(now=NOW)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_token_or_none(text: str) -> None:
    """No text raises, and a token can always stand in a header."""
    for candidate in (text, f"a.{text}.c"):
        token = token_of(candidate, now=NOW)
        assert token is None or token.text.encode("ascii").isascii()


def login(
    status: int | None, body: bytes = b"", *, complete: bool = True, type_: str = ""
) -> Answer:
    """Return what may come back from a login."""
    return Answer(
        sent=True, complete=complete, status=status, content_type=type_, body=body, detail="because"
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (login(None, complete=False), Verdict.UNREACHABLE),
        (login(200, b"{", complete=False), Verdict.UNREACHABLE),
        (login(400), Verdict.UNAUTHORIZED),
        (login(401), Verdict.UNAUTHORIZED),
        (login(403), Verdict.UNAUTHORIZED),
        (login(422), Verdict.UNAUTHORIZED),
        (login(200, b"<html>"), Verdict.NOT_ACCEPTED),
        (login(200, b'{"ok": true}'), Verdict.NOT_ACCEPTED),
        (login(200, b'{"success": false}'), Verdict.NOT_ACCEPTED),
        (login(204), Verdict.NOT_ACCEPTED),
        (login(404), Verdict.NOT_ACCEPTED),
        (login(405), Verdict.NOT_ACCEPTED),
        (login(413), Verdict.NOT_ACCEPTED),
        (login(302), Verdict.REDIRECTED),
        (login(408), Verdict.LATER),
        (login(429), Verdict.LATER),
        (login(500), Verdict.LATER),
        (login(502), Verdict.LATER),
        (login(503), Verdict.LATER),
        (login(101), Verdict.UNREACHABLE),
    ],
)
def test_what_an_answer_to_a_login_means(answer: Answer, verdict: Verdict) -> None:
    """Nothing else has left yet, and no batch is to blame."""
    outcome = judge_login(answer, None, now=NOW)

    assert outcome.verdict is verdict
    assert outcome.detail.startswith("login: ")
    assert outcome.reported_calls is None


def test_a_login_with_a_token_is_accepted() -> None:
    """The cookie is the proof, even if the rest of the answer was cut short."""
    for answer in (login(200, b'{"id": 5}'), login(200, complete=False), login(200, b"<html>")):
        outcome = judge_login(answer, LIVE, now=NOW)
        assert (outcome.verdict, outcome.reported_calls) == (Verdict.ACCEPTED, None)
        assert outcome.answer == ""


@given(
    status=st.none() | st.integers(0, 999),
    body=st.binary(max_size=40),
    complete=st.booleans(),
    token=st.booleans(),
)
def test_a_login_never_condemns_a_batch(
    *, status: int | None, body: bytes, complete: bool, token: bool
) -> None:
    """Whatever comes back, what was to follow has not been sent."""
    outcome = judge_login(login(status, body, complete=complete), LIVE if token else None, now=NOW)

    assert outcome.verdict not in {Verdict.UNKNOWN, Verdict.TOO_BIG, Verdict.REFUSED}
