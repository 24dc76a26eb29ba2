"""How many calls there are: callids that enter a queue, each counted once.

A callid may enter queues again and again, so counting needs a memory. It is
bounded: a callid that comes back after `MEMORY` others counts anew, which takes
a call that returns to a queue after ten thousand later calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MEMORY = 10_000


class CallCounter:
    """Count callids that were not among the last `MEMORY` seen; up to twice as many are known."""

    def __init__(self) -> None:
        self._recent: set[bytes] = set()
        self._before: set[bytes] = set()

    def count_new(self, callids: Iterable[bytes]) -> int:
        """Take in callids; return how many of them are new."""
        callids = set(callids)
        new = len(callids - self._recent - self._before)
        self._recent |= callids
        if len(self._recent) >= MEMORY:
            self._recent, self._before = set(), self._recent
        return new
