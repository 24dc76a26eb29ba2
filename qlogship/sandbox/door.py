"""Who may look at what the sandbox holds: decisions over values.

It listens on this machine alone, and two kinds of strangers get to it all the same. A
page in a browser of this machine may give its own name the address 127.0.0.1 (DNS
rebinding) and read what it likes; its requests carry that name. And every other user
of the machine can connect; the page, and all that programs can ask of it, want a token
that is shown only where the sandbox was started. The vendor's API has its own login.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

PARAMETER = "token"


@dataclass(frozen=True, slots=True)
class Door:
    """`host` is the address that the sandbox listens on."""

    host: str
    token: str = field(repr=False)

    def answers_to(self, name: str) -> bool:
        """Return whether a Host header names this machine, and not a stranger's domain."""
        try:
            host = urlsplit(f"//{name}").hostname or ""
        except ValueError:
            return False
        if set("@/?#") & set(name):
            return False
        if host in {"localhost", self.host.lower()}:
            return True
        try:
            address, here = ipaddress.ip_address(host), ipaddress.ip_address(self.host)
        except ValueError:
            return _is_loopback(host)
        # Whoever listens everywhere wants to be reached by each address of the machine.
        return address.is_loopback or here.is_unspecified

    def opens(self, path: str, query: str, headers: Mapping[str, str]) -> bool:
        """Return whether a request may have what is at an address of the sandbox's own."""
        if path != "/" and not path.startswith("/sandbox/"):
            return True
        shown = parse_qs(query).get(PARAMETER, [])
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            cookie = None
        shown += [cookie.value] if cookie is not None else []
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in shown)

    @property
    def cookie(self) -> str:
        """The name of the cookie that the page's own requests carry.

        Cookies do not know ports: another sandbox on this machine has another name.
        """
        return f"sandbox-{self.token[:4]}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
