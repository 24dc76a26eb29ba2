"""How many calls there are: callids that enter a queue, each counted once.

A callid may enter queues again and again, so counting needs a memory. It is bounded:
a callid is known while it is among the `MEMORY` different ones that entered a queue
last. So what is new depends on the text before, and not on the portions in which it
was counted; and whoever counts on, or anew, comes to the same number.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

MEMORY = 10_000

_Value = TypeVar("_Value")


class RecentCalls(Generic[_Value]):
    """Remember something of each of the `MEMORY` callids that were noted last."""

    def __init__(self) -> None:
        self._recent: OrderedDict[bytes, _Value] = OrderedDict()

    def get(self, callid: bytes) -> _Value | None:
        """Return what is remembered of a callid that enters now; None when it is new."""
        value = self._recent.get(callid)
        if value is not None:
            self._recent.move_to_end(callid)
        return value

    def note(self, callid: bytes, value: _Value) -> None:
        """Remember something of a callid that is new."""
        self._recent[callid] = value
        if len(self._recent) > MEMORY:
            self._recent.popitem(last=False)


class CallCounter:
    """Count the callids that were not among the `MEMORY` last ones."""

    def __init__(self) -> None:
        self._recent: RecentCalls[bool] = RecentCalls()

    def count_new(self, callids: Iterable[bytes]) -> int:
        """Take in callids in the order in which they enter; return how many of them are new."""
        new = 0
        for callid in callids:
            if self._recent.get(callid) is None:
                self._recent.note(callid, True)
                new += 1
        return new
