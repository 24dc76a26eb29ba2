"""What was written against what arrived: every record byte for byte, every call counted once; pure.

A body that the ledger marks as a possible duplicate may be there once for each
of its attempts: its reply was lost, and it was sent again as the settings say.
Such repeats are set apart and counted; everything else must be there exactly
as often as it was written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING

from qlogship.queue_log.records import entered_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.shipping.ledger import Upload


_WORDS = {
    "written": "written by the call centre",
    "archived": "archived by qlogship",
    "shipped": "shipped, says its ledger",
    "arrived": "held by the dashboard",
    "missing": "missing there",
    "doubled": "there twice",
    "foreign": "there, but never written",
}


@dataclass(frozen=True, slots=True)
class Tally:
    """Records or calls on their way; `arrived` leaves expected repeats out.

    `doubled` are counted more than once, `foreign` were never written as they
    arrived.
    """

    written: int
    archived: int
    shipped: int
    arrived: int
    missing: int
    doubled: int
    foreign: int

    @property
    def exact(self) -> bool:
        """Return whether exactly what was written is there."""
        return not (self.missing or self.doubled or self.foreign)


@dataclass(frozen=True, slots=True)
class DemoVerdict:
    """What came of it; `repeats` are the uploads that were sent again because a reply was lost."""

    calls: Tally
    records: Tally
    uploads: int
    repeats: int

    @property
    def exact(self) -> bool:
        """Return whether the dashboard holds exactly what was written, but for known repeats."""
        return self.calls.exact and self.records.exact

    def lines(self) -> list[str]:
        """Return the verdict in words."""
        found = [f"{'':<26}{'calls':>12}{'records':>12}"]
        for key, words in _WORDS.items():
            calls, records = getattr(self.calls, key), getattr(self.records, key)
            found.append(f"{words:<26}{calls:>12,}{records:>12,}")
        found.append("")
        if self.repeats:
            found.append(
                f"{self.repeats:,} of {self.uploads:,} uploads came again because their replies "
                "were lost; the ledger names them."
            )
        found.append(
            "OK: the dashboard holds exactly the calls that were written."
            if self.exact
            else "NOT OK: the dashboard does not hold exactly the calls that were written."
        )
        return found


def compare(
    written: bytes,
    arrived: Sequence[bytes],
    *,
    archived_records: int,
    archived_calls: int,
    ledger: Sequence[Upload],
) -> DemoVerdict:
    """Compare what was written with what the dashboard holds, as the ledger explains it.

    `written` is whole lines; `arrived` is the bodies of the uploads that are there,
    `ledger` all uploads that were sent.
    """
    accepted = [upload for upload in ledger if upload.state == "accepted"]
    bodies = _without_repeats(arrived, ledger)
    return DemoVerdict(
        calls=_tally(
            Counter(entered_calls(written)),
            Counter(callid for body in bodies for callid in entered_calls(body)),
            archived=archived_calls,
            shipped=sum(upload.composition.calls for upload in accepted),
        ),
        records=_tally(
            Counter(BytesIO(written)),
            Counter(line for body in bodies for line in BytesIO(body)),
            archived=archived_records,
            shipped=sum(upload.composition.lines for upload in accepted),
        ),
        uploads=len(arrived),
        repeats=len(arrived) - len(bodies),
    )


def _without_repeats(arrived: Sequence[bytes], ledger: Sequence[Upload]) -> list[bytes]:
    """Return the bodies but for those copies that the ledger expects."""
    decided: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for row in ledger:
        decided[row.composition.sha256] += 1
        sent[row.composition.sha256] += row.attempts if row.possible_duplicate else 1
    bodies = []
    here: Counter[str] = Counter()
    for body in arrived:
        digest = sha256(body).hexdigest()
        here[digest] += 1
        if not decided[digest] < here[digest] <= sent[digest]:
            bodies.append(body)
    return bodies


def _tally(
    written: Counter[bytes], arrived: Counter[bytes], *, archived: int, shipped: int
) -> Tally:
    surplus = arrived - written
    foreign = sum(count for thing, count in surplus.items() if thing not in written)
    return Tally(
        written=written.total(),
        archived=archived,
        shipped=shipped,
        arrived=arrived.total(),
        missing=(written - arrived).total(),
        doubled=surplus.total() - foreign,
        foreign=foreign,
    )
