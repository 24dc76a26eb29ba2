"""Small archives for the census: lines, and which upload or other place each is in."""

from __future__ import annotations

from datetime import UTC
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from qlogship.reconcile.census import ArchiveCensus, RecordPlace, Shipment
from qlogship.reconcile.days import Days

if TYPE_CHECKING:
    from qlogship.archive.runs import Run
    from qlogship.reconcile.census import Counted

DAY: Final = 86_400
NOON: Final = 1_795_435_200


def enter(callid: str, at: int = NOON) -> bytes:
    """Return the line of a call that enters a queue."""
    return f"{at}|{callid}|q|NONE|ENTERQUEUE||1|1".encode()


def end(callid: str, at: int = NOON) -> bytes:
    """Return the line of a call that is given up."""
    return f"{at}|{callid}|q|NONE|ABANDON|1|1|1".encode()


def take(
    lines: list[bytes],
    uploads: list[tuple[Shipment, list[Run]]],
    others: dict[RecordPlace, list[Run]] | None = None,
    *,
    cuts: tuple[int, ...] = (),
) -> Counted:
    """Count an archive of these lines, in blocks that end before the `cuts`."""
    census = ArchiveCensus(Days(UTC))
    for shipment, runs in uploads:
        census.note_upload(shipment, runs)
    for place, runs in (others or {}).items():
        census.note(place, runs)
    for begin, stop in pairwise(sorted({0, len(lines), *cuts})):
        census.count(begin + 1, b"".join(line + b"\n" for line in lines[begin:stop]))
    return census.result()


def shipped(number: int, lines: int, reported: int | None, *, twice: bool = False) -> Shipment:
    """Return an accepted upload."""
    return Shipment(number, RecordPlace.SHIPPED, lines, reported, open_sends=int(twice), attempts=1)


@st.composite
def archives(draw: st.DrawFn) -> tuple[list[bytes], list[int], list[RecordPlace]]:
    """Draw lines, the upload of each (or -1 to -4: another place), and the uploads' places."""
    number = draw(st.integers(0, 4))
    places = draw(
        st.lists(st.sampled_from(list(RecordPlace)[:5]), min_size=number, max_size=number)
    )
    lines, owners = [], []
    for _ in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from((enter, end, None)))
        at = NOON + draw(st.integers(0, 3)) * DAY
        callid = f"1.{draw(st.integers(0, 5))}"
        lines.append(kind(callid, at) if kind else draw(st.sampled_from([b"", b"odd", b"5|x"])))
        owners.append(draw(st.integers(-4, number - 1)))
    return lines, owners, places
