"""Proving the answers: the address, the account, the queue_log.

Here live looks at the world and what they say in words. Each returns a `Proof`
or raises the error that the command ends with when nobody can be asked again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from qlogship.config.model import DashboardSettings, Settings, is_clear_text
from qlogship.config.rules import CLEAR_TEXT
from qlogship.dashboard.probe import Likeness, likeness, probe
from qlogship.dashboard.reach import Reach, Refusal, Stage, certificate_problem, examine
from qlogship.errors import CredentialsRefused, DashboardUnreachable, NotAQueueLog, SourceUnreadable
from qlogship.installation import grants
from qlogship.installation.grants import NotGranted
from qlogship.installation.identity import account_of, can_read_as
from qlogship.installation.places import is_hidden
from qlogship.service.login import prove_login
from qlogship.setup.dialogue import Proof
from qlogship.source.files import OpenFile
from qlogship.source.foreign import refusal_of
from qlogship.source.rotated_names import is_rotated_name

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.installation.grants import Grant
    from qlogship.installation.places import Owner

TIMEOUT: Final = 20.0

_NOT_OPENED: Final = (
    "Name the queue_log with --source PATH: a file of Asterisk's user, in a directory in which"
    " only that user and root can place files."
)

UNTRUSTED: Final = frozenset(
    {Refusal.SELF_SIGNED, Refusal.PRIVATE_AUTHORITY, Refusal.ALONE, Refusal.OTHER}
)


class AddressFails(DashboardUnreachable):
    """The address leads nowhere; `refusal` says why its certificate is not trusted."""

    def __init__(self, message: str, *, hint: str, refusal: Refusal | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal


class SourceBarred(SourceUnreadable):
    """The queue_log cannot be read by the service's user; `grant` is what would let it."""

    def __init__(self, message: str, *, hint: str, grant: Grant) -> None:
        super().__init__(message, hint=hint)
        self.grant = grant


def prove_address(url: str, ca_file: Path | None) -> Proof:
    """Look the name up, connect, shake hands, and see who answers. Raises AddressFails."""
    found = examine(url, ca_file, timeout=TIMEOUT)
    if found.failed is not None:
        raise _failure(url, found)
    place, until = found.host, ""
    if found.addresses and found.addresses[0] != found.host:
        place += f" ({found.addresses[0]})"
    if found.certificate is not None:
        until = f"; its certificate is good until {day(found.certificate.not_after)}"
    answer = probe(url, ca_file, timeout=TIMEOUT)
    like = likeness(answer, url)
    if like is Likeness.UNLIKE:
        moved = f" and leads to {answer.location}" if answer.location else ""
        return Proof(
            "address",
            None,
            f"{place} answers with {answer.status}{moved}, which no Team Dashboard does{until}",
            "Check the address: it is what stands in the browser when you are logged in.",
            likely=False,
        )
    if like is not Likeness.ALIKE:
        said = answer.status or answer.detail
        return Proof(
            "address",
            None,
            f"{place} answers with {said}: perhaps a Team Dashboard; the login will tell",
        )
    detail = f"{place} answers as a Team Dashboard does{until}"
    if not is_clear_text(url):
        return Proof("address", True, detail)
    remedy = "Use https:// unless you control the whole network path."
    return Proof("address", None, f"{detail}; {CLEAR_TEXT}", remedy, likely=False)


def is_within_reach(path: Path, owner: Owner) -> bool:
    """Return whether the service can read a file: its user may, and its unit does not hide it."""
    if not owner.service:
        return True
    return not is_hidden(path.resolve()) and can_read_as(owner.user, path) is None


def prove_account(url: str, email: str, password: str, ca_file: Path | None) -> Proof:
    """Log in. Raises CredentialsRefused, DashboardUnreachable."""
    account = SecretStr(password)
    dashboard = DashboardSettings(
        url=url, email=email, password=account, ca_file=ca_file, timeout=TIMEOUT
    )
    try:
        prove_login(Settings(dashboard=dashboard))
    except CredentialsRefused as error:
        raise CredentialsRefused(
            error.message, hint="Check the e-mail and the password by logging in with a browser."
        ) from None
    return Proof("login", True, f"the dashboard lets {email} in")


