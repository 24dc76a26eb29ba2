"""What must be said about one upload, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.reconcile.census import Carried, RecordPlace
from qlogship.reconcile.report import UploadFinding
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable


_LOOK_AT_ANSWER: Final = "Look at the answer with `qlogship uploads show {}`."
_HINTS: Final = {
    "missing": "Restore the state directory from a backup.",
    "unknown": "Look at it with `qlogship uploads show {}`; `qlogship resync` ships all anew.",
    "quarantined": "Look at it with `qlogship quarantine show {}`; then resend or drop it.",
    "dropped": "Look at it with `qlogship uploads show {}`.",
    "undelivered": "Look at `qlogship status`; qlogship tries again by itself.",
    "repeated": "`qlogship resync` ships all anew, if the numbers must be right.",
}


def zero_tells(uploads: Iterable[Carried]) -> bool:
    """Return whether a 0 for a repeat tells that the dashboard had the calls already.

    It tells nothing once a first attempt was answered with 0.
    """
    return not any(
        carried.shipment.place is RecordPlace.SHIPPED
        and not carried.shipment.possible_duplicate
        and carried.shipment.reported_calls == 0
        and carried.calls > carried.again
        for carried in uploads
    )


def finding_of(carried: Carried, *, zero_tells: bool) -> UploadFinding | None:
    """Return what must be said about an upload; None of one that only waits for its turn."""
    shipment = carried.shipment
    if shipment.place is RecordPlace.PREPARED and not shipment.attempts and not carried.missing:
        return None
    reported = shipment.reported_calls if shipment.place is RecordPlace.SHIPPED else None
    days = carried.days or carried.by_day
    by_day = carried.by_day or dict.fromkeys(days, 0)
    kind, text = _said(carried, reported, zero_tells=zero_tells)
    return UploadFinding(
        upload=shipment.id,
        kind=kind,
        first_day=min(days, default=None),
        last_day=max(days, default=None),
        by_day=by_day,
        calls=carried.calls,
        reported=reported,
        pinned=reported in {None, carried.calls, 0} or len(by_day) == 1,
        text=text,
        hint=_HINTS.get(kind, _LOOK_AT_ANSWER).format(shipment.id),
    )


def _said(carried: Carried, reported: int | None, *, zero_tells: bool) -> tuple[str, str]:
    """Return the name of the state, and what is said about the upload."""
    shipment = carried.shipment
    detail = f": {shipment.detail}" if shipment.detail else ""
    if carried.missing:
        return "missing", f"the archive no longer has {count(carried.missing, 'record')} of it"
    if shipment.place is RecordPlace.UNKNOWN:
        calls = count(carried.calls, "call")
        return "unknown", f"its outcome is unknown{detail}; the dashboard may have its {calls}"
    if shipment.place is RecordPlace.QUARANTINED:
        return "quarantined", f"the dashboard refuses it{detail}"
    if shipment.place is RecordPlace.DROPPED:
        return "dropped", "it was dropped by hand"
    if shipment.place is RecordPlace.PREPARED:
        return "undelivered", f"not delivered after {count(shipment.attempts, 'attempt')}{detail}"
    return _said_of_accepted(carried, reported, zero_tells=zero_tells)


def _said_of_accepted(
    carried: Carried, reported: int | None, *, zero_tells: bool
) -> tuple[str, str]:
    calls, repeat = carried.calls, carried.shipment.possible_duplicate
    again = "sent again after its answer was lost"
    if repeat and reported in {None, calls}:
        return "repeated", f"{again}: may be counted twice"
    if repeat and calls and reported == 0 and zero_tells:
        text = f"{again}; the repeat was answered with 0: the dashboard had its calls already"
        return "repeat_dropped", text
    if not repeat and reported == calls - carried.again:
        text = f"{count(carried.again, 'call')} not counted again: in an earlier upload, too"
        return "counted_once", text
    off = (reported or 0) - calls
    more = "more" if off > 0 else "fewer"
    text = f"the dashboard counted {count(abs(off), 'call')} {more} than were sent"
    return "differs", f"{again}; {text}" if repeat else text
