"""A request to the dashboard and what came back, as values; nothing here is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from qlogship.dashboard.verdicts import Verdict, verdict_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.dashboard.outcome import Answer, Outcome

# How much of an answer is read, unless a request asks for more. An answer to an
# upload is a line; what is longer is a page, and its beginning shows that.
ANSWER_MAX = 64 * 1024


class Sink(Protocol):
    """Where the body of a successful answer goes that is too large for memory."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Look at the head of the answer; the names of its fields are in small letters."""

    def write(self, piece: bytes) -> None:
        """Take the next piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for.

    `query` is sent as it is. `content` is the body in pieces. `by_cookie`: the token
    travels as a cookie, not as Bearer, which the vendor's page wants for the two
    logs. `secrets` are blotted out where the answer repeats them.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content: tuple[bytes, ...] = field(default=(), repr=False)
    by_cookie: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    answer_max: int = ANSWER_MAX


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from a request.

    In `answer` the secrets are blotted out; `body` is as it came. `login` says why
    the request was never sent, None when it was.
    """

    answer: Answer
    body: bytes = field(default=b"", repr=False)
    login: Outcome | None = None


def is_success(status: int | None) -> bool:
    """Return whether a status says that it went well."""
    return status is not None and verdict_of(status, sent=True) is None


def is_redirect(status: int | None) -> bool:
    """Return whether a status sends whoever asks to another address."""
    return status is not None and verdict_of(status, sent=True) is Verdict.REDIRECTED
