"""One step of the service's work: from the file to the archive to the dashboard.

Theory of operation
-------------------
A step does a bounded piece of work and returns how long nothing need be done:

1. `_deliver`: takes the outcome of the upload that is under way, decides what
   becomes of it, and begins the next attempt that is due. Outcome and attempt
   are committed before the bytes are handed to the worker: what the ledger does
   not know was never sent.
2. `_advance`: reads a piece of the queue_log and archives it with its cursor;
   takes archived records into the window; cuts a batch when it is full, or when
   what may go has lingered. One transaction, so that a crash leaves all or none.

At most `AHEAD` uploads are decided before they can be sent; what arrives
meanwhile stays in the archive and makes fuller batches later. Uploads go out in
the order they were decided; the oldest one's backoff holds all others.

The time that calls are measured by comes from the records while there are more
to take in, and runs on with the monotonic clock when all are in; so a backlog
is cut the same way however fast it is shipped.

Memory runs ahead of the database during a step. When one raises, drop the
shipper and make a new one: it takes up what was committed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from qlogship.dashboard.outcome import Outcome, Verdict
from qlogship.errors import StateError
from qlogship.queue_log.calls import CallTracker
from qlogship.shipping.backoff import RETRY_AFTER_MAX, next_delay
from qlogship.shipping.batching import Window
from qlogship.shipping.delivery import decide
from qlogship.shipping.dividing import NOTHING
from qlogship.shipping.ledger import Result, Upload
from qlogship.shipping.refusals import Refusals
from qlogship.shipping.resync.resyncing import Resyncing
from qlogship.troubles.notices import Notices

if TYPE_CHECKING:
    from qlogship.archive.archive import Archive, Block
    from qlogship.clocks import Clocks
    from qlogship.config import Settings
    from qlogship.shipping.batching import Batch
    from qlogship.shipping.delivery import Decision
    from qlogship.shipping.dividing import Finding
    from qlogship.shipping.worker import Uploads
    from qlogship.source.follower import QueueLog
    from qlogship.state.store import Store

AHEAD: Final = 2
POLL: Final = 10.0
_RESTLESS_POLL: Final = 1.0
_READ_BYTES: Final = 1024 * 1024

_CUT_OFF = Outcome(
    verdict=Verdict.UNKNOWN,
    reported_calls=None,
    retry_after=None,
    http_status=None,
    detail="qlogship ended before an answer was recorded",
    answer="",
)

_HINTS: Final = {
    "dashboard_unreachable": "Check the network, and dashboard.url in the settings.",
    "dashboard_refuses_credentials": "Check dashboard.email and the password.",
    "dashboard_not_accepting": "Look at the answers with `qlogship uploads`.",
    "dashboard_redirects": "Set dashboard.url to the address that it redirects to.",
    "dashboard_busy": "Wait; qlogship tries again by itself.",
    "dashboard_refuses_everything": "Check dashboard.url and the tenant; the answers are in"
    " `qlogship uploads`.",
}


class Shipper:
    """Ship one queue_log to one dashboard, step by step.

    `log` is a structlog logger.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        source: QueueLog,
        uploads: Uploads,
        clocks: Clocks,
        log: Any,  # noqa: ANN401  # structlog's loggers have no common type
    ) -> None:
        self._settings = settings
        self._store = store
        self._source = source
        self._uploads = uploads
        self._clocks = clocks
        self._log = log
        self._notices = Notices(store.troubles, log, clocks)
        self._take_position()
        self._still_since = clocks.monotonic()
        # How far the records may be ahead; afterwards it is measured.
        self._silence = max(0.0, clocks.wall() - (self._window.clock or 0))
        self._first_look = True
        self._caught_up_once = False
        self._failed_at: float | None = None
        self._ready_since: float | None = None
        self._scanned_at = clocks.monotonic()
        self._bodies: dict[int, bytes] = {}
        self._sent: Upload | None = None
        self._sent_at = clocks.monotonic()
        self._resyncing = Resyncing(
            settings.delivery,
            rows=store.resyncs,
            ledger=store.ledger,
            archive=store.archive,
            transaction=store.transaction,
            notices=self._notices,
            clocks=clocks,
            log=log,
        )
        self._recover()
        self._waiting = store.ledger.waiting(unknown_too=self._resend)
        self._due = self._remembered_delay()
        self.drained = False

    def _take_position(self) -> None:
        """Go on where shipping stands by the ledger."""
        position = self._store.ledger.position()
        batch = self._settings.batch
        self._refusals = Refusals(
            self._store.ledger, self._clocks, self._log, wanted=batch.max_bytes
        )
        self._generation = position.generation
        self._ahead = list(position.ahead)
        self._frontier = position.frontier
        self._window = Window(
            CallTracker(settle=batch.settle, hold=batch.hold),
            max_bytes=self._refusals.max_bytes,
            hold=batch.hold,
            clock=position.clock,
            odd=position.odd,
        )
        self._window.restore(self._store.archive.records(position.held))
        self._block: Block | None = None
        self._held: tuple[int, int] | None = None

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now: kind and message."""
        return self._notices.kinds

    @property
    def notices(self) -> Notices:
        """Where trouble is told of; what is told is written down by the next step."""
        return self._notices

    @property
    def lag(self) -> int | None:
        """The bytes that are not archived yet; None when the queue_log cannot be read."""
        return self._source.lag() if self._source.trouble is None else None

    @property
    def waiting(self) -> list[Upload]:
        """The uploads that are decided and to be sent, oldest first."""
        return self._waiting

    @property
    def idle(self) -> bool:
        """Whether every record that may go has gone, and been answered; no resync goes on."""
        return (
            self.drained
            and not self._waiting
            and not self._uploads.busy
            and not self._resyncing.going_on
        )

    @property
    def clear_failures(self) -> int:
        """How often the dashboard did not acknowledge a clear since the start."""
        return self._resyncing.failures

    @property
    def sending(self) -> bool:
        """Whether a request is under way."""
        return self._uploads.busy

    @property
    def unsettled(self) -> bool:
        """Whether a call has ended and only its silence is awaited."""
        return self._window.unsettled(self._now())

    @property
    def path(self) -> str:
        """The queue_log that is followed."""
        return str(self._settings.source.path)

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
        checking = self._resyncing.look(busy=self._uploads.busy)
        self._deliver(send=send)
        hurry = hurry or flush or self._resyncing.going_on
        more = self._advance(hurry=hurry, flush=flush)
        self._deliver(send=send)
        self._resyncing.end_if(self.drained and not self._waiting and not self._uploads.busy)
        return 0.0 if more or checking else max(0.0, self._wait())

    # --- delivery ---

    @property
    def _resend(self) -> bool:
        return self._settings.delivery.on_unknown == "resend" and not self._resyncing.going_on

    def _recover(self) -> None:
        """Settle the attempts without an outcome: one may be under way, a crash cut off others."""
        with self._store.transaction():
            for cut_off in self._store.ledger.cut_off():
                if self._uploads.busy and self._sent is None:
                    self._sent = cut_off
                    continue
                self._log.warning("upload_was_cut_off", upload=cut_off.id)
                upload, _ = self._record(cut_off, _CUT_OFF, delay=0.0)
                self._resyncing.upload_is_unknown(upload, 0.0)

    def _remembered_delay(self) -> float:
        """Return when the oldest waiting upload is due, on the monotonic clock.

        Only a wait that the dashboard asked for is kept over a restart: whoever
        restarts the service has perhaps mended what was wrong.
        """
        not_before = self._waiting[0].not_before if self._waiting else None
        if not_before is None or "dashboard_busy" not in self.troubles:
            return self._clocks.monotonic()
        wait = min(max(0.0, not_before - self._clocks.wall()), RETRY_AFTER_MAX)
        return self._clocks.monotonic() + wait

    def _deliver(self, *, send: bool) -> None:
        """Write down the outcome that is there; begin the attempt that is due."""
        outcome = self._uploads.outcome()
        if self._uploads.busy and outcome is None:
            return
        if outcome is None and not (send and self._request_is_due()):
            return
        upload: Upload | None = None
        clears = False
        with self._store.transaction():
            if outcome is not None:
                self._ended(outcome)
            if send and self._resyncing.clear_is_due():
                self._resyncing.begin_clear()
                clears = True
            elif send and self._attempt_is_due():
                while self._refusals.fit(self._waiting[0], lambda: self._body(self._waiting[0])):
                    self._look_who_waits()
                upload = self._waiting[0]
                body = self._body(upload)
                upload = self._store.ledger.begin_attempt(upload, at=self._clocks.wall())
            self._notices.write()
        if outcome is not None:
            self._uploads.forget()
        if clears:
            self._uploads.submit_clear()
        if upload is not None:
            self._waiting[0] = self._sent = upload
            self._bodies[upload.id] = body
            self._sent_at = self._clocks.monotonic()
            self._uploads.submit(self._settings.source.path.name, body)

    def _request_is_due(self) -> bool:
        return self._resyncing.clear_is_due() or self._attempt_is_due()

    def _ended(self, outcome: Outcome) -> None:
        """Write down what came back of the request that was sent."""
        upload, self._sent = self._sent, None
        if upload is not None:
            self._answered(upload, outcome)
        elif self._resyncing.cleared(outcome):
            self._take_position()
            self.drained = False
            self._waiting, self._bodies = [], {}
            self._due = self._clocks.monotonic()

    def _attempt_is_due(self) -> bool:
        if self._resyncing.stops_uploads:
            return False
        return bool(self._waiting) and self._due <= self._clocks.monotonic()

    def _answered(self, upload: Upload, outcome: Outcome) -> None:
        """Write down what came back of an upload, and what follows from it."""
        sent = upload
        finding = self._refusals.examine(sent, outcome.verdict, lambda: self._body(sent))
        delay = self._delay(upload, outcome, finding)
        upload, decision = self._record(upload, outcome, delay=delay, finding=finding)
        others = self._refusals.follow_up(upload, outcome.verdict, finding)
        self._window.shrink(self._refusals.max_bytes)
        if decision.again:
            self._waiting = [upload if one.id == upload.id else one for one in self._waiting]
            self._due = self._clocks.monotonic() + delay
        else:
            self._waiting = [one for one in self._waiting if one.id != upload.id]
            self._bodies.pop(upload.id, None)
            # After an unknown answer the far end is not itself: leave it some time.
            self._due = self._clocks.monotonic() + (delay if decision.state == "unknown" else 0.0)
        if others:
            self._look_who_waits()
        if decision.trouble == "dashboard_refuses_everything":
            # Each in its turn: one that is taken proves that not everything is refused.
            self._waiting = [one for one in self._waiting if one.id != upload.id] + [upload]
            self._bodies.pop(upload.id, None)
        self._tell(upload, outcome, decision, delay)
        if decision.state == "unknown":
            self._resyncing.upload_is_unknown(upload, delay)

    def _look_who_waits(self) -> None:
        self._waiting = self._store.ledger.waiting(unknown_too=self._resend)

    def _record(
        self, upload: Upload, outcome: Outcome, *, delay: float, finding: Finding = NOTHING
    ) -> tuple[Upload, Decision]:
        decision = decide(
            outcome.verdict,
            on_unknown=self._resyncing.on_unknown(upload),
            state=upload.state,  # type: ignore[arg-type]  # checked by the schema
            possible_duplicate=upload.possible_duplicate,
            refusal=finding.refusal,
        )
        now = self._clocks.wall()
        result = Result(
            state=decision.state,
            verdict=str(outcome.verdict),
            possible_duplicate=decision.possible_duplicate,
            reported_calls=outcome.reported_calls,
            http_status=outcome.http_status,
            detail=outcome.detail,
            answer=outcome.answer,
            not_before=now + delay if decision.again else None,
        )
        return self._store.ledger.end_attempt(upload, result, at=now), decision

    def _delay(self, upload: Upload, outcome: Outcome, finding: Finding) -> float:
        return next_delay(
            upload.attempts,
            random=self._clocks.chance(),
            retry_after=outcome.retry_after,
            slow=outcome.verdict in {Verdict.UNAUTHORIZED, Verdict.REDIRECTED, Verdict.NOT_THERE}
            or finding.refusal == "everything",
        )

    def _tell(self, upload: Upload, outcome: Outcome, decision: Decision, delay: float) -> None:
        facts = {
            "upload": upload.id,
            "lines": upload.lines,
            "calls": upload.calls,
            "bytes": upload.bytes,
            "seconds": round(self._clocks.monotonic() - self._sent_at, 3),
        }
        if decision.state == "accepted":
            self._notices.end_all("dashboard_")
            self._log.info(
                "batch_accepted",
                **facts,
                reported_calls=outcome.reported_calls,
                possible_duplicate=upload.possible_duplicate,
            )
            if outcome.reported_calls is None:
                self._notices.begin(
                    "count_unreadable",
                    f"the dashboard's answer holds no count of calls: {outcome.answer[:200]!r}",
                    "Nothing need be done; reported calls cannot be compared.",
                )
            else:
                self._notices.end("count_unreadable")
        elif decision.state in {"rejected", "split"}:
            # Only an acceptance proves that not everything is refused.
            self._notices.end_all("dashboard_", but={"dashboard_refuses_everything"})
            if decision.state == "split":
                self._log.warning("upload_split", **facts, detail=outcome.detail)
            else:
                self._log.error("batch_quarantined", **facts, detail=outcome.detail)
        if decision.trouble is not None:
            self._notices.begin(
                decision.trouble,
                outcome.detail,
                _HINTS[decision.trouble],
                grave=decision.slow,
            )
            self._notices.end_all("dashboard_", but={decision.trouble})
        if decision.state == "unknown":
            self._log.warning(
                "outcome_unknown", **facts, detail=outcome.detail, again=decision.again
            )
        if decision.again:
            self._log.debug("upload_postponed", **facts, detail=outcome.detail, wait=delay)

    def _body(self, upload: Upload) -> bytes:
        """Return the bytes of an upload, the same at every attempt."""
        body = self._bodies.get(upload.id)
        if body is None:
            body = self._store.archive.text(upload.runs)
            if len(body) != upload.bytes or sha256(body).hexdigest() != upload.sha256:
                raise StateError(
                    f"the archive no longer gives the bytes of upload {upload.id}",
                    hint="Restore the state directory from a backup.",
                )
        return body

    # --- archive and batches ---

    def _advance(self, *, hurry: bool, flush: bool) -> bool:
        """Archive what there is to read, and cut what may go; return whether there is more."""
        with self._store.transaction():
            look = not self._may_cut_at_once()
            piece = self._source.read(_READ_BYTES) if look else None
            changes = self._source.take_changes()
            for stream in changes.streams.values():
                self._store.cursor.save(stream)
            if piece is not None:
                self._store.archive.append(piece.data, stream=piece.stream.id, offset=piece.offset)
            if changes.seen or changes.gone:
                self._store.cursor.save_sightings(changes.seen, changes.gone)
            if changes.history is not None:
                self._store.cursor.save_history(changes.history)
            self._note_source()
            self._look_at_stillness(read_something=piece is not None)
            full = self._fill()
            caught_up = look and piece is None and self._all_taken
            if caught_up and not self._caught_up_once:
                self._caught_up_once = True
                self._count_what_was_quiet_before()
            batches = self._cut(full=full, caught_up=caught_up, hurry=hurry, flush=flush)
            for batch in batches:
                self._prepare(batch)
            if caught_up or batches:
                self._write_held()
            self._notices.write()
            more = not caught_up and (piece is not None or not self._enough_ahead)
            if not more:
                more = self._store.archive.count_next()
        self.drained = caught_up and not batches and (self._window.empty or not self._ready())
        return more

    @property
    def _enough_ahead(self) -> bool:
        """Whether no further upload is decided before others are answered, or a clear is.

        While all that was tried is refused, one more may prove that not everything is.
        """
        if self._resyncing.stops_uploads:
            return True
        if "dashboard_refuses_everything" in self.troubles:
            return any(not upload.attempts for upload in self._waiting)
        return len(self._waiting) >= AHEAD

    def _may_cut_at_once(self) -> bool:
        """Return whether what was read last fills a batch: then it need not be read back later."""
        block = self._block
        return (
            block is not None and not self._enough_ahead and (len(block.data) >= self._window.room)
        )

    def _fill(self) -> bool:
        """Take archived records into the window while another batch may be decided."""
        archive = self._store.archive
        if self._enough_ahead:
            return False
        # What stood in the file before the start was not waited for: nothing but the
        # file tells whether there were days of silence before its last record.
        written = None if self._caught_up_once else self._source.written_at
        while (room := self._window.room) > 0:
            if self._block is None:
                self._block = self._next_block(archive)
                if self._block is None:
                    return False
            block, data = self._block, self._block.data
            if len(data) > room:
                data = data[: data.rfind(b"\n", 0, room) + 1 or data.index(b"\n") + 1]
            taken = self._window.add(block.first_seq, data, silence=self._silence, written=written)
            self._silence = 0.0
            self._block = block.after(taken, len(data)) if taken < block.lines else None
            self._move_on(taken)
        return True

    @property
    def _all_taken(self) -> bool:
        """Whether every archived record was taken into the window."""
        return not self._ahead and self._frontier == self._store.archive.next_seq

    def _next_block(self, archive: Archive) -> Block | None:
        """Return the records that are taken next."""
        if not self._ahead:
            return archive.block_at(self._frontier)
        first, last = self._ahead[0]
        block = archive.block_at(first)
        return block.up_to(last) if block is not None else None

    def _move_on(self, taken: int) -> None:
        """Note that so many records more were taken."""
        if not self._ahead:
            self._frontier += taken
            return
        first, last = self._ahead[0]
        if first + taken > last:
            del self._ahead[0]
        else:
            self._ahead[0] = first + taken, last

    def _cut(self, *, full: bool, caught_up: bool, hurry: bool, flush: bool) -> list[Batch]:
        """Cut the window if it is full, due or flushed."""
        if self._enough_ahead or self._window.empty:
            return []
        if not full:
            if not caught_up:
                return []
            if not flush and not self._lingered(hurry=hurry):
                return []
        self._ready_since = None
        batches = self._window.cut(self._now(), flush=flush and caught_up)
        # Only now is each record that was taken in an upload or held.
        self._store.ledger.save_position(
            ahead=self._ahead,
            frontier=self._frontier,
            held=self._window.held_runs,
            clock=self._window.clock,
            odd=self._window.odd,
        )
        return batches

    def _lingered(self, *, hurry: bool) -> bool:
        """Return whether something may go, and has waited long enough for company."""
        if not self._ready():
            self._ready_since = None
            return False
        if self._ready_since is None:
            self._ready_since = self._clocks.monotonic()
        waited = self._clocks.monotonic() - self._ready_since
        return hurry or waited >= self._settings.batch.linger

    def _prepare(self, batch: Batch) -> None:
        upload = self._store.ledger.prepare(
            batch, generation=self._generation, at=self._clocks.wall()
        )
        if not self._waiting:
            self._due = max(self._due, self._clocks.monotonic())
        self._waiting.append(upload)
        if len(self._waiting) <= AHEAD:
            self._bodies[upload.id] = batch.body

    def _write_held(self) -> None:
        held = self._window.counts(self._now())
        if held != self._held:
            self._held = held
            self._store.ledger.save_held(calls=held[0], lines=held[1])

    def _note_source(self) -> None:
        """Note what is wrong with the queue_log; a path that is empty for a moment is nothing."""
        trouble = self._source.trouble
        now = self._clocks.monotonic()
        if trouble is None:
            self._notices.end("source")
            self._failed_at = None
        else:
            self._failed_at = now if self._failed_at is None else self._failed_at
            if self._first_look or now - self._failed_at >= _RESTLESS_POLL:
                self._notices.begin("source", trouble.message, trouble.hint, grave=True)
        damaged = {f"file {path}": error for path, error in self._source.damaged.items()}
        for kind, error in damaged.items():
            self._notices.begin(kind, error.message, error.hint)
        self._notices.end_all("file ", but=set(damaged))

    # --- time ---

    def _now(self) -> float:
        """Return the time calls are measured by: the records' own, running on when all are in."""
        clock = float(self._window.clock or 0)
        if not self._all_taken:
            return clock
        return clock + self._clocks.monotonic() - self._still_since

    def _look_at_stillness(self, *, read_something: bool) -> None:
        """Note when the last record came in; at the first look, how old the file is."""
        now = self._clocks.monotonic()
        if read_something:
            self._silence += now - self._still_since
            self._still_since = now
        elif self._first_look:
            self._still_since = now - (self._source.quiet_for or 0.0)
        self._first_look = False

    def _count_what_was_quiet_before(self) -> None:
        """Expect the next record now, not when the last one came: nobody looked meanwhile.

        It only lets that record be believed; what is held stays held.
        """
        if self._window.clock is not None:
            since = self._clocks.monotonic() - self._still_since
            quiet = self._clocks.wall() - self._window.clock - since
            self._silence = max(self._silence, quiet)

    def _ready(self) -> bool:
        return self._window.ready(self._now())

    def _wait(self) -> float:
        """Return the seconds until something is due by the clock alone."""
        now = self._clocks.monotonic()
        waits = [self._scanned_at + POLL - now]
        if self._source.restless or (self._failed_at is not None and "source" not in self.troubles):
            waits.append(_RESTLESS_POLL)
        if not self._uploads.busy:
            if self._resyncing.stops_uploads:
                waits.append(self._resyncing.wait())
            elif self._waiting:
                waits.append(self._due - now)
        if not self._enough_ahead and not self._window.empty:
            if self._ready_since is not None:
                waits.append(self._ready_since + self._settings.batch.linger - now)
            change = self._window.next_change(self._now())
            if change is not None:
                waits.append(change)
        return min(waits)
