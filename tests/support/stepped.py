"""The service in this process, step by step, on a clock of its own, with the real network."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from qlogship.clocks import Clocks
from qlogship.config import Settings
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.sandbox.options import SandboxOptions
from qlogship.service import build
from qlogship.service.shipper import Shipper
from qlogship.shipping.worker import UploadThread
from qlogship.state.reader import Reader
from qlogship.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from qlogship.shipping.ledger import Upload
    from qlogship.state.figures import Figures

PATIENCE: Final = 20.0
"""Seconds of real time that an answer may take."""

_LET_IN: Final = Outcome(Verdict.ACCEPTED, None, None, 200, "", "", sent=False)
_ACCOUNT: Final = SandboxOptions()
_MOST_STEPS: Final = 5_000


class Clock:
    """A monotonic and a wall clock. The wall clock begins at `epoch`, and can be set."""

    def __init__(self, epoch: float) -> None:
        self._monotonic = 1_000.0
        self.wall_now = epoch

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._monotonic += seconds
        self.wall_now += seconds

    def reach(self, epoch: float) -> None:
        """Let time pass until the wall clock shows `epoch`; none, if it does already."""
        self.advance(max(0.0, epoch - self.wall_now))

    def set_wall(self, epoch: float) -> None:
        """Set the wall clock, as a person or NTP does."""
        self.wall_now = epoch

    def clocks(self, chance: float = 0.5) -> Clocks:
        """Return what the service is given; its chance is always the same."""
        return Clocks(
            monotonic=lambda: self._monotonic,
            wall=lambda: self.wall_now,
            chance=lambda: chance,
        )


class Notebook:
    """A log that keeps the events and their facts."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **facts: object) -> None:
        """Keep a line."""
        self.lines.append((event, facts))

    debug = warning = error = info

    def count(self, event: str) -> int:
        """Return how often something was said."""
        return sum(name == event for name, _ in self.lines)


class SteppedService:
    """A shipper with real files, a real store and a real client; restart it at will.

    `changes` are settings, as `section={key: value}`. With `upload` there is no network: it
    takes the bodies, and every login works.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        url: str = "http://127.0.0.1:1",
        email: str = _ACCOUNT.email,
        password: str = _ACCOUNT.password,
        upload: Callable[[str, bytes], Outcome] | None = None,
        clear: Callable[[], Outcome] | None = None,
        **changes: dict[str, Any],
    ) -> None:
        self.directory = directory
        self.clock = clock
        self.log = Notebook()
        self._dashboard = {"url": url, "email": email}
        self._password = password
        self._changes = changes
        self._upload = upload
        self._clear = clear
        self._answers: SimpleQueue[None] = SimpleQueue()
        self.attempts = 0
        self.probes = 0
        self.start()

    @property
    def path(self) -> Path:
        """The queue_log that is followed."""
        return self.settings.source.path

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.settings.state.directory

    def start(self) -> None:
        """Begin with what the state directory holds."""
        sections: dict[str, dict[str, Any]] = {
            "source": {"path": str(self.directory / "log" / "queue_log")},
            "state": {"directory": str(self.directory / "state")},
        }
        for name, keys in self._changes.items():
            sections[name] = sections.get(name, {}) | keys
        dashboard = self._dashboard | sections.pop("dashboard", {})
        dashboard["password"] = SecretStr(self._password)
        self.settings = Settings.model_validate({"dashboard": dashboard, **sections})
        self._client = build.dashboard(self.settings)
        upload = self._upload or self._client.upload

        def counted(filename: str, body: bytes) -> Outcome:
            self.attempts += 1
            return upload(filename, body)

        def probed() -> Outcome:
            self.probes += 1
            return _LET_IN if self._upload else self._client.log_in()

        clear = self._clear or self._client.clear
        self._worker = UploadThread(counted, clear, probed, lambda: self._answers.put(None))
        self.store = Store(self.settings.state.directory)
        clocks = self.clock.clocks()
        self._source = build.queue_log(self.settings, self.store, clocks)
        self.shipper = Shipper(
            settings=self.settings,
            store=self.store,
            source=self._source,
            uploads=self._worker,
            clocks=clocks,
            log=self.log,
        )

    def close(self) -> None:
        """Drop everything, as a crash does: nothing more is written down."""
        self._worker.stop()
        self._client.abort()
        # A request that goes on would be a second one at a time after a restart.
        self._worker.wait(PATIENCE)
        self._client.close()
        self._source.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def restart(self, **changes: dict[str, Any]) -> None:
        """Stop in order and begin anew, perhaps with other settings."""
        self.shipper.settle_answer()
        self.crash(**changes)

    def crash(self, **changes: dict[str, Any]) -> None:
        """Begin anew with what was committed; an answer that was not written down is lost."""
        self.close()
        for name, keys in changes.items():
            self._changes[name] = self._changes.get(name, {}) | keys
        self.start()

    def step(self, *, flush: bool = False) -> float:
        """Do one step, and wait for the answer if an upload was begun."""
        wait = self.shipper.step(flush=flush)
        if self.shipper.sending:
            try:
                self._answers.get(timeout=PATIENCE)
            except Empty:
                raise AssertionError(f"no outcome within {PATIENCE:g} s") from None
            return 0.0
        return wait

    def live(self, seconds: float, *, flush: bool = False) -> None:
        """Let the service work while `seconds` go by."""
        left = seconds
        for _ in range(_MOST_STEPS):
            wait = self.step(flush=flush)
            if wait == 0.0:
                continue
            if left <= 0.0:
                return
            passing = min(left, max(wait, 0.001))
            self.clock.advance(passing)
            left -= passing
        raise AssertionError("it spins")

    def uploads(self) -> list[Upload]:
        """Return the ledger, oldest upload first."""
        return self.store.ledger.uploads()[::-1]

    def figures(self) -> Figures:
        """Return the sums that `status` shows."""
        with Reader(self.state) as reader:
            return reader.figures()

    def archived_to_the_end(self) -> bool:
        """Return whether all of the queue_log is archived."""
        return self.shipper.lag == 0

    def archived(self) -> bytes:
        """Return the text of the archive."""
        last = self.store.archive.next_seq - 1
        return self.store.archive.text([(1, last)]) if last else b""
