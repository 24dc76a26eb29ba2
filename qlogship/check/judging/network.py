"""Whether the dashboard can be reached, is who it says, lets us in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.check.judging.clock import moment
from qlogship.check.judging.settings import fault_finding
from qlogship.dashboard.address import leads_elsewhere
from qlogship.dashboard.exchange import is_redirect
from qlogship.dashboard.reach import Reach, Refusal, Stage, certificate_problem
from qlogship.dashboard.verdicts import Verdict
from qlogship.wording import count, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.network import NetworkFacts
    from qlogship.dashboard.outcome import Outcome

_DAY: Final = 86_400

# A certificate is renewed a month before its end as a rule; three weeks before it, nobody did.
_EXPIRES_SOON: Final = 21 * _DAY

REFUSALS: Final = {
    Refusal.EXPIRED: (
        "tls.expired",
        "Ask whoever runs the dashboard to renew it; check this machine's clock, too: `date`.",
    ),
    Refusal.NOT_YET_VALID: ("tls.not-yet-valid", "Check this machine's clock: `date`."),
    Refusal.WRONG_NAME: (
        "tls.wrong-name",
        "Set dashboard.url to the name that the certificate is for.",
    ),
    Refusal.SELF_SIGNED: (
        "tls.self-signed",
        (
            "Save that certificate in PEM form and name it in dashboard.ca_file, if this is your"
            " own dashboard."
        ),
    ),
    Refusal.PRIVATE_AUTHORITY: (
        "tls.private-authority",
        (
            "Save that authority's certificate in PEM form and name it in dashboard.ca_file; a"
            " proxy that looks into TLS shows one, too."
        ),
    ),
    Refusal.ALONE: (
        "tls.issuer-unknown",
        (
            "Ask whoever runs the dashboard to send the whole chain, or name the issuer's"
            " certificate (PEM) in dashboard.ca_file."
        ),
    ),
    Refusal.OTHER: ("tls.refused", "Look at `openssl s_client -connect HOST:PORT -showcerts`."),
}
"""The problem that a refused certificate is, and who can mend it."""


def judge(facts: NetworkFacts, *, now: float) -> Iterator[Finding]:
    """Judge the way to the dashboard, up to the login."""
    for fault in facts.faults:
        yield fault_finding(fault)
    reach = facts.reach
    if reach is None:
        return
    yield from _way(reach, facts.url)
    yield from _certificate(reach, now)
    if reach.failed is None and facts.credentials:
        yield _login(facts.login, facts.url)


def _way(reach: Reach, url: str) -> Iterator[Finding]:
    place = f"{reach.host} port {reach.port}"
    match reach.failed:
        case Stage.LOOK_UP:
            yield problem(
                "dashboard.no-address",
                reach.host,
                reach.problem,
                f"Check dashboard.url, and /etc/resolv.conf: `getent hosts {reach.host}`.",
            )
        case Stage.CONNECT:
            yield problem(
                "dashboard.unreachable",
                f"{place} ({', '.join(reach.addresses)})",
                reach.problem,
                f"Let this machine out to TCP port {reach.port} in the firewall, and check"
                " dashboard.url.",
            )
        case Stage.TLS | Stage.ANSWER if reach.refusal is None:
            guess = "something else may listen there"
            if reach.failed is Stage.TLS:
                guess = "a proxy or firewall may be in between"
            hint = f"Check scheme and port of dashboard.url; {guess}."
            yield problem("dashboard.no-answer", place, reach.problem, hint)
        case None if is_redirect(reach.status) and leads_elsewhere(url, reach.location):
            yield problem(
                "dashboard.redirects",
                url,
                f"it sends whoever asks on to {reach.location}",
                "Set dashboard.url to that address: scheme and host only.",
            )
        case None:
            by = f" by {reach.server}" if reach.server else ""
            yield ok("dashboard.reached", url, f"answered {reach.status}{by}")


def _certificate(reach: Reach, now: float) -> Iterator[Finding]:
    shown = reach.certificate
    if reach.refusal is not None:
        id_, hint = REFUSALS[reach.refusal]
        yield problem(id_, reach.host, certificate_problem(reach, now=now), hint)
    elif shown is not None:
        left = shown.not_after - now
        valid = f"of {shown.issuer}, valid until {moment(shown.not_after)}"
        if left < _EXPIRES_SOON:
            yield warning(
                "tls.expires",
                reach.host,
                f"its certificate ends in {lasting(left)} ({moment(shown.not_after)})",
                "Ask whoever runs the dashboard to renew it.",
            )
        else:
            yield ok("tls.trusted", reach.host, f"{valid} ({count(int(left // _DAY), 'day')})")


def _login(login: Outcome | None, url: str) -> Finding:
    if login is None:
        return unknown("login.untried", url, "nobody logged in: the secrets are not known")
    match login.verdict:
        case Verdict.ACCEPTED:
            return ok("login.accepted", url, login.detail)
        case Verdict.UNAUTHORIZED:
            return problem(
                "login.refused",
                url,
                login.detail,
                "Check dashboard.email and the password; the account must be a Team administrator.",
            )
        case Verdict.LATER:
            return warning(
                "login.failed", url, login.detail, "Run this again in a minute; the service waits."
            )
        case _:
            return problem(
                "login.failed",
                url,
                login.detail,
                "Check dashboard.url: this may be no Team Dashboard.",
            )
