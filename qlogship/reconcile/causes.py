"""Why the reported and the archived calls of a day differ: its causes, in words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from qlogship.reconcile.census import RecordPlace
from qlogship.reconcile.report import Cause, Day
from qlogship.reconcile.states import BY_NAME, STATES
from qlogship.wording import count, duration, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from qlogship.reconcile.census import DayTally
    from qlogship.reconcile.report import Sums, UploadFinding


# Said of an upload, too, when it was answered with the number that was sent.
_ALWAYS_SAID: Final = frozenset({"repeated", "repeat_waits", "missing", "counted_twice", "vouched"})


def causes_by_day(
    findings: Iterable[UploadFinding], days: Mapping[date, DayTally]
) -> Mapping[date, Sequence[Cause]]:
    """Return what the uploads add to the causes of each day."""
    repeated = {day for day, tally in days.items() if _again(tally)}
    causes: defaultdict[date, list[Cause]] = defaultdict(list)
    in_doubt: defaultdict[tuple[date, str], list[int]] = defaultdict(list)
    for finding in findings:
        kind, text = finding.kind, f"upload {finding.upload}: {finding.text}"
        for day, sent in finding.by_day.items():
            if BY_NAME[kind].naming:
                in_doubt[day, kind].append(finding.upload)
            elif finding.reported is None or not finding.off:
                if kind == "counted_twice" and repeated and day not in repeated:
                    continue
                if kind in _ALWAYS_SAID:
                    causes[day].append(Cause(kind, 0, text))
            elif finding.pinned:
                causes[day].append(Cause(kind, finding.reported - sent, text))
            else:
                between = f"between {finding.first_day} and {finding.last_day}"
                causes[day].append(Cause(kind, None, f"{text}, {between}"))
    for (day, kind), uploads in in_doubt.items():
        causes[day].append(Cause(kind, None, f"{BY_NAME[kind].naming}: {named(uploads)}"))
    return causes


def day_of(day: date, tally: DayTally, by_uploads: Sequence[Cause], outage: float) -> Day:
    """Return a day's balance; `outage` is how many seconds of it nothing could be delivered."""
    sums = _sums(tally)
    causes: list[Cause] = []

    def add(name: str, number: int, words: str, *, noun: str = "call", calls: int) -> None:
        if number:
            causes.append(Cause(name, calls, f"{count(number, noun)} {words}"))

    for state in filter(lambda state: state.naming, STATES):
        calls = sums[state.name]
        said = [f"{count(calls, 'call')} {state.cause}"] if calls else []
        said += [cause.text for cause in by_uploads if cause.kind == state.name]
        if said:
            causes.append(Cause(state.name, -calls, "; ".join(said)))
    causes += [cause for cause in by_uploads if not BY_NAME[cause.kind].naming]
    lost = sums["lost_records"]
    add("lost", lost, BY_NAME["lost"].cause, noun="record", calls=-sums["lost"])
    for state in STATES:
        if state.cause and not state.naming and state.name != "lost":
            why = " since the dashboard takes none" if outage and state.name == "waiting" else ""
            add(state.name, sums[state.name], state.cause + why, calls=-sums[state.name])
    add("again", sums["again"], BY_NAME["again"].remark, calls=sums["again"])
    if outage:
        causes.append(Cause("outage", 0, f"nothing could be delivered for {duration(outage)}"))
    return Day(day, sums, tuple(causes), outage)


def _sums(tally: DayTally) -> Sums:
    calls, archived = tally.calls, tally.calls.total()
    sums = {str(place): calls[place] for place in RecordPlace} | {
        "archived": archived,
        "records": tally.records.total(),
        "sent": tally.sent,
        "reported": tally.reported,
        "waiting": calls[RecordPlace.WAITING] + calls[RecordPlace.PREPARED],
        "lost_records": tally.records[RecordPlace.LOST],
        "unread": tally.unread,
        "vouched": tally.vouched,
        "unpinned": tally.unpinned,
        "superseded": tally.superseded,
        "again": _again(tally),
    }
    if not tally.unread and not tally.vouched and not tally.unpinned:
        sums["difference"] = tally.reported - archived
    return sums


def _again(tally: DayTally) -> int:
    """Return how often a call of this day was sent in one more upload."""
    return tally.sent - tally.calls[RecordPlace.SHIPPED]
