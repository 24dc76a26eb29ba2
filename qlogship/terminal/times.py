"""Times as people type and read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from time import localtime, strftime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from qlogship.errors import UsageError

if TYPE_CHECKING:
    from datetime import tzinfo

MOMENT: Final = "2026-11-01, yesterday, 2026-11-01T14:30, or that with Z or +03:00"

_DAYS_AGO: Final = {"today": 0, "yesterday": 1}


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
        return strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''}", localtime(at))
    except (OverflowError, OSError, ValueError):
        return str(at)


def moment(
    option: str, text: str, *, now: datetime, zone: tzinfo | None = None, until: bool = False
) -> datetime:
    """Return the moment that an option names, in `zone`; None is the machine's own.

    A day alone is its beginning; with `until` its end, so that the day is a part of
    what ends there. `now` must know its zone. A time that the clocks show twice is the
    first of the two, with `until` the second: nothing is left out. One that they skip
    is refused.
    """
    word = text.strip().lower()
    try:
        if word == "now":
            return now.astimezone(zone)
        day = _day(word, now.astimezone(zone).date())
        if day is not None:
            return _in_zone(datetime.combine(day + timedelta(days=until), time()), zone)
        given = datetime.fromisoformat(text.strip())
        if given.tzinfo is not None:
            return given.astimezone(zone)
        found = _in_zone(given.replace(fold=1 if until else 0), zone)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{option} {text!r} is no time", hint=f"Write it as {MOMENT}.") from None
    if found.replace(tzinfo=None) != given:
        raise UsageError(
            f"{option} {text!r}: the clocks were put forward over that time",
            hint=f"Write another one, or say its offset, as in {found.isoformat()}.",
        )
    return found


def offset_in(text: str) -> tzinfo | None:
    """Return the offset that a time is written with, such as +03:00 or Z; None for none."""
    try:
        return datetime.fromisoformat(text.strip()).tzinfo
    except ValueError:
        return None


def zone_named(option: str, name: str | None) -> ZoneInfo | None:
    """Return the time zone of a name such as Europe/Berlin; None for none."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path that leads elsewhere, a directory
        raise UsageError(
            f"{option} {name!r} is no time zone that this machine knows",
            hint="Name one as in /usr/share/zoneinfo, such as Europe/Berlin or UTC.",
        ) from None


def _day(word: str, today: date) -> date | None:
    """Return the day that a word stands for; None when it is more than a day."""
    if word in _DAYS_AGO:
        return today - timedelta(days=_DAYS_AGO[word])
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _in_zone(clock: datetime, zone: tzinfo | None) -> datetime:
    """Return what the clock on the wall shows as a moment, moved on where it shows no such."""
    found = clock.astimezone() if zone is None else clock.replace(tzinfo=zone)
    return found.astimezone(UTC).astimezone(zone)
