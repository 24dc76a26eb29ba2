"""Numbers, durations and sizes in words, as messages, reports and tables say them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


SHARED: Final = "others upload to this dashboard, too; no number here has theirs"
"""What `dashboard.shared` means for the numbers."""

ANOTHER_WRITER: Final = (
    "the dashboard reported more calls than were sent: another PBX or person may upload to this"
    " tenant"
)
"""What is suspected when an answer counts more than its upload holds."""

ANOTHER_WRITER_HINT: Final = (
    "Stop it, then type `qlogship resync`; or set `shared = true` in [dashboard]."
)


def typed(name: object) -> str:
    """Return the name of a file as it is typed in a shell.

    Whoever may place names in a directory may call a file `$(reboot)`, and a hint is typed by root.
    """
    return shlex.quote(str(name))


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def are(number: int, noun: str = "") -> str:
    """Return a number with its noun, if there is one, and its verb: `1 call is`, `5 are`."""
    what = count(number, noun) if noun else f"{number:,}"
    return f"{what} {'is' if number == 1 else 'are'}"


def size(number: float) -> str:
    """Return a number of bytes as people read it: `12 bytes`, `1.5 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1024
    raise AssertionError(number)


def named(uploads: Sequence[int], *, most: int | None = 3) -> str:
    """Name uploads: `upload 3`, `uploads 3 and 5`; beyond `most`, `uploads 3, 5, 7 and 9 more`."""
    if len(uploads) == 1:
        return f"upload {uploads[0]}"
    if most is not None and len(uploads) > most:
        return f"uploads {listed(uploads, most=most)}"
    return f"uploads {', '.join(map(str, uploads[:-1]))} and {uploads[-1]}"


def listed(things: Sequence[object], *, most: int = 3) -> str:
    """Return the first of several things, and how many more there are: `a, b, c and 2 more`."""
    shown = ", ".join(map(str, things[:most]))
    more = len(things) - most
    return f"{shown} and {more} more" if more > 0 else shown


def lasting(seconds: float) -> str:
    """Return a duration in the largest unit that fits, rounded down: `9 hours`."""
    whole = max(0, int(seconds))
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if whole >= length:
            return count(whole // length, unit)
    return count(whole, "second")


def duration(seconds: float) -> str:
    """Return a duration to the minute: `9 h 35 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def roughly(seconds: float) -> str:
    """Return a duration that is only guessed: `1 second`, `45 minutes`."""
    if seconds < 90:
        return count(max(1, round(seconds)), "second")
    return count(round(seconds / 60), "minute")


def time_left(seconds: float) -> str:
    """Return how long something still takes, which is never known exactly: `40 s`, `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"


def still_there(uploads: int) -> str:
    """Say that the dashboard may have uploads as they were before a number was erased."""
    has = "upload that was" if uploads == 1 else "uploads that were"
    return (
        f"the dashboard may still have what was erased here, in {uploads:,} {has} sent before;"
        " `qlogship resync` uploads them as they are now"
    )
