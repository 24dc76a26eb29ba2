"""The one table of what the dashboard's answers come to, and of what can be wrong with it.

A verdict is what an answer means. Here stand, for each one, the HTTP statuses that
lead to it, the trouble that it is, and whether it leaves open what became of a body;
and for each trouble what to type next, whether only a person can end it, and the exit
code it ends a command with.

To add a verdict, add a row here and say in `qlogship.shipping.delivery` what becomes
of an upload. What else than the status decides is read in `outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from qlogship.errors import ExitCode


class Verdict(StrEnum):
    """What an answer means.

    UNREACHABLE: nothing left. UNKNOWN: something left, and nothing that came
    back proves what became of it. LATER: the dashboard asks for patience.
    NOT_ACCEPTED: somebody answered, but not the dashboard's upload. TOO_BIG and
    REFUSED concern this body; UNAUTHORIZED, REDIRECTED and NOT_THERE (no upload
    is taken at this address) every one.
    """

    ACCEPTED = "accepted"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    LATER = "later"
    NOT_ACCEPTED = "not_accepted"
    UNAUTHORIZED = "unauthorized"
    TOO_BIG = "too_big"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    NOT_THERE = "not_there"


@dataclass(frozen=True, slots=True)
class DashboardTrouble:
    """What stands in the way of every upload.

    `hint` is what to type next. What only a `person` can end is tried again
    slowly (more attempts would look like an attack), is an error in the log and
    critical to a monitoring system. `exit_code` is that of `run --once`.
    """

    kind: str
    hint: str
    person: bool = False
    exit_code: ExitCode = ExitCode.UNREACHABLE


UNREACHABLE: Final = DashboardTrouble(
    "dashboard_unreachable", "Check the network, and dashboard.url in the settings."
)
BUSY: Final = DashboardTrouble("dashboard_busy", "Wait; qlogship tries again by itself.")
NOT_ACCEPTING: Final = DashboardTrouble(
    "dashboard_not_accepting", "Look at the answers with `qlogship uploads`."
)
REFUSES_CREDENTIALS: Final = DashboardTrouble(
    "dashboard_refuses_credentials",
    "Check dashboard.email and the password.",
    person=True,
    exit_code=ExitCode.CREDENTIALS,
)
REDIRECTS: Final = DashboardTrouble(
    "dashboard_redirects",
    "Set dashboard.url to the address that it redirects to.",
    person=True,
    exit_code=ExitCode.SETTINGS,
)
REFUSES_EVERYTHING: Final = DashboardTrouble(
    "dashboard_refuses_everything",
    "Check dashboard.url and the tenant; the answers are in `qlogship uploads`.",
    person=True,
)
NOT_CLEARED: Final = DashboardTrouble(
    "dashboard_not_cleared",
    "Nothing is uploaded until it does. qlogship tries again by itself; look at"
    " dashboard.url and the credentials if this lasts.",
    person=True,
)

ABSENT: Final = frozenset({404, 405, 410})
"""The statuses that say: no such address, no such method there, gone."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a verdict comes to.

    `statuses` lead to it whatever else the answer holds. `trouble` is what stands
    in the way of all uploads then; None when the verdict is about one body alone.
    `says` is such a status in words, `outage` why nothing was delivered while it lasted.
    `leaves_open`: a body that was sent may have been stored nevertheless, for whoever
    answered need not know; all others tell that it was, or was not.
    """

    trouble: DashboardTrouble | None
    statuses: frozenset[int] = frozenset()
    says: str = ""
    outage: str = ""
    leaves_open: bool = False


MEANINGS: Final[dict[Verdict, Meaning]] = {
    Verdict.ACCEPTED: Meaning(None),
    Verdict.UNREACHABLE: Meaning(UNREACHABLE, outage="the dashboard could not be reached"),
    # The far end answers with something, or with nothing, but not with an acceptance.
    Verdict.UNKNOWN: Meaning(NOT_ACCEPTING, outage="no answer came back whole", leaves_open=True),
    Verdict.LATER: Meaning(
        BUSY,
        frozenset({408, 425, 429, 503}),
        says="not now",
        outage="the dashboard asked for patience",
        leaves_open=True,
    ),
    Verdict.NOT_ACCEPTED: Meaning(
        NOT_ACCEPTING, outage="somebody answered, but not the dashboard", leaves_open=True
    ),
    Verdict.UNAUTHORIZED: Meaning(
        REFUSES_CREDENTIALS,
        frozenset({401, 403}),
        says="no access",
        outage="the dashboard refused the credentials",
    ),
    Verdict.TOO_BIG: Meaning(
        None,
        frozenset({413}),
        says="the upload is too big",
        outage="the dashboard refused what it was sent",
    ),
    Verdict.REFUSED: Meaning(
        None, says="it refuses the request", outage="the dashboard refused what it was sent"
    ),
    Verdict.REDIRECTED: Meaning(
        REDIRECTS, outage="the dashboard's address led elsewhere", leaves_open=True
    ),
    # These speak of the address, the method or the form of every upload, of no body.
    Verdict.NOT_THERE: Meaning(
        REFUSES_EVERYTHING,
        ABSENT | {407, 415, 421, 426},
        says="no upload is taken there",
        outage="the dashboard takes no upload at its address",
    ),
}

REFUSALS: Final = frozenset({Verdict.TOO_BIG, Verdict.REFUSED})
"""The verdicts that concern one body."""

TROUBLES: Final = {
    trouble.kind: trouble
    for trouble in (
        UNREACHABLE,
        BUSY,
        NOT_ACCEPTING,
        REFUSES_CREDENTIALS,
        REDIRECTS,
        REFUSES_EVERYTHING,
        NOT_CLEARED,
    )
}
"""Every trouble with the dashboard, by its kind."""

_BY_STATUS: Final = {
    status: verdict for verdict, meaning in MEANINGS.items() for status in meaning.statuses
}


def verdict_of(status: int, *, sent: bool) -> Verdict | None:
    """Return what an HTTP status means by itself; None for 2xx, whose body decides.

    Once something was `sent`, a failure of the server leaves open what it stored.
    """
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Verdict.REDIRECTED
    if 400 <= status < 500:
        return Verdict.REFUSED
    if sent:
        return Verdict.UNKNOWN
    return Verdict.LATER if 500 <= status < 600 else Verdict.UNREACHABLE


def leaves_open(verdict: Verdict, *, sent: bool) -> bool:
    """Return whether a body may have been stored without an answer that tells so.

    `sent`: it may have left this machine. UNKNOWN says that of itself.
    """
    return MEANINGS[verdict].leaves_open and (sent or verdict is Verdict.UNKNOWN)


def trouble_of(verdict: Verdict, *, about_one_body: bool = False) -> DashboardTrouble | None:
    """Return what stands in the way of every upload after this verdict; None when nothing does.

    A refusal is `about_one_body`, or else the dashboard refuses everything; a clear
    has no body, so a refusal of one is never about it.
    """
    if verdict in REFUSALS:
        return None if about_one_body else REFUSES_EVERYTHING
    return MEANINGS[verdict].trouble


def is_slow(verdict: Verdict, *, about_one_body: bool = False) -> bool:
    """Return whether the next attempt is to wait for a person to do something."""
    trouble = trouble_of(verdict, about_one_body=about_one_body)
    return trouble is not None and trouble.person
