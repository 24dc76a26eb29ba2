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
        case Stage.TLS if reach.refusal is None:
            yield problem(
                "dashboard.no-answer",
                place,
                reach.problem,
                "Check scheme and port of dashboard.url; a proxy or firewall may be in between.",
            )
        case Stage.ANSWER:
            yield problem(
                "dashboard.no-answer",
                place,
                reach.problem,
                "Check scheme and port of dashboard.url; something else may listen there.",
            )
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
        yield _refused(reach, reach.refusal, now)
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


def _refused(reach: Reach, refusal: Refusal, now: float) -> Finding:
    """Say what is wrong with a certificate, and who can mend it."""
    host, wrong = reach.host, certificate_problem(reach, now=now)
    match refusal:
        case Refusal.EXPIRED:
            return problem(
                "tls.expired",
                host,
                wrong,
                "Ask whoever runs the dashboard to renew it; check this machine's clock, too:"
                " `date`.",
            )
        case Refusal.NOT_YET_VALID:
            return problem("tls.not-yet-valid", host, wrong, "Check this machine's clock: `date`.")
        case Refusal.WRONG_NAME:
            hint = "Set dashboard.url to the name that the certificate is for."
            return problem("tls.wrong-name", host, wrong, hint)
        case Refusal.SELF_SIGNED:
            return problem(
                "tls.self-signed",
                host,
                wrong,
                "Save that certificate in PEM form and name it in dashboard.ca_file, if this is"
                " your own dashboard.",
            )
        case Refusal.PRIVATE_AUTHORITY:
            return problem(
                "tls.private-authority",
                host,
                wrong,
                "Save that authority's certificate in PEM form and name it in dashboard.ca_file; a"
                " proxy that looks into TLS shows one, too.",
            )
        case Refusal.ALONE:
            return problem(
                "tls.issuer-unknown",
                host,
                wrong,
                "Ask whoever runs the dashboard to send the whole chain, or name the issuer's"
                " certificate (PEM) in dashboard.ca_file.",
            )
        case Refusal.OTHER:
            hint = "Look at `openssl s_client -connect HOST:PORT -showcerts`."
            return problem("tls.refused", host, wrong, hint)


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
