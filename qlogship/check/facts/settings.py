"""The settings, as the service would read them, and the files around them."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qlogship.check.facts.unit import credential_files, instance_of
from qlogship.config import examine, secret
from qlogship.config.load import STATE_VARIABLE
from qlogship.config.model import PATH_VARIABLE, SECRETS
from qlogship.installation.doors import way_to
from qlogship.installation.files import File, look_at
from qlogship.installation.identity import Account, Barrier, can_read_as
from qlogship.installation.places import DEFAULT_PATH, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qlogship.check.facts.unit import UnitFacts
    from qlogship.check.machine import Machine
    from qlogship.config import Settings
    from qlogship.errors import Fault


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that holds a secret; systemd hands its content over when `by_unit`.

    `file` is None when there is none. `barrier` is what keeps the service's user from
    reading it.
    """

    key: str
    path: Path
    file: File | None
    by_unit: bool
    barrier: Barrier | None = None


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """What is wrong with the settings, and the settings when they can be used.

    `secrets_seen` is false when whoever asks may not read them; then `settings`
    holds none. `faults` are those of the settings alone, `secret_faults` those of
    the secrets. `credential` is the file from which the unit takes the password,
    `authority` the file of certificates with all directories above it.
    """

    path: Path
    file: File | None
    directory: File | None
    readable: bool = True
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    secret_faults: tuple[Fault, ...] = ()
    secret_files: tuple[SecretFile, ...] = ()
    secrets_seen: bool = True
    credential: Path | None = None
    settings: Settings | None = None
    authority: tuple[File, ...] = ()


def chosen_path(path: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the settings file that a command with these options would read."""
    return path or Path(environ.get(PATH_VARIABLE) or DEFAULT_PATH)


def gather(machine: Machine, path: Path, unit: UnitFacts, user: Account | None) -> SettingsFacts:
    """Read the settings with the eyes of the service, whose unit may hand it secrets."""
    file, directory = look_at(path), look_at(path.parent)
    if file is not None and not os.access(path, os.R_OK):
        return SettingsFacts(path, file, directory, readable=False)
    files = credential_files(unit, path)
    environ = dict(machine.environ)
    if instance := instance_of(unit.name or ""):
        environ.setdefault(STATE_VARIABLE, str(STATE / instance))
    with _credentials(files, environ) as whole:
        plain = examine(path, environ=whole, secrets=False)
        loaded = plain.loaded
        secrets = _secret_files(loaded.settings, files, whole, user) if loaded else ()
        seen = all(one.file is None or os.access(one.path, os.R_OK) for one in secrets)
        found = examine(path, environ=whole) if seen else plain
    usable = found.loaded or plain.loaded
    # All that is only doubted without secrets, and that nobody has allowed, is refused with them.
    allowed = loaded is None or loaded.settings.dashboard.allow_http
    ca_file = usable.settings.dashboard.ca_file if usable else None
    doubted, refused = (plain.warnings, ()) if allowed else ((), plain.warnings)
    return SettingsFacts(
        path,
        file,
        directory,
        faults=(*plain.faults, *refused),
        warnings=doubted,
        secret_faults=tuple(
            fault for fault in found.faults if fault not in {*plain.faults, *refused}
        ),
        secret_files=secrets,
        secrets_seen=seen and found.loaded is not None,
        credential=files.get(secret.credential("password")),
        settings=usable.settings if usable else None,
        authority=_way(ca_file) if ca_file is not None else (),
    )


def _way(path: Path) -> tuple[File, ...]:
    """Return all that decides what a path leads to; whoever can write one of it chooses.

    Nothing where whoever asks may not look at all of it.
    """
    try:
        with way_to(path) as way:
            end = Path("/proc/self/fd", str(way.handle)).readlink()
            found = [File(Path(one.path), one.uid, one.gid, one.mode) for one in way.directories]
            found += [File(Path(one.path), one.uid) for one in way.links]
            return (*dict.fromkeys(found), File.of(end, way.status))
    except OSError:
        return ()


@contextmanager
def _credentials(files: Mapping[str, Path], environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """Show the unit's credentials as systemd does, in a directory; of links, no copies."""
    present = {name: path for name, path in files.items() if os.path.lexists(path)}
    if not present or secret.CREDENTIALS_VARIABLE in environ:
        yield environ
        return
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="qlogship-check-"))
            for name, path in present.items():
                Path(directory, name).symlink_to(path)
        except OSError:  # no room for a few links: then the secrets are not known
            yield environ
            return
        yield {**environ, secret.CREDENTIALS_VARIABLE: directory}


def _secret_files(
    settings: Settings, files: Mapping[str, Path], environ: Mapping[str, str], user: Account | None
) -> tuple[SecretFile, ...]:
    """Return the files of the secrets that count, each once."""
    found = []
    for key, file_key in SECRETS.items():
        named: Path | None = getattr(settings.dashboard, file_key)
        one = secret.find(key, environ=environ, named=named, named_place=file_key)
        if one is None or one.path is None:
            continue
        path = files.get(secret.credential(key)) if one.trusted else one.path
        if path is None:
            continue
        file, barrier = look_at(path), None
        if file is not None and user is not None and not one.trusted:
            with suppress(KeyError):  # a user who was removed a moment ago
                barrier = can_read_as(user.name, path)
        found.append(SecretFile(key, path, file, by_unit=one.trusted, barrier=barrier))
    return tuple(found)
