"""The settings: the only reader of the settings file, the environment and the credentials.

`load` hands out frozen `Settings` or raises SettingsError with every fault at
once. The shape of the settings is in `model`.
"""

from __future__ import annotations

from qlogship.config.load import Loaded, examine, load
from qlogship.config.model import PATH_VARIABLE, Settings
from qlogship.installation.places import DEFAULT_PATH

__all__ = [
    "DEFAULT_PATH",
    "PATH_VARIABLE",
    "Loaded",
    "Settings",
    "examine",
    "load",
]
