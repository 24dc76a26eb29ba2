"""From batches to answers: what waits to be sent, and what becomes of it.

One outbox per dashboard. Uploads go out in the order they were decided; the oldest
one's backoff holds all others. At most `AHEAD` are decided before they can be sent;
what arrives meanwhile stays in the archive and makes fuller batches later.

Before a body whose fate is open is sent again, and before the next one after such an
outcome, a login has to work (`patience`); no body is sent a fourth time (`delivery`).

An attempt is begun in the ledger, committed, and only then handed to the worker:
what the ledger does not know was never sent. Memory runs ahead of the database
within a transaction; when it fails, make a new outbox from what was committed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import without
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import REFUSES_EVERYTHING, Verdict
from qlogship.errors import StateError
from qlogship.shipping.backoff import RETRY_AFTER_MAX
from qlogship.shipping.batching import parts_of
from qlogship.shipping.delivery import decide, doubting_a_missing_count
from qlogship.shipping.dividing import NOTHING
from qlogship.shipping.ledger import CUT_OFF, AttemptResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qlogship.archive.archive import Archive
    from qlogship.clocks import Clocks
    from qlogship.config import Settings
    from qlogship.shipping.batching import Batch
    from qlogship.shipping.delivery import Decision
    from qlogship.shipping.dividing import RefusalCause
    from qlogship.shipping.gate import DestinationGate
    from qlogship.shipping.ledger import Ledger, Upload
    from qlogship.shipping.patience import Patience
    from qlogship.shipping.refusals import Refusals
    from qlogship.shipping.resync.resyncing import Resyncing
    from qlogship.shipping.upload_log import UploadLog
    from qlogship.shipping.worker import Uploads

AHEAD: Final = 2

_CUT_OFF = Outcome(
    verdict=Verdict.UNKNOWN,
    reported_calls=None,
    retry_after=None,
    http_status=None,
    detail=CUT_OFF,
    answer="",
)

_UNQUOTED: Final = "what was answered is not kept: it may quote what was erased meanwhile"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What is to be sent: an upload with its body, begun in the ledger, a login, or a clear."""

    upload: Upload | None = None
    body: bytes = b""
    probe: bool = False


