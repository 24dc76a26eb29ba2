"""The loop that waits: signals, hints, the watchdog, and what to do when a step fails.

Nothing is decided here that the shipper could decide. Signal handlers and other
threads only put an event into the mailbox; the main thread does all the rest.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, suppress
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from qlogship.clocks import Clocks
from qlogship.errors import ExitCode, LockedError, QlogshipError, StateError
from qlogship.installation.owner import become_owner
from qlogship.metrics.file import MetricsFile
from qlogship.service import build
from qlogship.service.handover import HINT
from qlogship.service.notify import Systemd
from qlogship.service.shipper import POLL, Shipper
from qlogship.service.wakeups import Wakeups
from qlogship.shipping.belonging import TROUBLE
from qlogship.shipping.worker import UploadThread
from qlogship.state.lock import holder
from qlogship.state.requests import waits_for_handover
from qlogship.state.store import Store
from qlogship.troubles.rows import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qlogship.config import Settings
    from qlogship.service.restart_delay import Start

_GRACE: Final = 3.0
"""Seconds an upload under way may take to end when the service is told to stop."""

_CALM: Final = 0.2
"""Seconds between two looks at a growing file: lines come in bursts, fsync costs."""

_STATE_RETRY: Final = 5.0

_TAKEN_WITHIN: Final = 5.0
"""Seconds a command has to take the state directory that it asked for."""

_LENT_LOOK: Final = 0.1
"""Seconds between two looks whether it is back."""

# Two threads share the interpreter. At its default of 5 ms, each call the
# uploading one makes into the system could wait that long to go on.
_SWITCH_INTERVAL: Final = 0.0005


class Event(Enum):
    """What may lie in the mailbox."""

    GROWN = auto()
    CHANGED = auto()
    ANSWERED = auto()
    STOP = auto()
    RELOAD = auto()
    ASKED = auto()


_URGENT: Final = (Event.STOP, Event.RELOAD, Event.ASKED, Event.CHANGED, Event.ANSWERED)


class Service:
    """Run a shipper until told to stop.

    `load` reads the settings anew at a reload. What it raises is logged, and the
    settings in use stay.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        *,
        log: Any,  # noqa: ANN401  # structlog's loggers have no common type
        systemd: Systemd | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._load = load
        self._log = log
        self._systemd = systemd or Systemd()
        self._clocks = clocks or Clocks()
        self._mailbox: SimpleQueue[Event] = SimpleQueue()
        self._settings = settings
        self._pinged_at = self._clocks.monotonic()
        self._state_failed_at: float | None = None
        self._reload_asked = False

    def tell(self, event: Event) -> None:
        """Put an event into the mailbox; from any thread, or a signal handler."""
        self._mailbox.put(event)

    def hold_off(self, start: Start) -> bool:
        """Wait as a start after failures must, before anything is opened; False when told to stop.

        The settings are read again afterwards: perhaps they were the cause, and are mended.
        """
        self._systemd.status(
            f"waiting {start.wait:.0f} s, because the last {start.failures} runs failed"
            f"{f' ({start.reason})' if start.reason else ''}; "
            "`systemctl restart` does not wait"
        )
        self._log.warning(
            "start_delayed", seconds=start.wait, failures=start.failures, reason=start.reason
        )
        until = self._clocks.monotonic() + start.wait
        # No sign of life meanwhile: the first one would start the watchdog, and the first step
        # may take longer than it allows.
        while (rest := until - self._clocks.monotonic()) > 0:
            with suppress(Empty):
                if self._mailbox.get(timeout=rest) is Event.STOP:
                    self._systemd.stopping()
                    return False
        self._settings = self._load()
        return True

    def run(self) -> ExitCode:
        """Work until told to stop, as the owner of the state directory when root started it.

        Raises what keeps the service from starting.
        """
        become_owner(self._settings.state.directory)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        store = Store(self._settings.state.directory)
        self._dashboard = build.dashboard(self._settings)
        self._metrics = MetricsFile(self._settings, self._clocks)
        self._log.info("service_started", queue_log=str(self._settings.source.path))
        try:
            self._ship_on(store)
        finally:
            self._metrics.stop()
        self._log.info("service_stopped")
        return ExitCode.DONE

    def _ship_on(self, store: Store | None) -> None:
        """Ship until told to stop, with a new client whenever the settings have changed."""
        while store is not None:
            dashboard, goes_on = self._dashboard, False
            worker = UploadThread(
                dashboard.upload,
                dashboard.clear,
                dashboard.log_in,
                lambda: self.tell(Event.ANSWERED),
            )
            try:
                store = self._ship_with(store, worker)
                goes_on = store is not None and self._dashboard is dashboard
            finally:
                worker.stop()
                if not goes_on:
                    dashboard.abort()
                    dashboard.close()

    def _ship_with(self, store: Store, worker: UploadThread) -> Store | None:
        """Ship with one set of settings; return the store to go on with, None to stop."""
        current: Store | None = store
        while current is not None:
            try:
                event = self._ship(current, worker)
            except StateError as error:
                # The upload under way goes on: its outcome is waited for by the next shipper.
                if not self._reopened(current, error):
                    current.close()
                    current = None
            else:
                if event is Event.RELOAD:
                    return self._reloaded(current)
                if event is Event.ASKED:
                    current = self._lend(current)
                else:
                    current.close()
                    current = None
        return None

    def _ship(self, store: Store, worker: UploadThread) -> Event:
        """Ship until it is time to stop, or to change the settings."""
        settings = self._settings
        source = build.queue_log(settings, store, self._clocks)
        wakeups = Wakeups(
            settings.source.path,
            settings.source.archives,
            grown=lambda: self.tell(Event.GROWN),
            changed=lambda: self.tell(Event.CHANGED),
        )
        try:
            shipper = Shipper(
                settings=settings,
                store=store,
                source=source,
                uploads=worker,
                clocks=self._clocks,
                log=self._log,
            )
            if not wakeups.complete:
                self._log.warning("watches_incomplete", poll_seconds=POLL)
            wait = shipper.step()
            self._systemd.ready()
            if self._state_failed_at is not None:
                self._state_failed_at = None
                store.complain(None)
                self._log.info("state_recovered")
            while True:
                self._metrics.follow(shipper, store)
                self._systemd.status(_status_line(shipper, settings.source.path))
                wakeups.follow()
                event = self._next_event(wait)
                if event is Event.STOP:
                    self._systemd.stopping()
                    if worker.wait(_GRACE):
                        # What cannot be written is unknown at the next start.
                        with suppress(StateError):
                            shipper.settle_answer()
                    with suppress(StateError):
                        self._metrics.look(shipper, store)
                    return event
                if event is Event.CHANGED:
                    shipper.scan()
                self._reload_asked = self._reload_asked or event is Event.RELOAD
                if store.requests.any():
                    return Event.ASKED
                wait = shipper.step(send=not self._reload_asked)
                if self._reload_asked and not shipper.sending:
                    self._reload_asked = False
                    return Event.RELOAD
        finally:
            wakeups.close()
            source.close()

    def _next_event(self, wait: float) -> Event | None:
        """Wait for an event, for `wait` seconds at most; keep the watchdog fed meanwhile."""
        until = self._clocks.monotonic() + wait
        while True:
            self._feed_watchdog()
            found = self._events()
            for event in _URGENT:
                if event in found:
                    return event
            now = self._clocks.monotonic()
            if Event.GROWN in found:
                until = min(until, now + _CALM)
            if until <= now:
                return None
            rest = until - now
            if self._systemd.ping_every is not None:
                rest = min(rest, self._pinged_at + self._systemd.ping_every - now)
            with suppress(Empty):
                self._mailbox.put(self._mailbox.get(timeout=max(rest, 0.0)))

    def _events(self) -> set[Event]:
        """Empty the mailbox; what is not the most urgent goes back, but for GROWN."""
        found: set[Event] = set()
        with suppress(Empty):
            while True:
                found.add(self._mailbox.get_nowait())
        urgent = [event for event in _URGENT if event in found]
        for event in urgent[1:]:
            self._mailbox.put(event)
        return found

    def _feed_watchdog(self) -> None:
        every = self._systemd.ping_every
        now = self._clocks.monotonic()
        if every is not None and now - self._pinged_at >= every:
            self._systemd.alive()
            self._pinged_at = now

    def _reloaded(self, store: Store) -> Store:
        """Read the settings again; keep those in use when the new ones are at fault."""
        self._systemd.reloading()
        try:
            settings = self._load()
            dashboard = build.dashboard(settings)
            if settings.state.directory != self._settings.state.directory:
                moved = Store(settings.state.directory)
                store.close()
                store = moved
        except QlogshipError as error:
            faults = [f"{fault.place}: {fault.problem}" for fault in getattr(error, "faults", ())]
            self._log.error("reload_refused", message=error.message, hint=error.hint, faults=faults)
        else:
            self._settings, self._dashboard = settings, dashboard
            self._metrics.take(settings)
            self._log.info("settings_reloaded")
        return store

    def _lend(self, store: Store) -> Store | None:
        """Let a command have the state directory; return it when it is back, None to stop.

        An upload under way goes on: the next shipper waits for its outcome.
        """
        directory = self._settings.state.directory
        store.close()
        self._log.info("state_lent")
        self._systemd.status("a command works on the state directory")
        lent, until = False, self._clocks.monotonic() + _TAKEN_WITHIN
        while True:
            event = self._next_event(_LENT_LOOK)
            self._metrics.repeat()
            self._reload_asked = self._reload_asked or event is Event.RELOAD
            if event is Event.STOP:
                self._systemd.stopping()
                return None
            with suppress(StateError, LockedError):
                lent = lent or holder(directory) is not None or not waits_for_handover(directory)
                if not lent and self._clocks.monotonic() < until:
                    continue  # the command is about to take it
                lent = True
                back = Store(directory, alive=self._feed_watchdog)
                with back.transaction():
                    back.requests.forget()
                return back

    def _reopened(self, store: Store, error: StateError) -> bool:
        """Open the store's database until that can be done; False when told to stop."""
        if self._state_failed_at is None:
            self._state_failed_at = self._clocks.wall()
            self._log.error("state_failed", message=error.message, hint=error.hint)
        store.complain(Trouble("state", self._state_failed_at, error.message, error.hint))
        self._systemd.status(f"waiting for the state directory: {error.message}")
        while True:
            until = self._clocks.monotonic() + _STATE_RETRY
            while (rest := until - self._clocks.monotonic()) > 0:
                self._metrics.repeat(store)
                event = self._next_event(rest)
                self._reload_asked = self._reload_asked or event is Event.RELOAD
                if event is Event.STOP:
                    self._systemd.stopping()
                    return False
            with suppress(StateError):
                store.reopen()
                return True


@contextmanager
def signals(service: Service) -> Iterator[None]:
    """Hand SIGTERM, SIGINT, SIGHUP and SIGUSR1 to the service's mailbox while the block runs."""
    events = {
        signal.SIGTERM: Event.STOP,
        signal.SIGINT: Event.STOP,
        signal.SIGHUP: Event.RELOAD,
        HINT: Event.ASKED,
    }
    before = {
        number: signal.signal(number, lambda *_, event=event: service.tell(event))
        for number, event in events.items()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _status_line(shipper: Shipper, path: Path) -> str:
    """Say in one line how things stand, for `systemctl status`."""
    trouble = shipper.troubles.get(TROUBLE) or next(iter(shipper.troubles.values()), None)
    if trouble is not None:
        return f"trouble: {trouble}"
    if shipper.waiting:
        return f"shipping: {len(shipper.waiting)} uploads waiting"
    return f"following {path}: everything that may go is shipped"
