"""The settings file: TOML on disk, turned into sections, keys and their lines.

Here live reading the file and finding what is misspelt or misplaced in it.
What a value may be is not known here.
"""

from __future__ import annotations

import math
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from qlogship.config.model import SECRETS, SECTIONS, is_secret
from qlogship.errors import Fault
from qlogship.installation.places import DEFAULT_PATH
from qlogship.login_cookie import LOGIN_COOKIE
from qlogship.wording import typed

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 1024 * 1024

_HEADER = re.compile(r"\s*\[\s*([\w-]+)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*([\w-]+)\s*=")
_PLACE = re.compile(r" \(at (line \d+, column \d+|end of document)\)$")
_SECRET_NAME = re.compile(
    rf"pass(wor[dt]|wd|phrase)|(^|[_-])(pass|pwd)$|token|secret|{LOGIN_COOKIE}", re.IGNORECASE
)

# So close to a known key that it is a slip of the keys, and no secret.
_SLIP = 0.85


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a settings file says: known section -> key -> value.

    `usable` is false when nothing could be read from it, so that nobody
    complains about what it lacks; `missing` says that this is why.
    """

    path: Path
    values: dict[str, dict[str, object]] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    usable: bool = True
    missing: bool = False

    def place(self, section: str, key: str = "") -> str:
        """Return where a section or key stands, or would stand: path, line if known, name."""
        line = self.lines.get((section, key))
        name = f"[{section}] {key}" if section else key
        return f"{self.path}{f':{line}' if line else ''}: {name}".rstrip()

    def line_of(self, place: str) -> float:
        """Return the line a place names in this file; infinity when it is elsewhere."""
        found = re.match(r":(?: line )?(\d+)", place.removeprefix(str(self.path)))
        return int(found[1]) if found and place.startswith(str(self.path)) else math.inf


def read(path: Path) -> SettingsFile:
    """Read a settings file; whatever is wrong with it ends up in `faults`."""
    try:
        # A pipe must not hang us: it is opened without waiting, then refused.
        with open(path, "rb", opener=_without_waiting) as file:
            if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
                return _unusable(path, "this is a pipe", "Name a file: it is read again.")
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        return _unreadable(path, error)
    if len(data) > MAX_FILE_BYTES:
        return _unusable(path, "the file is larger than 1 MiB", "Name a settings file instead.")
    try:
        text = data.decode("utf-8-sig")
        return _sections(path, tomllib.loads(text), _lines(text))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _unusable(path, "this is not UTF-8", "Save the file as UTF-8.", f": line {line}")
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        problem = _PLACE.sub("", str(error))
        return _unusable(
            path,
            f"this is no TOML: {problem[:1].lower()}{problem[1:]}",
            "Correct the line; text goes in double quotes, `qlogship config example` shows each.",
            f": {found[1]}" if found else "",
        )
    except RecursionError:
        return _unusable(path, "this is no TOML: too many brackets", "Correct the file.")
    except ValueError:  # Python reads no number of more than 4300 digits
        return _unusable(path, "a number in it is too long", "Correct the file.")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _unusable(path: Path, problem: str, remedy: str, where: str = "") -> SettingsFile:
    return SettingsFile(path, faults=(Fault(f"{path}{where}", problem, remedy),), usable=False)


def _unreadable(path: Path, error: OSError | ValueError) -> SettingsFile:
    """Return what there is to say of a file that could not be opened or read."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            write = f"`qlogship config example > {typed(path)}`"
            remedy = f"Name another with -c, or write one with {write}."
            if path == DEFAULT_PATH:
                remedy = f"Run `qlogship setup`, or write one with {write} and edit it."
            return replace(_unusable(path, "the file is missing", remedy), missing=True)
        case PermissionError():
            remedy = "Run the command as root or as the user qlogship, or allow it:"
            return _unusable(path, "you may not read the file", f"{remedy} `ls -l {typed(path)}`.")
        case IsADirectoryError():
            return _unusable(path, "this is a directory", "Name the settings file in it.")
        case OSError():
            problem = f"the file cannot be read: {error.strerror}"
            return _unusable(path, problem, f"Try `cat {typed(path)}`.")
    return _unusable(path, "this is no file name", "Name another with -c.")


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Find the lines of sections and keys, the plain way.

    A look-alike inside a text of several lines may be taken for a key; only a
    line number in a message would be wrong then.
    """
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(line):
            section = header[1]
            lines.setdefault((section, ""), number)
        elif key := _KEY.match(line):
            lines.setdefault((section, key[1]), number)
    return lines


def _sections(
    path: Path, document: dict[str, object], lines: dict[tuple[str, str], int]
) -> SettingsFile:
    """Keep the known sections; a fault for whatever else stands at the top."""
    file = SettingsFile(path, lines=lines)
    values: dict[str, dict[str, object]] = {}
    faults: list[Fault] = []
    for name, content in document.items():
        if name not in SECTIONS:
            # A section has its line under its own name, a key at the top under no section.
            place = file.place(name) if isinstance(content, dict) else file.place("", name)
            faults.append(_stray_section(place, name, content))
        elif not isinstance(content, dict):
            faults.append(
                Fault(
                    file.place("", name),
                    f"{name} is the name of a section",
                    f"Write [{name}] on a line of its own, and its keys below.",
                )
            )
        else:
            values[name] = content
    return SettingsFile(path, values, lines, tuple(faults))


def _stray_section(place: str, name: str, content: object) -> Fault:
    if isinstance(content, dict):
        close = get_close_matches(name, SECTIONS, n=1)
        remedy = (
            f"Did you mean [{close[0]}]? Rename it."
            if close
            else f"Remove it; the sections are {', '.join(SECTIONS)}."
        )
        return Fault(place, f"there is no section [{name}]", remedy)
    homes = [section for section in SECTIONS if name in SECTIONS[section].model_fields]
    if homes and not is_secret(homes[0], name):
        return Fault(place, f"{name} stands in no section", f"Move it below [{homes[0]}].")
    return stray_key(place, "", name)


def stray_key(place: str, section: str, key: str) -> Fault:
    """Return the fault for a key that this section, or any when it is "", does not take."""
    models = [SECTIONS[section]] if section else SECTIONS.values()
    known = [name for model in models for name in model.model_fields if name not in SECRETS]
    slip = get_close_matches(key, known, n=1, cutoff=_SLIP)
    if _SECRET_NAME.search(key) and not slip:
        instead = (
            "token_file"
            if re.search(f"token|{LOGIN_COOKIE}", key, re.IGNORECASE)
            else "password_file"
        )
        return Fault(
            place,
            "the settings file must not hold a secret",
            f"Move it to a file of its own with mode 0640 or 0600, and name that in {instead}.",
        )
    problem = f"there is no key {key} in [{section}]" if section else f"there is no key {key}"
    for home, model in SECTIONS.items():
        if key in model.model_fields and not is_secret(home, key):
            return Fault(place, problem, f"Move it to [{home}].")
    close = slip or get_close_matches(key, known, n=1)
    if close:
        return Fault(place, problem, f"Did you mean {close[0]}? Rename it.")
    return Fault(place, problem, f"Remove it; the keys are {', '.join(known)}.")
