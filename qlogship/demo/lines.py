"""The demo where there is no terminal: a plain line each second."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Self

from qlogship.demo.scene import Phase
from qlogship.terminal import output
from qlogship.wording import count

if TYPE_CHECKING:
    from qlogship.demo.scene import Scene
    from qlogship.demo.verdict import Verdict

_EVERY: Final = 1.0


class Lines:
    """Print a line when a second has passed, or when something new begins."""

    def __init__(self) -> None:
        self._phase: Phase | None = None
        self._printed_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def draw(self, scene: Scene) -> None:
        """Show a scene, if it is time to."""
        if scene.phase is not self._phase:
            self._phase = scene.phase
            self._print(introduction(scene))
            self._printed_at = scene.elapsed
        elif scene.elapsed - self._printed_at >= _EVERY:
            self._print(line(scene))
            self._printed_at = scene.elapsed

    def conclude(self, verdict: Verdict) -> None:
        """Say what came of it."""
        for text in verdict.lines():
            self._print(text)

    def _print(self, text: str) -> None:
        output.print_text(text)
        # Whoever reads this through a pipe wants to see it now; and when nobody
        # reads any more, there is no use in going on.
        sys.stdout.flush()


def introduction(scene: Scene) -> str:
    """Return what to say when a phase begins."""
    if scene.phase is Phase.OPENING:
        return "A call centre, qlogship and a dashboard are set up on this machine."
    if scene.phase is Phase.PLAYING:
        return (
            f"The dashboard is {scene.dashboard.url}, the service is process {scene.service.pid}, "
            f"the call centre lives {scene.speed:g} times as fast as in life."
        )
    return f"{_clock(scene)}{scene.phase.value}"


def line(scene: Scene) -> str:
    """Return how things stand, in one line."""
    figures, centre = scene.service.figures, scene.centre
    parts = (
        f"{count(centre.entered, 'call')} ({centre.going_on} going on)",
        f"{centre.records:,} records in {count(centre.rotations + 1, 'file')}",
        f"{figures.archive_lines:,} archived",
        f"{count(figures.shipped_calls, 'call')} shipped in {count(figures.accepted, 'upload')}",
        f"the dashboard has {scene.dashboard.summary.distinct_calls:,}",
    )
    troubles = "".join(f"; trouble: {trouble.message}" for trouble in scene.service.troubles)
    return f"{_clock(scene)}{', '.join(parts)}{output.printable(troubles)}"


def _clock(scene: Scene) -> str:
    return f"{scene.elapsed:4.0f} s  "
