"""The demo where there is no terminal: a plain line each second."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Self

from qlogship.demo.snapshot import DemoPhase
from qlogship.terminal import output
from qlogship.wording import count

if TYPE_CHECKING:
    from qlogship.demo.snapshot import DemoSnapshot
    from qlogship.demo.verdict import DemoVerdict

_EVERY: Final = 1.0


class Lines:
    """Print a line when a second has passed, or when something new begins."""

    def __init__(self) -> None:
        self._phase: DemoPhase | None = None
        self._printed_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def draw(self, snapshot: DemoSnapshot) -> None:
        """Show a snapshot, if it is time to."""
        if snapshot.phase is not self._phase:
            self._phase = snapshot.phase
            self._print(introduction(snapshot))
            self._printed_at = snapshot.elapsed
        elif snapshot.elapsed - self._printed_at >= _EVERY:
            self._print(line(snapshot))
            self._printed_at = snapshot.elapsed

    def conclude(self, verdict: DemoVerdict) -> None:
        """Say what came of it."""
        for text in verdict.lines():
            self._print(text)

    def _print(self, text: str) -> None:
        output.print_text(text)
        # Whoever reads this through a pipe wants to see it now; and when nobody
        # reads any more, there is no use in going on.
        sys.stdout.flush()


def introduction(snapshot: DemoSnapshot) -> str:
    """Return what to say when a phase begins."""
    if snapshot.phase is DemoPhase.OPENING:
        return "A call centre, qlogship and a dashboard are set up on this machine."
    if snapshot.phase is DemoPhase.PLAYING:
        return (
            f"The dashboard is {snapshot.url}, "
            f"the service is process {snapshot.service.pid}, "
            f"the call centre lives {snapshot.speed:g} times as fast as in life."
        )
    return f"{_clock(snapshot)}{snapshot.phase.value}"


def line(snapshot: DemoSnapshot) -> str:
    """Return how things stand, in one line."""
    figures, centre = snapshot.service.figures, snapshot.centre
    accepted = count(figures.uploads.accepted, "upload")
    parts = (
        f"{count(centre.entered, 'call')} ({centre.going_on} going on)",
        f"{centre.records:,} records in {count(centre.rotations + 1, 'file')}",
        f"{figures.archive.lines:,} archived",
        f"{count(figures.shipped.calls, 'call')} shipped in {accepted}",
        f"the dashboard has {snapshot.summary.distinct_calls:,}",
    )
    troubles = "".join(f"; trouble: {trouble.message}" for trouble in snapshot.service.troubles)
    return f"{_clock(snapshot)}{', '.join(parts)}{output.printable(troubles)}"


def _clock(snapshot: DemoSnapshot) -> str:
    return f"{snapshot.elapsed:4.0f} s  "
