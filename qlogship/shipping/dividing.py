"""What to do with a batch that the far end refuses.

Theory of operation
-------------------
A refusal (413, or 400 and its like) says that something is wrong with a body, not
what. A body of several calls is divided on call borders into parts of at most
half its size, which go out next; those that are refused are divided again. After
a number of steps that grows with the logarithm of the size, the offending call is
alone, and is quarantined; all others went out. No call is ever cut.

A 413 teaches a limit as well: batches are no larger than half of what was refused
from then on, and one that was decided before and never sent is divided first.

But a far end may refuse *everything* for a while: a wrong tenant, a broken
update. Then neither a batch nor the ledger should be ground to single calls, and
no call is to blame. The evidence is what else it takes:

* The refusals in a row, without an acceptance between, are the suspects. When
  there are `IN_A_ROW` of them, the far end is in doubt, not the calls. Suspects
  that were quarantined are taken back, nothing is divided any more, and what
  waits is tried slowly and in turn, so that a single batch that is all right ends
  it.
* A refusal is believed when it stands twice, with an acceptance between. So when
  something is accepted, the suspects that were quarantined at their first refusal
  go out once more; and what is refused then is no suspect any longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.dashboard.verdicts import REFUSALS, Verdict
from qlogship.shipping.batching import parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.archive.runs import Run
    from qlogship.shipping.batching import Batch
    from qlogship.shipping.delivery import Refusal

IN_A_ROW: Final = 16
"""Refusals without an acceptance between that put the far end in doubt.

A batch of 900 kB has some three thousand calls, and the first of them is alone
after 12 refusals: there is room for some more offenders."""

LEAST_LIMIT: Final = 16 * 1024
"""The smallest limit that is remembered, in bytes. No server is that strict; one that
answers 413 to less does so for another reason, and should not make tiny batches for ever."""


@dataclass(frozen=True, slots=True)
class RefusalCause:
    """What a refusal is put down to, the parts to send instead, and the limit it teaches.

    `parts` is empty unless the refusal is `divisible`; `limit` is in bytes, None
    when nothing was learnt.
    """

    refusal: Refusal = "single"
    parts: tuple[Batch, ...] = ()
    limit: int | None = None


NOTHING: Final = RefusalCause()


def examine(verdict: Verdict, *, runs: Sequence[Run], body: bytes, suspects: int) -> RefusalCause:
    """Look into a body that the far end refused; `suspects` were refused in a row before it."""
    if verdict not in REFUSALS:
        return NOTHING
    if suspects + 1 >= IN_A_ROW:
        return RefusalCause("everything")
    parts = parts_of(runs, body, max_bytes=(len(body) + 1) // 2)
    if len(parts) < 2:
        return NOTHING
    limit = max(len(body) // 2, LEAST_LIMIT) if verdict is Verdict.TOO_BIG else None
    return RefusalCause("divisible", tuple(parts), limit)
