"""What each kind of reason says, how bad it is, and what ends it: the one table; pure.

To add a reason, add its kind (`facts`) and its row here, and say in `uploads`, `circumstances`
or `quick`, and in `reconcile`, when it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.verdict.facts import Amount, Facts, Kind, Level
from qlogship.wording import are, count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How bad it is, what is said of the facts, and what to type so that it ends."""

    level: Level
    text: Callable[[Facts, Amount], str]
    ends: str = ""


_RESYNC: Final = "`qlogship resync`"


def _missing(amount: Amount) -> str:
    return (
        f"{are(amount.calls, 'call')} missing"
        if amount.calls
        else (f"{are(amount.records, 'record')} missing")
    )


def _quarantined(_: Facts, amount: Amount) -> str:
    return f"{_missing(amount)}: {are(amount.uploads, 'upload')} in quarantine"


def _dropped(_: Facts, amount: Amount) -> str:
    was = "was" if amount.uploads == 1 else "were"
    return f"{_missing(amount)}: {count(amount.uploads, 'upload')} {was} dropped by hand"


def _differs(_: Facts, amount: Amount) -> str:
    said = [f"{count(amount.fewer, 'call')} fewer"] if amount.fewer else []
    said += [f"{count(amount.more, 'call')} more"] if amount.more else []
    counts = " and ".join(said)
    return f"the dashboard counted {counts} than were sent, in {count(amount.uploads, 'upload')}"


def _counted_twice(_: Facts, amount: Amount) -> str:
    its = "its" if amount.more == 1 else "their"
    return f"{are(amount.more, 'call')} counted twice: {its} lines were sent in two uploads"


def _lost(_: Facts, amount: Amount) -> str:
    calls = f" ({count(amount.calls, 'call')})" if amount.calls else ""
    is_in = "is" if amount.records == 1 else "are"
    return f"{count(amount.records, 'record')} of the archive{calls} {is_in} in no upload"


def _gone(_: Facts, amount: Amount) -> str:
    return f"{are(amount.records, 'record')} damaged in the archive and not on the dashboard"


def _undecided(facts: Facts, _: Amount) -> str:
    there = facts.destination or "this dashboard"
    return f"nothing was uploaded to {there} yet: that waits for a decision"


def _unknown(_: Facts, amount: Amount) -> str:
    it = f"the outcome of {count(amount.uploads, 'upload')} is not known"
    if not amount.calls:
        return f"{it} ({count(amount.records, 'record')})"
    too_many = f", or counted too often by up to {amount.more:,}" if amount.more else ""
    return f"up to {count(amount.calls, 'call')} may be missing{too_many}: {it}"


def _clearing(*_: object) -> str:
    return "the dashboard was asked to clear its data, and has not answered that it did"


def _twice(amount: Amount) -> str:
    """Return how many calls may be counted too often; more than once for each is said so."""
    if not amount.calls:
        return f"up to {count(amount.records, 'record')} may be stored twice"
    if amount.more <= amount.calls:
        return f"up to {count(amount.more, 'call')} may be counted twice"
    more = f"{amount.more:,} too many"
    return f"{count(amount.calls, 'call')} may be counted several times (up to {more})"


def _doubles(_: Facts, amount: Amount) -> str:
    sent = count(amount.uploads, "upload")
    was, its = ("was", "its answer") if amount.uploads == 1 else ("were", "their answers")
    lost = "was" if amount.uploads == 1 else "were"
    return f"{_twice(amount)}: {sent} {was} sent again after {its} {lost} lost"


def _repeat_differs(_: Facts, amount: Amount) -> str:
    repeats = "repeat" if amount.uploads == 1 else "repeats"
    said = [f"up to {count(amount.fewer, 'call')} may be missing"] if amount.fewer else []
    said += [_twice(amount)]
    return (
        f"{' and '.join(said)}: the {repeats} of {count(amount.uploads, 'upload')}"
        f" {'was' if amount.uploads == 1 else 'were'} answered with another number"
    )


def _known_before(_: Facts, amount: Amount) -> str:
    its = "it" if amount.fewer == 1 else "they"
    return (
        f"the dashboard counted {count(amount.fewer, 'call')} fewer than were sent, in"
        f" {count(amount.uploads, 'upload')}: {its} may have been there before"
    )


def _repeat_waits(_: Facts, amount: Amount) -> str:
    what = count(amount.calls, "call") if amount.calls else count(amount.records, "record")
    waits = "waits" if (amount.calls or amount.records) == 1 else "wait"
    return f"{what} that {waits} may be on the dashboard already: an answer was lost"


def _overtaken(_: Facts, amount: Amount) -> str:
    return f"{_twice(amount)}: a request from before the clear may have been stored after it"


