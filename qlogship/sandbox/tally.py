"""What one uploaded file holds: lines, calls, and how each queue fared; pure.

The dashboard counts calls per uploaded file, so this looks at one file and
knows nothing of the others. A call whose lines come in two files is judged by
what the first one says, and that is the point: a client that splits calls can
see it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.queue_log.events import CONNECT, ENTERQUEUE
from qlogship.queue_log.records import call_records, entered_calls

if TYPE_CHECKING:
    from collections.abc import Iterable

FATES = ("answered", "abandoned", "other")
"""What may become of a call in a queue: the fields that count it."""

_ABANDON = b"ABANDON"


@dataclass(frozen=True, slots=True)
class QueueTally:
    """One queue's calls in one file; `other` left by time, by key, or had not ended."""

    name: str
    answered: int
    abandoned: int
    other: int

    @property
    def calls(self) -> int:
        """Return how many calls entered the queue."""
        return self.answered + self.abandoned + self.other


@dataclass(frozen=True, slots=True)
class FileTally:
    """One file: its lines, the callids that entered a queue, and a tally for each queue."""

    lines: int
    calls: frozenset[bytes]
    queues: tuple[QueueTally, ...]


def tally_of(body: bytes) -> FileTally:
    """Count what a file of queue_log lines holds; any bytes will do."""
    lines = body.split(b"\n")
    unfinished = 1 if lines[-1] else 0
    return FileTally(
        lines=len(lines) - 1 + unfinished,
        calls=frozenset(entered_calls(body)),
        queues=tuple(_queues(lines)),
    )


def _queues(lines: Iterable[bytes]) -> Iterable[QueueTally]:
    """Count per queue; names are compared without case, as Asterisk itself does.

    A call that entered a queue twice counts once, and as answered if it was
    answered either time.
    """
    names: dict[str, str] = {}
    fates: dict[str, dict[bytes, bytes]] = {}
    told = (
        line
        for line in lines
        if b"|ENTERQUEUE" in line or b"|CONNECT" in line or b"|ABANDON" in line
    )
    for record in call_records(told):
        name = record.queue.decode("utf-8", "replace")
        key = name.lower()
        if record.event == ENTERQUEUE:
            names.setdefault(key, name)
            fates.setdefault(key, {}).setdefault(record.callid, b"")
        elif record.callid in fates.get(key, ()):
            if record.event == CONNECT:
                fates[key][record.callid] = CONNECT
            elif record.event == _ABANDON and fates[key][record.callid] != CONNECT:
                fates[key][record.callid] = _ABANDON
    for key, calls in fates.items():
        answered = sum(1 for fate in calls.values() if fate == CONNECT)
        abandoned = sum(1 for fate in calls.values() if fate == _ABANDON)
        yield QueueTally(names[key], answered, abandoned, len(calls) - answered - abandoned)
