"""Helpers for tests of following: a follower with a notebook, and a writer like Asterisk.

Nothing here is a test. `Following` does with a `QueueLog` what the service
does: it writes down each piece together with what changed, in one transaction
of a real archive in memory; a restart begins from what was written down.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from qlogship.archive.archive import Archive
from qlogship.clocks import Clocks
from qlogship.source.cursor import Cursor
from qlogship.source.follower import QueueLog
from qlogship.source.identity import PATIENCE
from tests.support.memory import state_in_memory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from qlogship.source.interface import Piece
    from qlogship.source.streams import Stream

EPOCH: Final = 1_795_411_800
"""The second the first record of every test is written in."""

LATER: Final = 31.0
"""Seconds after which nobody is expected to go on writing to a rotated file."""

AMPLE: Final = 1 << 20


class Clock:
    """A monotonic and a wall clock that stand still until `advance`."""

    def __init__(self) -> None:
        self._monotonic = 1_000.0
        self._wall = float(int(time.time()))  # sums of whole numbers are exact

    def monotonic(self) -> float:
        """Return seconds that only `advance` adds to."""
        return self._monotonic

    def wall(self) -> float:
        """Return epoch seconds; they begin with the time that files are stamped with."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._wall += seconds
        self._monotonic += seconds


def memory_database() -> sqlite3.Connection:
    """Return a state database that lives in memory."""
    return state_in_memory()


class Following:
    """A `QueueLog`, the archive it is read into, and every piece that was written down."""

    def __init__(
        self,
        path: Path,
        *,
        history: str = "all",
        archives: Sequence[str] = (),
        clock: Clock | None = None,
    ) -> None:
        self.path = path
        self.opened = 0
        self.clock = clock or Clock()
        self.patience = PATIENCE
        self.pieces: list[Piece] = []
        self._wanted_history = history
        self._archives = archives
        self._db = memory_database()
        self._archive = Archive(self._db)
        self._cursor = Cursor(self._db)
        self.log = self._begin()

    def _begin(self) -> QueueLog:
        return QueueLog(
            self.path,
            archives=self._archives,
            wanted_history=self._wanted_history,
            cursor=self._cursor,
            last_text_of=self._archive.origins.last_text_of,
            patience=self.patience,
            own=self._count_opened,
            clocks=Clocks(self.clock.monotonic, self.clock.wall),
        )

    def _count_opened(self) -> frozenset[tuple[int, int]]:
        """Say that no file is ours; it is asked whenever one is opened."""
        self.opened += 1
        return frozenset()

    def close(self) -> None:
        """Close the files and the notebook."""
        self.log.close()
        self._db.close()

    def step(self, limit: int = AMPLE) -> Piece | None:
        """Read one piece, and write it down with all that changed; None at the end."""
        self._db.execute("BEGIN")
        piece = self.log.read(limit)
        self.log.save_changes(self._cursor)
        if piece is not None and piece.data:
            self._archive.append(piece.data, stream=piece.stream, offset=piece.offset)
        self._archive.chunks.finish()
        self._db.execute("COMMIT")
        if piece is not None:
            self.pieces.append(piece)
        return piece

    def read(self, limit: int = AMPLE) -> bytes:
        """Read on until there is nothing more; return the text."""
        before = len(self.pieces)
        while self.step(limit) is not None:
            pass
        return b"".join(piece.data for piece in self.pieces[before:])

    def look_around(self, limit: int = AMPLE) -> bytes:
        """Look at the whole family, as the service does now and then, and read on."""
        self.log.scan()
        return self.read(limit)

    def wait(self, seconds: float = LATER) -> bytes:
        """Let time pass, looking around at its beginning and its end."""
        text = self.look_around()
        self.clock.advance(seconds)
        # What is let go of in one look is found by name in the next.
        return text + self.look_around() + self.look_around()

    def restart(self) -> None:
        """End, and begin again from what was written down."""
        self.log.close()
        self._archive = Archive(self._db)
        self.log = self._begin()

    def crash(self, *, limit: int = AMPLE, pieces: int | None = None) -> None:
        """Read on, write nothing of it down, and begin again."""
        while pieces is None or pieces > 0:
            if self.log.read(limit) is None:
                break
            pieces = None if pieces is None else pieces - 1
        self.restart()

    @property
    def text(self) -> bytes:
        """All text that was written down, as it was handed out."""
        return b"".join(piece.data for piece in self.pieces)

    @property
    def archived(self) -> bytes:
        """All text in the archive."""
        return self._archive.text([(1, self._archive.next_seq - 1)])

    @property
    def torn(self) -> int:
        """How many records the archive had to end with a newline of its own."""
        row = self._db.execute("SELECT coalesce(sum(torn), 0) FROM chunk").fetchone()
        return int(row[0])

    @property
    def rows_written(self) -> int:
        """How many rows of the database were written so far."""
        return self._db.total_changes

    def streams(self) -> list[Stream]:
        """Return the streams that were written down."""
        return self._cursor.streams()


