"""Amounts that settings give as text: room on a disk, and months."""

from __future__ import annotations

import re
from typing import Final

_MIB: Final = 1024 * 1024
_UNITS: Final = {"KiB": 1024, "MiB": _MIB, "GiB": 1024 * _MIB, "TiB": 1024 * 1024 * _MIB}
_ROOM: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(%|KiB|MiB|GiB|TiB)", re.ASCII)

_SHARE: Final = 5.0
_MOST: Final = 500 * _MIB

_MOST_PERCENT: Final = 90.0


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
