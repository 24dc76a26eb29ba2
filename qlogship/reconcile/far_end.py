"""How the far end has behaved: what its answers to repeats tell, and when it took nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from qlogship.reconcile.report import Learnt
from qlogship.wording import named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.reconcile.report import Outage, ReconcileSnapshot


_LEARNT: Final = {
    "drops_repeats": "The dashboard seems to drop repeats: it answered the repeat of {}:"
    " it had the calls already.",
    "counts_repeats": "The repeat of {} was answered with the full count: the dashboard may"
    " count repeats twice, or the first attempt never arrived.",
    "counts_split_calls_twice": "A call that travels in two uploads is counted in each:"
    " {} had the full count.",
    "counts_split_calls_once": "A call that travels in two uploads is counted once:"
    " {} had a count without such calls.",
}
"""What can be learnt, in words; the uploads that showed it are put in."""


def learnt_of(snapshot: ReconcileSnapshot, *, zero_tells: bool) -> tuple[Learnt, ...]:
    """Return how the far end behaves, as far as uploads have shown it."""
    repeats = [repeat for repeat in snapshot.repeated if repeat.calls]
    zero = [repeat.upload for repeat in repeats if repeat.reported == 0 and zero_tells]
    part = [repeat.upload for repeat in repeats if 0 < (repeat.reported or 0) < repeat.calls]
    dropped = [f"{named(zero)} with 0"] if zero else []
    dropped += [f"{named(part)} with a part of the calls"] if part else []
    shown = {
        "drops_repeats": zero + part,
        "counts_repeats": [one.upload for one in repeats if one.reported == one.calls],
        "counts_split_calls_twice": snapshot.counted.repeats_counted,
        "counts_split_calls_once": snapshot.counted.repeats_left_out,
    }
    names = {kind: named(uploads) for kind, uploads in shown.items() if uploads}
    if dropped:
        names["drops_repeats"] = ", and of ".join(dropped)
    return tuple(
        Learnt(kind, _LEARNT[kind].format(name), tuple(shown[kind])) for kind, name in names.items()
    )


def merged_outages(outages: Iterable[Outage]) -> tuple[Outage, ...]:
    """Join outages that overlap, as those of uploads that waited together do."""
    merged: list[Outage] = []
    for outage in sorted(outages, key=lambda outage: outage.begin):
        before = merged[-1] if merged else None
        if before is None or (before.end is not None and outage.begin > before.end):
            merged.append(outage)
        elif before.end is not None:
            end = None if outage.end is None else max(before.end, outage.end)
            merged[-1] = replace(before, end=end)
    return tuple(merged)


def seconds_out(outages: Iterable[Outage], begin: float, end: float, *, now: float) -> float:
    """Return how many seconds of a day fell into outages."""
    return sum(
        max(0.0, min(end, now if outage.end is None else outage.end) - max(begin, outage.begin))
        for outage in outages
    )