def prove_source(path: Path, owner: Owner, likely: Path | None = None) -> Proof:
    """See whether this is a queue_log that the service's user can read.

    `likely` is where the queue_log should be. Raises SourceUnreadable.
    """
    barrier = can_read_as(owner.user, path)
    if barrier is not None and barrier.denied:
        raise _barred(path, owner, barrier.problem)
    if barrier is not None:
        raise SourceUnreadable(
            barrier.problem,
            hint="Name the file with --source PATH; Asterisk writes one unless logger.conf says "
            "queue_log = no.",
        )
    text = f"{owner.user} can read {path} ({_size_of_queue_log(path, likely):,} bytes)"
    if owner.service and is_hidden(path):
        return Proof(
            "queue_log",
            None,
            f"{text}, but the unit hides {path.parent} from the service",
            "Show it to the service with `systemctl edit qlogship`; docs/systemd.md says how.",
        )
    return Proof("queue_log", True, text)


def likely_queue_log(path: Path, expected: Path | None) -> Path | None:
    """Return the queue_log that was meant by a file that is none, if it can be found."""
    for candidate in (expected, path.with_name("queue_log")):
        if candidate is None or candidate == path:
            continue
        with suppress(SourceUnreadable), OpenFile(candidate, plain=True) as file:
            if file.status.st_size and refusal_of(file) is None:
                return candidate
    return None


def let_in(path: Path, owner: Owner, likely: Path | None = None) -> Grant:
    """Let the service's user read the queue_log. Raises SourceUnreadable."""
    try:
        grants.find(path, account_of(owner.user))
        _size_of_queue_log(path, likely)  # nobody is let in to another file
        return grants.give(
            path,
            account_of(owner.user),
            belongs=lambda name: is_rotated_name(name, path.name),
        )
    except NotGranted as verdict:
        raise SourceUnreadable(f"{owner.user} gets no right: {verdict}", hint=_NOT_OPENED) from None


def is_open_by_list(path: Path, owner: Owner) -> bool:
    """Return whether access lists can let the service's user read a queue_log."""
    with suppress(NotGranted):
        return grants.find(path, account_of(owner.user)).group is None
    return False


def _barred(path: Path, owner: Owner, problem: str) -> SourceUnreadable:
    """Return why the service's user may not read a queue_log, and what would let it."""
    if not owner.service:
        return SourceUnreadable(problem, hint="Run this as root, who can let the service read it.")
    try:
        grant = grants.find(path, account_of(owner.user))
    except NotGranted as verdict:
        return SourceUnreadable(f"{problem}; {verdict}", hint=_NOT_OPENED)
    return SourceBarred(problem, hint=f"Add --grant: {grant.words}.", grant=grant)


def _size_of_queue_log(path: Path, likely: Path | None) -> int:
    """Return its size. Raises NotAQueueLog for a file that is none, SourceUnreadable."""
    with OpenFile(path, plain=True) as file:
        size = file.status.st_size
        refusal = refusal_of(file)
    if refusal is not None:
        better = likely_queue_log(path, likely)
        raise NotAQueueLog(
            refusal.message,
            hint=f"Name the queue_log with --source {better or 'PATH'}; Asterisk's `full` and"
            " `messages` logs are other files.",
        )
    return size


def _failure(url: str, found: Reach) -> AddressFails:
    match found.failed:
        case Stage.LOOK_UP:
            hint = f"Check the spelling of the address, then DNS: `getent hosts {found.host}`."
        case Stage.CONNECT:
            hint = f"Check the address, and that the firewall lets port {found.port} out."
        case Stage.TLS if found.refusal is not None:
            return AddressFails(
                f"{found.host} is not trusted: {certificate_problem(found, now=time.time())}",
                hint=_certificate_hint(found.refusal),
                refusal=found.refusal,
            )
        case _:
            hint = f"Check the address; does a browser show the dashboard at {url}?"
    return AddressFails(found.problem, hint=hint)


def _certificate_hint(refusal: Refusal) -> str:
    match refusal:
        case Refusal.EXPIRED | Refusal.NOT_YET_VALID:
            return (
                "Check this machine's clock with `date`; if it is right, tell the dashboard's"
                " administrator."
            )
        case Refusal.WRONG_NAME:
            return "Check the address: another name than this one may be meant."
        case _:
            return "Name a file with the certificate of whoever signed it, in PEM form: --ca-file."


def day(seconds: float) -> str:
    """Return the date of a time; the number where no calendar has it."""
    try:
        return time.strftime("%Y-%m-%d", time.localtime(seconds))
    except (OverflowError, OSError):
        return str(seconds)
