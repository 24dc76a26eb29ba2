"""Settings in use, for people to look at: every value, and where it comes from.

Here a secret becomes a mask; what comes out of here may be shown to anybody.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qlogship.config.load import DEFAULT
from qlogship.config.model import fields, is_secret
from qlogship.config.wording import as_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.config.load import Loaded

MASK = "********"
NOT_SET = "not set"


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
