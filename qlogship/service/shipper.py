"""One step of the service's work: from the file to the archive to the dashboard.

Theory of operation
-------------------
A step does a bounded piece of work and returns how long nothing need be done:

1. `_deliver`: the outcome of the request that is under way is written down, and
   the next attempt that is due is begun (`outbox`). Both are committed before
   the bytes are handed to the worker.
2. `_advance`: a piece of the queue_log is archived with its cursor (`archiver`);
   archived records are taken in, and a batch is cut when it is full, or when what
   may go has lingered (`intake`). One transaction, so that a crash leaves all or
   none. While the disk has too little room (`state/room.py`), nothing is archived, and
   no batch is cut but full ones: what ends a call may stand in what is not read yet.

Memory runs ahead of the database during a step. When one raises, drop the
shipper and make a new one: it takes up what was committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qlogship.archive.damage import HINT, told
from qlogship.shipping.archiver import Archiver
from qlogship.shipping.destination import destination_of
from qlogship.shipping.gate import DestinationGate
from qlogship.shipping.intake import Intake
from qlogship.shipping.keeping import Keeping
from qlogship.shipping.outbox import Outbox
from qlogship.shipping.patience import Patience
from qlogship.shipping.record_time import RunningTime
from qlogship.shipping.refusals import Refusals
from qlogship.shipping.resync.resyncing import Resyncing
from qlogship.shipping.upload_log import UploadLog
from qlogship.state.erasures import HINT as UNFINISHED_HINT
from qlogship.state.erasures import UNFINISHED
from qlogship.state.room import TROUBLE as DISK
from qlogship.state.room import Room
from qlogship.state.sent_mark import forgotten
from qlogship.state.wal import LOST_COMMITS, LOST_COMMITS_HINT
from qlogship.troubles.notices import Notices

if TYPE_CHECKING:
    from qlogship.clocks import Clocks
    from qlogship.config import Settings
    from qlogship.errors import SourceUnreadable, StateError
    from qlogship.shipping.ledger import Upload
    from qlogship.shipping.worker import Uploads
    from qlogship.source.interface import Source
    from qlogship.state.store import Store

POLL: Final = 10.0
"""Seconds after which the whole family of files is looked at again."""


class Shipper:
    """Ship one queue_log to one dashboard, step by step.

    `log` is a structlog logger.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        source: Source,
        uploads: Uploads,
        clocks: Clocks,
        log: Any,  # noqa: ANN401  # structlog's loggers have no common type
    ) -> None:
        self._store = store
        self._source = source
        self._clocks = clocks
        self._scanned_at = clocks.monotonic()
        self._room = Room(settings.state)
        self.shortage: StateError | None = None
        """Why nothing more is archived, by the last step; None while there is room."""
        self._notices = Notices(store.troubles, log, clocks)
        if store.repairs:
            log.warning("state_repaired", **store.repairs.facts)
        if store.repairs.lost_commits:
            self._notices.begin("state_older", LOST_COMMITS, LOST_COMMITS_HINT, grave=True)
        marked = store.marked_sends()
        if marked > store.ledger.sends():
            text = forgotten(marked - store.ledger.sends())
            self._notices.begin("state_older", text, LOST_COMMITS_HINT, grave=True)
        if store.unscrubbed is not None:
            text = f"{UNFINISHED}: {store.unscrubbed.message}"
            self._notices.begin("erase_unfinished", text, UNFINISHED_HINT, grave=True)
        else:
            self._notices.end("erase_unfinished")
        there = destination_of(settings.dashboard)
        with store.transaction():
            self._gate = DestinationGate(
                there,
                generations=store.generations,
                notices=self._notices,
                clocks=clocks,
                log=log,
            )
            self._notices.write()
            store.ledger.remember_sends(marked)
        self._resyncing = Resyncing(
            settings.delivery,
            destination=there,
            rows=store.resyncs,
            ledger=store.ledger,
            position=store.position,
            generations=store.generations,
            archive=store.archive,
            transaction=store.transaction,
            notices=self._notices,
            clocks=clocks,
            log=log,
            timeout=settings.dashboard.timeout,
            put_right=store.put_right,
        )

        def refusals() -> Refusals:
            wanted = settings.batch.max_bytes
            return Refusals(store.ledger, store.position, clocks, log, wanted=wanted)

        self._tell = UploadLog(self._notices, log)
        with store.transaction():
            if store.cursor.applied_history() is None:
                store.generations.begin_since(settings.source.since)
            self._outbox = Outbox(
                settings,
                ledger=store.ledger,
                archive=store.archive,
                worker=uploads,
                gate=self._gate,
                resyncing=self._resyncing,
                refusals=refusals,
                patience=Patience(store.position, clocks),
                tell=self._tell,
                clocks=clocks,
            )
            self._intake = Intake(
                store.archive,
                store.position,
                settings.batch,
                begin_time=lambda last: RunningTime(
                    monotonic=clocks.monotonic, wall=clocks.wall, last=last
                ),
                max_bytes=self._outbox.max_bytes,
                wall=clocks.wall,
                since=lambda: store.generations.current().since,
            )
            self._tell_damage()
        self._keeping = Keeping(settings.state.keep, begin=store.retention, clocks=clocks, log=log)
        self._archiver = Archiver(source, store.archive, store.cursor, self._notices, clocks)
        self.drained = False
        """Whether, after the last step, nothing was left that may go."""

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now: kind and message."""
        return self._notices.kinds

    @property
    def notices(self) -> Notices:
        """Where trouble is told of; what is told is written down by the next step."""
        return self._notices

    @property
    def undecided(self) -> bool:
        """Whether nothing is sent, because the ledger may belong to another destination."""
        return not self._gate.is_open

    @property
    def lag(self) -> int | None:
        """The bytes that are not archived yet; None when the queue_log cannot be read."""
        return self._source.lag() if self._source.trouble is None else None

    @property
    def source_trouble(self) -> SourceUnreadable | None:
        """Why nothing new can be read from the queue_log; None when all is well."""
        return self._source.trouble

    @property
    def waiting(self) -> list[Upload]:
        """The uploads that are decided and to be sent, oldest first."""
        return self._outbox.waiting

    @property
    def idle(self) -> bool:
        """Whether every record that may go has gone, and been answered; no resync goes on."""
        return self.drained and self._answered and not self._resyncing.going_on

    @property
    def clear_failures(self) -> int:
        """How often the dashboard did not acknowledge a clear since the start."""
        return self._resyncing.failures

    @property
    def sending(self) -> bool:
        """Whether a request is under way."""
        return self._outbox.sending

    @property
    def send_wait(self) -> float:
        """The seconds until the next request is due; 0.0 when one is, or none waits."""
        return max(0.0, self._outbox.wait(self._clocks.monotonic()) or 0.0)

    @property
    def failed_probes(self) -> int:
        """How many logins in a row failed that were to work before the next upload."""
        return self._outbox.failed_probes

    @property
    def set_aside(self) -> int:
        """How many uploads became unknown since the start, and are not sent again."""
        return self._tell.set_aside

    @property
    def unsettled(self) -> bool:
        """Whether a call has ended and only its silence is awaited."""
        return self._intake.unsettled

    def settle_answer(self) -> None:
        """Write down the outcome of the upload that was under way, and send no other."""
        self._deliver(send=False)

    def scan(self) -> None:
        """Look at the whole family of files in the next step: something happened there."""
        self._source.scan()
        self._scanned_at = self._clocks.monotonic()

    def step(self, *, hurry: bool = False, flush: bool = False, send: bool = True) -> float:
        """Do a bounded piece of work; return the seconds until there is more, 0.0 for now.

        `hurry` lets finished calls go without lingering; `flush` lets all go.
        Without `send` no further upload is begun. Raises `StateError`; see the
        module about what to do then.
        """
        if self._clocks.monotonic() - self._scanned_at >= POLL:
            self.scan()
        self._look_for_room()
        # Not begun in a shortage: its end would have to wait, with an empty dashboard.
        may_check = self._gate.is_open and self.shortage is None
        checking = may_check and self._resyncing.look(busy=self.sending)
        self._deliver(send=send)
        hurry = hurry or flush or self._resyncing.going_on
        more = self._advance(hurry=hurry, flush=flush)
        self._deliver(send=send)
        self._resyncing.end_if(self.drained and self._answered)
        return 0.0 if more or checking else max(0.0, self._wait())

    @property
    def _answered(self) -> bool:
        """Whether every upload that was decided is answered."""
        return not self._outbox.waiting and not self.sending

    def _deliver(self, *, send: bool) -> None:
        """Write down the outcome that is there; begin the attempt that is due."""
        outcome = self._outbox.outcome()
        if outcome is None and (self.sending or not (send and self._outbox.request_is_due())):
            return
        with self._store.transaction():
            if outcome is not None:
                if self._outbox.ended(outcome):
                    self._outbox.begin_again()
                    self._intake.rewind(self._outbox.max_bytes)
                    self.drained = False
                self._intake.resize(self._outbox.max_bytes)
            attempt = self._outbox.begin() if send else None
            self._notices.write()
        if attempt is not None and attempt.upload is not None:
            self._store.mark_sends()
        self._outbox.hand_over(attempt, answered=outcome is not None)

    def _look_for_room(self) -> None:
        """Tell of too little room for more records, or that there is enough again."""
        self.shortage = self._room.look()
        if self.shortage is not None:
            self._notices.begin(DISK, self.shortage.message, self.shortage.hint, grave=True)
        else:
            self._notices.end(DISK)

    def _advance(self, *, hurry: bool, flush: bool) -> bool:
        """Archive what there is to read, and cut what may go; return whether there is more."""
        intake, outbox = self._intake, self._outbox
        may_read = self.shortage is None
        with self._store.transaction():
            look = may_read and (outbox.full or not intake.fills_a_batch)
            if not may_read:
                self._archiver.survey(every=POLL)
            read_something = may_read and self._archiver.step(read=look)
            written = self._source.written_at
            if may_read:
                intake.time.look(read_something=read_something, written=written)
            room = not outbox.full
            full = room and intake.fill(written=written)
            caught_up = look and not read_something and intake.all_taken
            if caught_up:
                intake.caught_up()
            batches = []
            if room:
                batches = intake.cut(
                    full=full,
                    caught_up=caught_up,
                    hurry=hurry,
                    flush=flush,
                    now=self._clocks.monotonic(),
                )
                outbox.add(batches)
            if caught_up or batches:
                intake.write_held()
            self._tell_damage()
            self._notices.write()
            more = not caught_up and (read_something or not outbox.full) and (may_read or full)
            if not more:
                more = self._store.archive.calls.count_next() or (
                    self._store.repeated_calls.count_next()
                )
            if self._resyncing.going_on or not self._gate.is_open:
                self._keeping.drop()
            elif not more:
                more = self._keeping.go_on()
        self.drained = caught_up and not batches and (intake.empty or not intake.ready)
        return more

    def _tell_damage(self) -> None:
        """Tell of chunks that were found to be damaged; the caller holds the transaction."""
        damage, met = self._store.archive.damage, self._store.archive.chunks.damaged
        if met:
            damage.note(met.items(), at=self._clocks.wall())
            met.clear()
        if not damage.untold:
            return
        damage.untold = False
        found = damage.all()
        if found:
            self._notices.begin("archive_damaged", told(found), HINT, grave=True)
        else:
            self._notices.end("archive_damaged")

    def _wait(self) -> float:
        """Return the seconds until something is due by the clock alone."""
        now = self._clocks.monotonic()
        waits = [self._scanned_at + POLL - now]
        others = (self._archiver.wait(), self._outbox.wait(now))
        waits += [wait for wait in others if wait is not None]
        if not self._outbox.full and self.shortage is None:
            waits += self._intake.waits(now)
        return min(waits)
