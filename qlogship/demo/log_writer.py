"""The queue_log of the demo: a call centre is played into a file, as Asterisk writes one.

Each line is one write to a file opened for appending (main/logger.c,
ast_queue_log); a rotation renames the file to `.0`, moves the older ones up
by one, and opens a new file that begins with CONFIGRELOAD (rotate_file and
reload_logger, with `rotatestrategy = rotate`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from functools import partial
from io import FileIO
from typing import TYPE_CHECKING, Final, Self

from qlogship.demo import snapshot
from qlogship.demo.callcentre import CallCentre
from qlogship.queue_log.events import CONNECT, ENTERQUEUE
from qlogship.queue_log.records import call_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MODE: Final = 0o640
_ABANDON: Final = b"ABANDON"
_TAIL: Final = 80
_FILES: Final = 20
"""Rotated files that stay, as with logrotate's `rotate`; the oldest goes when one more comes."""


class LogWriter:
    """Play a call centre into the file at `path`; nothing is written between the steps.

    Stamps are the clock's own time. `pace` makes calls shorter than in life
    rather than the clock faster, see `CallCentre`.
    """

    def __init__(
        self,
        path: Path,
        *,
        seed: int = 1,
        pace: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.written = bytearray()
        """All that went into the files, in the order of writing."""
        self.lines = 0
        self._path = path
        self._clock = clock
        self._centre = CallCentre(seed=seed, start=clock(), pace=pace)
        self._events = self._centre.events()
        self._next = next(self._events, None)
        self._rotations = 0
        self._tail: deque[bytes] = deque(maxlen=_TAIL)
        self._calls: dict[bytes, set[bytes]] = {ENTERQUEUE: set(), CONNECT: set(), _ABANDON: set()}
        self._file = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

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

    def rotate(self) -> None:
        """Rotate the file, after everything that is due went into the old one."""
        now = self._clock()
        self.step(now)
        for age in reversed(range(_FILES)):
            with contextlib.suppress(FileNotFoundError):
                self._rotated(age).rename(self._rotated(age + 1))
        self._rotated(_FILES).unlink(missing_ok=True)
        self._path.rename(self._rotated(0))
        self._file.close()
        self._file = self._open()
        self._rotations += 1
        self._tail.append(snapshot.ROTATION)
        self._write(b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % now)

    def close(self) -> None:
        """Take no more calls; further steps let the open ones end in their own time."""
        self._centre.close()

    def finish(self) -> None:
        """Write at once how every open call ends.

        The last stamps lie ahead of the clock by what the calls had yet to go.
        """
        self.close()
        self.step(float("inf"))

    def seen(self) -> snapshot.CentreSnapshot:
        """Return what there is to see."""
        answered = self._calls[CONNECT]
        return snapshot.CentreSnapshot(
            going_on=self._centre.open_calls,
            entered=len(self._calls[ENTERQUEUE]),
            answered=len(answered),
            abandoned=len(self._calls[_ABANDON] - answered),
            records=self.lines,
            size=len(self.written),
            rotations=self._rotations,
            tail=tuple(self._tail),
        )

    def _rotated(self, age: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{age}")

    def _open(self) -> FileIO:
        return FileIO(self._path, "ab", opener=partial(os.open, mode=_MODE))

    def _write(self, line: bytes) -> None:
        written = self._file.write(line)
        if written < len(line):
            raise OSError(f"{self._path}: {written} of {len(line)} bytes of a line were written")
        self.lines += 1
        self.written += line
        self._tail.append(line.rstrip(b"\n"))
        for record in call_records([line.rstrip(b"\n")]):
            if record.event in self._calls:
                self._calls[record.event].add(record.callid)
