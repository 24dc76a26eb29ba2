"""A state machine that clears and ships again, through crashes and lost answers of every kind.

It is the machine of `test_shipping`, with a person who asks for resyncs and the
setting that begins one after each lost answer. Its end is stricter: whatever
happened, the far end holds each record of the archive once.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from qlogship.config.model import DeliverySettings
from qlogship.dashboard.verdicts import Verdict
from qlogship.shipping.resync.rules import BEFORE_CLEARED
from tests.property.test_shipping import HOLD, LINGER, SETTLE, STILL, FarEnd, Shipping, _lines

if TYPE_CHECKING:
    from qlogship.shipping.delivery import OnUnknown
    from qlogship.shipping.ledger import Upload


class Resyncing(Shipping):
    """Random lives of a service whose dashboard is cleared now and then."""

    @initialize(
        on_unknown=st.sampled_from(["resend", "hold", "resync"]),
        trouble=st.sampled_from(["", "clear", "upload", "crash"]),
        stores_lost=st.booleans(),
    )
    def first_start(self, on_unknown: OnUnknown, trouble: str, *, stores_lost: bool) -> None:
        """Begin with one of the settings; `trouble` is what the last resync meets."""
        self.on_unknown, self.trouble, self.trouble_stores = on_unknown, trouble, stores_lost
        self.far_end = FarEnd(self.place / "state", self.arrivals, self.time)
        self.start()

    def delivery(self) -> DeliverySettings:
        """Let qlogship begin a resync at once, whenever it wants one."""
        return DeliverySettings.model_construct(
            on_unknown=self.on_unknown, resync_every=0.0, resync_hours=None
        )

    @rule()
    def somebody_asks(self) -> None:
        """A command writes down that a resync is wanted."""
        assert self.store is not None
        with self.store.transaction():
            self.store.resyncs.ask(reason="asked", accepted_loss=(), at=self.time.now)

    @rule(steps=st.integers(1, 12), fuse=st.integers(0, 25))
    def asks_and_crashes(self, steps: int, fuse: int) -> None:
        """A resync is begun and the service dies somewhere in it."""
        if self.pages is None:
            self.somebody_asks()
        self.crash_in_a_step(fuse, steps)

    @rule(when=st.sampled_from(["before", "after"]))
    def crash_at_a_request_of_a_resync(self, when: str) -> None:
        """The service dies at the clear, or at the first upload after it."""
        if self.pages is None:
            self.somebody_asks()
        self.far_end.crashes = when
        self.live(2.0)

    @precondition(lambda self: False)
    @rule()
    def operator_wants_to_decide(self) -> None:
        """Nobody does, here."""

    @invariant()
    def nothing_is_sent_before_the_clear(self) -> None:
        """From the request until the clear is acknowledged no upload is begun."""
        if self.store is None:
            return
        resync = self.store.resyncs.open()
        if resync is None or resync.phase not in BEFORE_CLEARED:
            self.waiting_for = None
            return
        uploads = len(self.arrivals.order)
        if self.waiting_for is None or self.waiting_for[:2] != (resync.id, resync.restarts):
            self.waiting_for = resync.id, resync.restarts, uploads
        assert uploads == self.waiting_for[2]

    waiting_for: tuple[int, int, int] | None = None

    def settle(self) -> None:
        """End all trouble; begin a last resync, which meets trouble of its own, and end that."""
        assert self.store is not None
        self.heal()
        self.rest()
        self.somebody_asks()
        far_end = self.far_end
        far_end.stores_lost = self.trouble_stores
        if self.trouble == "clear":
            far_end.clear_mood = Verdict.UNKNOWN
        else:
            far_end.clear_mood = Verdict.ACCEPTED
            far_end.mood = Verdict.UNKNOWN if self.trouble == "upload" else Verdict.ACCEPTED
            if self.trouble == "crash":
                far_end.crashes = "after" if self.trouble_stores else "before"
        self.live(3.0)
        over = self.store.resyncs.open() is None
        far_end.mood, far_end.clear_mood, far_end.crashes = Verdict.ACCEPTED, None, ""
        self.rest()
        if over and self.trouble in {"upload", "crash"}:
            # The trouble may have come after it, and left a repeat as the setting says.
            self.somebody_asks()
            self.rest()

    def rest(self) -> None:
        """Give time for what is over to be shipped."""
        assert self.store is not None
        self.live(2 * STILL + SETTLE + LINGER)
        for _ in range(200):
            if self.store.resyncs.open() is None and not self.shipper.waiting:
                break
            self.live(600)
            self.time.now += 1
        self.live(2 * STILL + SETTLE + LINGER)

    def present(self) -> list[Upload]:
        """Return the uploads of the present generation."""
        assert self.store is not None
        generation = self.store.ledger.generation()
        return [one for one in self.store.ledger.uploads() if one.generation == generation]

    def compare(self) -> None:
        """The far end holds each record of the archive once, and the ledger knows it."""
        assert self.store is not None
        archived = self.archived()
        self.time.now += HOLD + 2 + self.pbx.jumped
        self.live(STILL + SETTLE + LINGER)
        self.rest()
        assert self.archived() == archived
        held = Counter[int]()
        by_id = {upload.id: upload for upload in self.store.ledger.uploads()}
        for number, times in self.arrivals.stored.items():
            for first, last in by_id[number].composition.runs:
                held.update(dict.fromkeys(range(first, last + 1), times))
        assert held == Counter(range(1, len(archived) + 1))
        assert {upload.state for upload in self.present()} <= {"accepted"}
        arrived = [self.arrivals.bodies[number] for number in self.arrivals.stored]
        assert Counter(_lines(b"".join(arrived))) == Counter(archived)
        place = {
            seq: upload.id
            for upload in self.present()
            for first, last in upload.composition.runs
            for seq in range(first, last + 1)
        }
        self.whole(archived, place)


def test_the_far_end_ends_with_the_archive_once() -> None:
    """Through any crash and any lost answer, a resync ends with exactly the archive's records."""
    run_state_machine_as_test(
        Resyncing,
        settings=hypothesis_settings(
            hypothesis_settings(),
            stateful_step_count=40,
            report_multiple_bugs=False,
            max_examples=hypothesis_settings().max_examples * 2 // 5,
        ),
    )
