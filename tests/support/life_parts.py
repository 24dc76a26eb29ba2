"""What a life is made of: the clock, the PBX that writes, and the way to the tenants."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from qlogship.dashboard.outcome import Answer, Outcome, judge
from tests.support.tenant import Reply, Tenant

if TYPE_CHECKING:
    from pathlib import Path

EPOCH: Final = 1_795_411_800
ADDRESSES: Final = {"a": "first", "alias": "first", "b": "second"}
"""Which tenant an address leads to: two names of one, and another one."""

UNTOLD: Final = frozenset({"failed", "page", "cut", "late", "lost", "no count"})
"""What is answered that does not tell whether the upload was stored."""


class CrashError(Exception):
    """The power goes."""


@dataclass
class Time:
    """Clocks that stand still until told, and that end the service when a fuse is burnt down."""

    now: float = 1_000.0
    fuse: int | None = None

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise CrashError
        return self.now

    def wall(self) -> float:
        """Return epoch seconds."""
        return EPOCH + self.monotonic()


class Pbx:
    """Write a queue_log. No line stands in it twice."""

    def __init__(self, path: Path, time: Time) -> None:
        self.path = path
        self._time = time
        self._number = 0
        self._open: list[bytes] = []
        self._over: list[bytes] = []
        path.parent.mkdir()
        path.touch()

    def calls(self, number: int) -> None:
        """So many calls come in and are answered."""
        for _ in range(number):
            callid = self._enter()
            self._end(callid)

    def enter(self) -> None:
        """A call comes in, and is not over."""
        self._open.append(self._enter())

    def end(self) -> None:
        """The oldest open call is answered."""
        if self._open:
            self._end(self._open.pop(0))

    def back(self) -> None:
        """A call that was over enters a queue once more."""
        if self._over:
            callid = self._over.pop(0)
            self._write(callid, "ENTERQUEUE")
            self._end(callid)

    def rotate(self) -> None:
        """The file is renamed, and a new one begun."""
        self.path.rename(self.path.with_name(f"queue_log.{int(self._time.now * 10)}"))
        self.path.touch()
        self._write(b"NONE", "CONFIGRELOAD")

    def _enter(self) -> bytes:
        callid = b"%d.%d" % (EPOCH + self._time.now, self._number)
        self._write(callid, "ENTERQUEUE")
        return callid

    def _end(self, callid: bytes) -> None:
        self._write(callid, "CONNECT")
        self._write(callid, "COMPLETEAGENT")
        self._over.append(callid)

    def _write(self, callid: bytes, event: str) -> None:
        self._number += 1
        line = b"%d|%s|q|a|%s|%d\n" % (
            EPOCH + self._time.now, callid, event.encode(), self._number
        )  # fmt: skip
        with self.path.open("ab") as file:
            file.write(line)
        at = int((EPOCH + self._time.now) * 1e9)
        os.utime(self.path, ns=(at, at))


@dataclass
class Wire:
    """The way to the tenants, in place of the thread that uploads."""

    tenants: dict[str, Tenant]
    to: str = "a"
    crash: str = ""
    """Where the next upload ends the service: before or after it came to the tenant."""
    untold: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    """How often a tenant was sent a line without an answer that tells what became of it."""
    unreachable: int = 0
    """How many requests from now on do not get through."""
    clear_fails: list[tuple[bool, int]] = field(default_factory=list)
    """For the next clears: whether it is done nevertheless, and the status that is answered."""
    _outcome: Outcome | None = None

    @property
    def tenant(self) -> Tenant:
        """The tenant that the address leads to."""
        return self.tenants[ADDRESSES[self.to]]

    @property
    def busy(self) -> bool:
        """Whether a request was submitted and not forgotten."""
        return self._outcome is not None

    def submit(self, filename: str, body: bytes) -> None:
        """Let the tenant take an upload, and keep what it answered."""
        assert filename == "queue_log"
        if self._crashes("before") or self._cut_off():
            return
        conduct = self.tenant.next()
        reply = self.tenant.take(body, conduct)
        answer = conduct.answer
        tells = 400 <= answer < 500 and answer not in {408, 425, 429} if isinstance(
            answer, int
        ) else answer not in UNTOLD  # fmt: skip
        crashed = self.crash == "after"
        for line in body.split(b"\n")[:-1]:
            key = ADDRESSES[self.to], line
            self.untold[key] = 0 if tells and not crashed else self.untold[key] + 1
        self._crashes("after")
        self._outcome = judge(_answer(reply), now=EPOCH)

    def submit_clear(self) -> None:
        """Let the tenant clear its data; or fail, before or behind that."""
        if self._crashes("before") or self._cut_off():
            return
        done, status = self.clear_fails.pop(0) if self.clear_fails else (True, 200)
        if done:
            self.tenant.clear()
        self._crashes("after")
        if status == 200:
            self.told()
        self._outcome = judge(_answer(Reply(status, "{}")), now=EPOCH)

    def submit_probe(self) -> None:
        """Let the client log in."""
        if not self._cut_off():
            self._outcome = judge(_answer(Reply(200, "{}")), now=EPOCH)

    def told(self, body: bytes | None = None) -> None:
        """Begin to count anew: of a body, or of all, it is known what became of it."""
        name, lines = ADDRESSES[self.to], body and body.split(b"\n")
        for key in [key for key in self.untold if key[0] == name]:
            if lines is None or key[1] in lines:
                del self.untold[key]

    def outcome(self) -> Outcome | None:
        """Return the outcome when it is there, again and again."""
        return self._outcome

    def forget(self) -> None:
        """Be ready for the next request."""
        self._outcome = None

    def _cut_off(self) -> bool:
        if self.unreachable:
            self.unreachable -= 1
            self._outcome = judge(Answer(sent=False, detail="no route"), now=EPOCH)
            return True
        return False

    def _crashes(self, when: str) -> bool:
        if self.crash == when:
            self.crash = ""
            raise CrashError
        return False


def _answer(reply: Reply) -> Answer:
    """Return what the client makes of an answer on the wire."""
    if reply.fault in {"late", "lost"}:
        return Answer(sent=True, detail="no answer within 60 s")
    return Answer(
        sent=True,
        complete=not reply.fault,
        status=reply.status,
        content_type="text/html" if reply.page else "application/json",
        retry_after="7" if reply.status in {429, 503} else None,
        location="/elsewhere" if 300 <= reply.status < 400 else "",
        body=reply.text.encode(),
        detail="the connection ended" if reply.fault else "",
    )


class Quiet:
    """A log that nobody reads."""

    def debug(self, *_: object, **__: object) -> None:
        """Say nothing."""

    info = warning = error = debug