class Outbox:
    """Send what was decided, and write down what came back; the caller holds the transaction.

    Nothing is decided or sent while the `gate` is shut. `refusals` makes the memory of what
    the dashboard refuses, anew after a clear; `patience` says when the next request is due.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger,
        archive: Archive,
        worker: Uploads,
        gate: DestinationGate,
        resyncing: Resyncing,
        refusals: Callable[[], Refusals],
        patience: Patience,
        tell: UploadLog,
        clocks: Clocks,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._archive = archive
        self._worker = worker
        self._gate = gate
        self._resyncing = resyncing
        self._new_refusals = refusals
        self._tell = tell
        self._clocks = clocks
        self._patience = patience
        self._under_way: tuple[Upload | None, float] | None = None
        self._quotes = False  # what it is answered: it was sent before something was erased
        self._begin_with_nothing()
        self._recover()
        self._look_who_waits()
        patience.be_due_at_least(self._remembered_delay())

    def begin_again(self) -> None:
        """Begin with nothing that waits: the dashboard was cleared."""
        self._begin_with_nothing()
        self._patience.begin_again()

    def _begin_with_nothing(self) -> None:
        self._refusals = self._new_refusals()
        self._unreadable: set[int] = set()
        self._waiting: list[Upload] = []
        self._bodies: dict[int, bytes] = {}

    @property
    def waiting(self) -> list[Upload]:
        """The uploads that are decided and to be sent, oldest first."""
        return self._waiting

    @property
    def sending(self) -> bool:
        """Whether a request is under way."""
        return self._worker.busy

    @property
    def failed_probes(self) -> int:
        """How many logins in a row failed that were to work before the next upload."""
        return self._patience.failed_probes

    @property
    def max_bytes(self) -> int:
        """How large a batch may be, in bytes, by the settings and by what was learnt."""
        return self._refusals.max_bytes

    @property
    def full(self) -> bool:
        """Whether no further upload is decided before others are answered, or a clear is.

        While all that was tried is refused, one more may prove that not everything is.
        """
        if self._resyncing.stops_uploads or not self._gate.is_open:
            return True
        if REFUSES_EVERYTHING.kind in self._tell.troubles:
            return any(not upload.attempts for upload in self._waiting)
        return len(self._waiting) >= AHEAD

    def add(self, batches: Iterable[Batch]) -> None:
        """Write down what was decided, to be sent in its turn."""
        for batch in batches:
            upload = self._ledger.prepare(
                batch, generation=self._ledger.generation(), at=self._clocks.wall()
            )
            self._waiting.append(upload)
            if len(self._waiting) <= AHEAD:
                self._bodies[upload.id] = batch.body

    def outcome(self) -> Outcome | None:
        """Return the outcome of the request under way when it is there."""
        return self._worker.outcome()

    def request_is_due(self) -> bool:
        """Return whether a clear or an upload is to be sent now."""
        if not self._gate.is_open:
            return False
        return self._resyncing.clear_is_due() or self._upload_is_due()

    def wait(self, now: float) -> float | None:
        """Return the seconds until a request is due by the clock alone; None without one."""
        if self._worker.busy or not self._gate.is_open:
            return None
        if self._resyncing.stops_uploads:
            return self._resyncing.wait()
        return self._patience.rest(now) if self._waiting else None

    def ended(self, outcome: Outcome) -> bool:
        """Write down what came back of the request that was sent; return if it was cleared."""
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return self._resyncing.cleared(outcome)
        upload, sent_at = under_way
        if upload is None:
            delay = self._patience.probed(outcome)
            self._patience.be_due(delay)
            self._tell.probed(outcome, delay=delay)
            return False
        if self._quotes:
            self._quotes = False
            outcome = replace(outcome, detail=_UNQUOTED, answer="")
        self._answered(upload, outcome, seconds=self._clocks.monotonic() - sent_at)
        return False

    def begin(self) -> Dispatch | None:
        """Begin the attempt that is due, if one is."""
        if not self.request_is_due():
            return None
        if self._resyncing.clear_is_due():
            self._resyncing.begin_clear()
            return Dispatch()
        while self._waiting and not self._is_readable(self._waiting[0]):
            self._look_who_waits()
        if not self._waiting:
            return None
        if self._patience.asks_first(self._waiting[0]):
            return Dispatch(probe=True)
        while self._refusals.fit(self._waiting[0], lambda: self._body(self._waiting[0])):
            self._look_who_waits()
        body = self._body(self._waiting[0])
        self._gate.begin_sending()
        upload = self._ledger.begin_attempt(self._waiting[0], at=self._clocks.wall())
        return Dispatch(upload, body)

    def hand_over(self, attempt: Dispatch | None, *, answered: bool) -> None:
        """Give an attempt to the worker once it is committed; `answered`: the last outcome is."""
        if answered:
            self._worker.forget()
        if attempt is None:
            return
        if attempt.probe:
            self._under_way = None, self._clocks.monotonic()
            self._worker.submit_probe()
            return
        if attempt.upload is None:
            self._worker.submit_clear()
            return
        self._patience.sends()
        self._waiting[0] = attempt.upload
        self._bodies[attempt.upload.id] = attempt.body
        self._under_way = attempt.upload, self._clocks.monotonic()
        self._worker.submit(self._settings.source.path.name, attempt.body)

    @property
    def _resend(self) -> bool:
        return self._settings.delivery.on_unknown == "resend" and not self._resyncing.going_on

    def _recover(self) -> None:
        """Settle the attempts without an outcome: one may be under way, a crash cut off others."""
        for cut_off in self._ledger.cut_off():
            if self._worker.busy and self._under_way is None:
                self._under_way = cut_off, self._clocks.monotonic()
                self._quotes = cut_off.erased > 0
                continue
            self._tell.cut_off(cut_off)
            decision = self._decide(cut_off, _CUT_OFF)
            upload = self._record(cut_off, _CUT_OFF, decision, delay=0.0)
            delay = self._patience.after_open()
            self._patience.be_due_at_least(delay)
            self._resyncing.upload_is_unknown(upload, delay)

    def _remembered_delay(self) -> float:
        """Return the seconds until the oldest waiting upload is due.

        Only a wait that the dashboard asked for is kept over a restart: whoever
        restarts the service has perhaps mended what was wrong.
        """
        not_before = self._waiting[0].not_before if self._waiting else None
        if not_before is None or "dashboard_busy" not in self._tell.troubles:
            return 0.0
        return min(max(0.0, not_before - self._clocks.wall()), RETRY_AFTER_MAX)

    def _upload_is_due(self) -> bool:
        if self._resyncing.stops_uploads:
            return False
        return bool(self._waiting) and self._patience.over

    def _answered(self, sent: Upload, outcome: Outcome, *, seconds: float) -> None:
        """Write down what came back of an upload, and what follows from it."""
        outcome = doubting_a_missing_count(
            outcome, calls=sent.composition.calls, counts=self._ledger.has_counted()
        )
        finding = self._refusals.examine(sent, outcome.verdict, lambda: self._body(sent))
        decision = self._decide(sent, outcome, finding)
        delay = self._patience.after(sent, outcome, decision)
        self._refusals.resize(sent, outcome)
        upload = self._record(sent, outcome, decision, delay=delay)
        others = self._refusals.follow_up(upload, outcome.verdict, finding)
        if decision.again:
            self._waiting = [upload if one.id == upload.id else one for one in self._waiting]
            self._patience.be_due(delay)
        else:
            self._waiting = [one for one in self._waiting if one.id != upload.id]
            self._bodies.pop(upload.id, None)
            # After an unknown answer the far end is not itself: leave it some time.
            self._patience.be_due(delay if decision.state == "unknown" else 0.0)
        if others:
            self._look_who_waits()
        if decision.trouble is REFUSES_EVERYTHING:
            # Each in its turn: one that is taken proves that not everything is refused.
            self._waiting = [one for one in self._waiting if one.id != upload.id] + [upload]
            self._bodies.pop(upload.id, None)
        self._tell.answered(upload, outcome, decision, delay=delay, seconds=seconds)
        if decision.state == "unknown":
            self._resyncing.upload_is_unknown(upload, delay)

    def _look_who_waits(self) -> None:
        waiting = self._ledger.waiting(unknown_too=self._resend)
        self._waiting = [one for one in waiting if one.id not in self._unreadable]

    def _is_readable(self, upload: Upload) -> bool:
        """Return whether the archive gives the bytes of an upload; else it is set aside.

        If none of it was stored, its other records go in its place.
        """
        try:
            self._body(upload)
        except StateError as error:
            runs = upload.composition.runs
            lost = self._archive.unreadable(runs)
            self._unreadable.add(upload.id)
            self._tell.unreadable(upload, error)
            if upload.open_sends or not lost:
                self._ledger.leave_unknown(upload, detail=error.message)
            else:
                rest = without(runs, lost)
                text = self._archive.text(rest)
                parts = parts_of(rest, text, max_bytes=self.max_bytes) if text else []
                self._ledger.divide(upload, parts, at=self._clocks.wall())
                self._archive.damage.pass_over(lost, at=self._clocks.wall())
            return False
        return True

    def _decide(
        self, upload: Upload, outcome: Outcome, finding: RefusalCause = NOTHING
    ) -> Decision:
        return decide(
            outcome.verdict,
            on_unknown=self._resyncing.on_unknown(upload),
            state=upload.state,  # type: ignore[arg-type]  # checked by the schema
            refusal=finding.refusal,
            sent=outcome.sent,
            open_sends=upload.open_sends,
        )

    def _record(
        self, upload: Upload, outcome: Outcome, decision: Decision, *, delay: float
    ) -> Upload:
        now = self._clocks.wall()
        result = AttemptResult(
            state=decision.state,
            verdict=str(outcome.verdict),
            is_open=decision.is_open,
            reported_calls=outcome.reported_calls,
            http_status=outcome.http_status,
            detail=outcome.detail,
            answer=outcome.answer,
            not_before=now + delay if decision.again else None,
        )
        return self._ledger.end_attempt(upload, result, at=now)

    def _body(self, upload: Upload) -> bytes:
        """Return the bytes of an upload, the same at every attempt."""
        body = self._bodies.get(upload.id)
        if body is None:
            body = self._archive.text(upload.composition.runs)
            if (
                len(body) != upload.composition.bytes
                or sha256(body).hexdigest() != upload.composition.sha256
            ):
                raise StateError(
                    f"the archive no longer gives the bytes of upload {upload.id}",
                    hint="Restore the state directory from a backup.",
                )
        return body
