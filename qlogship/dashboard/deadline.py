"""How long a request may go on; pure, but for the clock that is handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """The end of one request after another, by a clock in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._began = 0.0
        self._idle: float | None = None
        self._progressed = 0.0

    def begin(self, seconds: float, idle: float | None) -> None:
        """Give the next request `seconds`, of which `idle` at most may pass without progress."""
        self._seconds = seconds
        self._idle = idle
        self._began = self._progressed = self._clock()

    def progressed(self) -> None:
        """Let the idle time start anew."""
        self._progressed = self._clock()

    def left(self, timed_out: type[Exception]) -> float:
        """Return the seconds that are left; raise `timed_out` when there are none."""
        now = self._clock()
        left = self._began + self._seconds - now
        if left <= 0:
            raise timed_out(f"not done within {self._seconds:g} s")
        if self._idle is None:
            return left
        idle_left = self._progressed + self._idle - now
        if idle_left <= 0:
            raise timed_out(f"nothing came for {self._idle:g} s")
        return min(left, idle_left)
