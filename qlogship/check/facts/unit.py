"""What systemd says about the unit that belongs to a settings file."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.installation.files import look_at
from qlogship.installation.places import unit_of
from qlogship.terminal.options import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qlogship.check.machine import Machine

_PROPERTIES: Final = (
    *("LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "FragmentPath"),
    *("DropInPaths", "NeedDaemonReload", "ExecStart", "User", "MainPID"),
)
_STORES: Final = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")
_COMMAND: Final = re.compile(r"argv\[\]=(.*?) ;")
_OTHER_SETTINGS: Final = re.compile(r"(?:^| )(?:-c|--config)[ =](\S+)")


@dataclass(frozen=True, slots=True)
class UnitFile:
    """The file that systemd has loaded, and the package's own file of this unit."""

    loaded: Path | None = None
    packaged: Path | None = None
    drop_ins: tuple[Path, ...] = ()
    needs_reload: bool = False


@dataclass(frozen=True, slots=True)
class UnitCommand:
    """The command line in a unit, and the settings that it names.

    `same_program` is whether it starts the program that was called, None when nobody can tell.
    """

    line: tuple[str, ...] = ()
    exists: bool = True
    same_program: bool | None = None
    settings: Path | None = None


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """A unit as systemd has loaded it.

    `name` is None when no unit belongs to the settings file, `load` is empty when
    systemd could not be asked.
    """

    name: str | None = None
    load: str = ""
    active: str = ""
    sub: str = ""
    result: str = ""
    enabled: str = ""
    file: UnitFile = UnitFile()
    command: UnitCommand = UnitCommand()
    user: str = ""
    pid: int | None = None
    credentials: Mapping[str, Path] = field(default_factory=dict)


def gather(machine: Machine, settings: Path) -> UnitFacts:
    """Ask systemd about the unit of a settings file."""
    name = unit_of(settings, machine.settings_directory)
    if name is None:
        return UnitFacts()
    said = machine.ask(["systemctl", "show", name, f"--property={','.join(_PROPERTIES)}"])
    if not said:
        return UnitFacts(name)
    values: dict[str, str] = defaultdict(str)
    for line in said.splitlines():
        key, _, value = line.partition("=")
        values[key] = f"{values[key]} {value}".strip()  # some are said more than once
    fragment, pid = values["FragmentPath"], values["MainPID"]
    file = f"{name.partition('@')[0]}@.service" if "@" in name else name
    return UnitFacts(
        name,
        load=values["LoadState"],
        active=values["ActiveState"],
        sub=values["SubState"],
        result=values["Result"],
        enabled=values["UnitFileState"],
        file=UnitFile(
            Path(fragment) if fragment else None,
            _first(directory / file for directory in machine.unit_directories),
            tuple(map(Path, values["DropInPaths"].split())),
            needs_reload=values["NeedDaemonReload"] == "yes",
        ),
        command=_command(machine.program, values["ExecStart"]),
        user=values["User"],
        pid=int(pid) if pid.isdecimal() and pid != "0" else None,
        credentials=_credentials(machine.ask(["systemctl", "cat", name]) or "", instance_of(name)),
    )


def instance_of(unit: str) -> str:
    """Return the instance that a unit of a template is; empty for any other unit."""
    return unit.partition("@")[2].removesuffix(".service")


def credential_files(facts: UnitFacts, settings: Path) -> dict[str, Path]:
    """Return the files that the unit takes secrets from, by the names of the credentials.

    Where systemd cannot be asked, those that the units of the package name.
    """
    if facts.name is None:
        return {}
    if facts.load:
        return dict(facts.credentials)
    instance = instance_of(facts.name)
    name = f"{instance}.password" if instance else "password"
    return {"qlogship-password": settings.parent / name}


def _credentials(text: str, instance: str) -> dict[str, Path]:
    """Return the files of the credentials, from the unit and its drop-ins as they are written.

    What systemd has loaded of them, `systemctl show` cannot print (252). Of two
    for one credential the last counts, and an empty assignment forgets all before it.
    """
    found: dict[str, Path] = {}
    for line in text.splitlines():
        name, is_set, value = line.strip().partition("=")
        if name != "LoadCredential" or not is_set:
            continue
        credential, _, path = value.strip().partition(":")
        if not credential:
            found.clear()
        elif not path:
            places = [Path(store, credential) for store in _STORES]
            found[credential] = _first(places) or places[0]
        elif path.startswith("/"):
            found[credential] = Path(path.replace("%i", instance).replace("%%", "%"))
    return found


def _first(paths: Iterable[Path]) -> Path | None:
    """Return the first that there is."""
    return next(filter(look_at, paths), None)


def _command(program: Path, said: str) -> UnitCommand:
    """Read what systemd says of ExecStart; `program` is the one that was called."""
    started = _COMMAND.search(said)
    line = tuple(started[1].split()) if started is not None else ()
    if not line:
        return UnitCommand()
    named = _OTHER_SETTINGS.search(" ".join(line[1:]))
    same = None
    if program.is_absolute() and program.name == PROGRAM:
        with suppress(OSError):
            same = program.samefile(line[0])
    return UnitCommand(
        line,
        exists=look_at(Path(line[0])) is not None,
        same_program=same,
        settings=Path(named[1]) if named else None,
    )
