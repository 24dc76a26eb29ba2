"""The softphone's configuration, made from a template and the values of one user.

`{% … %}` and `{{ … }}` in a configuration belong to the Team Dashboard. So ours are
written `@siplogin@`: a word in small letters between two at signs; `@@` is an at
sign. A line in which every placeholder has nothing to show is left out.

A value is somebody's text and becomes nothing but text: what would begin a new
line, or a mark of the dashboard's own template language, is refused.

The vendor's page gives the includes, and their order, in its example of creating a
user; it does not say how an account is written. The lines with the SIP columns are
therefore qlogship's own guess, meant to be replaced by a template of one's own.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SIP: Final = ("siplogin", "sippassword", "sipdisplayname", "sipauthname", "ext")
PLACEHOLDERS: Final = (*SIP, "name", "surname", "email")

INCLUDES: Final = """\
{% include "_Restrictions" %}
{% include "_SipSettings" %}
{% include "_Account1" %}
{% include "_ACW" %}
{% include "_Statuses" %}
{% include "_Camera" %}
{% include "_ScreenRecording" %}
{% include "Default" %}"""
"""The configuration of the vendor's example, word for word."""

ACCOUNT_MARK: Final = "Account1."

DEFAULT: Final = f"""\
{INCLUDES}
{ACCOUNT_MARK}Login=@siplogin@
{ACCOUNT_MARK}Password=@sippassword@
{ACCOUNT_MARK}DisplayName=@sipdisplayname@
{ACCOUNT_MARK}AuthName=@sipauthname@
{ACCOUNT_MARK}Extension=@ext@
"""

_PLACEHOLDER: Final = re.compile(r"@([a-z]*)@")
_MARK: Final = re.compile(r"\{[{%#]|[}%#]\}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def unknown_placeholders(template: str) -> list[str]:
    """Return the words between at signs that stand for nothing, each once."""
    found = dict.fromkeys(_PLACEHOLDER.findall(template))
    return [word for word in found if word and word not in PLACEHOLDERS]


def render(template: str, values: Mapping[str, str]) -> str:
    """Return the configuration; a value that is missing is empty. No newline at its end.

    Raises ValueError when a value would make more of it than text: a line of its own,
    or a mark of the dashboard's template language, alone or with what stands beside it.
    """
    lines = []
    for line in template.splitlines():
        wanted = [word for word in _PLACEHOLDER.findall(line) if word]
        if not wanted:
            lines.append(line.replace("@@", "@"))
        elif any(values.get(word) for word in wanted):
            lines.append(_filled(line, values))
    return "\n".join(lines)


def _filled(line: str, values: Mapping[str, str]) -> str:
    """Return a line of a template with its values in their places."""

    def value(found: re.Match[str]) -> str:
        text = values.get(found[1], "") if found[1] else "@"
        if _CONTROL.search(text):
            raise ValueError("a value holds a line end or another control character")
        return text

    filled = _PLACEHOLDER.sub(value, line)
    if Counter(_MARK.findall(filled)) != Counter(_MARK.findall(line)):
        raise ValueError("a value makes a mark of the template language")
    return filled


def is_plain(value: str) -> bool:
    """Return whether a value can stand in a configuration: one line, and no template's mark."""
    return not _CONTROL.search(value) and not _MARK.search(value)
