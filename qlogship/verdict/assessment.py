"""The verdict on the numbers: facts in, one of three levels, a sentence and its reasons out; pure.

The ledger knows what it sent, to which address, and what that answered; it does not
know the dashboard. So there are three levels. *Right*: nothing speaks against the
numbers. *Wrong*: a number surely differs. *Uncertain*: one may differ, and nobody here
can tell. What waits its turn, or is held back, is in order, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from qlogship.verdict.facts import Kind, Level, worst
from qlogship.verdict.reasons import REASONS
from qlogship.wording import are

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qlogship.verdict.facts import Amount, Facts

_ANOTHER_WAY: Final = (Kind.UPLOADED_BEFORE, Kind.SENT_BEFORE, Kind.UNKNOWN, Kind.REPEAT_WAITS)
_SAID: Final = {Level.RIGHT: "OK", Level.UNCERTAIN: "UNCERTAIN", Level.WRONG: "MISMATCH"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the verdict is not better: by how many calls at most the numbers are off, and how.

    `ends` is what to type so that it ends; empty when nothing does.
    """

    kind: Kind
    level: Level
    fewer: int
    more: int
    text: str
    ends: str

    @property
    def hint(self) -> str:
        """What ends it, as a sentence; empty when nothing does."""
        return f"{self.ends} ends it." if self.ends else ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict: its level, one sentence, and every reason, the gravest first."""

    level: Level
    text: str
    reasons: tuple[Reason, ...]


def assess(facts: Facts) -> Assessment:
    """Judge the facts: the level is that of the worst reason, and without one all is right."""
    found = _known_before(facts.found)
    reasons = tuple(_reason(kind, facts, found[kind]) for kind in Kind if kind in found)
    level = worst(reason.level for reason in reasons)
    if level is Level.RIGHT:
        return Assessment(level, _all_right(facts), ())
    ends = {reason.ends for reason in reasons}
    said = [f"{_SAID[level]}: {_joined(reasons, level)}"]
    if level is Level.WRONG and any(reason.level is not level for reason in reasons):
        said.append(f"uncertain besides: {_joined(reasons, Level.UNCERTAIN)}")
    if len(ends) == 1:
        said += [f"{end} ends it" for end in ends if end]
    return Assessment(level, f"{'; '.join(said)}.", reasons)


def reasons_as_json(assessment: Assessment) -> list[dict[str, Any]]:
    """Return the reasons as `--json` prints them; names are added, never renamed."""
    return [
        {
            "kind": str(reason.kind),
            "level": str(reason.level),
            "fewer_calls": reason.fewer,
            "more_calls": reason.more,
            "text": reason.text,
            "hint": reason.hint,
        }
        for reason in assessment.reasons
    ]


def as_json(assessment: Assessment) -> dict[str, Any]:
    """Return the verdict as `--json` prints it."""
    return {
        "level": str(assessment.level),
        "text": assessment.text,
        "reasons": reasons_as_json(assessment),
    }


def _known_before(found: Mapping[Kind, Amount]) -> Mapping[Kind, Amount]:
    """Doubt that calls are missing which the dashboard may have had before and not counted anew.

    A count that is too small says so only where calls may have come another way: by hand, or
    with an upload whose outcome is not known.
    """
    differs = found.get(Kind.DIFFERS)
    perhaps = sum(found[kind].calls for kind in _ANOTHER_WAY if kind in found)
    if differs is None or differs.more or differs.fewer > perhaps:
        return found
    softened = {**found, Kind.KNOWN_BEFORE: differs}
    del softened[Kind.DIFFERS]
    return softened


def _all_right(facts: Facts) -> str:
    if not facts.records:
        return "There is nothing to compare yet."
    still = []
    if facts.waiting and facts.waiting_records:
        still.append(f"{are(facts.waiting)} waiting")
    elif facts.waiting_records:
        still.append(f"{are(facts.waiting_records, 'record')} waiting")
    if facts.held:
        still.append(f"{are(facts.held)} held back: not over yet")
    if facts.resync is not None:
        still.append(f"a resync is under way ({facts.resync})")
    if still:
        calls = are(facts.there, "call")
        return f"OK: {calls} on the dashboard; {', '.join(still)}."
    if facts.there > 1:
        return f"OK: all {facts.there:,} calls are on the dashboard."
    what = "the one call is" if facts.there else "no call is missing"
    return f"OK: {what} on the dashboard."


def _joined(reasons: Iterable[Reason], level: Level) -> str:
    return "; ".join(reason.text for reason in reasons if reason.level is level)


def _reason(kind: Kind, facts: Facts, amount: Amount) -> Reason:
    row = REASONS[kind]
    return Reason(kind, row.level, amount.fewer, amount.more, row.text(facts, amount), row.ends)
