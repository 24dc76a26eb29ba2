"""What the archive, the ledger and the dashboard's counts say about each other.

Figures go in, a report goes out: days, their balance, causes in words, a
verdict. Nothing is counted here (see `census`), and nothing is shown.

Theory of operation. For each day, and for all days together,

    reported - archived = again - held - waiting - quarantined - unknown - dropped
                          - later - before - replaced - lost - unread - vouched - unpinned
                          + differing counts

holds by the way the figures are made, so the causes of a day explain its
difference to the last call; what remains to judge is which of them are in
order (`verdict`). Calls that wait or are held are. The dashboard reports one number per
upload. When all calls of an upload are of one day, it is that day's; when it is
the number that was sent, or 0, it is divided as they were. Otherwise it cannot
be said which day it belongs to, and it stands in a row of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlogship.queue_log.records import call_records
from qlogship.reconcile.causes import causes_by_day, day_of
from qlogship.reconcile.census import RecordPlace
from qlogship.reconcile.far_end import learnt_of, merged_outages, seconds_out
from qlogship.reconcile.findings import finding_of, zero_tells
from qlogship.reconcile.report import SUMS, HeldCall, Report
from qlogship.reconcile.states import BY_LEVEL, STATES, Severity
from qlogship.verdict.assessment import assess
from qlogship.verdict.facts import Amount, Facts, Kind
from qlogship.wording import count, named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date

    from qlogship.reconcile.census import DayTally
    from qlogship.reconcile.days import Days
    from qlogship.reconcile.report import Day, ReconcileSnapshot, Sums, UploadFinding


def reconcile(
    snapshot: ReconcileSnapshot,
    days: Days,
    *,
    now: float,
    first: date | None = None,
    last: date | None = None,
) -> Report:
    """Judge all days, or those from `first` to `last`, both included."""

    def wanted(begin: date | None, end: date | None = None) -> bool:
        """Return whether a day, or any from one to another, is to be judged."""
        end = end or begin
        return (begin is None or last is None or begin <= last) and (
            end is None or first is None or end >= first
        )

    tells = zero_tells(snapshot.counted.uploads)
    found = [finding_of(carried, zero_tells=tells) for carried in snapshot.counted.uploads]
    everything = [one for one in found if one is not None]
    findings = tuple(one for one in everything if wanted(one.first_day, one.last_day))
    days_counted = {day: tally for day, tally in snapshot.counted.days.items() if wanted(day)}
    causes = causes_by_day(findings, snapshot.counted.days)
    outages = merged_outages(snapshot.outages)
    judged = tuple(
        day_of(
            day, tally, causes.get(day, ()), seconds_out(outages, *days.seconds_of(day), now=now)
        )
        for day, tally in sorted(days_counted.items())
    )
    total = _total(judged, findings)
    held = tuple(call for call in snapshot.held if wanted(days.of(call.since)))
    cut_off = len(days_counted) < len(snapshot.counted.days) or len(findings) < len(everything)
    facts = _facts(snapshot, total, findings, days_counted.values(), held=len(held))
    if cut_off:
        facts = replace(facts, days=_chosen(first, last)).having((Kind.CUT_OFF, Amount()))
    else:
        facts = replace(facts, there=facts.there + snapshot.counted.left_calls)
    assessment = assess(facts)
    begins = days.of(snapshot.begins_at) if snapshot.begins_at is not None else None
    remarks = (*_left(snapshot, begins), *_remarks(snapshot, total, findings, len(held)))
    level = BY_LEVEL[assessment.level]
    return Report(
        level=Severity.NOTE if level is Severity.GOOD and remarks else level,
        assessment=assessment,
        total=total,
        days=judged,
        findings=findings,
        remarks=remarks,
        held=held,
        outages=tuple(
            outage
            for outage in outages
            if wanted(days.of(int(outage.begin)), days.of(int(outage.end or now)))
        ),
        learnt=learnt_of(snapshot, zero_tells=tells),
        snapshot=snapshot,
    )


def held_calls(lines: Iterable[bytes]) -> tuple[HeldCall, ...]:
    """Return the calls that these held records, without newlines, are of; longest first."""
    calls: dict[bytes, HeldCall] = {}
    for record in call_records(lines):
        call = calls.get(record.callid) or HeldCall(record.callid, b"", record.time, 0)
        queue = call.queue or (record.queue if record.queue != b"NONE" else b"")
        calls[call.callid] = replace(call, queue=queue, records=call.records + 1)
    return tuple(sorted(calls.values(), key=lambda call: (call.since, call.callid)))


def _total(days: Sequence[Day], findings: Sequence[UploadFinding]) -> Sums:
    names = {*SUMS, "again"} - {"difference"}
    sums = {name: sum(day.sums[name] for day in days) for name in names}
    apart = [finding for finding in findings if finding.apart]
    sums["reported"] += sum(finding.reported or 0 for finding in apart)
    # An upload that reaches beyond the chosen days brings calls that are not theirs.
    whole = sums["unpinned"] == sum(finding.calls for finding in apart)
    if whole and not sums["unread"] and not sums["vouched"]:
        sums["difference"] = sums["reported"] - sums["archived"]
    return sums


def _chosen(first: date | None, last: date | None) -> str:
    """Return which days were compared, in words."""
    begin = f" from {first}" if first is not None else ""
    end = f" to {last}" if last is not None else ""
    return f"the days{begin}{end}"


def _facts(
    snapshot: ReconcileSnapshot,
    total: Sums,
    findings: Sequence[UploadFinding],
    tallies: Collection[DayTally],
    *,
    held: int,
) -> Facts:
    """Return what the verdict is made of: what was counted, and what each upload says."""

    def records(place: RecordPlace) -> int:
        return sum(tally.records[place] for tally in tallies)

    again = sum(
        carried.again
        for carried in snapshot.counted.uploads
        if carried.shipment.place is RecordPlace.SHIPPED
    )
    facts = Facts(
        records=total["records"] + snapshot.counted.undated + snapshot.gone,
        there=max(0, total["sent"] - again),
        waiting=total["waiting"],
        waiting_records=records(RecordPlace.WAITING) + records(RecordPlace.PREPARED),
        held=total["held"] or held,  # what is held need not have entered a queue
        resync=snapshot.resync,
        destination=snapshot.destination,
        found=snapshot.found,
    )
    # Of answers without a count all are counted, not only those of uploads with a finding.
    facts = facts.having(
        *(one for finding in findings for one in finding.reasons if one[0] is not Kind.NO_COUNT)
    )
    if unread := total["unread"]:
        twice = sum(
            carried.again
            for carried in snapshot.counted.uploads
            if carried.shipment.place is RecordPlace.SHIPPED
            and carried.shipment.reported_calls is None
            and not carried.shipment.vouched
        )
        facts = facts.having((Kind.NO_COUNT, Amount(calls=unread, fewer=unread, more=twice)))
    for kind, place in (
        (Kind.LOST, RecordPlace.LOST),
        (Kind.LATER, RecordPlace.LATER),
        (Kind.BEFORE, RecordPlace.BEFORE),
    ):
        if number := records(place):
            calls = total[place]
            # What the dashboard has of those from before, and how often, nobody here knows.
            fewer = 0 if kind is Kind.BEFORE else calls
            facts = facts.having((kind, Amount(calls=calls, records=number, fewer=fewer)))
    return facts


def _left(snapshot: ReconcileSnapshot, begins: date | None) -> Iterator[str]:
    """Yield where the archive begins, if older records have left it."""
    if begins is not None:
        gone = count(snapshot.left, "older record")
        calls = snapshot.counted.left_calls
        there = f"; the dashboard has {count(calls, 'call')} of them" if calls else ""
        yield f"the archive begins on {begins}; {gone} left it (state.keep){there}"


def _remarks(
    snapshot: ReconcileSnapshot, total: Sums, findings: Sequence[UploadFinding], held: int
) -> list[str]:
    """Return what is in order but worth a word; `held` is how many calls are held back."""
    remarks = []
    if snapshot.resync is not None:
        remarks.append(f"a resync is under way ({snapshot.resync})")
    if snapshot.given_up:
        given_up = count(snapshot.given_up, "record")
        remarks.append(f"{given_up} given up in a resync: damaged in the archive")
    for state in STATES:
        calls = total[state.name] if state.remark else 0
        if state.name == "held":
            calls = calls or held  # what is held need not have entered a queue
        if calls:
            remarks.append(f"{count(calls, 'call')} {state.remark}")
    repeats = [finding for finding in findings if finding.kind == "repeat_dropped"]
    if repeats:
        sent = count(sum(finding.calls for finding in repeats), "call")
        names = named([finding.upload for finding in repeats])
        remarks.append(f"{sent} that the dashboard did not count again when repeated ({names})")
    return remarks
