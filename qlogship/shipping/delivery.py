"""What becomes of a batch after an upload.

Here lives the decision, from what the answer means and what the ledger says
about the batch; the meaning itself lives in `outcome`, the wait in `backoff`.

The law: one upload is sent at most `MOST_OPEN_SENDS` times without an answer that tells
its fate. Then it is set aside as unknown, and only a person or a clear resolves it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, assert_never

from qlogship.dashboard.verdicts import Verdict, is_slow, leaves_open, trouble_of

if TYPE_CHECKING:
    from qlogship.dashboard.outcome import Outcome
    from qlogship.dashboard.verdicts import DashboardTrouble

State = Literal["accepted", "prepared", "unknown", "rejected", "split"]
OnUnknown = Literal["resend", "hold", "resync"]
Refusal = Literal["single", "divisible", "everything"]
"""Whose a refusal may be: of the one call in the body, of one call among several, of all."""

MOST_OPEN_SENDS: Final = 3
"""How often one upload may be sent while it is open what became of each time before."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ledger is to say about a batch, and what happens next.

    `again`: send the same bytes once more, after a backoff; `slow`: after a
    long one, for a person must act. `is_open`: the far end may have stored the
    batch, and the answer does not tell. `set_aside`: it was sent as often as may be.
    `trouble` names what stands in the way of every upload, None when nothing does.
    """

    state: State
    again: bool
    slow: bool
    is_open: bool
    trouble: DashboardTrouble | None
    set_aside: bool = False


def decide(
    verdict: Verdict,
    *,
    on_unknown: OnUnknown,
    state: State = "prepared",
    refusal: Refusal = "single",
    sent: bool = True,
    open_sends: int = 1,
) -> Decision:
    """Say what becomes of a batch whose upload ended with this verdict.

    `state` is what the ledger says of the batch before. A batch that is unknown
    stays so until an answer says otherwise: an attempt that did not get through
    proves nothing about the one before it.

    `refusal` is what `dividing` found out, should the body have been refused: a
    divisible one is split, a single call is quarantined; and when everything is
    refused, the fault is not looked for in the calls.

    `sent`: the body may have left. `open_sends` counts the times it was sent of which no
    answer tells, this one included.
    """
    about_one_body = refusal != "everything"
    trouble = trouble_of(verdict, about_one_body=about_one_body)
    slow = is_slow(verdict, about_one_body=about_one_body)
    is_open = leaves_open(verdict, sent=sent)

    def again(state: State) -> Decision:
        return Decision(state, again=True, slow=slow, is_open=is_open, trouble=trouble)

    def over(state: State) -> Decision:
        return Decision(state, again=False, slow=False, is_open=is_open, trouble=trouble)

    if is_open and open_sends >= MOST_OPEN_SENDS:
        return Decision(
            "unknown", again=False, slow=slow, is_open=True, trouble=trouble, set_aside=True
        )
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


def doubting_a_missing_count(outcome: Outcome, *, calls: int, counts: bool) -> Outcome:
    """Return what an acceptance without a count of calls means.

    Whoever `counts` in other answers and does not in this one may not be the dashboard, or
    may have failed over it: what became of the `calls` is open then.
    """
    missing = outcome.verdict is Verdict.ACCEPTED and outcome.reported_calls is None
    if not (missing and counts and calls):
        return outcome
    detail = f"{outcome.detail}, though it has counted before: whether it stored them is open"
    return replace(outcome, verdict=Verdict.UNKNOWN, detail=detail)
