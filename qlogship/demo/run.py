"""The parts of the demo at work together: sandbox, service and call centre, step by step.

Theory of operation. `step` is called a few times a second. It lets the call
centre write what is due, looks at the service's tables and at the dashboard,
and returns what there is to see. The play goes through its phases in order:
PLAYING until time is up or somebody wants to end it, CLOSING until the callers
in the house are served, SHIPPING until the ledger has every record, STOPPING
until the service has ended. Only then is it compared what was written and what
arrived: nothing moves any more.

The service is a process of its own and is looked at from outside, through its
tables, as `qlogship status` does.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from qlogship.demo import snapshot
from qlogship.demo.log_writer import LogWriter
from qlogship.demo.service import Service, ServiceEnded
from qlogship.demo.snapshot import Phase, Snapshot
from qlogship.demo.verdict import compare
from qlogship.sandbox.server import Sandbox
from qlogship.state.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qlogship.demo.verdict import Verdict
    from qlogship.sandbox.faults import Script

_ROTATE_EVERY: Final = 5.0
_SERVED_WITHIN: Final = 4.0
"""Seconds for the callers in the house; then the telephones go dead."""

_PATIENCE: Final = 30.0
"""Seconds without any progress after which shipping is given up."""

_STOP_WITHIN: Final = 10.0
_SHOWN_UPLOADS: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played, and where; `script` is the dashboard's fault script."""

    directory: Path
    speed: float
    seconds: float | None = None
    seed: int = 1
    port: int = 0
    script: Script = ()


class DemoRun:
    """Play a plan, for as long as the `with` block lasts; whatever happens, no process stays."""

    def __init__(
        self,
        plan: Plan,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._plan = plan
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._phase = Phase.PLAYING
        self._began = self._since = self._monotonic()
        self._rotate_at = self._began + min(_ROTATE_EVERY, plan.seconds or _ROTATE_EVERY) / 2
        self._shipped = (0, 0)

    def __enter__(self) -> Self:
        plan = self._plan
        queue_log = plan.directory / "asterisk" / "queue_log"
        queue_log.parent.mkdir()
        with ExitStack() as cleanup:
            self._sandbox = cleanup.enter_context(
                Sandbox(script=plan.script, port=plan.port, data=plan.directory / "dashboard.db")
            )
            self._centre = cleanup.enter_context(
                LogWriter(queue_log, seed=plan.seed, pace=plan.speed, clock=self._wall_clock)
            )
            self._service = Service(
                plan.directory,
                queue_log=queue_log,
                url=self._sandbox.url,
                email=self._sandbox.options.email,
                password=self._sandbox.options.password,
            )
            cleanup.callback(self._service.kill)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def over(self) -> bool:
        """Return whether there is nothing more to come."""
        return self._phase is Phase.OVER

    def close_the_doors(self) -> None:
        """Take no more calls, and come to an end."""
        if self._phase is Phase.PLAYING:
            self._centre.close()
            self._enter_phase(Phase.CLOSING)

    def step(self) -> Snapshot:
        """Let happen what is due, and return what there is to see.

        Raises ServiceEnded.
        """
        now = self._monotonic()
        self._play(now)
        if self._phase is not Phase.STOPPING and self._service.exit_code is not None:
            raise ServiceEnded(self._service.exit_code, self._service.last_words())
        service = self._look_at_service()
        self._ship(service, now)
        return Snapshot(
            phase=self._phase,
            elapsed=now - self._began,
            speed=self._plan.speed,
            centre=self._centre.seen(),
            service=service,
            dashboard=snapshot.DashboardSnapshot(
                url=self._sandbox.url, summary=self._sandbox.storage.summary()
            ),
        )

    def verdict(self) -> Verdict:
        """Compare what was written and what the dashboard holds; call it when all is over."""
        with Reader(self._service.state) as reader:
            figures, uploads = reader.figures(), reader.uploads()
        return compare(
            bytes(self._centre.written),
            self._sandbox.storage.bodies(),
            archived_records=figures.archive.lines,
            archived_calls=figures.archive.calls,
            ledger=uploads,
        )

    def _enter_phase(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self._monotonic()

    def _play(self, now: float) -> None:
        """Let the call centre live until the last of its calls has ended."""
        if self._phase is Phase.PLAYING:
            if now >= self._rotate_at:
                self._rotate_at = now + _ROTATE_EVERY
                self._centre.rotate()
            if self._plan.seconds is not None and now - self._began >= self._plan.seconds:
                self.close_the_doors()
        if self._phase in {Phase.PLAYING, Phase.CLOSING}:
            self._centre.step()
        if self._phase is Phase.CLOSING:
            if now - self._since >= _SERVED_WITHIN:
                self._centre.finish()
            if self._centre.over:
                self._enter_phase(Phase.SHIPPING)

    def _ship(self, service: snapshot.ServiceSnapshot, now: float) -> None:
        """Give the service the time it needs, then stop it."""
        figures = service.figures
        shipped = (figures.archive.lines, figures.shipped.lines)
        if self._phase is Phase.SHIPPING:
            written = self._centre.lines
            if shipped != self._shipped:
                self._since = now
            if shipped == (written, written) or now - self._since >= _PATIENCE:
                self._service.stop()
                self._enter_phase(Phase.STOPPING)
        elif self._phase is Phase.STOPPING:
            if now - self._since >= _STOP_WITHIN:
                self._service.kill()
            if self._service.exit_code is not None:
                self._enter_phase(Phase.OVER)
        self._shipped = shipped

    def _look_at_service(self) -> snapshot.ServiceSnapshot:
        with Reader(self._service.state) as reader:
            return snapshot.ServiceSnapshot(
                pid=self._service.pid,
                figures=reader.figures(),
                uploads=tuple(reader.uploads(limit=_SHOWN_UPLOADS)),
                troubles=tuple(reader.troubles()),
            )
