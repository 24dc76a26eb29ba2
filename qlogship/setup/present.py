"""What is there already: settings, credential, and whether the service has begun."""

from __future__ import annotations

import os
import pwd
import sys
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.config.load import examine
from qlogship.config.model import variable
from qlogship.config.secret import Found, read
from qlogship.errors import QlogshipError, SettingsError, UsageError
from qlogship.installation.identity import SERVICE_USER
from qlogship.installation.places import Owner, owner
from qlogship.setup.answers import NOWHERE
from qlogship.setup.editing import is_blank, says
from qlogship.state.reader import Reader

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.installation.places import Places

_MOST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Present:
    """What was found before anything was asked.

    `text` is the settings file, None without one; `settings` is None as long as it
    sets nothing, and leads NOWHERE as long as it names no dashboard. `password` is
    the one in use, `kept` what the credential's own file holds.
    """

    text: str | None
    settings: Settings | None
    password: str | None = field(repr=False)
    kept: str | None = field(repr=False)


def look(places: Places) -> Present:
    """Look at the files of an installation. Raises SettingsError when they are at fault."""
    text: str | None = None
    wrong = False
    try:
        text = places.config.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnicodeDecodeError):
        wrong = True  # how, is said by those who load it
    settings = None
    if wrong or (text is not None and not _is_blank(text)):
        # What somebody has set before there was a dashboard is kept, and looked at as the rest.
        without = text is not None and not _is_said(text, "dashboard", "url")
        environ = {variable("dashboard", "url"): NOWHERE} if without else {}
        found = examine(places.config, environ=environ, secrets=False)
        if found.loaded is None:
            raise SettingsError(found.faults)
        settings = found.loaded.settings
    kept = _secret(places.password)
    named = settings.dashboard.password_file if settings is not None else None
    in_use = kept if named in {None, places.password} else _secret(named)
    return Present(text, settings, in_use, kept)


def has_begun(directory: Path) -> bool:
    """Return whether the service has started before with this state directory."""
    with suppress(QlogshipError), Reader(directory) as reader:
        return reader.cursor is not None and reader.cursor.applied_history() is not None
    return False


def find_owner() -> Owner:
    """Say to whom the files are to belong."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    service = None
    with suppress(KeyError):
        entry = pwd.getpwnam(SERVICE_USER)
        service = (entry.pw_name, entry.pw_uid, entry.pw_gid)
    return owner(caller=(name, uid, os.getegid()), service=service)


def read_password(path: Path) -> str:
    """Return the text of a file that a command line names, of stdin for "-"; it may be a pipe.

    Raises UsageError, which names the file and nothing of what is in it.
    """
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(_MOST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(_MOST + 1)
        if len(data) <= _MOST:
            return data.decode()
        problem = "it is larger than 64 KiB"
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "this is no file name"
    raise UsageError(
        f"--password-file {path}: {problem}",
        hint="Name a file that holds the password and nothing else, or - to read it from stdin.",
    )


def _is_blank(text: str) -> bool:
    try:
        return is_blank(text)
    except tomllib.TOMLDecodeError:
        return False


def _is_said(text: str, section: str, key: str) -> bool:
    try:
        return says(text, section, key)
    except tomllib.TOMLDecodeError:
        return True  # how it is wrong, is said by those who load it


def _secret(path: Path | None) -> str | None:
    if path is None:
        return None
    place = str(path)
    # How open it is does not matter here: it is written anew, or its mode is mended.
    value, _ = read(Found("password", place, place, path=path, trusted=True))
    return value.get_secret_value() if value is not None else None
