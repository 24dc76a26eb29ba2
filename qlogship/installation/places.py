"""Where an installation lies: settings, credential, state, unit; and to whom it belongs.

Here live the names that the packages and their units use, and decisions over names:
qlogship.service reads /etc/qlogship/qlogship.toml, qlogship@NAME.service
/etc/qlogship/NAME.toml.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from qlogship.errors import UsageError

DEFAULT_PATH: Final = Path("/etc/qlogship/qlogship.toml")
"""The settings that are read when nobody names others."""

STATE: Final = Path("/var/lib/qlogship")
"""The state directory of qlogship.service; the instances have theirs in it."""

# Where the unit lets the service see nothing: ProtectHome=, PrivateTmp=, TemporaryFileSystem=/run,
# and InaccessiblePaths=, with which a test compares it.
HIDDEN: Final = (
    *("/home", "/root", "/run", "/tmp", "/var/tmp"),  # noqa: S108
    *("/etc/asterisk", "/var/lib/asterisk", "/var/spool/asterisk"),
    *("/etc/freepbx.conf", "/etc/amportal.conf", "/etc/issabel.conf"),
    *("/var/www", "/var/lib/mysql", "/tftpboot"),
    *("/dev/shm", "/dev/mqueue"),  # noqa: S108
)

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
    """Return where everything goes; `config` and `instance` are what was named.

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
    plain = path.stem == DEFAULT_PATH.stem
    password = path.with_name("password" if plain else f"{path.stem}.password")
    unit = unit_of(path) if _NAME.fullmatch(path.stem) else None
    if unit is None:
        state = path.with_name("state" if plain else f"{path.stem}.state")
        return Places(path, password, state, None, own_state=True)
    return Places(
        path, password, None if plain else STATE / path.stem, unit.removesuffix(".service")
    )


def unit_of(settings: Path, directory: Path = DEFAULT_PATH.parent) -> str | None:
    """Return the unit of a settings file: qlogship, an instance of qlogship@, or none."""
    if settings.parent != directory or settings.suffix != ".toml":
        return None
    if settings.name == DEFAULT_PATH.name:
        return "qlogship.service"
    return f"qlogship@{settings.stem}.service"


def grant_command(settings: Path) -> str:
    """Return what root types so that the service of a settings file may read its queue_log."""
    which = "" if settings == DEFAULT_PATH else f" --config {shlex.quote(str(settings))}"
    return f"qlogship setup --grant{which}"


def is_hidden(path: Path) -> bool:
    """Return whether the unit hides a path from the service, whatever its modes say."""
    return any(path.is_relative_to(place) for place in HIDDEN)


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


def owner(*, caller: tuple[str, int, int], service: tuple[str, int, int] | None) -> Owner:
    """Return to whom the files belong: root and the service's group, or the caller alone.

    A user is a name, the user id and the id of the first group.
    """
    name, uid, gid = caller
    if uid == 0 and service is not None:
        return Owner(service[0], 0, service[2], 0o640, service[1], service=True)
    return Owner(name, uid, gid, 0o600, uid, service=False)


def keeper(owner: Owner, unit: str | None) -> Owner:
    """Return to whom the password belongs.

    Where systemd hands it to the service it is root's alone: all instances run as one user, and
    whoever breaks into one would read those of the others.
    """
    if owner.service and unit is not None:
        return replace(owner, user="root", gid=0, mode=0o600)
    return owner
