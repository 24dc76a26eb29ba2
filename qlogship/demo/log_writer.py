"""A queue_log that is being written, as Asterisk writes and rotates one.

Each line is one write to a file opened for appending (main/logger.c,
ast_queue_log); a rotation renames the file to `.0`, moves the older ones up
by one, and opens a new file that begins with CONFIGRELOAD (rotate_file and
reload_logger, with `rotatestrategy = rotate`).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import TYPE_CHECKING, Self

from qlogship.demo.callcentre import CallCentre

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

_MODE = 0o640


class LiveCallCentre:
    """Play a call centre into the file at `path`; nothing is written between the steps.

    Stamps are the clock's own time. `pace` makes calls shorter than in life
    rather than the clock faster, see `CallCentre`.
    """

    def __init__(
        self,
        path: Path,
        *,
        seed: int = 1,
        calls_per_hour: float = 150.0,
        pace: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.lines = 0
        self.rotations = 0
        self._clock = clock
        self._centre = CallCentre(
            seed=seed, start=clock(), calls_per_hour=calls_per_hour, pace=pace
        )
        self._events = self._centre.events()
        self._next = next(self._events, None)
        self._file = self._open()

    def __enter__(self) -> Self:
        """Return itself; the file is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, whatever is still open in the call centre."""
        self.shut()

    @property
    def entered(self) -> frozenset[bytes]:
        """Return the callids that have entered a queue so far."""
        return frozenset(self._centre.entered)

    @property
    def open_calls(self) -> int:
        """Return how many calls have not ended."""
        return self._centre.open_calls

    @property
    def over(self) -> bool:
        """Return whether the last line has been written; never before `close` or `finish`."""
        return self._next is None

    def step(self, now: float | None = None) -> int:
        """Write what is due by now, one line at a time, and return how many lines that were."""
        until = self._clock() if now is None else now
        before = self.lines
        while self._next is not None and self._next[0] <= until:
            self._write(self._next[1])
            self._next = next(self._events, None)
        return self.lines - before

    def rotate(self, now: float | None = None) -> None:
        """Rotate the file, after everything that is due went into the old one."""
        moment = self._clock() if now is None else now
        self.step(moment)
        for age, rotated in _rotated(self.path):
            suffix = rotated.name.removeprefix(f"{self.path.name}.{age}")
            rotated.rename(self.path.with_name(f"{self.path.name}.{age + 1}{suffix}"))
        self.path.rename(self.path.with_name(f"{self.path.name}.0"))
        os.close(self._file)
        self._file = self._open()
        self.rotations += 1
        self._write(b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % moment)

    def close(self) -> None:
        """Take no more calls; further steps let the open ones end in their own time."""
        self._centre.close()

    def finish(self) -> frozenset[bytes]:
        """Write at once how every open call ends, and return the callids that entered a queue.

        The last stamps lie ahead of the clock by what the calls had yet to go.
        """
        self.close()
        self.step(float("inf"))
        return self.entered

    def shut(self) -> None:
        """Close the file; may be called twice."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def _write(self, line: bytes) -> None:
        written = os.write(self._file, line)
        if written < len(line):
            raise OSError(f"{self.path}: {written} of {len(line)} bytes of a line were written")
        self.lines += 1


def _rotated(path: Path) -> list[tuple[int, Path]]:
    """Return the numbered files beside a queue_log, oldest first."""
    pattern = re.compile(re.escape(path.name) + r"\.(\d+)(?:\.gz|\.bz2|\.Z)?")
    found = [(pattern.fullmatch(other.name), other) for other in path.parent.iterdir()]
    return sorted(((int(match[1]), other) for match, other in found if match), reverse=True)
