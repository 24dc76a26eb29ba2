"""Changing a settings file as a person would: in its text, so that comments stay.

Here live functions over text; nothing is read or written. What comes out is read
back and compared with what was wanted, so a file that is laid out in a way that
is not foreseen here is written anew, never wrongly.
"""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from qlogship.config.wording import as_toml
from qlogship.errors import QlogshipError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Section and key to the value that is wanted; None takes the key out.
Changes = dict[tuple[str, str], str | bool | None]

_MARK: Final = "\ufeff"


class Uneditable(QlogshipError):
    """The settings file is laid out in a way that cannot be changed safely."""


def is_blank(text: str) -> bool:
    """Return whether a file sets nothing, such as the one that the package installs.

    What is no TOML is not blank; how it is wrong, those say who load it.
    """
    try:
        return not any(value != {} for value in _document(text).values())
    except tomllib.TOMLDecodeError:
        return False


def says(text: str, section: str, key: str) -> bool:
    """Return whether a file sets a key, or is no TOML and may mean anything."""
    try:
        content = _document(text).get(section)
    except tomllib.TOMLDecodeError:
        return True
    return isinstance(content, dict) and key in content


def edited(text: str, changes: Mapping[tuple[str, str], str | bool | None]) -> str:
    """Return the text of a settings file with these changes, and nothing else changed.

    The sections that change must be tables, as those of settings that load are. Raises
    tomllib.TOMLDecodeError when the text is no TOML, Uneditable when the changes cannot
    be made.
    """
    before = _document(text)
    wanted = _changed(before, changes)
    if wanted == before:
        return text
    mark = _MARK if text.startswith(_MARK) else ""
    end = "\r" if "\r\n" in text else ""
    lines = text.removeprefix(_MARK).split("\n")
    # Section by section, in each the last first: a new key goes to the top.
    sections = [section for section, _ in changes]
    backwards = [*changes][::-1]
    for section, key in sorted(backwards, key=lambda place: sections.index(place[0])):
        value = changes[section, key]
        if before.get(section, {}).get(key) != value:
            lines = _change(lines, section, key, value, end)
    for candidate in ("\n".join(lines), _anew(wanted)):
        if _means(candidate, wanted):
            return mark + candidate
    raise Uneditable(
        "the settings file is laid out in a way that setup cannot change",
        hint="Move it out of the way and run this again, or edit it by hand.",
    )


def _document(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix(_MARK))


def _changed(
    document: dict[str, Any], changes: Mapping[tuple[str, str], str | bool | None]
) -> dict[str, Any]:
    wanted = deepcopy(document)
    for (section, key), value in changes.items():
        keys = wanted.setdefault(section, {})
        keys[key] = value
        if value is None:
            del keys[key]
    return wanted


def _means(text: str, wanted: dict[str, Any]) -> bool:
    try:
        found = _document(text)
    except tomllib.TOMLDecodeError:
        return False
    filled = {name: content for name, content in found.items() if content != {}}
    return filled == {name: content for name, content in wanted.items() if content != {}}


def _change(
    lines: list[str], section: str, key: str, value: str | bool | None, end: str
) -> list[str]:
    """Return the lines with one key changed: its line, its commented line, or a new one."""
    lines, start = _opened(lines, section, end)
    body = lines[start:]
    body = body[: _find(body, r"\s*\[.*")]
    at = _find(body, rf"\s*{re.escape(key)}\s*=.*")
    if value is None:
        return lines if at is None else _replaced(lines, start + at, f"# {body[at]}")
    line = f"{key} = {as_toml(value)}"
    if at is not None:
        indent = body[at][: len(body[at]) - len(body[at].lstrip())]
        line = f"{indent}{line}{_comment_of(body[at])}"
    else:
        at = _find(body, rf"\s*#+\s*{re.escape(key)}\s*=.*")
    if at is None:
        return [*lines[:start], line + end, *lines[start:]]
    return _replaced(lines, start + at, line + end)


def _opened(lines: list[str], section: str, end: str) -> tuple[list[str], int]:
    """Return the lines with this section in them, and the index of the line below its header."""
    header = rf"\[\s*{re.escape(section)}\s*\]\s*(?:#.*)?"
    for before in (r"\s*", r"\s*#+\s*"):
        at = _find(lines, before + header)
        if at is not None:
            return _replaced(lines, at, lines[at].lstrip("# \t")), at + 1
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    gap = [end] if lines else []
    lines = [line if line.endswith(end) else line + end for line in lines]
    return [*lines, *gap, f"[{section}]{end}", ""], len(lines) + len(gap) + 1


def _find(lines: list[str], pattern: str) -> int | None:
    """Return the index of the first line that is like this."""
    found = (at for at, line in enumerate(lines) if re.fullmatch(pattern, line.rstrip("\r")))
    return next(found, None)


def _replaced(lines: list[str], at: int, line: str) -> list[str]:
    return [*lines[:at], line, *lines[at + 1 :]]


def _comment_of(line: str) -> str:
    """Return the comment behind the value of a line, with the blanks before it."""
    line = line.rstrip("\r")
    at = line.find("#")
    while at >= 0:
        try:
            tomllib.loads(line[:at])
        except tomllib.TOMLDecodeError:
            at = line.find("#", at + 1)
        else:
            return line[len(line[:at].rstrip()) :]
    return ""


def _anew(wanted: dict[str, Any]) -> str:
    """Return the text of a whole file. Only sections of values: no settings have more."""
    top = {key: value for key, value in wanted.items() if not isinstance(value, dict)}
    sections = {"": top} | {key: value for key, value in wanted.items() if key not in top}
    return "\n".join(
        (f"[{name}]\n" if name else "")
        + "".join(f"{key} = {as_toml(value)}\n" for key, value in keys.items())
        for name, keys in sections.items()
        if keys
    )
