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
from typing import TYPE_CHECKING, Final, Self

from qlogship.demo.log_writer import LogWriter
from qlogship.demo.service import DemoService, ServiceEnded
from qlogship.demo.snapshot import DemoPhase, DemoSnapshot, ServiceSnapshot
from qlogship.demo.verdict import compare
from qlogship.sandbox.server import Sandbox
from qlogship.state.reader import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.demo.verdict import DemoVerdict
    from qlogship.sandbox.faults import Script
    from qlogship.state.figures import Figures

_ROTATE_EVERY: Final = 5.0
_SERVED_WITHIN: Final = 4.0
"""Seconds for the callers in the house; then the telephones go dead."""

_PATIENCE: Final = 30.0
"""Seconds without any progress after which shipping is given up."""

_STOP_WITHIN: Final = 10.0
_SHOWN_UPLOADS: Final = 20


class DemoRun:
    """Play until the `with` block ends; whatever happens, no process stays.

    `speed` and `seed` are the call centre's, which closes after `seconds`; `port` and
    the fault `script` are the dashboard's. All files are in `directory`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        speed: float,
        seconds: float | None = None,
        seed: int = 1,
        port: int = 0,
        script: Script = (),
    ) -> None:
        self._speed = speed
        self._seconds = seconds
        self._phase = DemoPhase.PLAYING
        self._began = self._since = time.monotonic()
        self._rotate_at = self._began + min(_ROTATE_EVERY, seconds or _ROTATE_EVERY) / 2
        self._shipped = (0, 0)
        queue_log = directory / "asterisk" / "queue_log"
        queue_log.parent.mkdir()
        with ExitStack() as cleanup:
            self._sandbox = cleanup.enter_context(
                Sandbox(script=script, port=port, data=directory / "dashboard.db")
            )
            self._centre = cleanup.enter_context(LogWriter(queue_log, seed=seed, pace=speed))
            self._service = DemoService(
                directory, self._sandbox.options, queue_log=queue_log, url=self._sandbox.url
            )
            cleanup.callback(self._service.kill)
            self._cleanup = cleanup.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def over(self) -> bool:
        """Return whether there is nothing more to come."""
        return self._phase is DemoPhase.OVER

    def close_the_doors(self) -> None:
        """Take no more calls, and come to an end."""
        if self._phase is DemoPhase.PLAYING:
            self._centre.close()
            self._enter_phase(DemoPhase.CLOSING)

    def step(self) -> DemoSnapshot:
        """Let happen what is due, and return what there is to see.

        Raises ServiceEnded.
        """
        now = time.monotonic()
        self._play(now)
        if self._phase is not DemoPhase.STOPPING and self._service.exit_code is not None:
            raise ServiceEnded(self._service.exit_code, self._service.last_words())
        with Reader(self._service.state) as reader:
            service = ServiceSnapshot(
                pid=self._service.pid,
                figures=reader.figures(),
                uploads=tuple(reader.uploads(limit=_SHOWN_UPLOADS)),
                troubles=tuple(reader.troubles()),
            )
        self._ship(service.figures, now)
        return DemoSnapshot(
            phase=self._phase,
            elapsed=now - self._began,
            speed=self._speed,
            centre=self._centre.seen(),
            service=service,
            url=self._sandbox.page,
            summary=self._sandbox.storage.summary(),
        )

    def verdict(self) -> DemoVerdict:
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

    def _enter_phase(self, phase: DemoPhase) -> None:
        self._phase = phase
        self._since = time.monotonic()

    def _play(self, now: float) -> None:
        """Let the call centre live until the last of its calls has ended."""
        if self._phase is DemoPhase.PLAYING:
            if now >= self._rotate_at:
                self._rotate_at = now + _ROTATE_EVERY
                self._centre.rotate()
            if self._seconds is not None and now - self._began >= self._seconds:
                self.close_the_doors()
        if self._phase in {DemoPhase.PLAYING, DemoPhase.CLOSING}:
            self._centre.step()
        if self._phase is DemoPhase.CLOSING:
            if now - self._since >= _SERVED_WITHIN:
                self._centre.finish()
            if self._centre.over:
                self._enter_phase(DemoPhase.SHIPPING)

    def _ship(self, figures: Figures, now: float) -> None:
        """Give the service the time it needs, then stop it."""
        shipped = (figures.archive.lines, figures.shipped.lines)
        if self._phase is DemoPhase.SHIPPING:
            written = self._centre.lines
            if shipped != self._shipped:
                self._since = now
            if shipped == (written, written) or now - self._since >= _PATIENCE:
                self._service.stop()
                self._enter_phase(DemoPhase.STOPPING)
        elif self._phase is DemoPhase.STOPPING:
            if now - self._since >= _STOP_WITHIN:
                self._service.kill()
            if self._service.exit_code is not None:
                self._enter_phase(DemoPhase.OVER)
        self._shipped = shipped
