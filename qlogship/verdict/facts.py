"""What the verdict is made of: levels, kinds of reasons, amounts, and the facts; values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Level(StrEnum):
    """How far the numbers can be trusted, the best first."""

    RIGHT = "right"
    UNCERTAIN = "uncertain"
    WRONG = "wrong"


_RANK: Final = tuple(Level)


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of these levels; of none, that all is right."""
    return max(levels, key=_RANK.index, default=Level.RIGHT)


class Kind(StrEnum):
    """What makes a verdict less than right; the gravest first, as reasons are listed."""

    QUARANTINED = "quarantined"
    DROPPED = "dropped"
    DIFFERS = "differs"
    COUNTED_TWICE = "counted_twice"
    LOST = "lost"
    GONE = "gone"
    UNDECIDED = "destination_undecided"
    UNKNOWN = "unknown"
    CLEARING = "clearing"
    DOUBLES = "doubles"
    REPEAT_DIFFERS = "repeat_differs"
    KNOWN_BEFORE = "known_before"
    REPEAT_WAITS = "repeat_waits"
    OVERTAKEN = "overtaken"
    UPLOADED_BEFORE = "uploaded_before"
    SENT_BEFORE = "sent_before"
    SHARED = "shared"
    NO_COUNT = "no_count"
    LATER = "later"
    BEFORE = "before"
    SKIPPED = "skipped"
    DAMAGED = "damaged"
    NOT_COUNTED = "again_not_counted"
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much a reason is about, and how far the dashboard may be off because of it.

    By `fewer` calls at most it may hold less than it should, by `more` at most it may
    hold more; of a reason that makes the numbers wrong both are exact.
    """

    uploads: int = 0
    calls: int = 0
    records: int = 0
    fewer: int = 0
    more: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Return both together."""
        return Amount(
            self.uploads + other.uploads,
            self.calls + other.calls,
            self.records + other.records,
            self.fewer + other.fewer,
            self.more + other.more,
        )

    def times(self, number: int) -> Amount:
        """Return so many of it."""
        return Amount(
            self.uploads * number,
            self.calls * number,
            self.records * number,
            self.fewer * number,
            self.more * number,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known. `found` has an amount for each kind of reason that there is.

    `records` are those of the archive. Calls: `there` are those that accepted uploads hold,
    each once; `waiting` (in `waiting_records`) and `held` are not shipped yet, which is in
    order. `resync` is the state of the one under way. `destination` is the address of the
    settings, where it was not decided yet what is shipped there; `days` says which days were
    compared, if not all.
    """

    records: int = 0
    there: int = 0
    waiting: int = 0
    waiting_records: int = 0
    held: int = 0
    resync: str | None = None
    destination: str = ""
    days: str = ""
    found: Mapping[Kind, Amount] = field(default_factory=dict)

    def having(self, *found: tuple[Kind, Amount]) -> Facts:
        """Return these facts with more reasons; amounts of one kind are added up."""
        return replace(self, found=added(self.found, found))


def added(found: Mapping[Kind, Amount], more: Iterable[tuple[Kind, Amount]]) -> dict[Kind, Amount]:
    """Return the amounts of each kind with more of them."""
    result = dict(found)
    for kind, amount in more:
        result[kind] = result[kind] + amount if kind in result else amount
    return result
