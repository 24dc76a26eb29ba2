"""How large the next uploads are, by how long the dashboard takes; pure.

A dashboard behind a gateway may need longer for a large body than the gateway, or
qlogship, waits for it. Nobody answers then that the body is too big, so this is learnt
from what happens: after an outcome that speaks of time the next bodies are half as
large, down to a floor; after a few acceptances in a row twice as large, until they are as
large as they may be. A body that was sent before is sent as it is, for whoever recognises
a repeat recognises it by its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.dashboard.verdicts import Verdict

if TYPE_CHECKING:
    from qlogship.dashboard.outcome import Outcome

LEAST_BYTES: Final = 16 * 1024
"""No body is made smaller: some fifty calls, which any dashboard takes in no time. One of
this size that runs out of time does so for another reason."""

GROWS_AFTER: Final = 3
"""Acceptances in a row after which bodies are twice as large."""

_TOOK_TOO_LONG: Final = frozenset({408, 502, 504, 522, 524})
"""Said by a gateway, or the server's own guard, to a request that took too long, or under
which the server behind it broke (522 and 524 are Cloudflare's)."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What was learnt: bodies of at most `limit` bytes, None for any.

    `taken` counts those that were accepted at about that size since.
    """

    limit: int | None = None
    taken: int = 0

    def within(self, most: int) -> int:
        """Return how large a body may be where `most` bytes are allowed."""
        return most if self.limit is None else min(self.limit, most)


def ran_out_of_time(outcome: Outcome) -> bool:
    """Return whether the size of the body may be why no answer told of it.

    So it is when the request was cut off by a time-out or a lost connection once it
    was sent, and when a gateway says that it took too long.
    """
    if not outcome.sent or outcome.verdict not in {Verdict.UNKNOWN, Verdict.LATER}:
        return False
    if outcome.http_status is None:
        return outcome.verdict is Verdict.UNKNOWN
    return outcome.http_status in _TOOK_TOO_LONG


def smaller(sizing: Sizing, *, size: int, most: int) -> Sizing:
    """Return what follows when a body of `size` bytes ran out of time; `most` are allowed."""
    if size <= LEAST_BYTES:
        return sizing
    return Sizing(max(min(sizing.within(most), size) // 2, LEAST_BYTES))


def larger(sizing: Sizing, *, size: int, most: int) -> Sizing:
    """Return what follows when a body of `size` bytes was accepted; `most` are allowed.

    One that is much smaller than it might be proves nothing.
    """
    if sizing.limit is None or 2 * size < sizing.limit:
        return sizing
    if sizing.taken + 1 < GROWS_AFTER:
        return Sizing(sizing.limit, sizing.taken + 1)
    return Sizing() if 2 * sizing.limit >= most else Sizing(2 * sizing.limit)
