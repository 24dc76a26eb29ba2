"""Proving the answers: the address, the account, the queue_log.

Here live looks at the world and what they say in words. Each returns a `Proof`
or raises the error that the command ends with when nobody can be asked again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from qlogship.config.model import Dashboard, Settings, is_loopback
from qlogship.dashboard.address import trust
from qlogship.dashboard.knock import Likeness, knock, likeness
from qlogship.dashboard.reach import Reach, Refusal, Stage, examine
from qlogship.errors import CredentialsRefused, DashboardUnreachable, SourceUnreadable
from qlogship.installation.identity import can_read_as
from qlogship.service.login import prove_login
from qlogship.source.files import OpenFile

if TYPE_CHECKING:
    from qlogship.installation.identity import Barrier
    from qlogship.installation.places import Owner

TIMEOUT: Final = 20.0

# Where the unit lets the service see nothing (ProtectHome, PrivateTmp).
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108

UNTRUSTED: Final = frozenset(
    {Refusal.SELF_SIGNED, Refusal.PRIVATE_AUTHORITY, Refusal.ALONE, Refusal.OTHER}
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved, in words. `ok` is None when it was not looked at, or is in doubt.

    `likely` says that whoever is in doubt had better go on.
    """

    what: str
    ok: bool | None
    detail: str
    hint: str = ""
    likely: bool = True


class AddressFails(DashboardUnreachable):
    """The address leads nowhere; `refusal` says why its certificate is not trusted."""

    def __init__(self, message: str, *, hint: str, refusal: Refusal | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal


class SourceBarred(SourceUnreadable):
    """The queue_log cannot be read by the service's user; `barrier` says why."""

    def __init__(self, message: str, *, hint: str, barrier: Barrier) -> None:
        super().__init__(message, hint=hint)
        self.barrier = barrier


def prove_address(url: str, ca_file: Path | None) -> Proof:
    """Look the name up, connect, shake hands, and see who answers. Raises AddressFails."""
    found = examine(url, ca_file, timeout=TIMEOUT)
    if found.failed is not None:
        raise _failure(url, found, ca_file)
    secure = url.startswith("https:")
    place = found.host
    if found.addresses and found.addresses[0] != found.host:
        place += f" ({found.addresses[0]})"
    until = ""
    if found.certificate is not None:
        day = time.strftime("%Y-%m-%d", time.localtime(found.certificate.not_after))
        until = f"; its certificate is good until {day}"
    answer = knock(url, ca_file, timeout=TIMEOUT)
    match likeness(answer, url):
        case Likeness.ALIKE:
            proof = Proof("address", True, f"{place} answers as a Team Dashboard does{until}")
        case Likeness.UNLIKE:
            moved = f" and leads to {answer.location}" if answer.location else ""
            proof = Proof(
                "address",
                None,
                f"{place} answers with {answer.status}{moved}, which no Team Dashboard does{until}",
                "Check the address: it is what stands in the browser when you are logged in.",
                likely=False,
            )
        case _:
            said = str(answer.status or answer.detail)
            proof = Proof(
                "address",
                None,
                f"{place} answers with {said}: perhaps a Team Dashboard; the login will tell",
            )
    if not secure and not is_loopback(url) and proof.ok:
        return Proof(
            "address",
            None,
            f"{proof.detail}; http:// sends the password and the calls in clear text",
            "Use https:// unless the whole way to the dashboard is your own.",
            likely=False,
        )
    return proof


def prove_authority(ca_file: Path) -> None:
    """See whether a file holds certificates to trust. Raises SettingsError."""
    trust(ca_file)


def is_within_reach(path: Path, owner: Owner) -> bool:
    """Return whether the service can read a file: its user may, and its unit does not hide it."""
    if not owner.service:
        return True
    hidden = any(path.resolve().is_relative_to(place) for place in _HIDDEN)
    return not hidden and can_read_as(owner.user, path) is None


def prove_account(url: str, email: str, password: str, ca_file: Path | None) -> Proof:
    """Log in. Raises CredentialsRefused, DashboardUnreachable."""
    account = SecretStr(password)
    dashboard = Dashboard(url=url, email=email, password=account, ca_file=ca_file, timeout=TIMEOUT)
    try:
        prove_login(Settings(dashboard=dashboard))
    except CredentialsRefused as error:
        raise CredentialsRefused(
            error.message, hint="Check the e-mail and the password by logging in with a browser."
        ) from None
    return Proof("login", True, f"the dashboard lets {email} in")


def prove_source(path: Path, owner: Owner) -> Proof:
    """See whether the service's user can read the queue_log. Raises SourceUnreadable."""
    barrier = can_read_as(owner.user, path)
    if barrier is not None and barrier.commands:
        typed = " && ".join(" ".join(command) for command in barrier.commands)
        raise SourceBarred(barrier.problem, hint=f"Type `{typed}`.", barrier=barrier)
    if barrier is not None:
        raise SourceUnreadable(
            barrier.problem,
            hint="Name the file with --source PATH; Asterisk writes one unless logger.conf says "
            "queue_log = no.",
        )
    with OpenFile(path, plain=True) as file:
        size = file.status.st_size
    text = f"{owner.user} can read {path} ({size:,} bytes)"
    if owner.service and any(path.is_relative_to(place) for place in _HIDDEN):
        return Proof(
            "queue_log",
            None,
            f"{text}, but the unit hides {path.parent} from the service",
            "Allow it with `systemctl edit qlogship`: ProtectHome=read-only, PrivateTmp=no.",
        )
    return Proof("queue_log", True, text)


def _failure(url: str, found: Reach, ca_file: Path | None) -> AddressFails:
    match found.failed:
        case Stage.LOOK_UP:
            hint = f"Check the spelling of the address, then DNS: `getent hosts {found.host}`."
        case Stage.CONNECT:
            hint = f"Check the address, and that the firewall lets port {found.port} out."
        case Stage.TLS if found.refusal is not None:
            return AddressFails(
                f"{found.host} shows a certificate that is not trusted:"
                f" {_why(found, found.refusal, ca_file)}",
                hint=_certificate_hint(found.refusal),
                refusal=found.refusal,
            )
        case _:
            hint = f"Check the address; does a browser show the dashboard at {url}?"
    return AddressFails(found.problem, hint=hint)


def _why(found: Reach, refusal: Refusal, ca_file: Path | None) -> str:
    shown = found.certificate
    day = "%Y-%m-%d"
    known = f"the system does not know{f', nor does {ca_file}' if ca_file else ''}"
    match refusal:
        case Refusal.EXPIRED if shown is not None:
            return f"it ended on {time.strftime(day, time.localtime(shown.not_after))}"
        case Refusal.NOT_YET_VALID if shown is not None:
            return f"it begins on {time.strftime(day, time.localtime(shown.not_before))}"
        case Refusal.WRONG_NAME:
            whose = f" but {shown.subject}" if shown is not None and shown.subject else ""
            return f"it is not for this name{whose}"
        case Refusal.SELF_SIGNED:
            return "it is signed by itself"
        case Refusal.PRIVATE_AUTHORITY | Refusal.ALONE if shown is not None:
            return f"it is signed by {shown.issuer}, whom {known}"
        case _:
            return found.problem


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
