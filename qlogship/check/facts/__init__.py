"""The gathering of facts: everything that is asked of the machine and of the network.

Nothing here judges, and nothing here raises because of a strange machine: what
cannot be found out is None, or said to be unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.check.facts import access, asterisk, network, rotation, settings, state, unit
from qlogship.installation.files import look_at

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.check.facts.access import SourceFacts, UserFacts
    from qlogship.check.facts.asterisk import AsteriskFacts
    from qlogship.check.facts.network import NetworkFacts
    from qlogship.check.facts.rotation import RotationFacts
    from qlogship.check.facts.settings import SettingsFacts
    from qlogship.check.facts.state import DiskFacts, StateFacts
    from qlogship.check.facts.unit import UnitFacts
    from qlogship.check.machine import Machine


@dataclass(frozen=True, slots=True)
class NamedFacts:
    """What was found out about all that the settings name.

    `network` is None when nobody was to be asked. `synchronised` says whether a
    time service keeps the clock right, None when nobody knows.
    """

    url: str
    source: SourceFacts
    asterisk: AsteriskFacts
    rotation: RotationFacts
    state: StateFacts
    state_disk: DiskFacts | None
    source_disk: DiskFacts | None
    network: NetworkFacts | None
    synchronised: bool | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found out; `named` is None without settings. `now` is in epoch seconds."""

    now: float
    program: Path
    unit: UnitFacts
    user: UserFacts
    settings: SettingsFacts
    named: NamedFacts | None = None


def gather(machine: Machine, path: Path | None, *, offline: bool) -> Facts:
    """Find out everything about the installation that the settings at `path` describe."""
    file = settings.chosen_path(path, machine.environ).absolute()
    of_unit = unit.gather(machine, file)
    user = access.gather_user(machine, of_unit)
    said = settings.gather(machine, file, of_unit, user.account)
    if user.account is None and not of_unit.load and said.settings is not None:
        # Without systemd and without the package's user, whoever owns the state is meant.
        owner = access.owner_of(said.settings.state.directory)
        if owner is not None:
            user = access.user_of(owner)
            said = settings.gather(machine, file, of_unit, owner)
    now, wanted = machine.wall_clock(), said.settings
    if wanted is None:
        return Facts(now, machine.program, of_unit, user, said)
    of_asterisk = asterisk.gather(machine, wanted)
    named = NamedFacts(
        wanted.dashboard.url,
        source=access.gather_source(wanted, user, machine.proc),
        asterisk=of_asterisk,
        rotation=rotation.gather(machine, wanted, of_asterisk.account, user.account),
        state=state.gather(wanted, user.account),
        state_disk=state.gather_state_disk(wanted.state),
        source_disk=state.gather_disk(wanted.source.path.parent),
        network=None if offline else network.gather(machine, said),
        synchronised=_synchronised(machine),
    )
    return Facts(now, machine.program, of_unit, user, said, named)


def _synchronised(machine: Machine) -> bool | None:
    """Ask whether a time service keeps the clock right; in a container the host does."""
    if look_at(machine.container_mark):
        return None
    said = machine.ask(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    return said.strip() == "yes" if said and said.strip() else None
