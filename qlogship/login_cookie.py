"""The name of the cookie that a login sets: what the client asks with, and what no log may show."""

from __future__ import annotations

from typing import Final

# The answer to a login sets it, the reports are asked for with it (the vendor's page,
# "Login and Get a Security Token"), and no log may show what it holds.
LOGIN_COOKIE: Final = "jwt"
