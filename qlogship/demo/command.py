"""`qlogship demo`: a call centre, the service and a dashboard, on one screen.

Here live the command, its signals and the loop that waits. What is played lives
in `run`, how it looks in `screen` and `lines`, what came of it in `verdict`.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

import typer

from qlogship.errors import ExitCode, UsageError
from qlogship.terminal import output

if TYPE_CHECKING:
    from types import FrameType

    from qlogship.demo.lines import Lines
    from qlogship.demo.run import DemoRun
    from qlogship.demo.screen import Screen
    from qlogship.demo.verdict import DemoVerdict
    from qlogship.sandbox.faults import Script

_TICK: Final = 0.2
"""Seconds between two pictures."""

_UNWATCHED: Final = 30.0
"""Seconds until it ends by itself where there is no terminal."""


def demo(
    *,
    speed: Annotated[
        float,
        typer.Option(min=0.1, max=1000, help="Seconds of the call centre's life in one second."),
    ] = 30.0,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Close the call centre after so long; else with Ctrl-C, or after 30 seconds "
            "when there is no terminal.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes other calls.")] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the dashboard; 0 takes a free one.")
    ] = 0,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep all files in this new directory.")
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file with a fault script for the dashboard."),
    ] = None,
) -> ExitCode:
    """Watch qlogship at work, on this machine alone.

    A simulated call centre writes a queue_log and rotates it, the real service
    ships it, and a sandbox plays the dashboard. Ctrl-C closes the call centre,
    a second one ends everything at once.

    It ends with a verdict, and with 0 only if the dashboard holds exactly the
    calls that were written. Without a terminal it prints plain lines.

    Where qlogship is installed as a package, the package qlogship-sandbox is
    needed, too.
    """
    from qlogship.demo.service import ServiceEnded
    from qlogship.demo.snapshot import DemoSnapshot

    if seconds is None and not sys.stdout.isatty():
        seconds = _UNWATCHED  # nobody is there to type Ctrl-C
    with ExitStack() as cleanup:
        signals = cleanup.enter_context(_Signals())
        if keep is not None:
            directory = _new_directory(keep)
        else:
            made = tempfile.TemporaryDirectory(prefix="qlogship-demo-")
            directory = Path(cleanup.enter_context(made))
        try:
            with _view() as view:
                # Something to look at while the rest is imported.
                view.draw(DemoSnapshot(speed=speed))
                script = _read_script(faults)
                from qlogship.demo.run import DemoRun

                with DemoRun(
                    directory,
                    speed=speed,
                    seconds=seconds,
                    seed=seed,
                    port=port,
                    script=script,
                ) as run:
                    verdict = _play(run, signals, view)
        except ServiceEnded as error:
            for line in error.log:
                output.print_note(line)
            raise
    view.conclude(verdict)
    if keep is not None:
        output.print_text(f"The files are kept: qlogship uploads -c {directory}/qlogship.toml")
    return ExitCode.DONE if verdict.exact else ExitCode.FAILED


def _play(run: DemoRun, signals: _Signals, view: Screen | Lines) -> DemoVerdict:
    """Play to the end and return what came of it; raises KeyboardInterrupt when cut short."""
    while not run.over:
        if signals.requests > 1:
            raise KeyboardInterrupt
        if signals.requests:
            run.close_the_doors()
        view.draw(run.step())
        time.sleep(_TICK)
    return run.verdict()


def _read_script(path: Path | None) -> Script:
    """Return the dashboard's fault script; raises UsageError, too, when no dashboard can be run."""
    from qlogship.sandbox.command import load_server, read_script

    load_server()
    return () if path is None else read_script(path)


def _view() -> Screen | Lines:
    """Pick the live screen where there is one, and plain lines everywhere else."""
    from qlogship.demo.lines import Lines

    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if not sys.stdout.isatty() or encoding != "utf8":
        return Lines()
    from qlogship.demo.screen import Screen, console

    terminal = console()
    return Lines() if terminal.is_dumb_terminal else Screen(terminal)


def _new_directory(wanted: Path) -> Path:
    directory = wanted.resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        empty = not any(directory.iterdir())
    except OSError as error:
        raise UsageError(
            f"the directory {wanted} cannot be made: {error.strerror}",
            hint="Name another one with --keep.",
        ) from error
    if not empty:
        raise UsageError(f"the directory {wanted} is not empty", hint="Name a new one with --keep.")
    return directory


class _Signals:
    """Count the requests to end: Ctrl-C is one, everything that asks to go away is two.

    Handlers only count: what is cleaned up must not be interrupted half-way.
    """

    _REQUESTS: Final = {signal.SIGINT: 1, signal.SIGTERM: 2, signal.SIGHUP: 2}

    def __init__(self) -> None:
        self.requests = 0

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._count) for number in self._REQUESTS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, number: int, _frame: FrameType | None) -> None:
        self.requests += self._REQUESTS[signal.Signals(number)]
