"""Tokens: signed, dated, and dead on demand."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from qlogship.sandbox.tokens import Tokens


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


def _part(token: str, index: int) -> dict[str, object]:
    text = token.split(".")[index]
    decoded: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def test_form() -> None:
    """A token is a JSON Web Token whose claims name its subject and its end."""
    token = Tokens(60.0, Clock()).issue("a@example.com")
    assert _part(token, 0) == {"alg": "HS256", "typ": "JWT"}
    claims = _part(token, 1)
    assert claims["sub"] == "a@example.com"
    assert claims["iat"] == 1_700_000_000
    assert claims["exp"] == 1_700_000_060


def test_ends() -> None:
    """A token is valid until its lifetime is over, and not after."""
    clock = Clock()
    tokens = Tokens(60.0, clock)
    token = tokens.issue("a@example.com")
    clock.now += 59
    assert tokens.valid(token)
    clock.now += 1
    assert not tokens.valid(token)


def test_all_expired() -> None:
    """`expire_all` ends every token issued before, and none issued after."""
    tokens = Tokens(60.0, Clock())
    before = tokens.issue("a@example.com")
    tokens.expire_all()
    assert not tokens.valid(before)
    assert tokens.valid(tokens.issue("a@example.com"))


def test_two_differ() -> None:
    """Two logins in the same second get different tokens."""
    tokens = Tokens(60.0, Clock())
    assert tokens.issue("a@example.com") != tokens.issue("a@example.com")


def test_foreign_signature() -> None:
    """A token that another key signed is not valid."""
    clock = Clock()
    assert not Tokens(60.0, clock).valid(Tokens(60.0, clock).issue("a@example.com"))


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text may be asked about; what was not issued is not valid."""
    assert not Tokens(60.0, Clock()).valid(text)
