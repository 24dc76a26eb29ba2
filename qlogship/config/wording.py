"""What pydantic finds wrong with a value, said in qlogship's words.

Here live the problem and the remedy for each kind of error a single value can
have. They are made from the field's own limits, choices and examples.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from qlogship.config.model import OWN_FAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

_SHOWN_CHARACTERS = 60


def as_toml(value: object) -> str:
    """Return a value as one writes it in the settings file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:_}" if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    return _quoted(str(value))


def choices(field: FieldInfo) -> tuple[str, ...]:
    """Return the texts a setting may be, or none when it is no choice."""
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def limits(field: FieldInfo) -> tuple[float, float] | None:
    """Return the smallest and the largest number a setting may be."""
    lowest = [item.ge for item in field.metadata if hasattr(item, "ge")]
    highest = [item.le for item in field.metadata if hasattr(item, "le")]
    return (lowest[0], highest[0]) if lowest and highest else None


def is_boolean(field: FieldInfo) -> bool:
    """Return whether a setting is true or false."""
    return field.annotation is bool or bool in get_args(field.annotation)


def explain(field: FieldInfo, error: Mapping[str, object]) -> tuple[str, str]:
    """Return problem and remedy for one of `ValidationError.errors()`."""
    context = error.get("ctx")
    if error["type"] == OWN_FAULT and isinstance(context, dict):
        return str(context["problem"]), str(context["remedy"])
    if error["type"] == "missing":
        remedy = f"Run `qlogship setup`, or set it, for example to {example(field)}."
        return "this is required and missing", remedy
    value = error["input"]
    # A table may hold anything, a secret too.
    shown = "a table" if isinstance(value, dict) else as_toml(value)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}..."
    known = choices(field)
    if known:
        return f"{shown} is none of the choices", f"Give {_one_of(known)}."
    span = limits(field)
    if span is not None:
        low, high = (as_toml(number) for number in span)
        if isinstance(value, int | float) and not isinstance(value, bool):
            problem = "is no whole number" if error["type"] == "int_type" else "is out of range"
        else:
            problem = "is no number"
        return f"{shown} {problem}", f"Give a number from {low} to {high}, without quotes."
    if is_boolean(field):
        return f"{shown} is neither true nor false", "Give true or false, without quotes."
    if error["type"] == "tuple_type":
        return f"{shown} is no list", f"Give a list of texts, such as {example(field)}."
    return f"{shown} is no text", f"Give text in double quotes, such as {example(field)}."


def example(field: FieldInfo) -> str:
    """Return the first example of a setting, else its default, as one writes it in the file."""
    return as_toml(field.examples[0] if field.examples else field.default)


def _one_of(known: tuple[str, ...]) -> str:
    quoted = [f'"{choice}"' for choice in known]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in '"\\' else character
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"
