"""What must be said about one upload, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.reconcile.census import Carried, RecordPlace
from qlogship.reconcile.report import UploadFinding
from qlogship.verdict.facts import Kind
from qlogship.verdict.uploads import UploadFacts, reasons_of
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


_LOOK_AT_ANSWER: Final = "Look at the answer with `qlogship uploads show {}`."
_LOOK: Final = "Look at it with `qlogship uploads show {}`"
_HINTS: Final = {
    "missing": "Restore the state directory from a backup.",
    "unknown": f"{_LOOK}; `qlogship resync` uploads everything again.",
    "quarantined": "Look at it with `qlogship quarantine show {}`; then resend or drop it.",
    "dropped": f"{_LOOK}; `qlogship resync` uploads it again.",
    "undelivered": "Look at `qlogship status`; qlogship tries again by itself.",
    "repeated": "`qlogship resync` uploads everything again, once.",
    "repeat_waits": f"{_LOOK}; qlogship tries again by itself.",
    "vouched": f"{_LOOK}.",
}

_STATES: Final = {
    RecordPlace.SHIPPED: "accepted",
    RecordPlace.UNKNOWN: "unknown",
    RecordPlace.QUARANTINED: "rejected",
    RecordPlace.PREPARED: "prepared",
    RecordPlace.DROPPED: "dropped",
}


def facts_of(carried: Carried) -> UploadFacts:
    """Return what the verdict asks of an upload; where its records are gone, by the ledger."""
    shipment = carried.shipment
    by_ledger = carried.missing and shipment.calls is not None
    return UploadFacts(
        state=_STATES[shipment.place],
        calls=shipment.calls or 0 if by_ledger else carried.calls,
        records=shipment.lines,
        reported=shipment.reported_calls,
        again=carried.again,
        open_sends=shipment.open_sends,
        vouched=shipment.vouched,
        sending=shipment.sending,
    )


def zero_tells(uploads: Iterable[Carried]) -> bool:
    """Return whether a 0 for a repeat tells that the dashboard had the calls already.

    It tells nothing once a first attempt was answered with 0.
    """
    return not any(facts_of(carried).answers_nothing for carried in uploads)


def finding_of(carried: Carried, *, zero_tells: bool) -> UploadFinding | None:
    """Return what must be said about an upload; None when there is nothing."""
    shipment = carried.shipment
    reported = shipment.reported_calls if shipment.place is RecordPlace.SHIPPED else None
    reported = None if shipment.vouched else reported
    days = carried.days or carried.by_day
    by_day = carried.by_day or dict.fromkeys(days, 0)
    reasons = tuple(reasons_of(facts_of(carried), zero_tells=zero_tells))
    kind, text = _said(carried, reported, {kind for kind, _ in reasons})
    if not kind:
        return None
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
        reasons=reasons,
    )


def _said(carried: Carried, reported: int | None, kinds: Collection[Kind]) -> tuple[str, str]:
    """Return the name of the state, and what is said about the upload; nothing is empty."""
    shipment = carried.shipment
    detail = f": {shipment.detail}" if shipment.detail else ""
    if carried.missing:
        return "missing", f"the archive no longer has {count(carried.missing, 'record')} of it"
    if shipment.vouched:
        once = "somebody has vouched that the dashboard has it once"
        also = count(carried.again, "call")
        twice = f"; {also} may be counted twice: in an earlier upload, too" if carried.again else ""
        return "vouched", once + twice
    if shipment.place is RecordPlace.UNKNOWN:
        calls = count(carried.calls, "call")
        return "unknown", f"its outcome is unknown{detail}; the dashboard may have its {calls}"
    if shipment.place is RecordPlace.QUARANTINED:
        return "quarantined", f"the dashboard refuses it{detail}"
    if shipment.place is RecordPlace.DROPPED:
        return "dropped", "it was dropped by hand"
    if shipment.place is RecordPlace.PREPARED:
        tried = f"not delivered after {count(shipment.attempts, 'attempt')}{detail}"
        if Kind.REPEAT_WAITS in kinds:
            return "repeat_waits", f"{tried}; the dashboard may have it already"
        return ("undelivered", tried) if shipment.attempts else ("", "")
    return _said_of_accepted(carried, reported, kinds)


def _said_of_accepted(
    carried: Carried, reported: int | None, kinds: Collection[Kind]
) -> tuple[str, str]:
    calls = carried.calls
    off = (reported or 0) - (calls - carried.again)
    more = "more" if off > 0 else "fewer"
    differs = f"the dashboard counted {count(abs(off), 'call')} {more} than were sent"
    again = "sent again after its answer was lost"
    twice = f"; {again}: may be counted twice" if Kind.DOUBLES in kinds else ""
    if Kind.DIFFERS in kinds:
        return "differs", differs + twice
    if Kind.COUNTED_TWICE in kinds:
        known = count(carried.again, "call")
        return "counted_twice", f"{known} counted twice: in an earlier upload, too{twice}"
    if Kind.REPEAT_DIFFERS in kinds:
        return "repeat_differs", f"{again}; {differs}"
    if Kind.DOUBLES in kinds:
        return "repeated", f"{again}: may be counted twice"
    if carried.shipment.open_sends and not reported and calls:
        text = f"{again}; the repeat was answered with 0: the dashboard had its calls already"
        return "repeat_dropped", text
    if reported is not None and carried.again:
        text = f"{count(carried.again, 'call')} not counted again: in an earlier upload, too"
        return "counted_once", text
    return "", ""
