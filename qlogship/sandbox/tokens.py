"""The tokens a login hands out: signed, dated, and dead on demand.

They are JSON Web Tokens signed with HMAC-SHA256 (RFC 7519), as the vendor's
are, so that a client which reads `exp` finds it where it will be in earnest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Tokens:
    """Issue tokens that live for `lifetime` seconds, and tell which are alive."""

    def __init__(self, lifetime: float, clock: Callable[[], float]) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def issue(self, subject: str) -> str:
        """Return a new token for this e-mail address."""
        now = self._clock()
        claims = {
            "sub": subject,
            "iat": int(now),
            "exp": int(now + self._lifetime),
            "jti": secrets.token_hex(8),
        }
        parts = ({"alg": "HS256", "typ": "JWT"}, claims)
        texts = (json.dumps(part, separators=(",", ":")) for part in parts)
        signed = b".".join(_encode(text.encode("ascii")) for text in texts)
        return b".".join((signed, _encode(self._sign(signed)))).decode("ascii")

    def valid(self, token: str) -> bool:
        """Return whether the token was issued here and lives; any text may be asked about."""
        signed, _, signature = token.encode("utf-8", "replace").rpartition(b".")
        if not hmac.compare_digest(_encode(self._sign(signed)), signature):
            return False
        expires = json.loads(_decode(signed.rpartition(b".")[2]))["exp"]
        return bool(self._clock() < expires)

    def expire_all(self) -> None:
        """Make every token issued so far worthless, by forgetting the key that signed them."""
        self._secret = secrets.token_bytes(32)

    def _sign(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, hashlib.sha256)


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
