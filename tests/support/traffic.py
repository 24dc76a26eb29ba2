"""The log of requests to the vendor's API, and how many were under way at once.

The client must not upload two things at a time, and a test can only know
that from the far end. The sandbox's own pages are not counted.
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
    """The last ten thousand API requests, those under way among them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[_Entry] = deque(maxlen=_REMEMBERED)
        self._open: list[_Entry] = []
        self._lock = threading.Lock()

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
        with self._lock:
            return [
                RequestSeen(e.method, e.path, e.status, e.arrived_at, e.concurrency)
                for e in self._entries
            ]

    def forget(self) -> None:
        """Start the log anew; requests under way stay under way."""
        with self._lock:
            self._entries.clear()

    def _begin(self, method: str, path: str) -> _Entry:
        with self._lock:
            entry = _Entry(method, path, self._clock())
            self._entries.append(entry)
            self._open.append(entry)
            for other in self._open:
                other.concurrency = max(other.concurrency, len(self._open))
            return entry

    def _answer(self, entry: _Entry, status: int) -> None:
        with self._lock:
            entry.status = status

    def _end(self, entry: _Entry) -> None:
        with self._lock:
            # By identity: two requests may look alike.
            self._open = [other for other in self._open if other is not entry]
