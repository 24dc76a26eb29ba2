"""What follows when the dashboard refuses a body: it goes in parts, or in quarantine, or waits.

The decision is that of `core.dividing`; here it is carried out in the ledger. The
caller holds the transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlogship.core.batching import parts_of
from qlogship.core.delivery import REFUSALS
from qlogship.core.dividing import IN_A_ROW, NOTHING, examine
from qlogship.core.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.core.delivery import Decision
    from qlogship.core.dividing import Finding
    from qlogship.service.clocks import Clocks
    from qlogship.store.ledger import Ledger, Upload


class Refusals:
    """Keep the suspects and the learnt limit; `wanted` is batch.max_bytes."""

    def __init__(self, ledger: Ledger, clocks: Clocks, log: Any, *, wanted: int) -> None:  # noqa: ANN401
        self._ledger = ledger
        self._clocks = clocks
        self._log = log
        self._wanted = wanted
        self._learnt = ledger.body_limit(wanted)
        self._suspects = ledger.suspects()

    @property
    def max_bytes(self) -> int:
        """How large a batch may be, in bytes."""
        return self._wanted if self._learnt is None else self._learnt

    def examine(self, upload: Upload, verdict: Verdict, body: Callable[[], bytes]) -> Finding:
        """Look into the body if it was refused."""
        if verdict not in REFUSALS:
            return NOTHING
        others = sum(number != upload.id for number in self._suspects)
        return examine(verdict, runs=upload.runs, body=body(), suspects=others)

    def follow_up(self, upload: Upload, verdict: Verdict, finding: Finding) -> bool:
        """Write down what follows, behind the attempt; tell whether others wait now."""
        if verdict is Verdict.ACCEPTED:
            return self._accepted()
        if verdict not in REFUSALS:
            return False
        if upload.id not in self._suspects and len(self._suspects) < IN_A_ROW:
            self._suspects.append(upload.id)
            self._ledger.save_suspects(self._suspects)
        if finding.refusal == "everything":
            return self._take_back(at_most_refused=None)
        if finding.limit is not None and finding.limit < self.max_bytes:
            self._learnt = finding.limit
            self._ledger.learn_limit(finding.limit, wanted=self._wanted)
            self._log.warning("body_limit_learnt", max_bytes=finding.limit)
        if finding.parts:
            self._ledger.divide(upload, finding.parts, at=self._clocks.wall())
        return bool(finding.parts)

    def fit(self, upload: Upload, body: Callable[[], bytes]) -> bool:
        """Divide an upload that was never sent and is above the learnt limit; tell whether it was.

        A single call is sent as it is: that it is too big is for the dashboard to say.
        """
        if self._learnt is None or upload.bytes <= self._learnt or upload.attempts:
            return False
        parts = parts_of(upload.runs, body(), max_bytes=self._learnt)
        if len(parts) < 2:
            return False
        self._ledger.divide(upload, parts, at=self._clocks.wall())
        self._log.info("upload_split", upload=upload.id, parts=len(parts), max_bytes=self._learnt)
        return True

    def _accepted(self) -> bool:
        """Let those go once more that were refused only once, before this acceptance."""
        if not self._suspects:
            return False
        taken_back = self._take_back(at_most_refused=1)
        self._suspects = []
        self._ledger.save_suspects([])
        return taken_back

    def _take_back(self, *, at_most_refused: int | None) -> bool:
        taken = self._ledger.take_back(self._suspects, at_most_refused=at_most_refused)
        if taken:
            self._log.warning("quarantine_reconsidered", uploads=taken)
        return bool(taken)
