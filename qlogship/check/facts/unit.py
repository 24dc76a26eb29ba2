"""What systemd says about the unit that belongs to a settings file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.check.machine import exists
from qlogship.installation.places import unit_of
from qlogship.terminal.options import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.check.machine import Machine

_PROPERTIES: Final = (
    *("LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "FragmentPath"),
    *("DropInPaths", "NeedDaemonReload", "ExecStart", "User", "MainPID"),
)
_STORES: Final = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")
_COMMAND: Final = re.compile(r"argv\[\]=(.*?) ;")
_OTHER_SETTINGS: Final = re.compile(r"(?:^| )(?:-c|--config)[ =](\S+)")


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """A unit as systemd has loaded it.

    `name` is None when no unit belongs to the settings file, `load` is empty when
    systemd could not be asked. `packaged` is the package's own file of this unit,
    `settings` what the command line in the unit names.
    """

    name: str | None = None
    load: str = ""
    active: str = ""
    sub: str = ""
    result: str = ""
    enabled: str = ""
    fragment: Path | None = None
    drop_ins: tuple[Path, ...] = ()
    needs_reload: bool = False
    command: tuple[str, ...] = ()
    user: str = ""
    pid: int | None = None
    credentials: Mapping[str, Path] = field(default_factory=dict)
    packaged: Path | None = None
    same_program: bool | None = None
    program_exists: bool = True
    settings: Path | None = None


def gather(machine: Machine, settings: Path) -> UnitFacts:
    """Ask systemd about the unit of a settings file."""
    name = unit_of(settings, machine.settings_directory)
    if name is None:
        return UnitFacts()
    said = machine.ask(["systemctl", "show", name, f"--property={','.join(_PROPERTIES)}"])
    if not said:
        return UnitFacts(name)
    values = _values(said)
    command = _command(values.get("ExecStart", ""))
    fragment = values.get("FragmentPath", "")
    pid = values.get("MainPID", "")
    named = _OTHER_SETTINGS.search(" ".join(command[1:]))
    return UnitFacts(
        name,
        load=values.get("LoadState", ""),
        active=values.get("ActiveState", ""),
        sub=values.get("SubState", ""),
        result=values.get("Result", ""),
        enabled=values.get("UnitFileState", ""),
        fragment=Path(fragment) if fragment else None,
        drop_ins=tuple(map(Path, values.get("DropInPaths", "").split())),
        needs_reload=values.get("NeedDaemonReload") == "yes",
        command=command,
        user=values.get("User", ""),
        pid=int(pid) if pid.isdecimal() and pid != "0" else None,
        credentials=_credentials(machine.ask(["systemctl", "cat", name]) or "", name),
        packaged=_packaged(machine, name),
        same_program=_is_same(machine.program, command),
        program_exists=not command or exists(Path(command[0])),
        settings=Path(named[1]) if named else None,
    )


def credential_files(facts: UnitFacts, settings: Path) -> dict[str, Path]:
    """Return the files that the unit takes secrets from, by the names of the credentials.

    Where systemd cannot be asked, those that the units of the package name.
    """
    if facts.name is None:
        return {}
    if facts.load:
        return dict(facts.credentials)
    instance = facts.name.partition("@")[2].removesuffix(".service")
    name = f"{instance}.password" if instance else "password"
    return {"qlogship-password": settings.parent / name}


def _values(said: str) -> dict[str, str]:
    """Return the properties; one that is said more than once is joined by blanks."""
    values: dict[str, str] = {}
    for line in said.splitlines():
        name, _, value = line.partition("=")
        values[name] = f"{values[name]} {value}" if name in values else value
    return values


def _command(exec_start: str) -> tuple[str, ...]:
    match = _COMMAND.search(exec_start)
    return tuple(match[1].split()) if match else ()


def _credentials(text: str, unit: str) -> dict[str, Path]:
    """Return the files of the credentials, from the unit and its drop-ins as they are written.

    What systemd has loaded of them, `systemctl show` cannot print (252). Of two
    for one credential the last counts, and an empty assignment forgets all before it.
    """
    instance = unit.partition("@")[2].removesuffix(".service")
    found: dict[str, Path] = {}
    for line in text.splitlines():
        name, is_set, value = line.strip().partition("=")
        if name != "LoadCredential" or not is_set:
            continue
        credential, _, path = value.strip().partition(":")
        if not credential:
            found.clear()
        elif not path:
            found[credential] = _in_store(credential)
        elif path.startswith("/"):
            found[credential] = Path(path.replace("%i", instance).replace("%%", "%"))
    return found


def _in_store(credential: str) -> Path:
    """Return where systemd looks for a credential without a path."""
    found = (Path(store, credential) for store in _STORES)
    return next((path for path in found if exists(path)), Path(_STORES[0], credential))


def _packaged(machine: Machine, name: str) -> Path | None:
    file = f"{name.partition('@')[0]}@.service" if "@" in name else name
    found = (directory / file for directory in machine.unit_directories)
    return next((path for path in found if exists(path)), None)


def _is_same(program: Path, command: tuple[str, ...]) -> bool | None:
    """Return whether the unit starts the program that was called; None when nobody can tell."""
    if not command or not program.is_absolute() or program.name != PROGRAM:
        return None
    try:
        return program.samefile(command[0])
    except OSError:
        return None
