"""What the sandbox can be told: whom it lets in, how it answers, what a repeat does.

Only values; this module may import nothing but the standard library, because
the command line reads its choices before anything else is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AnswerForm(StrEnum):
    """How an accepted upload is answered; the vendor does not say, so all of these must work."""

    NUMBER = "number"
    TEXT = "text"
    OBJECT = "object"
    EMPTY = "empty"
    NO_COUNT = "no-count"


class Repeats(StrEnum):
    """What happens to a file that is byte for byte one that is here already."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """The sandbox's own settings; `token_lifetime` is in seconds.

    A file above `max_file` bytes is answered with 413: it bounds the memory
    that one upload can take.
    """

    email: str = "admin@example.com"
    password: str = "sandbox-password"  # noqa: S105 -- a made-up far end, printed at every start
    answer: AnswerForm = AnswerForm.NUMBER
    repeats: Repeats = Repeats.KEEP
    token_lifetime: float = 86_400.0
    max_file: int = 64 * 1024 * 1024
