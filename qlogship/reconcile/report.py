"""What a reconciliation is made from, and what it says: values, and no judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from qlogship.reconcile.states import BY_NAME, Severity, worst

if TYPE_CHECKING:
    from datetime import date

    from qlogship.reconcile.census import Counted, RecordPlace
    from qlogship.verdict.assessment import Assessment
    from qlogship.verdict.facts import Amount, Kind

OUTAGE_SECONDS: Final = 1_800.0
"""Deliveries that fail for so long are an outage; shorter ones happen."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why reported and archived calls differ: by how many, and in words.

    `calls` is negative when the dashboard has fewer; None when the number cannot
    be said for this day alone.
    """

    kind: str
    calls: int | None
    text: str

    @property
    def level(self) -> Severity:
        """How bad it is."""
        return BY_NAME[self.kind].severity


SUMS: Final = (
    *("archived", "records", "shipped", "sent", "reported", "difference", "held", "waiting"),
    *("quarantined", "unknown", "dropped", "later", "lost", "lost_records", "unread"),
    *("unpinned", "superseded", "before", "replaced", "vouched"),
)
"""The names of the sums, as `--json` has them."""

Sums = Mapping[str, int]
"""Calls, but for the two of records, by name; `superseded` is no part of the balance, and is
0 unless the past was asked for.

`reported` is what the dashboard is known to have reported; `difference` is that
minus `archived`, and is missing when not all counts can be compared. `again`, not
among `SUMS`, is how often a call was sent in one more upload.
"""


@dataclass(frozen=True, slots=True)
class Day:
    """One day's balance. `outage` is how many seconds of it nothing could be delivered."""

    day: date
    sums: Sums
    causes: tuple[Cause, ...]
    outage: float

    @property
    def level(self) -> Severity:
        """How bad the worst cause is."""
        return worst(cause.level for cause in self.causes)


@dataclass(frozen=True, slots=True)
class UploadFinding:
    """An upload about which something must be said, and what to type next.

    `pinned` tells whether its count is part of a day's figures; otherwise it is
    a row of its own. The days are None when no record of it has a time; `by_day` are its
    calls of each day on which one began, or else 0 for each day of its records. `reasons` is
    what it does to the verdict.
    """

    upload: int
    kind: str
    first_day: date | None
    last_day: date | None
    by_day: Mapping[date, int]
    calls: int
    reported: int | None
    pinned: bool
    text: str
    hint: str
    reasons: tuple[tuple[Kind, Amount], ...] = ()

    @property
    def level(self) -> Severity:
        """How bad it is."""
        return BY_NAME[self.kind].severity

    @property
    def off(self) -> int:
        """How many calls more than were sent the dashboard counted."""
        return 0 if self.reported is None else self.reported - self.calls

    @property
    def apart(self) -> bool:
        """Whether it is a row of its own: several days, and not the count that was sent."""
        return self.reported is not None and not self.pinned


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call that is held back; `since` is the epoch seconds of its first held record."""

    callid: bytes
    queue: bytes
    since: int
    records: int


@dataclass(frozen=True, slots=True)
class Outage:
    """Deliveries failed all the time from `begin` to `end` (None: until now), epoch seconds.

    `verdict` is what most attempts came to (dashboard/verdicts.py).
    """

    begin: float
    end: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """An accepted upload that was sent again after an answer was lost."""

    upload: int
    calls: int
    reported: int | None


@dataclass(frozen=True, slots=True)
class Learnt:
    """How the far end behaves, in words, and the uploads that showed it."""

    kind: str
    text: str
    uploads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReconcileSnapshot:
    """All that is known: the counted archive, and what else the store says.

    `resync` is the state of the resync under way, None when there is none.
    `uploads` counts them by what became of them. `gone` are the records that the
    archive no longer has, of which `given_up` by somebody, by name; `found` is what bears
    on the verdict whatever the days are; `left` records have left it on purpose, so that it
    `begins_at` a time. `past`: what a clear has wiped was asked for, too.
    """

    counted: Counted
    generation: int = 1
    resync: str | None = None
    uploads: Mapping[RecordPlace, int] = field(default_factory=Counter)
    gone: int = 0
    given_up: int = 0
    held: tuple[HeldCall, ...] = ()
    outages: tuple[Outage, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    found: Mapping[Kind, Amount] = field(default_factory=dict)
    past: bool = False
    destination: str = ""
    left: int = 0
    begins_at: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The reconciliation of some days, oldest first; `level` is for looks."""

    level: Severity
    assessment: Assessment
    total: Sums
    days: tuple[Day, ...]
    findings: tuple[UploadFinding, ...]
    remarks: tuple[str, ...]
    held: tuple[HeldCall, ...]
    outages: tuple[Outage, ...]
    learnt: tuple[Learnt, ...]
    snapshot: ReconcileSnapshot = field(repr=False)

    @property
    def verdict(self) -> str:
        """The verdict in one sentence."""
        return self.assessment.text

    @property
    def apart(self) -> list[UploadFinding]:
        """The uploads whose count stands in a row of its own."""
        return [finding for finding in self.findings if finding.apart]
