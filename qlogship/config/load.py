"""Load the settings: file, environment and secrets, one on top of the other.

Here live the order in which places win and the gathering of faults. What one
value must satisfy alone lives in `model`, what several must satisfy together in
`rules`.

Theory of operation. A person who mends settings wants every fault at once, so
nothing here stops at the first one. Each place is read into section -> key ->
value together with its faults. The values are laid over each other, the
environment on top, and validated in one go; each value that pydantic refuses
becomes a fault and is put back to its default, so that a complete `Settings`
exists in any case, and the rules between values can run on it. Secrets come
last, because the setting that names a file must be valid before the file is
opened.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from qlogship.config import environment, rules, secret, settings_file
from qlogship.config.model import (
    PATH_VARIABLE,
    SECRETS,
    SECTIONS,
    Settings,
    fields,
    variable,
)
from qlogship.config.wording import explain
from qlogship.errors import Fault, SettingsError
from qlogship.installation.places import DEFAULT_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.config.environment import Environment
    from qlogship.config.secret import Found
    from qlogship.config.settings_file import SettingsFile

DEFAULT = "default"

STATE_VARIABLE = "STATE_DIRECTORY"
"""In which systemd tells a service its StateDirectory."""

NO_ADDRESS = "https://dashboard.invalid"
"""Stands in for an address that is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that can be used, and where each value comes from.

    `origins` maps "section.key" to "default", "/path: [section]",
    "environment NAME", "credential NAME" or "file /path". A secret that is not
    set has the origin "default".
    """

    settings: Settings
    origins: dict[str, str]
    warnings: tuple[Fault, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in the settings; `loaded` is None when there are faults."""

    path: Path
    loaded: Loaded | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def load(path: Path | None, *, environ: Mapping[str, str], secrets: bool = True) -> Loaded:
    """Load the settings, or raise SettingsError with every fault there is.

    `path` is what the command line names, else QLOGSHIP_CONFIG, else the default
    path. Without `secrets` no secret and no file of certificates is opened,
    `password` and `token` stay None, and nobody asks whether they are given: for
    commands that read local state on behalf of somebody who may not read them.
    """
    found = examine(path, environ=environ, secrets=secrets)
    if found.loaded is None:
        raise SettingsError(found.faults)
    return found.loaded


def examine(path: Path | None, *, environ: Mapping[str, str], secrets: bool = True) -> Examination:
    """Do what `load` does, but hand faults and warnings back instead of raising."""
    layers = _read(path, environ)
    settings, refused = _validate(layers)
    faults = [*layers.file.faults, *layers.environment.faults]
    faults += [fault for _, fault in refused]
    names = frozenset(name for name, _ in refused)
    found = _find_secrets(settings, layers, environ)
    situation = rules.Situation(settings, names, layers.place, _given(settings, names, found))
    faults += rules.values(situation)
    if layers.origin("state", "directory") == DEFAULT:
        faults += rules.state_of_unit(situation, environ.get(STATE_VARIABLE, ""))
    if secrets:
        if layers.file.usable:
            faults += rules.credentials(situation)
        faults += _certificates(settings, layers)
        settings, unfit = _with_secrets(settings, found)
        faults += unfit
    warnings = tuple(rules.doubts(situation))
    loaded = None
    if not faults:
        loaded = Loaded(settings, _origins(layers, found), warnings, layers.file.path)
    in_order = sorted(faults, key=lambda fault: layers.file.line_of(fault.place))
    return Examination(layers.file.path, loaded, tuple(in_order), warnings)


