"""What becomes of a batch after an upload.

Here lives the decision, from what the answer means and what the ledger says
about the batch; the meaning itself lives in `outcome`, the wait in `backoff`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qlogship.dashboard.outcome import Verdict

State = Literal["accepted", "prepared", "unknown", "rejected", "split"]
OnUnknown = Literal["resend", "hold", "resync"]
Trouble = Literal[
    "dashboard_unreachable",
    "dashboard_refuses_credentials",
    "dashboard_not_accepting",
    "dashboard_redirects",
    "dashboard_busy",
    "dashboard_refuses_everything",
]
Refusal = Literal["single", "divisible", "everything"]
"""Whose a refusal may be: of the one call in the body, of one call among several, of all."""

# What stands in the way of all batches, not only of this one. An unknown
# outcome is among them: the far end answers with something, or with nothing,
# but not with an acceptance.
_TROUBLES: dict[Verdict, Trouble] = {
    Verdict.UNREACHABLE: "dashboard_unreachable",
    Verdict.UNKNOWN: "dashboard_not_accepting",
    Verdict.LATER: "dashboard_busy",
    Verdict.NOT_ACCEPTED: "dashboard_not_accepting",
    Verdict.UNAUTHORIZED: "dashboard_refuses_credentials",
    Verdict.REDIRECTED: "dashboard_redirects",
    Verdict.NOT_THERE: "dashboard_refuses_everything",
}

REFUSALS = frozenset({Verdict.TOO_BIG, Verdict.REFUSED})
"""The verdicts that concern one body."""

# What ends only when a person does something.
_SLOW = frozenset({Verdict.UNAUTHORIZED, Verdict.REDIRECTED, Verdict.NOT_THERE})


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ledger is to say about a batch, and what happens next.

    `again`: send the same bytes once more, after a backoff; `slow`: after a
    long one, for a person must act. `possible_duplicate`: the far end may hold
    the batch twice, or soon will. `trouble` names what stands in the way of
    every upload, None when nothing does.
    """

    state: State
    again: bool
    slow: bool
    possible_duplicate: bool
    trouble: Trouble | None


def decide(
    verdict: Verdict,
    *,
    on_unknown: OnUnknown,
    state: State = "prepared",
    possible_duplicate: bool = False,
    refusal: Refusal = "single",
) -> Decision:
    """Say what becomes of a batch whose upload ended with this verdict.

    `state` and `possible_duplicate` are what the ledger says of the batch
    before. A batch that is unknown stays so until an answer says otherwise: an
    attempt that did not get through proves nothing about the one before it.
    The flag, once set, is never taken back; what a repeat was answered is on
    record beside it.

    `refusal` is what `dividing` found out, should the body have been refused: a
    divisible one is split, a single call is quarantined; and when everything is
    refused, the fault is not looked for in the calls.
    """
    trouble = _TROUBLES.get(verdict)
    if verdict is Verdict.ACCEPTED:
        return Decision(
            "accepted", again=False, slow=False, trouble=None, possible_duplicate=possible_duplicate
        )
    if verdict in REFUSALS and refusal != "everything":
        return Decision(
            "split" if refusal == "divisible" else "rejected",
            again=False,
            slow=False,
            trouble=None,
            possible_duplicate=possible_duplicate,
        )
    if verdict is Verdict.UNKNOWN:
        resend = on_unknown == "resend"
        return Decision(
            "unknown",
            again=resend,
            slow=False,
            trouble=trouble,
            possible_duplicate=possible_duplicate or resend,
        )
    return Decision(
        "unknown" if state == "unknown" else "prepared",
        again=True,
        slow=verdict in _SLOW or verdict in REFUSALS,
        trouble="dashboard_refuses_everything" if verdict in REFUSALS else trouble,
        possible_duplicate=possible_duplicate,
    )
