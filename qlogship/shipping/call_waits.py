"""How long calls wait before they leave: `settle`, `hold` and `linger`.

A finished call may still go on: the same callid enters another queue. So it counts
as settled only after `settle` seconds of silence. A call that is open is held for
`hold` seconds at most, because its end may be lost. And what may go waits `linger`
seconds at most for company.

Ages are absolute differences, so a clock that was set back never holds a call
longer than one that was set forward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.queue_log.calls import CallTracker

if TYPE_CHECKING:
    from collections.abc import Collection


class WaitingCalls(CallTracker):
    """The calls of a queue_log, and which of them must wait at some time.

    `settle` and `hold` are seconds. A time `now` is in epoch seconds, by the
    records' own clock.
    """

    def __init__(self, *, settle: float, hold: float) -> None:
        super().__init__()
        self._settle = settle
        self._hold = hold

    def held(self, now: float) -> set[bytes]:
        """Return the callids that must not leave yet at the time `now`."""
        held = {callid for callid, since in self.open_calls() if abs(now - since) < self._hold}
        held.update(callid for callid, _ in self._unsettled(now))
        return self.with_partners(held)

    def unsettled(self, now: float) -> bool:
        """Return whether a call has ended and only its silence is awaited."""
        return bool(self._unsettled(now))

    def next_change(self, now: float) -> float | None:
        """Return the seconds until mere silence lets a held call leave; None without one."""
        waits = [self._hold - abs(now - since) for _, since in self.open_calls()]
        waits += [self._settle - abs(now - last) for _, last in self._unsettled(now)]
        return min((wait for wait in waits if wait > 0), default=None)

    def oldest_first(self, callids: Collection[bytes]) -> list[bytes]:
        """Sort callids by the time they entered their oldest open leg, settled ones first."""
        since = dict(self.open_calls())
        return sorted(callids, key=lambda callid: since.get(callid, 0))

    def _unsettled(self, now: float) -> list[tuple[bytes, int]]:
        return [
            (callid, last)
            for callid, last in self.ended_calls(now - self._settle, now + self._settle)
            if abs(now - last) < self._settle
        ]


class Lingering:
    """Wait for company once something may go, for `linger` seconds by a monotonic clock."""

    def __init__(self, linger: float) -> None:
        self._linger = linger
        self._since: float | None = None

    def over(self, *, ready: bool, now: float) -> bool:
        """Return whether what may go has waited long enough; `ready`: something may go."""
        if not ready:
            self._since = None
        elif self._since is None:
            self._since = now
        return self._since is not None and now - self._since >= self._linger

    def end(self) -> None:
        """Begin anew with what comes next: a batch was cut."""
        self._since = None

    def rest(self, now: float) -> float | None:
        """Return the seconds it goes on; None when nothing waits for company."""
        return None if self._since is None else self._since + self._linger - now
