"""What the archive, the ledger and the dashboard's counts say about each other.

Figures go in, a report goes out: days, their balance, causes in words, a
verdict. Nothing is counted here (see `census`), and nothing is shown.

Theory of operation. For each day, and for all days together,

    reported - archived = again - held - waiting - quarantined - unknown - dropped
                          - later - lost - unread - unpinned + differing counts

holds by the way the figures are made, so the causes of a day explain its
difference to the last call; what remains to judge is which of them are in
order. Calls that wait or are held are. The dashboard reports one number per
upload. When all calls of an upload are of one day, it is that day's; when it is
the number that was sent, or 0, it is divided as they were. Otherwise it cannot
be said which day it belongs to, and it stands in a row of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlogship.queue_log.records import call_records
from qlogship.reconcile.causes import causes_by_day, day_of
from qlogship.reconcile.far_end import learnt_of, merged_outages, seconds_out
from qlogship.reconcile.findings import finding_of, zero_tells
from qlogship.reconcile.report import SUMS, HeldCall, Report
from qlogship.reconcile.states import BY_NAME, STATES, Severity
from qlogship.wording import count, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

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
    findings = tuple(one for one in found if one and wanted(one.first_day, one.last_day))
    causes = causes_by_day(findings)
    outages = merged_outages(snapshot.outages)
    judged = tuple(
        day_of(
            day, tally, causes.get(day, ()), seconds_out(outages, *days.seconds_of(day), now=now)
        )
        for day, tally in sorted(snapshot.counted.days.items())
        if wanted(day)
    )
    total = _total(judged, findings)
    held = tuple(call for call in snapshot.held if wanted(days.of(call.since)))
    remarks = tuple(_remarks(snapshot, total, findings, len(held)))
    level, verdict = _verdict(total, _faults(snapshot, total, findings), noted=bool(remarks))
    return Report(
        level=level,
        verdict=verdict,
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
    if whole and not sums["unread"]:
        sums["difference"] = sums["reported"] - sums["archived"]
    return sums


def _verdict(total: Sums, faults: Sequence[str], *, noted: bool) -> tuple[Severity, str]:
    """Return the worst that was found, and one sentence; `noted` when there are remarks."""
    if faults:
        return Severity.FAULT, f"It does not add up: {'; '.join(faults)}."
    if not total["archived"] and not total["records"]:
        return Severity.GOOD, "There is nothing to compare yet."
    archived = f"{count(total['archived'], 'call')} archived, {total['shipped']:,} shipped"
    if total["unread"]:
        text = f"Nothing speaks against it: {archived}; not every answer held a count."
        return Severity.NOTE, text
    text = f"It adds up: {archived}, {total['reported']:,} reported by the dashboard."
    return (Severity.NOTE if noted else Severity.GOOD), text


def _faults(
    snapshot: ReconcileSnapshot, total: Sums, findings: Sequence[UploadFinding]
) -> list[str]:
    faults = []
    for state in STATES:
        uploads = [finding for finding in findings if finding.kind == state.name]
        if state.fault and uploads:
            calls = count(sum(finding.calls for finding in uploads), "call")
            faults.append(f"{count(len(uploads), 'upload')} {state.fault} ({calls})")
    differing = [
        finding.off
        for finding in findings
        if finding.kind == "differs" or (finding.kind == "missing" and finding.off)
    ]
    fewer = -sum(off for off in differing if off < 0)
    more = sum(off for off in differing if off > 0)
    said = [f"{count(fewer, 'call')} fewer"] if fewer else []
    said += [f"{count(more, 'call')} more"] if more else []
    if said:
        faults.append(
            f"the dashboard counted {' and '.join(said)} than were sent,"
            f" in {count(len(differing), 'upload')}"
        )
    if total["lost_records"]:
        faults.append(f"{count(total['lost_records'], 'record')} {BY_NAME['lost'].cause}")
    if snapshot.gone > snapshot.given_up:
        gone = count(snapshot.gone - snapshot.given_up, "record")
        faults.append(f"{gone} gone from the archive")
    return faults


def _remarks(
    snapshot: ReconcileSnapshot, total: Sums, findings: Sequence[UploadFinding], held: int
) -> list[str]:
    """Return what is in order but worth a word; `held` is how many calls are held back."""
    remarks = []
    if snapshot.resync is not None:
        remarks.append(f"a resync is under way ({snapshot.resync})")
    if snapshot.given_up:
        given_up = count(snapshot.given_up, "record")
        remarks.append(f"{given_up} gone from the archive, and given up in a resync")
    for state in STATES:
        calls = total[state.name] if state.remark else 0
        if state.name == "held":
            calls = calls or held  # what is held need not have entered a queue
        if calls:
            remarks.append(f"{count(calls, 'call')} {state.remark}")
    for kind, text in (
        ("repeated", "may be counted twice"),
        ("repeat_dropped", "that the dashboard did not count again when repeated"),
    ):
        repeats = [finding for finding in findings if finding.kind == kind]
        if repeats:
            sent = count(sum(finding.calls for finding in repeats), "call")
            remarks.append(f"{sent} {text} ({named([finding.upload for finding in repeats])})")
    return remarks
