"""What an answer means to a caller who waits for it: which error, in which words.

Uploads have outcomes, because the ledger remembers them (`outcome`). All else
that is asked of the dashboard either works or raises, and this says what. A request
that changes something and whose answer is not proof raises OutcomeUnknown: done
twice, a user would exist twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlogship.dashboard.answer_count import read_answer
from qlogship.dashboard.exchange import ANSWER_MAX, is_success
from qlogship.dashboard.outcome import Answer, Outcome, is_page, judge
from qlogship.dashboard.verdicts import ABSENT, MEANINGS, Verdict
from qlogship.errors import (
    AnswerTooLarge,
    CredentialsRefused,
    DashboardRefused,
    DashboardUnreachable,
    OutcomeUnknown,
    QlogshipError,
)

if TYPE_CHECKING:
    from qlogship.dashboard.exchange import Reply

# Said by what stands before the dashboard, which may have passed the request on:
# a gateway that got no answer in time, or half of one (RFC 9110, 15.6; 520 to 524
# are Cloudflare's).
_GATEWAY = frozenset({502, 504, 520, 521, 522, 523, 524})

# How much of an answer fits into a sentence.
_QUOTE_MAX = 200

_LOOK_FIRST = "Run `qlogship users list` to see what was done before you try again."
_CHECK_ADDRESS = "Check `dashboard.url` in the settings and the network."


def failure_of(reply: Reply, *, action: str, changes: bool, now: float) -> QlogshipError | None:
    """Return the error that a reply stands for; None when it is a whole answer 2xx.

    To a change, a web page is no such answer, nor is one that speaks of a failure.

    `action` is what was asked for, behind "to"; `changes` says whether it leaves
    something behind. `now` is in epoch seconds.
    """
    if reply.login is not None:
        return _login_failure(reply.login, action)
    answer = reply.answer
    outcome = judge(replace(answer, body=answer.body[:ANSWER_MAX]), now=now)
    status = answer.status
    if status is None or outcome.verdict is Verdict.REDIRECTED:
        if answer.sent and changes:
            # A redirect may lead to another address, or to a page that shows what was done.
            return unclear(action, outcome.detail, changes=True)
        return DashboardUnreachable(f"cannot {action}: {outcome.detail}", hint=_CHECK_ADDRESS)
    if is_success(status):
        if not answer.complete:
            problem = f"the answer {status} was cut short: {answer.detail}"
            return unclear(action, problem, changes=changes)
        problem = _doubt(answer, outcome.answer) if changes else ""
        return unclear(action, problem, changes=True) if problem else None
    if outcome.verdict is Verdict.UNAUTHORIZED:
        return CredentialsRefused(
            f"cannot {action}: {outcome.detail}",
            hint="Use the e-mail and password of a Team administrator, or a token that is alive.",
        )
    if status in _GATEWAY and changes:
        return unclear(action, f"a gateway answered {status}", changes=True)
    if 400 <= status < 600:
        return _refusal(status, outcome, action)
    return unclear(action, f"the answer is {status}, which means nothing here", changes=changes)


def unclear(action: str, problem: str, *, changes: bool) -> QlogshipError:
    """Return the error for an answer that proves nothing; `problem` says what it is."""
    if changes:
        return OutcomeUnknown(
            f"it is unknown whether the dashboard did {action}: {problem}", hint=_LOOK_FIRST
        )
    return DashboardUnreachable(f"cannot {action}: {problem}", hint="Try again in a while.")


def too_large(action: str, problem: str) -> AnswerTooLarge:
    """Return the error for an answer that goes beyond what was asked for."""
    return AnswerTooLarge(f"cannot {action}: {problem}", hint=_CHECK_ADDRESS)


def _doubt(answer: Answer, text: str) -> str:
    """Say why a whole answer 2xx is no proof of a change; empty when it is one.

    That its type is HTML is no reason: some servers call every word so.
    """
    if is_page(text, declared="html" in answer.content_type.lower()):
        return f"the answer {answer.status} is a web page, such as a login page"
    failed, _ = read_answer(text)
    return f"the answer {answer.status} speaks of a failure" if failed else ""


def _login_failure(outcome: Outcome, action: str) -> QlogshipError:
    """Nothing was asked for, so nothing was refused and nothing is unknown."""
    message = f"cannot {action}: {outcome.detail}"
    if outcome.verdict is Verdict.UNAUTHORIZED:
        return CredentialsRefused(
            message, hint="Check the e-mail and password of the Team administrator."
        )
    return DashboardUnreachable(message, hint=_CHECK_ADDRESS)


def _refusal(status: int, outcome: Outcome, action: str) -> DashboardRefused:
    said = " ".join(outcome.answer.split())
    if len(said) > _QUOTE_MAX:
        said = f"{said[:_QUOTE_MAX]}…"
    if status in ABSENT:
        hint = _CHECK_ADDRESS
    elif status in MEANINGS[Verdict.LATER].statuses:
        hint = "Try again in a while."
    else:
        hint = "Look at what it says, and at what was sent."
    return DashboardRefused(
        f"the dashboard answered {status} when asked to {action}" + (f": {said}" if said else ""),
        status=status,
        answer=outcome.answer,
        retry_after=outcome.retry_after,
        hint=hint,
    )
