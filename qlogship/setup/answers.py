"""The answers: what each may be, what is still missing, which settings they make.

Here live decisions over values. What a value may be is said by the settings
themselves; here is only what people may type for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from qlogship.config.load import NO_ADDRESS
from qlogship.config.model import SECTIONS, is_clear_text
from qlogship.config.rules import CLEAR_TEXT
from qlogship.config.secret import Unfit
from qlogship.config.wording import as_toml, explain
from qlogship.installation.places import STATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qlogship.config import Settings
    from qlogship.installation.places import Places
    from qlogship.setup.editing import Changes

_TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_CLOUD: Final = "softphone.pro"
_HISTORY: Final = ("all", "current", "none")

# What must be said, and how: answer to option.
_NEEDED: Final = {
    "url": "--url ADDRESS (or --tenant NAME)",
    "email": "--email ADDRESS",
    "password": "--password-file FILE (or -, to read it from stdin)",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """All that is asked; None is what nobody has said yet. Paths are absolute."""

    url: str | None = None
    email: str | None = None
    source: Path | None = None
    history: str | None = None
    ca_file: Path | None = None
    password: str | None = field(default=None, repr=False)
    shared: bool | None = None
    uploaded_before: bool | None = None
    allow_http: bool | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What has been said, by its name."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in known.items() if value is not None}

    @property
    def missing(self) -> list[str]:
        """The options for what is needed and not said."""
        return [option for name, option in _NEEDED.items() if name not in self.said]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; what is open is asked, or taken from settings.

    `decision` is the name of one of `shipping/belonging.py`. `clear` says to clear the
    dashboard before everything is shipped.
    """

    config: Path | None
    instance: str | None
    said: Answers
    grant: bool
    enable: bool | None
    offline: bool
    yes: bool
    decision: str | None = None
    clear: bool = False


def address(text: str, *, allow_http: bool = False) -> str:
    """Return the dashboard's address for what a person typed: an address, a host, a tenant.

    Raises Unfit, also for one to which the password would travel in clear text, unless
    `allow_http`.
    """
    text = text.strip()
    if "://" not in text:
        text = text.rstrip("/")
        name = text.lower()
        text = f"https://{name}.{_CLOUD}" if _TENANT.fullmatch(name) else f"https://{text}"
    url = checked("dashboard", "url", text)
    if is_clear_text(url) and not allow_http:
        remedy = "Give https://; or add --allow-http if you control the whole network path."
        raise Unfit(CLEAR_TEXT, remedy)
    return url


def checked(section: str, key: str, text: str) -> str:
    """Return a value as the settings take it. Raises Unfit with their own words."""
    model = SECTIONS[section]
    # What else the section asks for, so that one key can be looked at alone.
    needed = {"url": NO_ADDRESS} if section == "dashboard" else {}
    try:
        found = getattr(model.model_validate({**needed, key: text}), key)
    except ValidationError as error:
        raise Unfit(*explain(model.model_fields[key], dict(error.errors()[0]))) from None
    return str(found)


def password(text: str) -> str:
    """Return the password in what was typed or read. Raises Unfit, without repeating it."""
    text = text.removesuffix("\n").removesuffix("\r")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("the password is not UTF-8", "Give it in UTF-8.") from None
    if not text.strip():
        raise Unfit("the password is empty", "Give the Team administrator's password.")
    if any(character in text for character in "\r\n\0"):
        raise Unfit("the password has more than one line", "Leave only the password in it.")
    return text


def spelt_out(text: str) -> str:
    """Return the choice of `history` that a person began to type; anything else as it is."""
    meant = [choice for choice in _HISTORY if choice.startswith(text.lower())]
    return meant[0] if len(meant) == 1 else text


def history(text: str, *, today: str) -> str:
    """Return how far back to ship: a choice, or a day up to `today`. Raises Unfit."""
    return text if text in _HISTORY else first_day(text, today=today)


def first_day(text: str, *, today: str) -> str:
    """Return a day, written as 2026-11-01, that is not to come. Raises Unfit."""
    day = checked("source", "history", text)
    if day in _HISTORY:
        raise Unfit(f"{text} is not a valid date", "Give a day, such as 2026-11-01.")
    if day > today:
        raise Unfit(
            f"{day} is in the future",
            'Give a day up to today; "none" ships only what comes from now on.',
        )
    return day


def changes(answers: Answers, places: Places, present: Settings | None) -> Changes:
    """Return what has to be set so that the settings say what was answered.

    `present` is what they say now, None when there are none yet: then everything
    is written out.
    """
    wanted: Changes = {
        ("dashboard", "url"): answers.url,
        ("dashboard", "email"): answers.email,
        ("dashboard", "password_file"): str(places.password),
        ("source", "path"): str(answers.source),
        ("source", "history"): answers.history,
    }
    if answers.allow_http and is_clear_text(answers.url or ""):
        wanted["dashboard", "allow_http"] = True
    if answers.shared is not None:
        wanted["dashboard", "shared"] = answers.shared
    if present is not None or answers.uploaded_before is not None:
        wanted["source", "uploaded_before"] = answers.uploaded_before
    if answers.ca_file is not None:
        wanted["dashboard", "ca_file"] = str(answers.ca_file)
    if places.state is not None and (present is None or present.state.directory == STATE):
        wanted["state", "directory"] = str(places.state)
    if present is None:
        return wanted
    wanted["dashboard", "token_file"] = None
    return {place: value for place, value in wanted.items() if value != said(present, *place)}


def differences(wanted: Changes, present: Settings | None) -> list[tuple[str, str, str]]:
    """Return what the changes change: name of the setting, value now, value then."""
    rows = []
    for (section, key), value in wanted.items():
        now = said(present, section, key) if present is not None else None
        before, after = ("not set" if one is None else as_toml(one) for one in (now, value))
        rows.append((f"{section}.{key}", before, after))
    return rows


def said(settings: Settings, section: str, key: str) -> str | bool | None:
    """Return what settings say; None where they say nothing."""
    answer = yes_or_no(settings, section, key)
    return text_of(settings, section, key) if answer is None else answer


def text_of(settings: Settings, section: str, key: str) -> str | None:
    """Return what settings say as text; None where they say nothing, or yes or no."""
    value = getattr(getattr(settings, section), key)
    return None if isinstance(value, bool) or value in {None, NO_ADDRESS} else str(value)


def yes_or_no(settings: Settings, section: str, key: str) -> bool | None:
    """Return what somebody answered in settings; None as long as it is only the default."""
    keys = getattr(settings, section)
    value = getattr(keys, key)
    return value if isinstance(value, bool) and key in keys.model_fields_set else None


def in_columns(rows: Mapping[str, object]) -> str:
    """Return rows as lines of names and values, in two columns."""
    width = max(map(len, rows), default=0)
    return "\n".join(f"  {name.ljust(width)}  {value}" for name, value in rows.items())
