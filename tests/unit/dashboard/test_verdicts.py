"""The table of verdicts: every status has one, every verdict a row, every trouble its words."""

from __future__ import annotations

import pytest

from qlogship.dashboard.outcome import Answer, judge
from qlogship.dashboard.verdicts import (
    MEANINGS,
    REFUSALS,
    TROUBLES,
    Verdict,
    is_slow,
    trouble_of,
    verdict_of,
)
from qlogship.errors import EXIT_MEANINGS
from qlogship.shipping.delivery import decide

# What each 4xx that is no plain refusal means; every other one refuses the body.
CLIENT_ERRORS = {
    401: Verdict.UNAUTHORIZED,
    403: Verdict.UNAUTHORIZED,
    404: Verdict.NOT_THERE,
    405: Verdict.NOT_THERE,
    407: Verdict.NOT_THERE,
    408: Verdict.LATER,
    410: Verdict.NOT_THERE,
    413: Verdict.TOO_BIG,
    415: Verdict.NOT_THERE,
    421: Verdict.NOT_THERE,
    425: Verdict.LATER,
    426: Verdict.NOT_THERE,
    429: Verdict.LATER,
}


@pytest.mark.parametrize("status", range(400, 500))
def test_a_client_error_refuses_the_body_unless_it_says_otherwise(status: int) -> None:
    """409 and most others concern this one body; the rest of them are named one by one."""
    assert verdict_of(status, sent=True) is CLIENT_ERRORS.get(status, Verdict.REFUSED)


@pytest.mark.parametrize("status", [*range(500, 600), 100, 101, 600, 700, 999])
def test_a_failure_of_the_server_leaves_open_what_it_stored(status: int) -> None:
    """Once something was sent; 503 asks for patience instead."""
    expected = Verdict.LATER if status == 503 else Verdict.UNKNOWN
    assert verdict_of(status, sent=True) is expected


@pytest.mark.parametrize("status", range(200, 300))
def test_the_body_of_a_success_decides(status: int) -> None:
    """A 2xx alone proves nothing."""
    assert verdict_of(status, sent=True) is None


@pytest.mark.parametrize("status", range(300, 400))
def test_a_redirection_is_no_acceptance(status: int) -> None:
    """Whatever it points to, no upload was taken."""
    assert verdict_of(status, sent=True) is Verdict.REDIRECTED


def test_no_status_leads_to_two_verdicts() -> None:
    """Each status stands in one row."""
    statuses = [status for meaning in MEANINGS.values() for status in meaning.statuses]
    assert len(statuses) == len(set(statuses))


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_row_and_a_decision(verdict: Verdict) -> None:
    """A verdict that is added needs its row in the table, and what becomes of an upload."""
    assert verdict in MEANINGS
    assert decide(verdict, on_unknown="resend").trouble is trouble_of(verdict, about_one_body=True)


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_but_an_acceptance_can_be_said(verdict: Verdict) -> None:
    """Why nothing was delivered has words, and so has each status of the row."""
    meaning = MEANINGS[verdict]
    assert bool(meaning.outage) == (verdict is not Verdict.ACCEPTED)
    assert meaning.says or not meaning.statuses
    for status in meaning.statuses:
        said = judge(Answer(sent=True, complete=True, status=status), now=0.0).detail
        assert said == f"the dashboard answered {status}: {meaning.says}"


@pytest.mark.parametrize("verdict", Verdict)
def test_a_clear_is_tried_again_as_slowly_as_an_upload(verdict: Verdict) -> None:
    """What only a person can end is slow for both; a refusal of a clear is about no body."""
    if verdict in REFUSALS:
        assert is_slow(verdict)
        assert not is_slow(verdict, about_one_body=True)
    else:
        assert is_slow(verdict) == is_slow(verdict, about_one_body=True)


def test_every_trouble_of_a_verdict_is_in_the_list() -> None:
    """Each has a hint and an exit code that the manual explains."""
    for verdict in Verdict:
        trouble = trouble_of(verdict)
        assert trouble is None or TROUBLES[trouble.kind] is trouble
    for trouble in TROUBLES.values():
        assert trouble.hint.endswith(".")
        assert trouble.exit_code in EXIT_MEANINGS
