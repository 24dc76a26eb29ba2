"""Putting the service together from its settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qlogship.dashboard.auth import EmailPassword, GivenToken, TokenFile
from qlogship.dashboard.client import TeamDashboard
from qlogship.source.follower import QueueLog
from qlogship.state.own_files import own_files

if TYPE_CHECKING:
    from qlogship.clocks import Clocks
    from qlogship.config import Settings
    from qlogship.config.model import DashboardSettings
    from qlogship.dashboard.auth import Credentials
    from qlogship.state.store import Store


def dashboard(settings: Settings) -> TeamDashboard:
    """Make the client of the dashboard that the settings name."""
    wanted = settings.dashboard
    return TeamDashboard(
        url=wanted.url,
        credentials=_credentials(wanted),
        timeout=wanted.timeout,
        ca_file=wanted.ca_file,
    )


def _credentials(wanted: DashboardSettings) -> Credentials:
    """Pick the credentials; that there is one kind of them the settings have seen to."""
    if wanted.token is not None and wanted.token_file is None:
        return GivenToken(wanted.token.get_secret_value())
    if wanted.token_file is not None:
        return TokenFile(wanted.token_file)
    password = wanted.password.get_secret_value() if wanted.password is not None else ""
    return EmailPassword(wanted.email or "", password)


def queue_log(settings: Settings, store: Store, clocks: Clocks) -> QueueLog:
    """Make the follower of the queue_log that the settings name, where the store left off."""
    return QueueLog(
        settings.source.path,
        archives=settings.source.archives,
        wanted_history=settings.source.history,
        cursor=store.cursor,
        last_text_of=store.archive.origins.last_text_of,
        own=partial(own_files, settings),
        clocks=clocks,
    )
