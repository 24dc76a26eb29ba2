"""Names of the vendor's that more than one room must know; each stands here alone."""

from __future__ import annotations

from typing import Final

# The answer to a login sets it, the reports are asked for with it (the vendor's page,
# "Login and Get a Security Token"), and no log may show what it holds.
LOGIN_COOKIE: Final = "jwt"
