"""The room that qlogship leaves on the disk for others: `state.reserve`.

Below it nothing more is archived, as if the disk were full. What is archived is still
shipped, and outcomes are still written: they take a few hundred bytes for each upload. Only
looked at, never taken: no file holds the room, so whoever needs it has it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from qlogship.config.amounts import room_wanted
from qlogship.errors import StateError
from qlogship.state.database import reported
from qlogship.wording import size, typed

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.config.model import StateSettings

TROUBLE: Final = "disk"
"""The kind of trouble it is."""


class Room:
    """Tell whether the file system of the state directory has room for more records."""

    def __init__(self, settings: StateSettings) -> None:
        self._directory = settings.directory
        self._reserve = settings.reserve
        self._short = False

    def look(self) -> StateError | None:
        """Return why nothing more may be archived; None when there is room.

        Raises `StateError` when the file system cannot be asked.
        """
        with reported(self._directory):
            found = os.statvfs(self._directory)
        free = found.f_bavail * found.f_frsize
        wanted = room_wanted(self._reserve, total=found.f_blocks * found.f_frsize)
        self._short = is_short(free, wanted, was_short=self._short)
        return _shortage(self._directory, wanted) if self._short else None

    def require(self) -> None:
        """Raise `StateError` when nothing more may be archived."""
        shortage = self.look()
        if shortage is not None:
            raise shortage


def enough(wanted: int) -> int:
    """Return the free bytes from which on archiving goes on after a shortage.

    It is some more than where it stops, so that it does not come and go with every file
    that somebody else writes or removes.
    """
    return wanted + wanted // 20


def is_short(free: int, wanted: int, *, was_short: bool) -> bool:
    """Return whether too little is free for more records."""
    return free < (enough(wanted) if was_short else wanted)


def _shortage(directory: Path, wanted: int) -> StateError:
    return StateError(
        f"too little is free on the file system of {directory}: nothing more is archived below"
        f" {size(wanted)} (state.reserve)",
        hint=f"Free some space there, so that `df -h {typed(directory)}` shows more than"
        f" {size(enough(wanted))}; qlogship goes on by itself, and has lost nothing as long as"
        " the rotated files are there.",
    )
