"""The part of the shipper that resyncs: check the archive, clear, ship again, to the end.

Theory of operation. The row in the store says where a resync stands, so it goes
on after any crash. Before each clear the archive is checked anew (`proof`). Once a
clear was sent there is no way back, and what is damaged then is left out and named.

`rules` has the rules, `rows` what is written down. The methods that write are called
within the shipper's transaction, except `look` and `end_if`, which have their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from qlogship.archive.runs import merged, overlap, without
from qlogship.dashboard.verdicts import NOT_CLEARED, Verdict, is_slow
from qlogship.shipping.backoff import LOGIN, QUICK, Pace, next_delay
from qlogship.shipping.generations import Generation
from qlogship.shipping.resync.proof import ArchiveProof
from qlogship.shipping.resync.rules import (
    BEFORE_CLEARED,
    RESTARTS_MAX,
    Phase,
    lost_from,
    may_begin,
    may_clear,
)
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from qlogship.archive.archive import Archive
    from qlogship.clocks import Clocks
    from qlogship.config.model import DeliverySettings
    from qlogship.dashboard.outcome import Outcome
    from qlogship.shipping.delivery import OnUnknown
    from qlogship.shipping.destination import Destination
    from qlogship.shipping.generations import Generations
    from qlogship.shipping.ledger import Ledger, Upload
    from qlogship.shipping.position import ShippingPosition
    from qlogship.shipping.resync.rows import Resync, Resyncs
    from qlogship.troubles.notices import Notices


class Resyncing:
    """Lead a resync from the request to its end, one step at a time."""

    def __init__(
        self,
        settings: DeliverySettings,
        *,
        destination: Destination,
        rows: Resyncs,
        ledger: Ledger,
        position: ShippingPosition,
        generations: Generations,
        archive: Archive,
        transaction: Callable[[], AbstractContextManager[None]],
        notices: Notices,
        clocks: Clocks,
        log: Any,  # noqa: ANN401
        timeout: float,
        put_right: Callable[[], None],
    ) -> None:
        self._destination = destination
        self._rows = rows
        self._ledger = ledger
        self._position = position
        self._generations = generations
        self._archive = archive
        self._transaction = transaction
        self._settings = settings
        self._timeout = timeout
        self._put_right = put_right
        self._late_calls = 0
        self._notices = notices
        self._clocks = clocks
        self._log = log
        self._resync: Resync | None = rows.open()
        self._proof = ArchiveProof(archive)
        # Not as it was written down: whoever starts anew has perhaps mended what was wrong.
        self._due = clocks.monotonic()
        self.failures = 0
        """How many clears were not acknowledged since the start."""

    @property
    def going_on(self) -> bool:
        """Whether a resync is not over yet."""
        return self._resync is not None

    @property
    def stops_uploads(self) -> bool:
        """Whether nothing is uploaded, because the dashboard will be cleared."""
        return self._resync is not None and self._resync.phase in BEFORE_CLEARED

    def look(self, *, busy: bool) -> bool:
        """See whether a resync is wanted, and check some of the archive.

        Return whether there is more to check. While the worker is `busy` with an
        upload, its end is waited for.
        """
        if self._resync is None:
            self._resync = self._rows.open()
            if self._resync is None and self._wants_one():
                with self._transaction():
                    self._resync = self._rows.ask(
                        reason="unknown",
                        accepted_loss=(),
                        at=self._clocks.wall(),
                        destination=self._destination,
                    )
            if self._resync is not None:
                self._log.warning("resync_asked", reason=self._resync.reason)
        self._refuse_a_stranger()
        if self._resync is None or not self.stops_uploads or self._proof.accepted or busy:
            return False
        self._check_some(self._resync)
        return True

    def _refuse_a_stranger(self) -> None:
        """Refuse a resync that was asked for of another dashboard than the settings name."""
        asked = self._resync.destination if self._resync is not None else None
        if asked is None or asked == self._destination:
            return
        with self._transaction():
            self._refuse(f"it was asked for {asked}, and the service ships to {self._destination}")
            self._notices.write()
        self._resync = self._rows.open()

    def on_unknown(self, upload: Upload) -> OnUnknown:
        """Say what the loss of this upload's answer leads to."""
        if self._resync is not None and upload.generation == self._resync.generation:
            return "hold"
        return "hold" if self.stops_uploads else self._settings.on_unknown

    def upload_is_unknown(self, upload: Upload, delay: float) -> None:
        """Note an upload whose answer was lost: in a resync the dashboard is cleared again."""
        resync = self._resync
        if resync is None or resync.phase is not Phase.SHIPPING:
            return
        if upload.generation != resync.generation or resync.restarts >= RESTARTS_MAX:
            return
        self._log.warning("resync_begins_again", upload=upload.id, detail=upload.answer.detail)
        self._rows.restart(f"the answer to upload {upload.id} was lost")
        self._due = self._clocks.monotonic() + delay
        self._proof = ArchiveProof(self._archive)
        self._resync = self._rows.open()

    # --- clearing ---

    def clear_is_due(self) -> bool:
        """Return whether a clear is to be sent now; never one that was not proved."""
        return self.stops_uploads and self._proof.accepted and self.wait() <= 0.0

    def wait(self) -> float:
        """Return the seconds until there is something to do before uploads go on."""
        if self._resync is None or not self._proof.accepted:
            return 0.0
        return self._due - self._clocks.monotonic()

    def begin_clear(self) -> None:
        """Write that a clear is about to be sent."""
        self._rows.begin_clear()
        self._late_calls = self._ledger.calls_open_since(self._clocks.wall() - self._timeout)
        self._resync = self._rows.open()
        self._log.info("clear_begins")

    def cleared(self, outcome: Outcome) -> bool:
        """Write down what came back of a clear; return whether the dashboard is empty now."""
        resync = self._resync
        if resync is None or not self._proof.accepted:
            return False  # what was found of the archive was forgotten: once more
        if outcome.verdict is not Verdict.ACCEPTED:
            delay = next_delay(
                resync.clears,
                random=self._clocks.chance(),
                retry_after=outcome.retry_after,
                pace=_pace(outcome.verdict),
            )
            self._rows.clear_failed(outcome.detail)
            self._due = self._clocks.monotonic() + delay
            self.failures += 1
            self._notices.begin(
                NOT_CLEARED.kind,
                f"the dashboard did not acknowledge the clear: {outcome.detail}",
                NOT_CLEARED.hint,
                grave=True,
            )
            self._resync = self._rows.open()
            return False
        self._notices.end_all("dashboard_")
        self._notices.end("state_older")
        archive = self._archive
        order = without(archive.order(), self._proof.lost)
        archive.damage.pass_over(
            overlap(self._proof.lost, merged(archive.order())), at=self._clocks.wall()
        )
        generation = self._position.begin_generation(ahead=order, frontier=archive.next_seq)
        self._generations.write(
            Generation(
                generation,
                self._destination,
                begun_at=self._clocks.wall(),
                cleared=True,
                first_seq=1,
                since=None,
                late_calls=self._late_calls,
            )
        )
        lines = sum(last - first + 1 for first, last in order)
        self._rows.cleared(
            generation=generation, lines=lines, size=archive.size(), at=self._clocks.wall()
        )
        self._resync = self._rows.open()
        self._log.info("dashboard_cleared", generation=generation, lines=lines)
        return True

    def end_if(self, shipped: bool) -> None:  # noqa: FBT001
        """End the resync when all that may go `shipped`."""
        resync = self._resync
        if not shipped or resync is None or resync.phase is not Phase.SHIPPING:
            return
        with self._transaction():
            doubt = self._ledger.in_doubt()
            detail = "an upload is unknown or quarantined" if doubt else None
            self._rows.end(Phase.DONE, at=self._clocks.wall(), detail=detail)
        self._resync = None
        self._proof = ArchiveProof(self._archive)  # the next one is to be proved by itself
        self._log.info("resync_done", generation=resync.generation, in_doubt=doubt)

    # --- proof ---

    def _check_some(self, resync: Resync) -> None:
        """Read some of the archive; at its end, decide whether to clear the dashboard."""
        with self._transaction():
            if resync.phase is Phase.ASKED:
                self._rows.to(Phase.CHECKING)
            if self._proof.read_on():
                self._decide(resync)
            self._notices.write()
        self._resync = self._rows.open()

    def _decide(self, resync: Resync) -> None:
        self._put_right()
        missing, lines, lost = self._proof.missing(self._ledger, given_up=self._rows.given_up())
        accepted = may_clear(missing, resync.accepted_loss)
        if resync.clears == 0 and not accepted:
            verb = "is" if lines == 1 else "are"
            gone = f"{count(lines, 'record')} of {lost_from(missing)}"
            detail = f"{gone} {verb} not in the archive any more"
            self._refuse(detail)
            return
        if missing:
            self._log.warning("resync_loses", uploads=missing, lines=lines)
            if accepted:
                self._rows.give_up(lost)
        self._notices.end("resync_refused")
        self._rows.to(Phase.CLEARING)
        self._proof.accepted = True
        self._let_it_be_quiet()

    def _let_it_be_quiet(self) -> None:
        """Wait before the clear until no request of which no answer tells may be at work there.

        Stored after the clear, it would be there twice. The dashboard has as long as qlogship
        waits for an answer, from when the request ended here: not seldom it goes on without us.
        """
        ended = self._ledger.last_open_end()
        if ended is None:
            return
        rest = min(ended + self._timeout - self._clocks.wall(), self._timeout)
        self._due = max(self._due, self._clocks.monotonic() + rest)

    def _refuse(self, detail: str) -> None:
        self._rows.end(Phase.REFUSED, at=self._clocks.wall(), detail=detail)
        self._log.error("resync_refused", detail=detail)
        self._notices.begin(
            "resync_refused",
            f"the dashboard was not cleared: {detail}",
            "Look at `qlogship resync --dry-run`.",
            grave=True,
        )
        self._proof = ArchiveProof(self._archive)

    def _wants_one(self) -> bool:
        """Return whether qlogship itself wants a resync, and may begin it now."""
        if self._settings.on_unknown != "resync" or not self._ledger.is_any_unknown():
            return False
        now = self._clocks.wall()
        last = self._rows.last(reason="unknown")
        local = datetime.fromtimestamp(now).astimezone()
        return may_begin(
            now,
            hour=local.hour + local.minute / 60,
            last=last.asked_at if last is not None else None,
            every=self._settings.resync_every,
            hours=self._settings.resync_window,
        )


def _pace(verdict: Verdict) -> Pace:
    if verdict is Verdict.UNAUTHORIZED:
        return LOGIN
    return QUICK.slow() if is_slow(verdict) else QUICK
