"""When the rotated files are looked at: at once if it must be, else not all the time."""

from __future__ import annotations

from math import inf
from typing import Final

_SHORT: Final = 0.05
_CALM: Final = 9.0
"""So many times as long as a scan took, the next one waits that nothing but a hint asks for;
not after a short one.
"""

_PAUSE: Final = 30.0
"""But it waits so many seconds at most."""

_HASTE: Final = 3
"""How often in a row a scan is begun anew at once because names changed while it went on."""


class Pace:
    """What asks for a scan, and how long one that only a hint asks for has to wait."""

    def __init__(self) -> None:
        self.scan_due = True
        """Whether a scan must come before anything that was written later is read."""
        self.hinted = False
        """Whether a scan may be worth it."""
        self.is_full = False
        """Whether the last scan took up all it can, and left others for the next one."""
        self._not_before = -inf
        self._haste = 0

    def wants_scan(self, now: float, *, all_read: bool) -> bool:
        """Return whether to scan now; `all_read`: nothing is left of what the last one found."""
        if self.is_full:
            return self.scan_due or (self.hinted and all_read)
        return self.scan_due or (self.hinted and now >= self._not_before)

    def began(self) -> None:
        """Note that a scan begins."""
        self.scan_due = self.hinted = False

    def ended(self, now: float, *, took: float, is_full: bool) -> None:
        """Note that a scan has ended; when it is full, another one is wanted for the rest."""
        self.is_full = is_full
        self.hinted = self.hinted or is_full
        self._not_before = now + (min(_CALM * took, _PAUSE) if took > _SHORT else 0.0)

    def look_again(self) -> None:
        """Ask for another scan, because names were changed while files were looked at."""
        self._haste += 1
        if self._haste <= _HASTE:
            self.scan_due = True
        else:
            self.hinted = True

    def calm_down(self) -> None:
        """Note that all was read that is to come before the live file."""
        self._haste = 0
