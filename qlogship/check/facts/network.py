"""The dashboard as it is from here: its name, its certificate, its clock, and one login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlogship.check.facts.settings import SettingsFacts
    from qlogship.check.machine import Machine
    from qlogship.dashboard.outcome import Outcome
    from qlogship.dashboard.reach import Reach
    from qlogship.errors import Fault

# Longer than a slow answer, shorter than the patience of whoever typed the command. The login,
# which comes after an answer, has as long once more.
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """How far the way to the dashboard goes; `login` is None when none was tried.

    `reach` is None when `faults` are in the way: those of the file of certificates.
    `credentials` says whether there are any that could be tried, seen or not.
    """

    url: str
    reach: Reach | None
    login: Outcome | None = None
    faults: tuple[Fault, ...] = ()
    credentials: bool = True


def gather(machine: Machine, settings: SettingsFacts) -> NetworkFacts | None:
    """Look at the dashboard, and log in once when it can be reached and the secrets are known.

    None when the settings do not let anybody look.
    """
    if settings.settings is None:
        return None
    from qlogship.dashboard.reach import examine
    from qlogship.errors import SettingsError

    dashboard = settings.settings.dashboard
    timeout = min(_TIMEOUT, dashboard.timeout)
    try:
        reach = examine(
            dashboard.url, dashboard.ca_file, timeout=timeout, wall_clock=machine.wall_clock
        )
    except SettingsError as error:
        # What the settings have told already is not told again.
        found = NetworkFacts(dashboard.url, None, faults=error.faults)
        return found if not settings.secret_faults else None
    login, usable = None, not settings.secret_faults
    if reach.failed is None and usable and settings.secrets_seen:
        from qlogship.service.build import dashboard as client

        limited = dashboard.model_copy(update={"timeout": timeout})
        with client(settings.settings.model_copy(update={"dashboard": limited})) as door:
            login = door.log_in()
    return NetworkFacts(dashboard.url, reach, login, credentials=usable)