def _uploaded_before(_: Facts, amount: Amount) -> str:
    return f"{_twice(amount)} if this queue_log was uploaded by other means before qlogship"


def _sent_before(_: Facts, amount: Amount) -> str:
    return f"{_twice(amount)}: this dashboard had them before another one took its place"


def _shared(*_: object) -> str:
    return "others upload to this dashboard, too, and what they upload is not in these numbers"


def _no_count(_: Facts, amount: Amount) -> str:
    return f"{count(amount.calls, 'call')} cannot be compared: the answer held no readable count"


def _not_shipped(amount: Amount, why: str) -> str:
    calls = f" ({count(amount.calls, 'call')})" if amount.calls else ""
    was = "was" if amount.records == 1 else "were"
    return f"{count(amount.records, 'record')}{calls} {was} {why}"


def _later(_: Facts, amount: Amount) -> str:
    return _not_shipped(amount, "imported, and not uploaded yet")


def _before(_: Facts, amount: Amount) -> str:
    return _not_shipped(amount, "left out when uploading began: too old")


def _skipped(*_: object) -> str:
    return "older text was left out when uploading began, and what is there of it is not known"


def _damaged(_: Facts, amount: Amount) -> str:
    if not amount.records:
        return "a part of the archive is damaged and cannot be compared"
    return f"{are(amount.records, 'record')} damaged in the archive and cannot be compared"


def _not_counted(_: Facts, amount: Amount) -> str:
    sent = count(amount.uploads, "upload")
    return f"{sent} not searched yet for calls that an earlier one carried"


def _cut_off(facts: Facts, _: Amount) -> str:
    return f"only {facts.days or 'some days'} were compared"


REASONS: Final[Mapping[Kind, ReasonRow]] = {
    Kind.QUARANTINED: ReasonRow(Level.WRONG, _quarantined, "`qlogship quarantine resend`"),
    Kind.DROPPED: ReasonRow(Level.WRONG, _dropped, _RESYNC),
    Kind.DIFFERS: ReasonRow(Level.WRONG, _differs, _RESYNC),
    # Whoever raises neither gets the same two uploads again.
    Kind.COUNTED_TWICE: ReasonRow(
        Level.WRONG, _counted_twice, "a longer `batch.settle` and `batch.hold`, then " + _RESYNC
    ),
    Kind.LOST: ReasonRow(Level.WRONG, _lost, _RESYNC),
    Kind.GONE: ReasonRow(
        Level.WRONG, _gone, "`qlogship import` of the file they came from, then " + _RESYNC
    ),
    Kind.UNDECIDED: ReasonRow(Level.UNCERTAIN, _undecided, "`qlogship destination`"),
    Kind.UNKNOWN: ReasonRow(Level.UNCERTAIN, _unknown, _RESYNC),
    Kind.CLEARING: ReasonRow(Level.UNCERTAIN, _clearing, "its answer"),
    Kind.DOUBLES: ReasonRow(Level.UNCERTAIN, _doubles, _RESYNC),
    Kind.REPEAT_DIFFERS: ReasonRow(Level.UNCERTAIN, _repeat_differs, _RESYNC),
    Kind.KNOWN_BEFORE: ReasonRow(Level.UNCERTAIN, _known_before, _RESYNC),
    Kind.REPEAT_WAITS: ReasonRow(Level.UNCERTAIN, _repeat_waits, _RESYNC),
    Kind.OVERTAKEN: ReasonRow(Level.UNCERTAIN, _overtaken, _RESYNC),
    Kind.UPLOADED_BEFORE: ReasonRow(
        Level.UNCERTAIN,
        _uploaded_before,
        f"`source.uploaded_before = false`, if it was not, or {_RESYNC}",
    ),
    Kind.SENT_BEFORE: ReasonRow(Level.UNCERTAIN, _sent_before, _RESYNC),
    Kind.SHARED: ReasonRow(Level.UNCERTAIN, _shared),
    Kind.NO_COUNT: ReasonRow(Level.UNCERTAIN, _no_count),
    Kind.LATER: ReasonRow(Level.UNCERTAIN, _later, _RESYNC),
    Kind.BEFORE: ReasonRow(Level.UNCERTAIN, _before, _RESYNC),
    Kind.SKIPPED: ReasonRow(
        Level.UNCERTAIN, _skipped, "`qlogship import` of the older files, then " + _RESYNC
    ),
    Kind.DAMAGED: ReasonRow(
        Level.UNCERTAIN, _damaged, "`qlogship import` of the file they came from"
    ),
    Kind.NOT_COUNTED: ReasonRow(Level.UNCERTAIN, _not_counted, "`qlogship status`, which does it,"),
    Kind.CUT_OFF: ReasonRow(
        Level.UNCERTAIN, _cut_off, "`qlogship reconcile` without --from and --to"
    ),
}
