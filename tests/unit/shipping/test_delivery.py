"""What becomes of a batch: every verdict, every state before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from qlogship.dashboard.verdicts import (
    BUSY,
    NOT_ACCEPTING,
    REDIRECTS,
    REFUSES_CREDENTIALS,
    REFUSES_EVERYTHING,
    UNREACHABLE,
    DashboardTrouble,
    Verdict,
)
from qlogship.shipping.delivery import Decision, OnUnknown, State, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

CHOICES: tuple[OnUnknown, ...] = get_args(OnUnknown)
OPEN_STATES: tuple[State, ...] = ("prepared", "unknown")

NOT_THROUGH = (
    Verdict.UNREACHABLE,
    Verdict.LATER,
    Verdict.NOT_ACCEPTED,
    Verdict.UNAUTHORIZED,
    Verdict.REDIRECTED,
    Verdict.NOT_THERE,
)


def every_case() -> Iterator[tuple[Verdict, OnUnknown, State]]:
    """Yield all there is to decide on."""
    for verdict in Verdict:
        for choice in CHOICES:
            for state in OPEN_STATES:
                yield verdict, choice, state


def test_an_accepted_batch_is_done() -> None:
    """An acceptance is final, and no trouble."""
    assert decide(Verdict.ACCEPTED, on_unknown="resend") == Decision(
        state="accepted", again=False, slow=False, is_open=False, trouble=None
    )


@pytest.mark.parametrize(
    ("verdict", "slow", "trouble"),
    [
        (Verdict.UNREACHABLE, False, UNREACHABLE),
        (Verdict.LATER, False, BUSY),
        (Verdict.NOT_ACCEPTED, False, NOT_ACCEPTING),
        (Verdict.UNAUTHORIZED, True, REFUSES_CREDENTIALS),
        (Verdict.REDIRECTED, True, REDIRECTS),
        (Verdict.NOT_THERE, True, REFUSES_EVERYTHING),
    ],
)
def test_what_did_not_get_through_is_sent_again(
    verdict: Verdict, *, slow: bool, trouble: DashboardTrouble
) -> None:
    """The batch stays prepared; where a person must act, the next attempt is far off."""
    assert decide(verdict, on_unknown="hold") == Decision(
        state="prepared", again=True, slow=slow, is_open=False, trouble=trouble
    )


@pytest.mark.parametrize("verdict", [Verdict.TOO_BIG, Verdict.REFUSED])
def test_a_refusal_of_this_body_rejects_it(verdict: Verdict) -> None:
    """A refused batch goes to quarantine, and does not stand in the way of others."""
    assert decide(verdict, on_unknown="resend") == Decision(
        state="rejected", again=False, slow=False, is_open=False, trouble=None
    )


@pytest.mark.parametrize("verdict", [Verdict.TOO_BIG, Verdict.REFUSED])
def test_a_refusal_of_several_calls_splits_them(verdict: Verdict) -> None:
    """What may be the fault of one call among others goes in parts, even if it may have arrived."""
    decision = decide(verdict, on_unknown="resend", state="unknown", refusal="divisible")

    assert decision == Decision(state="split", again=False, slow=False, is_open=False, trouble=None)


@pytest.mark.parametrize("verdict", [Verdict.TOO_BIG, Verdict.REFUSED])
@pytest.mark.parametrize("state", OPEN_STATES)
def test_a_far_end_that_refuses_everything_is_a_trouble(verdict: Verdict, state: State) -> None:
    """No batch is to blame then: it stays as it was and is tried slowly."""
    assert decide(verdict, on_unknown="hold", state=state, refusal="everything") == Decision(
        state=state,
        again=True,
        slow=True,
        is_open=False,
        trouble=REFUSES_EVERYTHING,
    )


def test_unknown_with_resend_is_sent_again_and_flagged() -> None:
    """At least once means perhaps twice, and says so."""
    assert decide(Verdict.UNKNOWN, on_unknown="resend") == Decision(
        state="unknown",
        again=True,
        slow=False,
        is_open=True,
        trouble=NOT_ACCEPTING,
    )


def test_unknown_with_hold_waits_for_a_person() -> None:
    """What is not sent again is no duplicate."""
    assert decide(Verdict.UNKNOWN, on_unknown="hold") == Decision(
        state="unknown",
        again=False,
        slow=False,
        is_open=True,
        trouble=NOT_ACCEPTING,
    )


@pytest.mark.parametrize("verdict", NOT_THROUGH)
@pytest.mark.parametrize("choice", CHOICES)
def test_an_unknown_batch_stays_unknown_until_it_is_answered(
    verdict: Verdict, choice: OnUnknown
) -> None:
    """An attempt that did not get through proves nothing about the one before it."""
    decision = decide(verdict, on_unknown=choice, state="unknown")

    assert (decision.state, decision.again) == ("unknown", True)


def test_only_an_answer_ends_a_batch() -> None:
    """A batch is accepted or rejected by the verdicts that say so, and by no other."""
    ends = {Verdict.ACCEPTED: "accepted", Verdict.TOO_BIG: "rejected", Verdict.REFUSED: "rejected"}
    for verdict, choice, state in every_case():
        decision = decide(verdict, on_unknown=choice, state=state)
        if verdict in ends:
            assert (decision.state, decision.again) == (ends[verdict], False)
        else:
            assert decision.state in OPEN_STATES


def test_what_stops_all_uploads_is_named() -> None:
    """Every verdict that says nothing about this body alone is a trouble with a name."""
    for verdict, choice, state in every_case():
        decision = decide(verdict, on_unknown=choice, state=state)
        about_this_body = verdict in {Verdict.ACCEPTED, Verdict.TOO_BIG, Verdict.REFUSED}
        assert (decision.trouble is None) == about_this_body
        if decision.trouble is not None:
            assert decision.slow == (decision.trouble.person and decision.again)
