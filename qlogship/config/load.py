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

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

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
    from collections.abc import Set as AbstractSet

    from qlogship.config.secret import Found
    from qlogship.config.settings_file import SettingsFile

DEFAULT = "default"

STATE_VARIABLE = "STATE_DIRECTORY"
"""In which systemd tells a service its StateDirectory."""

NO_ADDRESS = "https://dashboard.invalid"
"""Stands in for an address that is missing or wrong."""

# What pydantic calls a key that it does not know, and a secret that is plain text.
_NO_KEY = frozenset({"extra_forbidden", "is_instance_of"})


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
    `password` and `token` stay None, nobody asks whether they are given, and that they
    would be sent in clear text is only a warning: for commands that read local state on
    behalf of somebody who may not read them, and ask nothing of the dashboard.
    """
    found = examine(path, environ=environ, secrets=secrets)
    if found.loaded is None:
        raise SettingsError(found.faults)
    return found.loaded


def examine(path: Path | None, *, environ: Mapping[str, str], secrets: bool = True) -> Examination:
    """Do what `load` does, but hand faults and warnings back instead of raising."""
    chosen = path or environ.get(PATH_VARIABLE)
    file = settings_file.read(Path(chosen or DEFAULT_PATH))
    values, strays = environment.read(environ)
    if file.missing and not chosen and "url" in values.get("dashboard", {}):
        # A container: everything comes from the environment, nobody wrote a file.
        file = settings_file.SettingsFile(file.path)
    layers = _Layers(file, values)
    settings, refused, unfit = _validate(layers)
    faults = [*file.faults, *strays, *unfit]
    found = _find_secrets(settings, layers, environ)
    faults += rules.values(settings, refused, layers.place)
    if layers.origin("state", "directory") == DEFAULT:
        faults += rules.state_of_unit(settings, environ.get(STATE_VARIABLE, ""), layers.place)
    if secrets:
        if file.usable:
            faults += rules.credentials(_given(settings, refused, found), layers.place)
        faults += _certificates(settings, layers)
        settings, unfit = _with_secrets(settings, found)
        faults += unfit
    clear = tuple(rules.clear_text(settings, refused, layers.place))
    # Who sends nothing need not stop: what is archived here stays within reach.
    is_fault = secrets and not settings.dashboard.allow_http
    faults += clear if is_fault else ()
    warnings = () if is_fault else clear
    loaded = None
    if not faults:
        origins = {f"{section}.{key}": layers.origin(section, key) for section, key, _ in fields()}
        origins |= {f"dashboard.{key}": one.origin for key, one in found.items()}
        loaded = Loaded(settings, origins, warnings, file.path)
    in_order = sorted(faults, key=lambda fault: file.line_of(fault.place))
    return Examination(file.path, loaded, tuple(in_order), warnings)


@dataclass(frozen=True, slots=True)
class _Layers:
    """The places that values come from; the environment lies on top."""

    file: SettingsFile
    environment: Mapping[str, Mapping[str, object]]

    def values(self) -> dict[str, dict[str, object]]:
        return {
            section: {**self.file.values.get(section, {}), **self.environment.get(section, {})}
            for section in SECTIONS
        }

    def place(self, section: str, key: str) -> str:
        """Return where somebody must look to change a setting, or to add it."""
        if key in self.environment.get(section, {}):
            return environment.place(section, key)
        return self.file.place(section, key)

    def origin(self, section: str, key: str) -> str:
        if key in self.environment.get(section, {}):
            return f"environment {variable(section, key)}"
        if key in self.file.values.get(section, {}):
            return f"{self.file.path}: [{section}]"
        return DEFAULT


def _validate(layers: _Layers) -> tuple[Settings, set[str], list[Fault]]:
    """Return settings in which each refused value is put back, the names of those, and why.

    Where nothing could be read at all, nobody says that the address is missing.
    """
    values = layers.values()
    refused: set[str] = set()
    faults: list[Fault] = []
    try:
        return Settings.model_validate(values), refused, faults
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        section, key = (str(part) for part in detail["loc"][:2])
        place = layers.place(section, key)
        if detail["type"] in _NO_KEY:
            faults.append(settings_file.stray_key(place, section, key))
        elif detail["type"] != "missing" or layers.file.usable:
            field = SECTIONS[section].model_fields[key]
            faults.append(Fault(place, *explain(field, detail)))
        refused.add(f"{section}.{key}")
        values[section].pop(key, None)
    values["dashboard"].setdefault("url", NO_ADDRESS)
    return Settings.model_validate(values), refused, faults


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


def _given(settings: Settings, refused: AbstractSet[str], found: Mapping[str, Found]) -> set[str]:
    said_by = {"email": "email", **SECRETS}
    given = {key for key, name in said_by.items() if f"dashboard.{name}" in refused}
    if settings.dashboard.email is not None:
        given.add("email")
    return given.union(found)


def _with_secrets(settings: Settings, found: dict[str, Found]) -> tuple[Settings, list[Fault]]:
    secrets, faults = {}, []
    for key, one in found.items():
        try:
            secrets[key] = secret.read(one)
        except secret.Unfit as error:
            faults.append(Fault(one.place, error.problem, error.remedy))
    dashboard = settings.dashboard.model_copy(update=secrets)
    return settings.model_copy(update={"dashboard": dashboard}), faults


def _certificates(settings: Settings, layers: _Layers) -> list[Fault]:
    """Find out whether the file of certificates can be read; what is in it, TLS will tell."""
    path = settings.dashboard.ca_file
    if path is None:
        return []
    try:
        if stat.S_ISREG(path.stat().st_mode):  # a pipe would hang us
            path.open("rb").close()
            return []
        problem = f"{path} is no regular file"
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
    place = layers.place("dashboard", "ca_file")
    return [Fault(place, problem, "Name a file of PEM certificates that the service can read.")]
