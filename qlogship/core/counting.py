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
    """Count callids that were not among the last `MEMORY` seen."""

    def __init__(self) -> None:
        self._recent: dict[bytes, None] = {}

    def count_new(self, callids: Iterable[bytes]) -> int:
        """Take in callids; return how many of them are new."""
        recent = self._recent
        new = 0
        for callid in callids:
            if callid in recent:
                del recent[callid]  # seen last is kept longest
            else:
                new += 1
            recent[callid] = None
        if len(recent) > 2 * MEMORY:
            for callid in list(recent)[: len(recent) - MEMORY]:
                del recent[callid]
        return new