class Records:
    """Make records that are all different, a second apart."""

    def __init__(self) -> None:
        self._number = 0

    def many(self, count: int, *, data: str = "") -> bytes:
        """Return so many records of calls, as one text."""
        return b"".join(self.one(data=data) for _ in range(count))

    def one(self, event: str = "ENTERQUEUE", *, data: str = "") -> bytes:
        """Return one record of a call."""
        self._number += 1
        time = EPOCH + self._number
        return (
            f"{time}|{time}.{self._number}|sales|NONE|{event}||{data}|{self._number:09}\n".encode()
        )

    def reload(self) -> bytes:
        """Return what Asterisk writes when it is told to reload."""
        self._number += 1
        return reload_record(EPOCH + self._number)


def reload_record(time: int) -> bytes:
    """Return what Asterisk writes when it is told to reload in this second."""
    return b"%d|NONE|NONE|NONE|CONFIGRELOAD|\n" % time


class Asterisk:
    """A writer that keeps its file open until it is told to reload, as Asterisk does.

    With a clock, the files it writes are stamped with that clock's time.
    """

    def __init__(
        self, path: Path, records: Records | None = None, *, clock: Clock | None = None
    ) -> None:
        self.path = path
        self.records = records or Records()
        self._clock = clock
        self._handle = self._open()

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def close(self) -> None:
        """End without a word, as after a kill -9."""
        os.close(self._handle)

    def write(self, text: bytes) -> bytes:
        """Append to the file that is open, whatever its name by now; return the text."""
        rest = text
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        if self._clock is not None:
            stamp = round(self._clock.wall() * 1e9)
            os.utime(self._handle, ns=(stamp, stamp))
        return text

    @property
    def file(self) -> tuple[int, int]:
        """Device and inode of the file that is open."""
        status = os.fstat(self._handle)
        return status.st_dev, status.st_ino

    def calls(self, count: int = 3, *, data: str = "") -> bytes:
        """Append so many records; return them."""
        return self.write(self.records.many(count, data=data))

    def reload(self, *, record: bytes | None = None) -> bytes:
        """Close the file, open the path again, and write that this was done."""
        os.close(self._handle)
        self._handle = self._open()
        return self.write(self.records.reload() if record is None else record)

    def rotate(self, strategy: str) -> bytes:
        """Do what `logger rotate` does with this rotatestrategy; return what was written."""
        ROTATIONS[strategy](self.path)
        return self.reload()


def rotate_sequential(path: Path) -> Path:
    """Rename to the first number that is free: the newest has the highest."""
    number = 0
    while (target := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return path.rename(target)


def rotate_shifting(path: Path, *, first: int = 0) -> Path:
    """Rename to the first number, after every name was shifted: the newest has the lowest."""
    numbered = []
    for entry in path.parent.iterdir():
        number, dot, suffix = entry.name.removeprefix(f"{path.name}.").partition(".")
        if number.isdigit() and first <= int(number) < EPOCH // 2:
            numbered.append((int(number), dot + suffix, entry))
    for old, rest, entry in sorted(numbered, reverse=True):
        entry.rename(path.with_name(f"{path.name}.{old + 1}{rest}"))
    return path.rename(path.with_name(f"{path.name}.{first}"))


def rotate_timestamp(path: Path) -> Path:
    """Rename to the epoch second; it is a second later than any before."""
    second = EPOCH + 1_000_000
    while any(path.parent.glob(f"{path.name}.{second}*")):
        second += 1
    return path.rename(path.with_name(f"{path.name}.{second}"))


def rotate_dateext(path: Path) -> Path:
    """Rename as logrotate's dateext does, a day after any before."""
    day = 20261101
    while any(path.parent.glob(f"{path.name}-{day}*")):
        day += 1
    return path.rename(path.with_name(f"{path.name}-{day}"))


def rotate_logrotate(path: Path) -> Path:
    """Rename as logrotate does: .1 is the newest."""
    return rotate_shifting(path, first=1)


ROTATIONS: Final[dict[str, Callable[[Path], Path]]] = {
    "sequential": rotate_sequential,
    "rotate": rotate_shifting,
    "timestamp": rotate_timestamp,
    "dateext": rotate_dateext,
    "logrotate": rotate_logrotate,
}
