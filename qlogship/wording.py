"""Numbers in words, as messages, reports and tables say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def named(uploads: Sequence[int], *, most: int | None = 3) -> str:
    """Name uploads: `upload 3`, `uploads 3 and 5`; beyond `most`, `uploads 3, 5, 7 and 9 more`."""
    if len(uploads) == 1:
        return f"upload {uploads[0]}"
    if most is not None and len(uploads) > most:
        names = ", ".join(map(str, uploads[:most]))
        return f"uploads {names} and {len(uploads) - most} more"
    return f"uploads {', '.join(map(str, uploads[:-1]))} and {uploads[-1]}"


def duration(seconds: float) -> str:
    """Return a duration as people say it: `9 h 35 min`."""
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
