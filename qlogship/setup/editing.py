"""Changing a settings file as a person would: in its text, so that comments stay.

Here live functions over text; nothing is read or written. What comes out is read
back and compared with what was wanted, so a file that is laid out in a way that
is not foreseen here is written anew, never wrongly.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from qlogship.config.wording import as_toml
from qlogship.errors import QlogshipError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Section and key to the value that is wanted; None takes the key out.
Changes = dict[tuple[str, str], str | None]

_MARK: Final = "\ufeff"
_ANY_HEADER: Final = re.compile(r"\s*\[")


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


def edited(text: str, changes: Mapping[tuple[str, str], str | None]) -> str:
    """Return the text of a settings file with these changes, and nothing else changed.

    Raises tomllib.TOMLDecodeError when the text is no TOML, Uneditable when the
    changes cannot be made.
    """
    wanted = _changed(_document(text), changes)
    if wanted == _document(text):
        return text
    mark = _MARK if text.startswith(_MARK) else ""
    end = "\r" if "\r\n" in text else ""
    lines = text.removeprefix(_MARK).split("\n")
    for (section, key), value in _in_order(changes):
        present = _document(text).get(section, {})
        if isinstance(present, dict) and present.get(key) != value:
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
    document: dict[str, Any], changes: Mapping[tuple[str, str], str | None]
) -> dict[str, Any]:
    wanted = {
        name: dict(content) if isinstance(content, dict) else content
        for name, content in document.items()
    }
    for (section, key), value in changes.items():
        keys = wanted.setdefault(section, {})
        if not isinstance(keys, dict):
            continue  # a fault, which the loading of the settings names
        if value is None:
            keys.pop(key, None)
        else:
            keys[key] = value
    return wanted


def _in_order(
    changes: Mapping[tuple[str, str], str | None],
) -> list[tuple[tuple[str, str], str | None]]:
    """Return the changes section by section, in each the last first: a new key goes to the top."""
    sections = dict.fromkeys(section for section, _ in changes)
    backwards = list(changes.items())[::-1]
    return [change for section in sections for change in backwards if change[0][0] == section]


def _means(text: str, wanted: dict[str, Any]) -> bool:
    try:
        found = _document(text)
    except tomllib.TOMLDecodeError:
        return False
    filled = {name: content for name, content in found.items() if content != {}}
    return filled == {name: content for name, content in wanted.items() if content != {}}


def _change(lines: list[str], section: str, key: str, value: str | None, end: str) -> list[str]:
    """Return the lines with one key changed: its line, its commented line, or a new one."""
    lines, start = _opened(lines, section, end)
    stop = next(
        (index for index in range(start, len(lines)) if _ANY_HEADER.match(lines[index])),
        len(lines),
    )
    active = re.compile(rf"(\s*){re.escape(key)}\s*=")
    at = next((index for index in range(start, stop) if active.match(lines[index])), None)
    if value is None:
        return lines if at is None else [*lines[:at], f"# {lines[at]}", *lines[at + 1 :]]
    line = f"{key} = {as_toml(value)}"
    if at is not None:
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        line = f"{indent}{line}{_comment_of(lines[at])}"
    else:
        silent = re.compile(rf"\s*#+\s*{re.escape(key)}\s*=")
        at = next((index for index in range(start, stop) if silent.match(lines[index])), None)
    if at is None:
        return [*lines[:start], line + end, *lines[start:]]
    return [*lines[:at], line + end, *lines[at + 1 :]]


def _opened(lines: list[str], section: str, end: str) -> tuple[list[str], int]:
    """Return the lines with this section in them, and the index of the line below its header."""
    name = rf"\[\s*{re.escape(section)}\s*\]\s*(?:#.*)?"
    for header in (rf"\s*{name}", rf"\s*#+\s*{name}"):
        pattern = re.compile(header)
        for index, line in enumerate(lines):
            if pattern.fullmatch(line.rstrip("\r")):
                shown = line.lstrip("# \t")
                return [*lines[:index], shown, *lines[index + 1 :]], index + 1
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    gap = [end] if lines else []
    lines = [line if line.endswith(end) else line + end for line in lines]
    return [*lines, *gap, f"[{section}]{end}", ""], len(lines) + len(gap) + 1


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
    sections = {key: value for key, value in wanted.items() if isinstance(value, dict) and value}
    parts = [_lines(top)] if top else []
    parts += [f"[{name}]\n{_lines(keys)}" for name, keys in sections.items()]
    return "\n".join(parts)


def _lines(keys: dict[str, Any]) -> str:
    return "".join(f"{key} = {as_toml(value)}\n" for key, value in keys.items())
