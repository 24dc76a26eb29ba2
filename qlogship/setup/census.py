"""What is there to ship: files, records, calls and days of the queue_log's family."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.queue_log.counting import CallCounter
from qlogship.queue_log.records import entering, times_from_the_end, times_in
from qlogship.source.family import members
from qlogship.source.files import OpenFile
from qlogship.source.foreign import refusal_of
from qlogship.terminal.progress import Meter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """What some files hold; `first` and `last` are epoch seconds, None without a record."""

    files: int = 0
    records: int = 0
    calls: int = 0
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """What `history` "all" and "current" mean here.

    `files` are the rotated ones, oldest first; `unread` names what could not be read
    to its end.
    """

    everything: Share
    current: Share
    files: tuple[Path, ...] = ()
    unread: tuple[Path, ...] = ()


def take_census(path: Path, archives: Iterable[str]) -> Census:
    """Count the queue_log and its rotated files, compressed ones too, each text once.

    It reads everything; on a terminal it shows how far it is.
    """
    unread: list[Path] = []
    starts: dict[bytes, tuple[int, float, Path]] = {}
    live_start = _start(path, unread)
    for member in members(path, archives):
        if not member.rotated:
            continue
        start = _start(member.path, unread)
        # The copy and its compressed copy, while logrotate is at work, are one text.
        if start and start not in {live_start, *starts}:
            first = next(times_in(start), int(member.status.st_mtime))
            starts[start] = first, member.status.st_mtime, member.path
    files = [place[2] for place in sorted(starts.values())]
    with Meter(unit="bytes", quiet=not sys.stderr.isatty(), patient=True) as meter:
        whole, alone = CallCounter(), CallCounter()
        parts = []
        for number, file in enumerate(files, start=1):
            meter.title = f"counting file {number} of {len(files) + 1}"
            parts += _count(file, [whole], unread, meter)
        # A call that goes on in the live file is one of the whole, and one of the file alone.
        meter.title = f"counting {path.name}"
        rest, current = _count(path, [whole, alone], unread, meter)
    return Census(
        everything=_sum([*parts, rest]),
        current=current,
        files=tuple(files),
        unread=tuple(dict.fromkeys(unread)),
    )


def holds_text(path: Path, archives: Iterable[str]) -> bool:
    """Return whether there is anything in the queue_log, or in a rotated file; a quick look."""
    rotated = (member for member in members(path, archives) if member.rotated)
    with suppress(OSError):
        if path.stat().st_size:
            return True
    return any(member.status.st_size for member in rotated)


def _start(path: Path, unread: list[Path]) -> bytes:
    """Return the beginning of a queue_log; of what is none, nothing."""
    try:
        with OpenFile(path) as file:
            return b"" if refusal_of(file) is not None else file.start()
    except SourceUnreadable:
        unread.append(path)
        return b""


def _count(
    path: Path, counters: Sequence[CallCounter], unread: list[Path], meter: Meter
) -> list[Share]:
    """Count the records of one file; return them with the calls that are new to each counter."""
    calls = [0] * len(counters)
    records = offset = 0
    first = last = None
    try:
        with OpenFile(path) as file:
            while piece := file.read_at(offset, _PIECE):
                end = piece.rfind(b"\n") + 1
                if not end:
                    if len(piece) < _PIECE:
                        break  # the line that is being written
                    offset += len(piece)
                    continue
                text = piece[:end]
                offset += end
                records += text.count(b"\n")
                entered = entering(text)
                calls = [
                    known + counter.count_new(entered)
                    for known, counter in zip(calls, counters, strict=True)
                ]
                first = first if first is not None else next(times_in(text), None)
                last = next(times_from_the_end(text), last)
                meter.show(offset, None if file.compression else file.status.st_size)
    except SourceUnreadable:
        unread.append(path)
    return [Share(1, records, new, first, last) for new in calls]


def _sum(parts: list[Share]) -> Share:
    """Return what files hold together."""
    firsts = [part.first for part in parts if part.first is not None]
    lasts = [part.last for part in parts if part.last is not None]
    return Share(
        sum(part.files for part in parts),
        sum(part.records for part in parts),
        sum(part.calls for part in parts),
        min(firsts, default=None),
        max(lasts, default=None),
    )
