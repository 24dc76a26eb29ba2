"""How the far end has behaved: what its answers to repeats tell, and when it took nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.reconcile.report import Learnt, Outage
from qlogship.wording import named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.reconcile.report import ReconcileSnapshot


def learnt_of(snapshot: ReconcileSnapshot, *, zero_tells: bool) -> tuple[Learnt, ...]:
    """Say how the far end behaves, as far as uploads have shown it."""
    dropped, full, part = [], [], []
    for repeat in snapshot.repeated:
        if repeat.calls and repeat.reported is not None:
            if repeat.reported == 0:
                dropped += [repeat.upload] if zero_tells else []
            elif repeat.reported == repeat.calls:
                full.append(repeat.upload)
            elif repeat.reported < repeat.calls:
                part.append(repeat.upload)
    learnt = []
    if dropped or part:
        text = "The dashboard seems to drop repeats: it answered"
        said = [f"{named(dropped)} with 0"] if dropped else []
        said += [f"{named(part)} with a part of the calls"] if part else []
        learnt.append(
            Learnt(
                "drops_repeats",
                f"{text} the repeat of {', and of '.join(said)}: it had the calls already.",
                tuple(dropped + part),
            )
        )
    if full:
        text = (
            f"The repeat of {named(full)} was answered with the full count: the dashboard may"
            " count repeats twice, or the first attempt never arrived."
        )
        learnt.append(Learnt("counts_repeats", text, tuple(full)))
    repeats = snapshot.counted.repeats
    if repeats.each:
        text = (
            "A call that travels in two uploads is counted in each:"
            f" {named(repeats.each)} had the full count."
        )
        learnt.append(Learnt("counts_split_calls_twice", text, tuple(repeats.each)))
    if repeats.once:
        text = (
            "A call that travels in two uploads is counted once:"
            f" {named(repeats.once)} had a count without such calls."
        )
        learnt.append(Learnt("counts_split_calls_once", text, tuple(repeats.once)))
    return tuple(learnt)


def merged_outages(outages: Iterable[Outage]) -> tuple[Outage, ...]:
    """Join outages that overlap, as those of uploads that waited together do."""
    merged: list[Outage] = []
    for outage in sorted(outages, key=lambda outage: outage.begin):
        before = merged[-1] if merged else None
        if before is not None and (before.end is None or outage.begin <= before.end):
            ends = before.end, outage.end
            end = None if None in ends else max(end for end in ends if end is not None)
            merged[-1] = Outage(before.begin, end, before.verdict)
        else:
            merged.append(outage)
    return tuple(merged)


def seconds_out(outages: Iterable[Outage], begin: float, end: float, *, now: float) -> float:
    """Return how many seconds of a day fell into outages."""
    return sum(
        max(0.0, min(end, now if outage.end is None else outage.end) - max(begin, outage.begin))
        for outage in outages
    )
