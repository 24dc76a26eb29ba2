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
from qlogship.setup.answers import Answers, text_of, yes_or_no
from qlogship.setup.editing import is_blank, says
from qlogship.shipping.belonging import EVERYTHING, SAME, Belonging
from qlogship.shipping.generations import Generations
from qlogship.state.reader import Reader

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.installation.places import Places
    from qlogship.shipping.belonging import Decision
    from qlogship.shipping.destination import Destination


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
            url=text_of(settings, "dashboard", "url"),
            email=settings.dashboard.email,
            source=settings.source.path,
            history=settings.source.history,
            ca_file=settings.dashboard.ca_file,
            shared=yes_or_no(settings, "dashboard", "shared"),
            uploaded_before=yes_or_no(settings, "source", "uploaded_before"),
            allow_http=settings.dashboard.allow_http or None,
        )
    kept = _secret(places.password)
    named = settings.dashboard.password_file if settings is not None else None
    in_use = kept if named in {None, places.password} else _secret(named)
    return Present(text, settings, replace(now, password=in_use), kept)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a state directory stands to a dashboard.

    `begun`: the service has started with it before. `undecided`: it belongs to another
    dashboard, `bound` as far as that is known, and somebody must decide what becomes of it.
    `cleared`: this dashboard was cleared before all that was shipped to it.
    """

    begun: bool = False
    undecided: bool = False
    bound: Destination | None = None
    cleared: bool = False

    def asks_about_before(self, decision: Decision | None, history: str, *, has_text: bool) -> bool:
        """Return whether uploads by others could make the numbers doubtful.

        Only where something older than qlogship's first upload is shipped, and nothing
        was cleared before.
        """
        if self.undecided and decision is not SAME:
            return decision is EVERYTHING
        return history != "none" and not self.cleared and (self.begun or has_text)


def standing(directory: Path, wanted: Destination) -> Standing:
    """Look at a state directory; one that cannot be read counts as new."""
    with suppress(QlogshipError), Reader(directory) as reader, reader.moment() as database:
        if database is None or reader.cursor is None:
            return Standing()
        generations = Generations(database)
        current = generations.current()
        return Standing(
            begun=reader.cursor.applied_history() is not None,
            undecided=generations.standing(wanted) is Belonging.UNDECIDED,
            bound=current.destination,
            cleared=current.cleared,
        )
    return Standing()


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
