"""Times as people type and read them."""

from __future__ import annotations

import time
from datetime import datetime

from qlogship.errors import UsageError


def epoch(option: str, text: str | None) -> float | None:
    """Return the epoch seconds of a local time that was given to an option; None for none."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {text!r} is no time",
            hint="Write it as 2026-11-23 or 2026-11-23T08:00.",
        ) from None


def stamp(at: float, *, seconds: bool = True) -> str:
    """Return a moment, given in epoch seconds, in local time; perhaps without its seconds."""
    try:
        return time.strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''}", time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return str(at)
