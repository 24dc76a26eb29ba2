"""What a Team Dashboard holds: the judge of everything that is said about its numbers.

It keeps every body it was sent, and counts calls by itself. It shares no code with the
program or its sandbox, and is told per upload whether it stores, and what it answers.
`vendor_server` puts it on the network.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

NO_CALLER = {b"", b"NONE", b"MANAGER", b"CLI", b"REALTIME"}

Counting = Literal["per file", "once", "entrances"]
"""Each file by itself, a call once over all files, or every time that a call enters a queue."""

Answer = Literal["count", "zero", "no count", "failed", "page", "cut", "late", "lost", "unread"]
"""`count`: how many calls it counted of this body. `failed`: 200 and words of a failure.
`page`: a login page. `cut`: the beginning of an answer. `late`: none, while the client waits.
`lost`: the connection ends; `unread`: it ends before the body was read."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What becomes of one upload: is it stored, and what is answered (a number: that status).

    `afterwards`: it is stored only when `catch_up` is called, so perhaps behind the next one.
    """

    stores: bool = True
    answer: Answer | int = "count"
    afterwards: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it is put on the wire: `text` with `status`, or something that is none."""

    status: int = 200
    text: str = ""
    page: bool = False
    fault: Literal["", "cut", "late", "lost"] = ""


def entering(body: bytes) -> list[bytes]:
    """Return the callid of each line that says ENTERQUEUE, in order."""
    rows = [line.split(b"|") for line in body.split(b"\n")]
    return [row[1] for row in rows if len(row) > 4 and row[4] == b"ENTERQUEUE"]


def calls_of(body: bytes) -> set[bytes]:
    """Return the calls that a text is about."""
    return set(entering(body)) - NO_CALLER


class Tenant:
    """One tenant's data. `usual` is what becomes of uploads; `script` goes before it."""

    def __init__(
        self,
        *,
        counting: Counting = "per file",
        drops_repeats: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counting = counting
        self.drops_repeats = drops_repeats
        self.usual = Conduct()
        self.script: deque[Conduct] = deque()
        self.arrived: list[tuple[float, bytes]] = []
        """Every body that was sent here, when, and whatever became of it."""
        self.stored: list[tuple[float, bytes]] = []
        """Every body that was ever stored, and when; `kept` are those that no clear removed."""
        self.kept: list[bytes] = []
        self.clears = 0
        self._late: list[bytes] = []
        self._later: list[bytes] = []  # than the last clear
        self._clock = clock
        self._lock = threading.RLock()

    @property
    def calls(self) -> int:
        """The number that the dashboard shows."""
        return self._number(self.kept)

    @property
    def copies(self) -> Counter[bytes]:
        """How often each body was sent here."""
        return Counter(body for _, body in self.arrived)

    @property
    def lines(self) -> Counter[bytes]:
        """How often each line is kept."""
        return Counter(line for body in self.kept for line in body.split(b"\n")[:-1])

    def next(self) -> Conduct:
        """Return what becomes of the next upload."""
        with self._lock:
            return self.script.popleft() if self.script else self.usual

    def take(self, body: bytes, conduct: Conduct) -> Reply:
        """Do with an upload as told, and return the answer."""
        with self._lock:
            self.arrived.append((self._clock(), body))
            counted = 0
            if conduct.stores and conduct.afterwards:
                self._late.append(body)
            elif conduct.stores:
                counted = self._store(body)
            return _reply(conduct.answer, counted)

    @property
    def behind(self) -> int:
        """How many bodies were taken and are not stored yet."""
        return len(self._late) + len(self._later)

    def catch_up(self) -> None:
        """Store what was taken and is stored late."""
        with self._lock:
            late, self._late, self._later = self._later + self._late, [], []
            for body in late:
                self._store(body)

    def clear(self) -> None:
        """Remove what is kept; what is stored late comes behind that, but for one clear only."""
        with self._lock:
            self.kept.clear()
            self._late, self._later = [], self._late
            self.clears += 1

    def _store(self, body: bytes) -> int:
        before = self.calls
        if not (self.drops_repeats and body in self.kept):
            self.kept.append(body)
            self.stored.append((self._clock(), body))
        return self.calls - before

    def _number(self, bodies: list[bytes]) -> int:
        if self.counting == "once":
            return len(set().union(*map(calls_of, bodies)))
        if self.counting == "entrances":
            return sum(one not in NO_CALLER for body in bodies for one in entering(body))
        return sum(len(calls_of(body)) for body in bodies)


def _reply(answer: Answer | int, counted: int) -> Reply:
    if isinstance(answer, int):
        return Reply(answer, f"error {answer}")
    match answer:
        case "count":
            return Reply(text=f'{{"uploadedCalls": {counted}}}')
        case "zero":
            return Reply(text='{"uploadedCalls": 0}')
        case "no count":
            return Reply(text='{"status": "ok"}')
        case "failed":
            return Reply(text="Upload failed")
        case "page":
            return Reply(text="<!doctype html><html><body>Log in</body></html>", page=True)
        case "cut" | "late":
            return Reply(text='{"uploadedCalls": ', fault=answer)
        case "lost" | "unread":
            return Reply(fault="lost")
