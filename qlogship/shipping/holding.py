"""What the dashboard holds by the ledger: made by the ledger, shown by the plan of a resync."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holding:
    """What the dashboard holds by the ledger: the accepted uploads of one generation.

    `unknown` counts those that it may hold. Times are epoch seconds.
    """

    uploads: int
    unknown: int
    lines: int
    calls: int
    reported_calls: int
    first_time: int | None
    last_time: int | None
