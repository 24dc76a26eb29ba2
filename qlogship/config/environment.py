"""The environment: `QLOGSHIP_<SECTION>__<KEY>` variables, turned into sections and keys.

Here live reading the variables and finding the misspelt ones. The names are
matched as they are, in capitals. What a value may be is not known here.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, get_origin

from qlogship.config.model import ENVIRONMENT_PREFIX, PATH_VARIABLE, fields, is_secret, variable
from qlogship.config.wording import is_boolean, limits
from qlogship.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACE = "environment: "


def read(environ: Mapping[str, str]) -> tuple[dict[str, dict[str, object]], list[Fault]]:
    """Read every variable that is ours: section -> key -> value, without the secrets.

    There is a fault for each one that means nothing.
    """
    known = {variable(section, key): (section, key, field) for section, key, field in fields()}
    values: dict[str, dict[str, object]] = {}
    faults = []
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(ENVIRONMENT_PREFIX) or name == PATH_VARIABLE:
            continue
        if name not in known:
            faults.append(_stray(name, [*known, PATH_VARIABLE]))
            continue
        section, key, field = known[name]
        if not is_secret(section, key):
            is_text = not (
                limits(field) or is_boolean(field) or get_origin(field.annotation) is tuple
            )
            values.setdefault(section, {})[key] = text if is_text else _value(text)
    return values, faults


def place(section: str, key: str) -> str:
    """Return where a value of the environment comes from."""
    return f"{PLACE}{variable(section, key)}"


def _value(text: str) -> object:
    """Read a number, a list or a truth as in the settings file; what is neither stays text."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # no TOML, or a number of thousands of digits
        return text
    return document["value"] if len(document) == 1 else text


def _stray(name: str, known: list[str]) -> Fault:
    close = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
    remedy = (
        f"Did you mean {close[0]}? Rename it."
        if close
        else "Unset it; the names are QLOGSHIP_<SECTION>__<KEY>, see `qlogship config show`."
    )
    return Fault(f"{PLACE}{name}", "no setting has this name", remedy)
