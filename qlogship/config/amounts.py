"""Amounts that settings give as text: room on a disk, and months."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

_MIB: Final = 1024 * 1024
_UNITS: Final = {"KiB": 1024, "MiB": _MIB, "GiB": 1024 * _MIB, "TiB": 1024 * 1024 * _MIB}
_ROOM: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(%|KiB|MiB|GiB|TiB)", re.ASCII)

_SHARE: Final = 5.0
_MOST: Final = 500 * _MIB

_MOST_PERCENT: Final = 90.0

_MONTHS: Final = re.compile(r"([1-9]\d{0,2}) months?", re.ASCII)


def is_room(text: str) -> bool:
    """Return whether a text gives room on a disk: a size such as `2 GiB`, or `5 %`."""
    match = _ROOM.fullmatch(text)
    return match is not None and (match[2] != "%" or float(match[1]) <= _MOST_PERCENT)


def room_wanted(text: str | None, *, total: int) -> int:
    """Return the bytes that a text of `is_room` means on a file system of `total` bytes.

    None means 5 % of it, or 500 MiB where that is less.
    """
    match = _ROOM.fullmatch(text) if text is not None else None
    if match is None:
        return min(int(total * _SHARE / 100), _MOST)
    number, unit = float(match[1]), match[2]
    return int(total * number / 100) if unit == "%" else int(number * _UNITS[unit])


def is_months(text: str) -> bool:
    """Return whether a text is a number of months, such as `24 months`."""
    return _MONTHS.fullmatch(text) is not None


def first_kept(text: str | None, *, now: datetime) -> int | None:
    """Return when the first month begins that a text of `is_months` keeps, in epoch seconds.

    So many whole months are kept besides the present one, in the time zone of `now`. None
    keeps all, as do more months than there were since 1970.
    """
    match = _MONTHS.fullmatch(text) if text is not None else None
    if match is None:
        return None
    year, month = divmod(now.year * 12 + now.month - 1 - int(match[1]), 12)
    if year < 1971:
        return None
    return int(
        now.replace(
            year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0
        ).timestamp()
    )
