"""Whether the dashboard lets the account of the settings in; nothing else is asked of it.

Apart from the rest of the service, which whoever asks this has no need of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import CredentialsRefused, DashboardUnreachable
from qlogship.service import build

if TYPE_CHECKING:
    from qlogship.config import Settings


def prove_login(settings: Settings) -> None:
    """Log in to the dashboard, and do nothing else. Raises what stands in the way."""
    with build.dashboard(settings) as dashboard:
        outcome = dashboard.log_in()
    if outcome.verdict is Verdict.UNAUTHORIZED:
        raise CredentialsRefused(
            outcome.detail, hint="Check dashboard.email and the password, then run this again."
        )
    if outcome.verdict is not Verdict.ACCEPTED:
        raise DashboardUnreachable(
            outcome.detail, hint="Check the network and dashboard.url, then run this again."
        )
