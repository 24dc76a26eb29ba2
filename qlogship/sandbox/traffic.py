"""The log of requests to the vendor's API, and how many were under way at once.

The client must not upload two things at a time, and a test can only know
that from the far end. The emulator's own pages are not counted.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_API = ("/login/api/", "/api/")
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request: `status` is None when no answer was begun, or not yet.

    `arrived_at` is in epoch seconds; `concurrency` is the highest number of
    requests, this one included, that were under way during its life.
    """

    method: str
    path: str
    status: int | None
    arrived_at: float
    concurrency: int


@dataclass(slots=True)
class _Entry:
    method: str
    path: str
    arrived_at: float
    status: int | None = None
    concurrency: int = 0


class Traffic:
    """The last ten thousand API requests, and a way to wait for the next change."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[_Entry] = deque(maxlen=_REMEMBERED)
        self._open: list[_Entry] = []
        self._changes = 0
        self._changed = threading.Condition()

    def watch(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application so that its API requests are logged."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(_API):
                await app(scope, receive, send)
                return
            entry = self._begin(scope["method"], scope["path"])

            async def seen(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._answer(entry, message["status"])
                elif not message.get("more_body", False):
                    # Before the client can see the end of it and send the next.
                    self._end(entry)
                await send(message)

            try:
                await app(scope, receive, seen)
            finally:
                self._end(entry)

        return watched

    def requests(self) -> list[RequestSeen]:
        """Return the requests in order of arrival, those under way among them."""
        with self._changed:
            return [
                RequestSeen(e.method, e.path, e.status, e.arrived_at, e.concurrency)
                for e in self._entries
            ]

    def forget(self) -> None:
        """Start the log anew; requests under way stay under way."""
        with self._changed:
            self._entries.clear()
        self.note()

    def note(self) -> None:
        """Wake whoever waits for a change."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    @property
    def changes(self) -> int:
        """Return a number that grows when a request begins, is answered or ends, and at `note`."""
        with self._changed:
            return self._changes

    def wait_for_change(self, since: int, within: float) -> None:
        """Return when `changes` is no longer `since`, or after `within` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != since, timeout=within)

    def _begin(self, method: str, path: str) -> _Entry:
        with self._changed:
            entry = _Entry(method, path, self._clock())
            self._entries.append(entry)
            self._open.append(entry)
            for other in self._open:
                other.concurrency = max(other.concurrency, len(self._open))
            self.note()
            return entry

    def _answer(self, entry: _Entry, status: int) -> None:
        with self._changed:
            entry.status = status
            self.note()

    def _end(self, entry: _Entry) -> None:
        with self._changed:
            # By identity: two requests may look alike.
            still_open = [other for other in self._open if other is not entry]
            if len(still_open) != len(self._open):
                self._open = still_open
                self.note()
