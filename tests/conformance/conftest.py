"""Against whom the conformance tests run: always the sandbox, and a real tenant if one is named.

    CONFORMANCE_URL            https://company.softphone.pro
    CONFORMANCE_EMAIL          the e-mail of a Team administrator there
    CONFORMANCE_PASSWORD_FILE  a file with the password
    CONFORMANCE_GROUP          the id of a team for the test's users; 1 when left out
    CONFORMANCE_CA_FILE        certificates to trust besides the system's, if need be

The names do not begin with QLOGSHIP_, which is for settings: qlogship refuses what it
does not know there. Nothing is harmed: the tests make users with a name of their own
that nobody mistakes, and remove these and no others; they upload nothing and clear
nothing.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard import EmailPassword, NewUser, Role, TeamDashboard
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NEEDED = ("CONFORMANCE_URL", "CONFORMANCE_EMAIL", "CONFORMANCE_PASSWORD_FILE")
# RFC 2606: no such address can ever belong to somebody.
DOMAIN = "qlogship-conformance.invalid"


@dataclass(frozen=True, slots=True)
class Place:
    """A Team Dashboard to try; `group` is the id of a team there."""

    url: str
    account: EmailPassword
    group: int
    ca_file: Path | None = None

    def client(self, account: EmailPassword | None = None) -> TeamDashboard:
        """Return a client of it; whoever gets it closes it."""
        return TeamDashboard(
            url=self.url,
            credentials=account or self.account,
            timeout=60.0,
            download_timeout=300.0,
            ca_file=self.ca_file,
        )


def missing_names() -> list[str]:
    """Return what would have to be in the environment for a real tenant to be tried."""
    return [name for name in _NEEDED if not os.environ.get(name)]


@pytest.fixture(scope="session", params=["sandbox"] if missing_names() else ["sandbox", "tenant"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Name the dashboard that is tried."""
    if request.param == "tenant":
        yield _tenant()
        return
    with Sandbox() as sandbox:
        yield Place(sandbox.url, EmailPassword(sandbox.email, sandbox.password), 1)


def _tenant() -> Place:
    url, email, password_file = (os.environ[name] for name in _NEEDED)
    password = Path(password_file).read_text(encoding="utf-8").rstrip("\r\n")
    ca_file = os.environ.get("CONFORMANCE_CA_FILE")
    return Place(
        url,
        EmailPassword(email, password),
        int(os.environ.get("CONFORMANCE_GROUP", "1")),
        Path(ca_file) if ca_file else None,
    )


@pytest.fixture
def dashboard(place: Place) -> Iterator[TeamDashboard]:
    """Return a client that may log in."""
    with place.client() as client:
        yield client


@pytest.fixture
def draft(place: Place, dashboard: TeamDashboard) -> Iterator[Callable[[], NewUser]]:
    """Return a maker of users to be; those that came to be are removed in the end."""
    emails: set[str] = set()

    def make() -> NewUser:
        mark = secrets.token_hex(6)
        email = f"delete-me-{mark}@{DOMAIN}"
        emails.add(email)
        return NewUser(
            uses_softphone=False,
            name=f"Qlogship-{mark}",
            surname="Conformance test (delete me)",
            email=email,
            password=secrets.token_urlsafe(24),
            role=Role.EMPLOYEE,
            groups=(place.group,),
        )

    yield make
    ours = [user.id for user in dashboard.all_users() if user.email in emails and user.id]
    if ours:
        dashboard.delete_users(ours)