@dataclass(frozen=True, slots=True)
class _Layers:
    """The places that values come from; the environment lies on top."""

    file: SettingsFile
    environment: Environment

    def values(self) -> dict[str, dict[str, object]]:
        return {
            section: {
                **self.file.values.get(section, {}),
                **self.environment.values.get(section, {}),
            }
            for section in SECTIONS
        }

    def in_environment(self, section: str, key: str) -> bool:
        return key in self.environment.values.get(section, {})

    def place(self, section: str, key: str) -> str:
        """Return where somebody must look to change a setting, or to add it."""
        if self.in_environment(section, key):
            return environment.place(section, key)
        return self.file.place(section, key)

    def origin(self, section: str, key: str) -> str:
        if self.in_environment(section, key):
            return f"environment {variable(section, key)}"
        if key in self.file.values.get(section, {}):
            return f"{self.file.path}: [{section}]"
        return DEFAULT


def _read(path: Path | None, environ: Mapping[str, str]) -> _Layers:
    chosen = path or environ.get(PATH_VARIABLE)
    file = settings_file.read(Path(chosen or DEFAULT_PATH))
    env = environment.read(environ)
    if file.missing and not chosen and "url" in env.values.get("dashboard", {}):
        # A container: everything comes from the environment, nobody wrote a file.
        file = settings_file.SettingsFile(file.path)
    return _Layers(file, env)


def _validate(layers: _Layers) -> tuple[Settings, list[tuple[str, Fault]]]:
    """Return settings in which each refused value is put back, and those refused."""
    values = layers.values()
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    refused = []
    for detail in details:
        section, key = (str(part) for part in detail["loc"][:2])
        if detail["type"] != "missing" or layers.file.usable:
            field = SECTIONS[section].model_fields[key]
            fault = Fault(layers.place(section, key), *explain(field, detail))
            refused.append((f"{section}.{key}", fault))
        values[section].pop(key, None)
    values["dashboard"].setdefault("url", NO_ADDRESS)
    return Settings.model_validate(values), refused


def _find_secrets(
    settings: Settings, layers: _Layers, environ: Mapping[str, str]
) -> dict[str, Found]:
    found = {}
    for key, file_key in SECRETS.items():
        named: Path | None = getattr(settings.dashboard, file_key)
        place = layers.place("dashboard", file_key)
        if one := secret.find(key, environ=environ, named=named, named_place=place):
            found[key] = one
    password = found.get("password")
    if password and password.trusted and "token" in found and settings.dashboard.email is None:
        # The unit passes /etc/qlogship/password on whenever it exists, also when it is a relic.
        del found["password"]
    return found


def _given(settings: Settings, refused: frozenset[str], found: dict[str, Found]) -> frozenset[str]:
    given = set(found)
    if settings.dashboard.email is not None:
        given.add("email")
    for key, said_by in {"email": "email", **SECRETS}.items():
        if f"dashboard.{said_by}" in refused:
            given.add(key)
    return frozenset(given)


def _with_secrets(settings: Settings, found: dict[str, Found]) -> tuple[Settings, list[Fault]]:
    secrets: dict[str, SecretStr] = {}
    faults = []
    for key, one in found.items():
        value, fault = secret.read(one)
        if value is not None:
            secrets[key] = value
        if fault is not None:
            faults.append(fault)
    dashboard = settings.dashboard.model_copy(update=secrets)
    return settings.model_copy(update={"dashboard": dashboard}), faults


def _certificates(settings: Settings, layers: _Layers) -> list[Fault]:
    """Find out whether the file of certificates can be read; what is in it, TLS will tell."""
    path = settings.dashboard.ca_file
    if path is None:
        return []
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            is_regular = stat.S_ISREG(os.fstat(handle).st_mode)
        finally:
            os.close(handle)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
    else:
        if is_regular:
            return []
        problem = f"{path} is no regular file"
    place = layers.place("dashboard", "ca_file")
    return [Fault(place, problem, "Name a file of PEM certificates that the service can read.")]


def _origins(layers: _Layers, found: dict[str, Found]) -> dict[str, str]:
    origins = {f"{section}.{key}": layers.origin(section, key) for section, key, _ in fields()}
    origins |= {f"dashboard.{key}": one.origin for key, one in found.items()}
    return origins
