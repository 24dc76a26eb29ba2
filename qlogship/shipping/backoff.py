"""How long to wait before the next attempt.

Here lives the arithmetic only; who waits, and for what, is the service's
business. Chance comes in as a number, so every function is pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

BASE = 1.0
CAP = 60.0

# A wait that a person has to end (credentials, a wrong address) is never
# shorter than this: more attempts would only look like an attack.
SLOW = 60.0

# What a server may ask for with Retry-After. Less than a second would make a
# tight loop of a broken header; more than an hour, a lost day of one.
RETRY_AFTER_MIN = 1.0
RETRY_AFTER_MAX = 3600.0

# 2 ** 64 seconds is beyond any cap, and a float holds it.
_EXPONENT_MAX = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """How waits grow: from `base` up to `cap`, and never below `least`; all in seconds."""

    base: float = BASE
    cap: float = CAP
    least: float = 0.0

    def slow(self) -> Pace:
        """Return the same pace, for what waits for a person."""
        return replace(self, least=SLOW)


QUICK = Pace()
"""Nothing was sent, or an answer told that nothing was stored: another try costs nothing."""

OPEN = Pace(base=2.0, cap=3600.0)
"""The last try may have been stored: another one may be a copy."""

LOGIN = Pace(base=SLOW, cap=3600.0, least=SLOW)
"""The login was refused: the dashboard may lock the account."""


def delay(attempt: int, *, random: float, base: float = BASE, cap: float = CAP) -> float:
    """Return the seconds to wait after the `attempt`-th failure in a row (1 is the first).

    Exponential with full jitter: anything from 0 up to `base` doubled with each
    failure, at most `cap`. `random` is from [0, 1).
    """
    return random * ceiling(attempt, base=base, cap=cap)


def ceiling(attempt: int, *, base: float, cap: float) -> float:
    """Return `base` doubled with each failure after the first, at most `cap`."""
    exponent = min(max(attempt, 1) - 1, _EXPONENT_MAX)
    return min(cap, base * 2.0**exponent)


def next_delay(
    attempt: int, *, random: float, retry_after: float | None = None, pace: Pace = QUICK
) -> float:
    """Return the seconds to wait before the next attempt, all things considered.

    What the server asks for with Retry-After wins over the backoff, up or down,
    from a second to an hour: longer is cut to an hour, shorter is ignored. The
    least wait of the `pace` holds whatever else is said.
    """
    if retry_after is not None and retry_after >= RETRY_AFTER_MIN:
        seconds = min(retry_after, RETRY_AFTER_MAX)
    else:
        seconds = delay(attempt, random=random, base=pace.base, cap=pace.cap)
    return max(seconds, pace.least)
