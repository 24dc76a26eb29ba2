"""The settings: the only reader of the settings file, the environment and the credentials.

`load` hands out frozen `Settings` or raises SettingsError with every fault at
once. The shape of the settings is in `model`.
"""

from __future__ import annotations

from qlogship.config.load import Examination, Loaded, examine, load
from qlogship.config.model import (
    PATH_VARIABLE,
    BatchSettings,
    DashboardSettings,
    DeliverySettings,
    LogSettings,
    Settings,
    SourceSettings,
    StateSettings,
)
from qlogship.config.reference import Setting, describe
from qlogship.installation.places import DEFAULT_PATH

__all__ = [
    "DEFAULT_PATH",
    "PATH_VARIABLE",
    "BatchSettings",
    "DashboardSettings",
    "DeliverySettings",
    "Examination",
    "Loaded",
    "LogSettings",
    "Setting",
    "Settings",
    "SourceSettings",
    "StateSettings",
    "describe",
    "examine",
    "load",
]
