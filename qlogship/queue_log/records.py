"""What one line of a queue_log says.

Here lives the shape of a record; what its event means lives in `events`, what a
sequence of records says about a call in `calls`.

A record is `time|callid|queue|agent|event|data...`, written by one format
string that never changed (Asterisk, main/logger.c, ast_queue_log). Nothing in
it is escaped or checked, so every function here takes any bytes and answers;
none raises.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from qlogship.queue_log.events import ENTERQUEUE, NO_CALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TIME = re.compile(rb"\d{9,11}", re.ASCII)
_TIMES = re.compile(rb"^(\d{9,11})\|", re.ASCII | re.MULTILINE)
_LINE_TIMES = re.compile(rb"^(?:(\d{9,11})\|)?", re.ASCII | re.MULTILINE)
_ENTERS = b"|" + ENTERQUEUE
_EVENT_ENDS = frozenset({b"|", b"\n", b""})


class Entrance(NamedTuple):
    """A call enters a queue: in which line of a text (the first is 0), when, where."""

    line: int
    time: int
    callid: bytes
    queue: bytes


class Record(NamedTuple):
    """One record, cut into its columns; `data` is the rest of the line, pipes and all."""

    time: int
    callid: bytes
    queue: bytes
    agent: bytes
    event: bytes
    data: bytes


def parse(line: bytes) -> Record | None:
    """Cut one line, without its newline, into columns; None when it is no record.

    A record starts with 9 to 11 digits (seconds since 1970) and has at least
    four pipes. Third-party writers leave the fifth one out, so it is not asked for.
    """
    fields = line.split(b"|", 5)
    if len(fields) < 5 or not _TIME.fullmatch(fields[0]):
        return None
    time, callid, queue, agent, event = fields[:5]
    return Record(int(time), callid, queue, agent, event, fields[5] if len(fields) > 5 else b"")


def time_of(line: bytes) -> int | None:
    """Return the epoch seconds a line starts with, or None."""
    head, pipe, _ = line.partition(b"|")
    return int(head) if pipe and _TIME.fullmatch(head) else None


def times_in(text: bytes) -> Iterator[int]:
    """Yield the times of the records in whole lines, first one first."""
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        time = time_of(text[start:end])
        if time is not None:
            yield time
        start = end + 1


def times_from_the_end(text: bytes) -> Iterator[int]:
    """Yield the times of the records in whole lines, last one first."""
    end = len(text) - 1
    while end >= 0:
        start = text.rfind(b"\n", 0, end) + 1
        time = time_of(text[start:end])
        if time is not None:
            yield time
        end = start - 1


def times_still_in(
    text: bytes, first: int | None, last: int | None
) -> tuple[int | None, int | None]:
    """Return the first and the last time of whole lines, as they were if they still are there."""
    if not _begins_a_line(text, first):
        first = next(times_in(text), None)
    if not _begins_a_line(text, last):
        last = next(times_from_the_end(text), None)
    return first, last


def _begins_a_line(text: bytes, time: int | None) -> bool:
    return time is None or (b"\n%d|" % time) in b"\n" + text


def time_span(text: bytes) -> tuple[int, int] | tuple[None, None]:
    """Return the earliest and the latest time in whole lines, which may be in any order."""
    times = set(_TIMES.findall(text))
    if not times:
        return None, None
    return min(map(int, times)), max(map(int, times))


def entering(text: bytes) -> list[bytes]:
    """Return the callids that enter a queue in these lines, in their order, each as often.

    This is what a call is, for all that counts: the callid of a record with the event
    ENTERQUEUE that stands for a call. The text is searched, not cut into lines: most
    lines are of other events.
    """
    found = []
    pieces = (b"\n" + text).split(_ENTERS)
    for piece, rest in pairwise(pieces):
        start = piece.rfind(b"\n") + 1
        if start == 0:  # the word stands twice in one line
            return [entrance.callid for entrance in entrances(text)]
        columns = piece[start:].split(b"|")
        if len(columns) == 4 and rest[:1] in _EVENT_ENDS and _TIME.fullmatch(columns[0]):
            found.append(columns[1])
    return [callid for callid in found if callid not in NO_CALL]


def entered_calls(text: bytes) -> set[bytes]:
    """Return the calls in these lines: what is counted, each once."""
    return set(entering(text))


def call_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Yield those of these lines, without their newlines, that are records of a call."""
    for record in map(parse, lines):
        if record is not None and record.callid not in NO_CALL:
            yield record


def entrances(text: bytes) -> list[Entrance]:
    """Return where in these lines calls enter a queue; the callids are those of `entering`."""
    found: list[Entrance] = []
    line = counted = position = 0
    while (hit := text.find(_ENTERS, position)) >= 0:
        start = text.rfind(b"\n", 0, hit) + 1
        end = text.find(b"\n", hit)
        end = end if end >= 0 else len(text)
        record = next(call_records([text[start:end]]), None)
        if record is not None and record.event == ENTERQUEUE:
            line += text.count(b"\n", counted, start)
            counted = start
            found.append(Entrance(line, record.time, record.callid, record.queue))
        position = end
    return found


def line_times(text: bytes, before: int | None) -> list[int | None]:
    """Return the time of each of these whole lines.

    A line without one has that of the line before it; `before` is that of the
    line before the first.
    """
    found = _LINE_TIMES.findall(text)
    found.pop()  # behind the last newline
    if b"" not in found:
        return list(map(int, found))
    times: list[int | None] = []
    for digits in found:
        before = int(digits) if digits else before
        times.append(before)
    return times


def is_older(time: int | None, first: int) -> bool:
    """Return whether a record of this time is from before the `first` one; none without a time."""
    return time is not None and time < first
