"""What becomes of a batch: every verdict, every state before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import (
    BUSY,
    NOT_ACCEPTING,
    REDIRECTS,
    REFUSES_CREDENTIALS,
    REFUSES_EVERYTHING,
    UNREACHABLE,
    DashboardTrouble,
    Verdict,
    leaves_open,
)
from qlogship.shipping.delivery import (
    MOST_OPEN_SENDS,
    Decision,
    OnUnknown,
    Refusal,
    State,
    decide,
    doubting_a_missing_count,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CHOICES: tuple[OnUnknown, ...] = get_args(OnUnknown)
REFUSALS: tuple[Refusal, ...] = get_args(Refusal)
OPEN_STATES: tuple[State, ...] = ("prepared", "unknown")

NOT_THROUGH = (
    Verdict.UNREACHABLE,
    Verdict.LATER,
    Verdict.NOT_ACCEPTED,
    Verdict.UNAUTHORIZED,
    Verdict.REDIRECTED,
    Verdict.NOT_THERE,
)


UNTELLING = {Verdict.UNKNOWN, Verdict.LATER, Verdict.NOT_ACCEPTED, Verdict.REDIRECTED}


def every_case() -> Iterator[tuple[Verdict, OnUnknown, State]]:
    """Yield all there is to decide on, of an upload that was sent for the first time."""
    for verdict in Verdict:
        for choice in CHOICES:
            for state in OPEN_STATES:
                yield verdict, choice, state


def every_send() -> Iterator[tuple[Verdict, OnUnknown, State, Refusal, bool, int]]:
    """Yield all there is to decide on, with whether it was sent, and how often it is open."""
    for verdict, choice, state in every_case():
        for refusal in REFUSALS:
            for sent in (False, True):
                for open_sends in range(1, MOST_OPEN_SENDS + 3):
                    yield verdict, choice, state, refusal, sent, open_sends


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
    assert decide(verdict, on_unknown="hold", sent=False) == Decision(
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


@pytest.mark.parametrize("verdict", sorted(UNTELLING - {Verdict.UNKNOWN}))
@pytest.mark.parametrize("choice", CHOICES)
def test_an_answer_that_tells_nothing_of_the_body_leaves_it_open(
    verdict: Verdict, choice: OnUnknown
) -> None:
    """A gateway that says "not now", a page or a redirect may stand behind what was stored.

    It is sent again whatever on_unknown says, for most of these stored nothing.
    """
    decision = decide(verdict, on_unknown=choice)

    assert (decision.state, decision.again, decision.is_open) == ("prepared", True, True)


def test_no_body_is_sent_again_when_three_sends_are_open() -> None:
    """The law: an open outcome of the third open send sets the upload aside, and it alone."""
    for verdict, choice, state, refusal, sent, open_sends in every_send():
        decision = decide(
            verdict,
            on_unknown=choice,
            state=state,
            refusal=refusal,
            sent=sent,
            open_sends=open_sends,
        )
        assert decision.is_open == leaves_open(verdict, sent=sent)
        assert decision.set_aside == (decision.is_open and open_sends >= MOST_OPEN_SENDS)
        if decision.set_aside:
            assert (decision.state, decision.again) == ("unknown", False)
            assert decision.trouble is not None
        if decision.again and decision.is_open:
            assert open_sends < MOST_OPEN_SENDS


def test_what_leaves_a_body_open() -> None:
    """No whole answer does; what others than the upload say does, but only of what was sent."""
    assert {one for one in Verdict if leaves_open(one, sent=True)} == UNTELLING
    assert {one for one in Verdict if leaves_open(one, sent=False)} == {Verdict.UNKNOWN}


@pytest.mark.parametrize("open_sends", [1, MOST_OPEN_SENDS, 9])
def test_what_tells_its_fate_is_tried_for_ever(open_sends: int) -> None:
    """No network and no login store nothing, so no number of tries is too many."""
    for verdict in (Verdict.UNREACHABLE, Verdict.UNAUTHORIZED, Verdict.NOT_THERE):
        assert decide(verdict, on_unknown="resend", open_sends=open_sends).again


def accepted(reported: int | None) -> Outcome:
    """Return an acceptance with a count, or without one."""
    return Outcome(Verdict.ACCEPTED, reported, None, 200, "the dashboard answered 200", "ok")


def test_a_count_that_is_missing_for_once_leaves_it_open() -> None:
    """Who counted before and does not now may not have stored it, and the detail says so."""
    outcome = doubting_a_missing_count(accepted(None), calls=3, counts=True)

    assert outcome.verdict is Verdict.UNKNOWN
    assert "counted before" in outcome.detail


@pytest.mark.parametrize(
    ("reported", "calls", "counts"), [(None, 3, False), (None, 0, True), (0, 3, True), (3, 3, True)]
)
def test_other_acceptances_are_believed(reported: int | None, calls: int, *, counts: bool) -> None:
    """A dashboard that never counts need not, nor one that was sent nothing to count."""
    outcome = accepted(reported)

    assert doubting_a_missing_count(outcome, calls=calls, counts=counts) == outcome


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.ACCEPTED])
def test_only_acceptances_are_doubted(verdict: Verdict) -> None:
    """All others hold no count anyway."""
    outcome = Outcome(verdict, None, None, 200, "", "")

    assert doubting_a_missing_count(outcome, calls=3, counts=True) == outcome


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
