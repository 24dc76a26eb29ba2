"""Where an installation lies: settings, credential, state, unit; and to whom it belongs.

Here live decisions over names. The names are those of the units: qlogship.service
reads /etc/qlogship/qlogship.toml, qlogship@NAME.service reads /etc/qlogship/NAME.toml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qlogship.errors import UsageError

DEFAULT_PATH: Final = Path("/etc/qlogship/qlogship.toml")
STATE: Final = Path("/var/lib/qlogship")
Account = tuple[str, int, int]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
# Files that are not settings of an instance.
_TAKEN: Final = frozenset({"password", "qlogship"})


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one installation.

    `state` is None where the default of the settings is right. `unit` is None
    where no unit of the package reads these settings. `own_state` says that
    nobody else makes the state directory.
    """

    config: Path
    password: Path
    state: Path | None
    unit: str | None
    own_state: bool = False

    @property
    def authority(self) -> Path:
        """Where certificates to trust are kept when the service cannot read them where they are."""
        plain = self.config.stem == DEFAULT_PATH.stem
        return self.config.with_name("ca.pem" if plain else f"{self.config.stem}.ca.pem")


def places(config: Path | None, instance: str | None) -> Places:
    """Say where everything goes; `config` and `instance` are what was named.

    Raises UsageError when both are named, or the instance's name is none.
    """
    if instance is not None:
        if config is not None:
            raise UsageError(
                "--instance and --config both name the settings file", hint="Give one of them."
            )
        if not _NAME.fullmatch(instance) or instance in _TAKEN:
            raise UsageError(
                f"{instance!r} is no name for an instance",
                hint="Use letters, digits, - and _, such as --instance north.",
            )
        config = DEFAULT_PATH.with_name(f"{instance}.toml")
    path = (config or DEFAULT_PATH).absolute()
    if path == DEFAULT_PATH:
        return Places(path, path.with_name("password"), None, "qlogship")
    stem = path.stem
    plain = stem == DEFAULT_PATH.stem
    password = path.with_name("password" if plain else f"{stem}.password")
    if path.parent == DEFAULT_PATH.parent and path.suffix == ".toml" and _NAME.fullmatch(stem):
        return Places(path, password, STATE / stem, f"qlogship@{stem}")
    state = path.with_name("state" if plain else f"{stem}.state")
    return Places(path, password, state, None, own_state=True)


@dataclass(frozen=True, slots=True)
class Owner:
    """To whom new files belong, and who must be able to read them.

    `user` is the service's user, or the caller when there is none. `state_uid` is
    the owner of a state directory, `mode` that of settings and credential.
    """

    user: str
    uid: int
    gid: int
    mode: int
    state_uid: int
    service: bool


def owner(*, caller: Account, service: Account | None) -> Owner:
    """Say to whom the files belong: root and the service's group, or the caller alone.

    An account is the name of a user, the user id and the id of the first group.
    """
    name, uid, gid = caller
    if uid == 0 and service is not None:
        return Owner(service[0], 0, service[2], 0o640, service[1], service=True)
    return Owner(name, uid, gid, 0o600, uid, service=False)
