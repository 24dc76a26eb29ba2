"""The one thread that talks to the dashboard: it does a request and returns its outcome."""

from __future__ import annotations

import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.dashboard.outcome import Outcome


class Uploads(Protocol):
    """What the shipper asks of whoever talks to the dashboard."""

    @property
    def busy(self) -> bool:
        """Whether a request was submitted and not `forget`ten."""

    def submit(self, filename: str, body: bytes) -> None:
        """Begin an upload; `busy` must be false."""

    def submit_clear(self) -> None:
        """Begin to clear the dashboard; `busy` must be false."""

    def submit_probe(self) -> None:
        """Begin to log in, to see whether the dashboard is itself; `busy` must be false."""

    def outcome(self) -> Outcome | None:
        """Return the outcome of the request when it is there, again and again."""

    def forget(self) -> None:
        """Be ready for the next request: the outcome of this one is written down."""


class UploadThread:
    """Do one request at a time on a thread of its own.

    `upload`, `clear` and `log_in` block and return the outcome; `wake` is called, on
    the thread, when one is there. What they raise is raised by `outcome`.
    """

    def __init__(
        self,
        upload: Callable[[str, bytes], Outcome],
        clear: Callable[[], Outcome],
        log_in: Callable[[], Outcome],
        wake: Callable[[], None],
    ) -> None:
        self._upload = upload
        self._clear = clear
        self._log_in = log_in
        self._wake = wake
        self._jobs: SimpleQueue[Callable[[], Outcome] | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome | Exception] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._pending = False
        self._outcome: Outcome | None = None
        # A daemon: a request that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="upload", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a request was submitted and not `forget`ten."""
        return self._pending

    def submit(self, filename: str, body: bytes) -> None:
        """Begin an upload; `busy` must be false."""
        self._begin(partial(self._upload, filename, body))

    def submit_clear(self) -> None:
        """Begin to clear the dashboard; `busy` must be false."""
        self._begin(self._clear)

    def submit_probe(self) -> None:
        """Begin to log in, to see whether the dashboard is itself; `busy` must be false."""
        self._begin(self._log_in)

    def _begin(self, job: Callable[[], Outcome]) -> None:
        self._pending = True
        self._idle.clear()
        self._jobs.put(job)

    def outcome(self) -> Outcome | None:
        """Return the outcome of the upload when it is there, again and again."""
        if self._pending and self._outcome is None and not self._outcomes.empty():
            outcome = self._outcomes.get()
            if isinstance(outcome, Exception):
                raise outcome
            self._outcome = outcome
        return self._outcome

    def forget(self) -> None:
        """Be ready for the next upload: the outcome of this one is written down."""
        self._pending = False
        self._outcome = None

    def wait(self, timeout: float) -> bool:
        """Wait until no upload is under way; false when `timeout` seconds did not do."""
        return self._idle.wait(timeout)

    def stop(self) -> None:
        """Let the thread end after what it is doing."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._outcomes.put(job())
            except Exception as error:  # noqa: BLE001  # raised on the main thread by outcome()
                self._outcomes.put(error)
            del job  # not to keep the body while waiting for the next
            self._idle.set()
            self._wake()
