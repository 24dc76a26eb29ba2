"""`run --once`: ship what is complete now, then end. For cron, and for tests.

What cannot be sent is tried a few times in short order and then left in the
ledger for the next run; the exit code says why.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from qlogship.clocks import Clocks
from qlogship.dashboard.verdicts import NOT_CLEARED, TROUBLES
from qlogship.errors import (
    CredentialsRefused,
    DashboardUnreachable,
    DestinationUndecided,
    ExitCode,
    Fault,
    SettingsError,
    SourceUnreadable,
)
from qlogship.service import build
from qlogship.service.handover import no_hints
from qlogship.service.shipper import Shipper
from qlogship.shipping.archiver import READ_BYTES
from qlogship.shipping.belonging import HINT, TROUBLE
from qlogship.shipping.worker import UploadThread
from qlogship.state.room import Room
from qlogship.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlogship.config import Settings

_ATTEMPTS: Final = 3
_LONGEST_WAIT: Final = 5.0
_GRACE: Final = 3.0


def run_once(settings: Settings, *, flush: bool, log: Any) -> ExitCode:  # noqa: ANN401
    """Ship all that is complete now, with `flush` also what is still open.

    A call that has just ended is given the seconds of `batch.settle` to go on.
    Returns DONE or IN_DOUBT; the latter also when an upload was set aside and others have to
    wait for the next run. Raises what kept it from shipping all.
    """
    no_hints()
    mailbox: SimpleQueue[None] = SimpleQueue()
    with (
        closing(Store(settings.state.directory)) as store,
        _shipping(settings, store, mailbox, log=log) as (shipper, _),
    ):
        _drain(shipper, mailbox, flush=flush)
        if not flush:
            until = time.monotonic() + settings.batch.settle
            while (rest := until - time.monotonic()) > 0 and shipper.unsettled:
                time.sleep(min(rest, 0.5))
                _drain(shipper, mailbox, flush=False)
        _raise_trouble(shipper)
        return ExitCode.IN_DOUBT if store.ledger.in_doubt() else ExitCode.DONE


def lead_resync(
    settings: Settings,
    store: Store,
    *,
    log: Any,  # noqa: ANN401
    tick: Callable[[], object],
    every: float,
) -> None:
    """Lead the resync that is open in `store` to its end, then close the store.

    A call that has just ended is given the seconds of `batch.settle`, too.

    `tick` is called every so many seconds. An outage of any length is waited
    for; credentials that are refused, or a wrong address, are raised. When
    interrupted, the upload under way has a moment to end.
    """
    mailbox: SimpleQueue[None] = SimpleQueue()
    ticked = 0.0
    with closing(store), _shipping(settings, store, mailbox, log=log) as (shipper, worker):
        try:
            while store.resyncs.open() is not None:
                _raise_undecided(shipper)
                wait = shipper.step(hurry=True)
                _raise_short(shipper)
                if shipper.clear_failures:
                    _raise_hopeless(shipper)
                if time.monotonic() - ticked >= every:
                    tick()
                    ticked = time.monotonic()
                if wait > 0.0:
                    with suppress(Empty):
                        mailbox.get(timeout=min(wait, every))
            until = time.monotonic() + settings.batch.settle
            while (rest := until - time.monotonic()) > 0 and shipper.unsettled:
                time.sleep(min(rest, every))
                _drain(shipper, mailbox, flush=False)
        except KeyboardInterrupt:
            if worker.wait(_GRACE):
                shipper.settle_answer()
            raise


def read_to_the_end(settings: Settings, store: Store) -> None:
    """Archive what the queue_log holds now, and send nothing. Raises `SourceUnreadable`."""
    clocks = Clocks()
    source = build.queue_log(settings, store, clocks)
    room = Room(settings.state)
    try:
        more = True
        while more:
            room.require()
            with store.transaction():
                piece = source.read(READ_BYTES)
                source.save_changes(store.cursor)
                if piece is not None:
                    store.archive.append(piece.data, stream=piece.stream, offset=piece.offset)
                more = piece is not None
        if source.trouble is not None:
            raise SourceUnreadable(source.trouble.message, hint=source.trouble.hint)
    finally:
        source.close()


@contextmanager
def _shipping(
    settings: Settings,
    store: Store,
    mailbox: SimpleQueue[None],
    *,
    log: Any,  # noqa: ANN401
) -> Iterator[tuple[Shipper, UploadThread]]:
    """Make a shipper with all it needs, and end that afterwards; answers wake the mailbox."""
    clocks = Clocks()
    dashboard = build.dashboard(settings)
    worker = UploadThread(
        dashboard.upload, dashboard.clear, dashboard.log_in, lambda: mailbox.put(None)
    )
    source = build.queue_log(settings, store, clocks)
    try:
        yield (
            Shipper(
                settings=settings,
                store=store,
                source=source,
                uploads=worker,
                clocks=clocks,
                log=log,
            ),
            worker,
        )
    finally:
        source.close()
        worker.stop()
        dashboard.abort()
        dashboard.close()


def _drain(shipper: Shipper, mailbox: SimpleQueue[None], *, flush: bool) -> None:
    """Step until all that may go has gone, or until sending fails for good."""
    while True:
        wait = shipper.step(hurry=True, flush=flush)
        _raise_short(shipper)
        if shipper.undecided and wait > 0.0:
            _raise_undecided(shipper)
        if shipper.idle:
            return
        if wait == 0.0:
            continue
        if shipper.clear_failures >= _ATTEMPTS and not shipper.sending:
            _raise_hopeless(shipper)
            raise DashboardUnreachable(
                shipper.troubles.get(NOT_CLEARED.kind, "the dashboard was not cleared"),
                hint="Run this again later; a resync is under way, and nothing is lost.",
            )
        head = shipper.waiting[0] if shipper.waiting else None
        if head is not None and not shipper.sending:
            _raise_hopeless(shipper)
            tries = max(head.attempts, shipper.failed_probes)
            if tries >= _ATTEMPTS or shipper.send_wait > _LONGEST_WAIT:
                _raise_trouble(shipper)
                return
        try:
            mailbox.get(timeout=wait)
        except Empty:
            continue


def _raise_short(shipper: Shipper) -> None:
    """Raise when the disk has too little room, and all that was archived has been sent."""
    if shipper.shortage is not None and not shipper.waiting and not shipper.sending:
        raise shipper.shortage


def _raise_undecided(shipper: Shipper) -> None:
    """Raise when nothing is sent because nobody has decided about the destination."""
    if shipper.undecided:
        raise DestinationUndecided(shipper.troubles[TROUBLE], hint=HINT)


def _raise_hopeless(shipper: Shipper) -> None:
    """Raise for what no further attempt will mend."""
    for kind, message in shipper.troubles.items():
        trouble = TROUBLES.get(kind)
        if trouble is None:
            continue
        if trouble.exit_code is ExitCode.CREDENTIALS:
            hint = f"{trouble.hint.removesuffix('.')}, then run this again."
            raise CredentialsRefused(message, hint=hint)
        if trouble.exit_code is ExitCode.SETTINGS:
            remedy = "Set it to the address that the dashboard redirects to."
            raise SettingsError([Fault("dashboard.url", message, remedy)])


def _raise_trouble(shipper: Shipper) -> None:
    """Raise for what stands in the way now."""
    _raise_hopeless(shipper)
    for kind, message in shipper.troubles.items():
        if kind == "source":
            hint = "Check source.path and who may read it."
            raise shipper.source_trouble or SourceUnreadable(message, hint=hint)
        # What was set aside needs a person, whatever the next run may bring: that is IN_DOUBT.
        waits = shipper.waiting and not shipper.set_aside
        if waits and kind in TROUBLES and kind != NOT_CLEARED.kind:
            raise DashboardUnreachable(
                message, hint="Run this again later; nothing is lost meanwhile."
            )
