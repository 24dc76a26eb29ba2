"""How far a long piece of work is: drawn on a terminal, a line a minute elsewhere, on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from qlogship.cli import output
from qlogship.cli.status import size

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TextIO

_LINE_EVERY: Final = 60.0
_DRAW_EVERY: Final = 0.5


class Meter:
    """Show how many of all are done, with rate and time left; use it in a `with`.

    `quiet` shows nothing, for output that a program reads. `unit` is what is counted.
    """

    def __init__(self, title: str, *, quiet: bool = False, unit: str = "records") -> None:
        self._title = title
        self._unit = unit
        self._bar: Any = None
        self._task: Any = None
        self._quiet = quiet
        self._said = ""
        self._said_at = -_LINE_EVERY
        self._began: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,  # what goes there is a result, perhaps into a file
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=None, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        now = time.monotonic()
        if self._began is None or done < self._began[1]:
            self._began = now, done
        seconds, records = now - self._began[0], done - self._began[1]
        rate = records / seconds if seconds > 0 else 0.0
        if self._bar is not None:
            shown = f"{rate:,.0f} {self._unit}/s" if rate else ""
            self._bar.update(
                self._task, description=self._title, completed=done, total=total, rate=shown
            )
            return
        left = f", {_span((total - done) / rate)} left" if rate and done < total else ""
        speed = f", {rate:,.0f} a second" if rate else ""
        self._line(f"{self._title}: {done:,} of {total:,} {self._unit}{speed}{left}", now)

    def say(self, text: str) -> None:
        """Show what is being done when there is nothing to count."""
        self._began = None
        if self._bar is not None:
            self._bar.update(self._task, description=text, completed=0, total=None, rate="")
            return
        now = time.monotonic()
        self._line(text, now, at_once=text != self._said)
        self._said = text

    def _line(self, text: str, now: float, *, at_once: bool = False) -> None:
        if self._quiet or not (at_once or now - self._said_at >= _LINE_EVERY):
            return
        self._said_at = now
        output.print_note(text)


class Arrival:
    """Show how many bytes have come: one line that is written over, or one a minute."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._draws = stream.isatty()
        self._every = _DRAW_EVERY if self._draws else _LINE_EVERY
        self._began = self._shown_at = clock()

    def show(self, done: int, total: int | None) -> None:
        """Say how many bytes have come, and of how many if that is known."""
        now = self._clock()
        if now - self._shown_at < self._every:
            return
        self._shown_at = now
        rate = size(int(done / (now - self._began)))
        part = f" of {size(total)} ({done * 100 // total} %)" if total else ""
        text = f"downloading: {size(done)}{part}, {rate}/s"
        self._stream.write(f"\r\x1b[K{text}" if self._draws else f"{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Leave the line empty."""
        if self._draws and self._shown_at > self._began:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"
