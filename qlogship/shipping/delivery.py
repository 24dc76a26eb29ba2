"""What becomes of a batch after an upload.

Here lives the decision, from what the answer means and what the ledger says
about the batch; the meaning itself lives in `outcome`, the wait in `backoff`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from qlogship.dashboard.verdicts import Verdict, is_slow, trouble_of

if TYPE_CHECKING:
    from qlogship.dashboard.verdicts import DashboardTrouble

State = Literal["accepted", "prepared", "unknown", "rejected", "split"]
OnUnknown = Literal["resend", "hold", "resync"]
Refusal = Literal["single", "divisible", "everything"]
"""Whose a refusal may be: of the one call in the body, of one call among several, of all."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ledger is to say about a batch, and what happens next.

    `again`: send the same bytes once more, after a backoff; `slow`: after a
    long one, for a person must act. `is_open`: the far end may have stored the
    batch, and the answer does not tell. `trouble` names what stands in the way of
    every upload, None when nothing does.
    """

    state: State
    again: bool
    slow: bool
    is_open: bool
    trouble: DashboardTrouble | None


def decide(
    verdict: Verdict,
    *,
    on_unknown: OnUnknown,
    state: State = "prepared",
    refusal: Refusal = "single",
) -> Decision:
    """Say what becomes of a batch whose upload ended with this verdict.

    `state` is what the ledger says of the batch before. A batch that is unknown
    stays so until an answer says otherwise: an attempt that did not get through
    proves nothing about the one before it.

    `refusal` is what `dividing` found out, should the body have been refused: a
    divisible one is split, a single call is quarantined; and when everything is
    refused, the fault is not looked for in the calls.
    """
    about_one_body = refusal != "everything"
    trouble = trouble_of(verdict, about_one_body=about_one_body)
    slow = is_slow(verdict, about_one_body=about_one_body)
    is_open = verdict is Verdict.UNKNOWN

    def again(state: State) -> Decision:
        return Decision(state, again=True, slow=slow, is_open=is_open, trouble=trouble)

    def over(state: State) -> Decision:
        return Decision(state, again=False, slow=False, is_open=is_open, trouble=trouble)

    match verdict:
        case Verdict.ACCEPTED:
            return over("accepted")
        case Verdict.TOO_BIG | Verdict.REFUSED if about_one_body:
            return over("split" if refusal == "divisible" else "rejected")
        case Verdict.UNKNOWN if on_unknown == "resend":
            return again("unknown")
        case Verdict.UNKNOWN:
            return over("unknown")
        case (
            Verdict.UNREACHABLE
            | Verdict.LATER
            | Verdict.NOT_ACCEPTED
            | Verdict.UNAUTHORIZED
            | Verdict.REDIRECTED
            | Verdict.NOT_THERE
            | Verdict.TOO_BIG
            | Verdict.REFUSED
        ):
            return again("unknown" if state == "unknown" else "prepared")
        case _:
            assert_never(verdict)
