"""The call centre of the demo: it plays into a file, rotates it, and knows what it wrote.

What was written is read back from the file: the verdict compares what is on disk.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from qlogship.demo import scene
from qlogship.demo.log_writer import LiveCallCentre
from qlogship.queue_log.events import CONNECT, ENTERQUEUE
from qlogship.queue_log.records import Record, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ABANDON: Final = b"ABANDON"
_TAIL: Final = 80
_FILES: Final = 20
"""Rotated files that stay, as with logrotate's `rotate`; the oldest goes when one more comes."""


class Centre:
    """Play a call centre into the file at `path`, `speed` times as fast as in life."""

    def __init__(self, path: Path, *, seed: int, speed: float, clock: Callable[[], float]) -> None:
        self.written = bytearray()
        self._path = path
        self._clock = clock
        self._play = LiveCallCentre(path, seed=seed, pace=speed, clock=clock)
        self._file = path.open("rb")
        self._tail: deque[bytes] = deque(maxlen=_TAIL)
        self._calls: dict[bytes, set[bytes]] = {
            ENTERQUEUE: set(),
            CONNECT: set(),
            _ABANDON: set(),
        }

    @property
    def records(self) -> int:
        """Return how many lines were written."""
        return self._play.lines

    @property
    def over(self) -> bool:
        """Return whether the last line has been written; never before the doors are closed."""
        return self._play.over

    def step(self) -> None:
        """Write what is due by now."""
        self._play.step()
        self._read_back()

    def rotate(self) -> None:
        """Move the file away and begin a new one, as Asterisk does."""
        now = self._clock()
        self._play.step(now)
        self._read_back()
        self._play.rotate(now)
        self._file.close()
        self._file = self._path.open("rb")
        self._tail.append(scene.ROTATION)
        self._read_back()
        self._path.with_name(f"{self._path.name}.{_FILES}").unlink(missing_ok=True)

    def close_the_doors(self) -> None:
        """Take no more calls; those in the house go on."""
        self._play.close()

    def hurry(self) -> None:
        """Write at once how every call that is left ends."""
        self._play.finish()
        self._read_back()

    def shut(self) -> None:
        """Close the files."""
        self._play.shut()
        self._file.close()

    def seen(self) -> scene.Centre:
        """Return what there is to see."""
        answered = self._calls[CONNECT]
        return scene.Centre(
            going_on=self._play.open_calls,
            entered=len(self._calls[ENTERQUEUE]),
            answered=len(answered),
            abandoned=len(self._calls[_ABANDON] - answered),
            records=self.records,
            size=len(self.written),
            rotations=self._play.rotations,
            tail=tuple(self._tail),
        )

    def _read_back(self) -> None:
        text = self._file.read()
        self.written += text
        for line in text.splitlines():
            self._tail.append(line)
            match parse(line):
                case Record(callid=callid, event=event) if event in self._calls:
                    self._calls[event].add(callid)
