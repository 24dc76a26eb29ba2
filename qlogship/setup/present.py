"""What is there already: settings, credential, and whether the service has begun."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qlogship.config.load import NO_ADDRESS, load
from qlogship.config.model import variable
from qlogship.config.secret import Unfit, read_file
from qlogship.errors import QlogshipError
from qlogship.installation.files import user_name
from qlogship.installation.identity import SERVICE_USER
from qlogship.installation.places import Owner, owner
from qlogship.setup.answers import Answers, said
from qlogship.setup.editing import is_blank, says
from qlogship.state.reader import Reader

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.installation.places import Places


@dataclass(frozen=True, slots=True)
class Present:
    """What was found before anything was asked.

    `text` is the settings file, None without one; `settings` is None as long as it
    sets nothing, and has NO_ADDRESS as long as it names no dashboard. `answers` is what
    they say, with the password in use; `kept` is what the credential's own file holds.
    """

    text: str | None
    settings: Settings | None
    answers: Answers
    kept: str | None = field(repr=False)


def look(places: Places) -> Present:
    """Look at the files of an installation. Raises SettingsError when they are at fault."""
    text: str | None = None
    settings, now = None, Answers()
    try:
        text = places.config.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnicodeDecodeError):
        load(places.config, environ={}, secrets=False)  # says what is wrong
        raise
    if text is not None and not is_blank(text):
        # What somebody has set before there was a dashboard is kept, and looked at as the rest.
        without = not says(text, "dashboard", "url")
        environ = {variable("dashboard", "url"): NO_ADDRESS} if without else {}
        settings = load(places.config, environ=environ, secrets=False).settings
        now = Answers(
            url=said(settings, "dashboard", "url"),
            email=settings.dashboard.email,
            source=settings.source.path,
            history=settings.source.history,
            ca_file=settings.dashboard.ca_file,
        )
    kept = _secret(places.password)
    named = settings.dashboard.password_file if settings is not None else None
    in_use = kept if named in {None, places.password} else _secret(named)
    return Present(text, settings, replace(now, password=in_use), kept)


def has_begun(directory: Path) -> bool:
    """Return whether the service has started before with this state directory."""
    with suppress(QlogshipError), Reader(directory) as reader:
        return reader.cursor is not None and reader.cursor.applied_history() is not None
    return False


def find_owner() -> Owner:
    """Return to whom the files are to belong."""
    uid = os.geteuid()
    service = None
    with suppress(KeyError):
        entry = pwd.getpwnam(SERVICE_USER)
        service = (entry.pw_name, entry.pw_uid, entry.pw_gid)
    return owner(caller=(user_name(uid), uid, os.getegid()), service=service)


def _secret(path: Path | None) -> str | None:
    if path is None:
        return None
    with suppress(Unfit):
        # How open it is does not matter here: it is written anew, or its mode is mended.
        return read_file("password", path, trusted=True).get_secret_value()
    return None
