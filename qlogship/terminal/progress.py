"""How far a long piece of work is: a bar on a terminal, a line a minute elsewhere, on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from qlogship.terminal import output
from qlogship.wording import size, time_left

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_BAR_AFTER: Final = 0.5
_LINE_EVERY: Final = 60.0


class Meter:
    """Show how much of all is done, with rate and time left; use it in a `with`, or in several.

    `unit` is what is counted; "bytes" are shown as sizes. `quiet` shows nothing, for
    output that a program reads. `patient` is for work that is mostly short: on a terminal
    it shows nothing of what takes less than half a second, elsewhere of less than a minute.
    """

    def __init__(
        self,
        title: str = "",
        *,
        quiet: bool = False,
        unit: str = "records",
        patient: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self._quiet = quiet
        self._unit = unit
        self._clock = clock
        self._bar: Any = None
        self._task: Any = None
        self._said = ""
        self._said_at = clock() - (0.0 if patient else _LINE_EVERY)
        self._bar_from = clock() + (_BAR_AFTER if patient else 0.0)
        self._began: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        self._began = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def show(self, done: int, total: int | None) -> None:
        """Show that `done` of `total` are done; None when nobody knows how many there are."""
        now = self._clock()
        if self._began is None or done < self._began[1]:
            self._began = now, done
        seconds, through = now - self._began[0], done - self._began[1]
        rate = through / seconds if seconds > 0 else 0.0
        amount = self._amount(done, total)
        if self._shows_a_bar():
            shown = self._speed(rate) if rate else ""
            self._update(self.title, completed=done, total=total, amount=amount, rate=shown)
            return
        left = (
            f", {time_left((total - done) / rate)} left" if rate and total and done < total else ""
        )
        speed = f", {self._speed(rate)}" if rate else ""
        self._line(f"{self.title}: {amount}{speed}{left}", now)

    def say(self, text: str) -> None:
        """Show what is being done when there is nothing to count."""
        self._began = None
        if self._shows_a_bar():
            self._update(text, completed=0, total=None, amount="", rate="")
            return
        self._line(text, self._clock(), at_once=text != self._said)
        self._said = text

    def _amount(self, done: int, total: int | None) -> str:
        if self._unit == "bytes":
            return size(done) + (f" of {size(total)}" if total is not None else "")
        return f"{done:,}{f' of {total:,}' if total is not None else ''} {self._unit}"

    def _speed(self, rate: float) -> str:
        return f"{size(int(rate))}/s" if self._unit == "bytes" else f"{rate:,.0f} a second"

    def _shows_a_bar(self) -> bool:
        """Return whether there is a terminal to draw on; make the bar at its first use."""
        if self._bar is not None:
            return True
        if self._quiet or not sys.stderr.isatty() or self._clock() < self._bar_from:
            return False
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._bar.start()
        self._task = self._bar.add_task("", total=None, amount="", rate="")
        return True

    def _update(self, title: str, **values: object) -> None:
        self._bar.update(self._task, description=output.printable(title), **values)

    def _line(self, text: str, now: float, *, at_once: bool = False) -> None:
        if self._quiet or now < self._bar_from:
            return
        if not (at_once or now - self._said_at >= _LINE_EVERY):
            return
        self._said_at = now
        output.print_note(text)
