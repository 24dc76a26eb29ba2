"""When the dashboard is cleared and everything is shipped again, and what follows then.

Theory of operation
-------------------
A resync is asked (by a person, or by `on_unknown = "resync"`), then it is
checked that the archive holds all that the ledger says was shipped; only then
the dashboard is cleared, again and again until it acknowledges; then the
archive is shipped as the next generation. From the moment it is asked nothing
of the old generation is sent any more.

Its promise is that the dashboard holds each call once. So an upload of the new
generation whose answer was lost is not sent again, which may count twice, and
not left, which may count nothing: the dashboard is cleared once more. Only when
that has happened `RESTARTS_MAX` times the fault is taken for one that stays, and
such an upload is left unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qlogship.archive.runs import overlap
from qlogship.wording import named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from qlogship.archive.runs import Run
    from qlogship.shipping.holding import Holding

RESTARTS_MAX = 20

NO_UPLOAD = 0
"""Stands among the ids of uploads for records that were in none when they were damaged."""


RETIRED = -1
"""Stands among them for records that have left the archive (`state.keep`)."""

OLD = "old"
"""What a person types for it."""


class Phase(StrEnum):
    """Where a resync stands; the last two are its ends."""

    ASKED = "asked"
    CHECKING = "checking"
    CLEARING = "clearing"
    SHIPPING = "shipping"
    DONE = "done"
    REFUSED = "refused"


BEFORE_CLEARED = frozenset({Phase.ASKED, Phase.CHECKING, Phase.CLEARING})
"""The phases in which nothing is uploaded."""


@dataclass(frozen=True, slots=True)
class Restorable:
    """What the archive can give back. Bytes are of text, times epoch seconds."""

    lines: int
    calls: int
    bytes: int
    first_time: int | None
    last_time: int | None


@dataclass(frozen=True, slots=True)
class ResyncPlan:
    """What a resync would do.

    `lost` names the uploads that the dashboard holds and the archive cannot give
    back. Of its `lost_lines`, `left_lines` have left the archive (`state.keep`), which
    begins at a time since then. `seconds` is an estimate from past uploads, None without any.
    """

    holding: Holding
    restorable: Restorable
    held_calls: int
    held_lines: int
    uploads: int
    seconds: float | None
    lost: tuple[int, ...]
    lost_lines: int
    left_lines: int = 0
    begins_at: int | None = None


def uploads_needed(size: int, *, max_bytes: int) -> int:
    """Return how many uploads so many bytes make, when nothing is held back."""
    return math.ceil(size / max_bytes)


def estimate(size: int, past: Iterable[tuple[int, float]]) -> float | None:
    """Return the seconds that uploads of `size` bytes take, by past ones: (bytes, seconds)."""
    total, seconds = 0, 0.0
    for one_size, one_seconds in past:
        total += one_size
        seconds += max(one_seconds, 0.0)
    return size * seconds / total if total else None


def not_restorable(
    uploads: Iterable[tuple[int, Sequence[Run]]], lost: Sequence[Run]
) -> tuple[list[int], int]:
    """Return which uploads (id, runs) hold a lost record, and how many such records there are."""
    ids, lines = [], 0
    for number, runs in uploads:
        missing = sum(last - first + 1 for first, last in overlap(runs, lost))
        if missing:
            ids.append(number)
            lines += missing
    return ids, lines


def lost_from(ids: Sequence[int], *, most: int | None = 3) -> str:
    """Name the uploads that lose records, and those that are in none."""
    uploads = [number for number in ids if number not in {NO_UPLOAD, RETIRED}]
    parts = [named(uploads, most=most)] if uploads else []
    if NO_UPLOAD in ids:
        parts.append("no upload (0)")
    if RETIRED in ids:
        parts.append(f"months that have left the archive ({OLD})")
    return " and ".join(parts)


def may_clear(lost: Collection[int], accepted: Collection[int]) -> bool:
    """Return whether every upload that would be lost was accepted as a loss, by name."""
    return set(lost) <= set(accepted)


def may_begin(
    now: float, *, hour: float, last: float | None, every: float, hours: tuple[float, float] | None
) -> bool:
    """Return whether qlogship may begin a resync by itself at the time `now`.

    `last` is when it last did so, `every` the least seconds between two. `hour`
    is the hour of the day, from 0.0 to 24.0, and `hours` the first and the last
    at which it is allowed; the first may be later in the day than the last.
    """
    if last is not None and abs(now - last) < every:
        return False
    if hours is None:
        return True
    begin, end = hours
    return begin <= hour < end if begin <= end else hour >= begin or hour < end
