"""What follows when the dashboard refuses a body: it goes in parts, or in quarantine, or waits.

The decision is that of `dividing`; here it is carried out in the ledger, as is what
`sizing` says of a body that takes too long. The caller holds the transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlogship.dashboard.verdicts import REFUSALS, Verdict
from qlogship.shipping.batching import parts_of
from qlogship.shipping.dividing import IN_A_ROW, NOTHING, examine
from qlogship.shipping.sizing import larger, ran_out_of_time, smaller

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.clocks import Clocks
    from qlogship.dashboard.outcome import Outcome
    from qlogship.shipping.dividing import RefusalCause
    from qlogship.shipping.ledger import Ledger, Upload
    from qlogship.shipping.position import ShippingPosition


class Refusals:
    """Keep the suspects and what was learnt of sizes; `wanted` is batch.max_bytes."""

    def __init__(
        self,
        ledger: Ledger,
        position: ShippingPosition,
        clocks: Clocks,
        log: Any,  # noqa: ANN401
        *,
        wanted: int,
    ) -> None:
        self._ledger = ledger
        self._position = position
        self._clocks = clocks
        self._log = log
        self._wanted = wanted
        self._learnt = position.body_limit(wanted)
        self._sizing = position.sizing()
        self._suspects, self._once_more = position.suspects()

    @property
    def max_bytes(self) -> int:
        """How large a batch may be, in bytes."""
        return self._sizing.within(self._most)

    @property
    def _most(self) -> int:
        """How large a batch may be, in bytes, when time is no matter."""
        return self._wanted if self._learnt is None else self._learnt

    def examine(self, upload: Upload, verdict: Verdict, body: Callable[[], bytes]) -> RefusalCause:
        """Look into the body if it was refused."""
        if verdict not in REFUSALS:
            return NOTHING
        others = [number for number in self._suspects if number != upload.id]
        # A second refusal, after others were accepted, says nothing about the far end.
        count = 0 if upload.id in self._once_more else len(others)
        return examine(verdict, runs=upload.composition.runs, body=body(), suspects=count)

    def follow_up(self, upload: Upload, verdict: Verdict, finding: RefusalCause) -> bool:
        """Write down what follows, behind the attempt; return whether others wait now."""
        if verdict is Verdict.ACCEPTED:
            return self._accepted(upload)
        if verdict not in REFUSALS:
            return False
        self._suspect(upload)
        if finding.refusal == "everything":
            return bool(self._take_back())
        if finding.limit is not None and finding.limit < self._most:
            self._learnt = finding.limit
            self._position.learn_limit(finding.limit, wanted=self._wanted)
            self._log.warning("body_limit_learnt", max_bytes=finding.limit)
        if finding.parts:
            self._ledger.divide(upload, finding.parts, at=self._clocks.wall())
        return bool(finding.parts)

    def resize(self, upload: Upload, outcome: Outcome) -> None:
        """Learn from how long a body took how large the next ones are."""
        size, before = upload.composition.bytes, self._sizing
        if outcome.verdict is Verdict.ACCEPTED:
            self._sizing = larger(before, size=size, most=self._most)
        elif ran_out_of_time(outcome):
            self._sizing = smaller(before, size=size, most=self._most)
        if self._sizing == before:
            return
        self._position.save_sizing(self._sizing)
        if self._sizing.limit != before.limit:
            self._log.info("upload_size_changed", max_bytes=self.max_bytes, upload=upload.id)

    def fit(self, upload: Upload, body: Callable[[], bytes]) -> bool:
        """Divide an upload that is larger than it may be; return whether it was.

        Only one that is not there for sure: what may be there is sent again as it was. A
        single call is sent as it is: that it is too big is for the dashboard to say.
        """
        max_bytes = self.max_bytes
        if upload.composition.bytes <= max_bytes or upload.open_sends:
            return False
        parts = parts_of(upload.composition.runs, body(), max_bytes=max_bytes)
        if len(parts) < 2:
            return False
        self._ledger.divide(upload, parts, at=self._clocks.wall())
        self._log.info("upload_split", upload=upload.id, parts=len(parts), max_bytes=max_bytes)
        return True

    def _suspect(self, upload: Upload) -> None:
        """Note a refusal: the first one as a suspicion, the second one as settled."""
        if upload.id in self._once_more:
            self._once_more.remove(upload.id)
        elif upload.id not in self._suspects and len(self._suspects) < IN_A_ROW:
            self._suspects.append(upload.id)
        self._position.save_suspects(self._suspects, self._once_more)

    def _accepted(self, upload: Upload) -> bool:
        """Let the suspects go once more, for not everything is refused; return if any waits."""
        if not self._suspects and upload.id not in self._once_more:
            return False
        taken = self._take_back()
        waiting = {one.id for one in self._ledger.waiting(unknown_too=True)}
        self._once_more = [
            number
            for number in (*self._once_more, *self._suspects)
            if number in waiting and number != upload.id
        ]
        self._suspects = []
        self._position.save_suspects(self._suspects, self._once_more)
        return bool(taken)

    def _take_back(self) -> list[int]:
        taken = self._ledger.take_back(self._suspects)
        if taken:
            self._log.warning("quarantine_reconsidered", uploads=taken)
        return taken
