"""The Team Dashboard: its queue_log, its users, its logs.

Here lives what travels over the network and how; what an answer to an upload means
lives in `outcome`. `client` has the door, `TeamDashboard`. What can be
imported from here is in `__all__`; it is loaded when it is asked for, because
`client` brings httpx, which takes a tenth of a second.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlogship.dashboard.auth import EmailPassword, GivenToken, TokenFile
    from qlogship.dashboard.client import TeamDashboard
    from qlogship.dashboard.users import NewUser, Role, User, UserPage

__all__ = [
    "EmailPassword",
    "GivenToken",
    "NewUser",
    "Role",
    "TeamDashboard",
    "TokenFile",
    "User",
    "UserPage",
]

_HOMES = {
    "EmailPassword": "auth",
    "GivenToken": "auth",
    "NewUser": "users",
    "Role": "users",
    "TeamDashboard": "client",
    "TokenFile": "auth",
    "User": "users",
    "UserPage": "users",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
