"""Where the uploads of a ledger go: an address and an account there; pure.

A ledger belongs to one destination. What another one was sent, and what it answered,
says nothing about this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from qlogship.config.model import DashboardSettings

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Destination:
    """A dashboard and the account on it: `url` as `destination_of` writes it.

    The account is an e-mail address in lower case, or empty: a token does not say whose it is.
    """

    url: str
    account: str

    def __str__(self) -> str:
        return f"{self.url} ({self.account or 'by token'})"


def destination_of(settings: DashboardSettings) -> Destination:
    """Return the destination that the settings name, written the same way whatever they look like.

    Case, a default port and a slash at the end make no other address; scheme, host, port and
    path do.
    """
    parts = urlsplit(str(settings.url))
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port not in {None, _PORTS.get(scheme)} else ""
    by_token = settings.token is not None or settings.token_file is not None
    account = "" if by_token else (settings.email or "").strip().lower()
    return Destination(f"{scheme}://{host}{port}{parts.path.rstrip('/')}", account)
