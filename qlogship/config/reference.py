"""The settings, described: those in use, the example file and the table of the manual.

Here live texts made from the model; nothing is read and nothing is printed. A secret
becomes a mask here: what comes out may be shown to anybody.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qlogship.config.load import DEFAULT
from qlogship.config.model import SECTIONS, fields, is_secret
from qlogship.config.wording import as_toml, choices, example, limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from qlogship.config.load import Loaded

MASK = "********"
NOT_SET = "not set"
_WIDTH = 78

_INTRODUCTION = """\
# The settings of qlogship. Lines that start with "# " and a key show defaults
# or examples: take the "# " away to set them. `qlogship config check` looks
# over what is written here.
"""

# What a person has to fill in; everything else has a default or another way.
_TO_FILL_IN = {("dashboard", "url"), ("dashboard", "email"), ("dashboard", "password_file")}


def example_file() -> str:
    """Return a settings file that explains every key and sets the three that need an answer."""
    lines = [_INTRODUCTION]
    for section, model in SECTIONS.items():
        lines += [_comment(f"{(model.__doc__ or '').strip()}"), f"[{section}]"]
        for key, field in model.model_fields.items():
            if is_secret(section, key):
                continue
            mark = "" if (section, key) in _TO_FILL_IN else "# "
            value = (
                example(field) if field.default is None or mark == "" else as_toml(field.default)
            )
            lines += [_comment(f"{key}: {meaning(field)}."), f"{mark}{key} = {value}"]
        lines.append("")
    return "\n".join(lines)


def table() -> str:
    """Return a Markdown table of every key that a settings file can hold."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for section, key, field in fields():
        if is_secret(section, key):
            continue
        shown = f"`{as_toml(field.default)}`" if field.default is not None else "not set"
        if field.is_required():
            shown = "required"
        rows.append(f"| `{section}.{key}` | {shown} | {meaning(field)} |")
    return "\n".join(rows) + "\n"


def meaning(field: FieldInfo) -> str:
    """Return what a setting means and what it may be, in one phrase."""
    text = field.description or ""
    known, span = choices(field), limits(field)
    if known:
        text += f" ({', '.join(known)})"
    if span is not None:
        text += f" ({as_toml(span[0])} to {as_toml(span[1])})"
    return text


def _comment(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="## ", subsequent_indent="## ", break_on_hyphens=False
    )


class Setting(NamedTuple):
    """One setting in use.

    `value` is a number, a text, a list of texts or None, and `shown` the same as
    one writes it in the settings file. A secret that is set has the mask for both.
    """

    name: str
    value: object
    shown: str
    origin: str


def describe(loaded: Loaded) -> Iterator[Setting]:
    """Yield every setting, secrets masked, in the order of the model."""
    for section, key, _ in fields():
        name = f"{section}.{key}"
        origin = loaded.origins[name]
        if is_secret(section, key):
            # Where it comes from tells whether it is set, even when nobody read it.
            is_set = origin != DEFAULT
            yield Setting(name, MASK if is_set else None, MASK if is_set else NOT_SET, origin)
            continue
        value = getattr(getattr(loaded.settings, section), key)
        if isinstance(value, Path):
            value = str(value)
        yield Setting(name, value, NOT_SET if value is None else as_toml(value), origin)
