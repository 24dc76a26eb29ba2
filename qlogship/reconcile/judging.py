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

from collections import Counter
from typing import TYPE_CHECKING, Final

from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import parse
from qlogship.reconcile.census import Carried, DayTally, RecordPlace
from qlogship.reconcile.far_end import learnt_of, merged_outages, seconds_out
from qlogship.reconcile.report import (
    Cause,
    Day,
    HeldCall,
    ReconcileSnapshot,
    Report,
    Severity,
    Sums,
    UploadFinding,
)
from qlogship.wording import count, duration, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from qlogship.reconcile.days import Days

_RANK: Final = {level: rank for rank, level in enumerate(Severity)}


def reconcile(
    snapshot: ReconcileSnapshot,
    days: Days,
    *,
    now: float,
    first: date | None = None,
    last: date | None = None,
) -> Report:
    """Judge all days, or those from `first` to `last`, both included."""
    counted = snapshot.counted

    def wanted(day: date) -> bool:
        return (first is None or day >= first) and (last is None or day <= last)

    zero_tells = not any(map(_counts_nothing, counted.uploads))
    findings = [
        _finding(carried, zero_tells=zero_tells)
        for carried in counted.uploads
        if _is_telling(carried)
    ]
    chosen = tuple(
        finding
        for finding in findings
        if (finding.first_day is None or last is None or finding.first_day <= last)
        and (finding.last_day is None or first is None or finding.last_day >= first)
    )
    carried_by = {carried.shipment.id: carried for carried in counted.uploads}
    by_uploads = _causes_by_day(chosen, carried_by)
    outages = merged_outages(snapshot.outages)
    shown = tuple(
        _day(
            day,
            tally,
            by_uploads.get(day, ()),
            seconds_out(outages, *days.seconds_of(day), now=now),
        )
        for day, tally in sorted(counted.days.items())
        if wanted(day)
    )
    held = tuple(call for call in snapshot.held if wanted(days.of(call.since)))
    outages = tuple(
        outage
        for outage in outages
        if (last is None or days.of(int(outage.begin)) <= last)
        and (first is None or days.of(int(outage.end or now)) >= first)
    )
    total = _total(shown, chosen)
    learnt = learnt_of(snapshot, zero_tells=zero_tells)
    level, verdict, remarks = _verdict(snapshot, total, chosen, held)
    return Report(
        level=level,
        verdict=verdict,
        total=total,
        days=shown,
        findings=chosen,
        remarks=remarks,
        held=held,
        outages=outages,
        learnt=learnt,
        snapshot=snapshot,
    )


def held_calls(lines: Iterable[bytes]) -> tuple[HeldCall, ...]:
    """Return the calls that these held records, without newlines, are of; longest first."""
    calls: dict[bytes, HeldCall] = {}
    for line in lines:
        record = parse(line)
        if record is None or record.callid in NO_CALL:
            continue
        known = calls.get(record.callid)
        queue = known.queue if known else b""
        if record.queue not in {b"", b"NONE"}:
            queue = queue or record.queue
        calls[record.callid] = HeldCall(
            record.callid,
            queue,
            known.since if known else record.time,
            known.records + 1 if known else 1,
        )
    return tuple(sorted(calls.values(), key=lambda call: (call.since, call.callid)))


# One upload


def _is_telling(carried: Carried) -> bool:
    """Return whether something must be said: one that waits for its turn is nothing special."""
    shipment = carried.shipment
    return not (
        shipment.place is RecordPlace.PREPARED and shipment.attempts == 0 and not carried.missing
    )


def _counts_nothing(carried: Carried) -> bool:
    """Return whether a first attempt was answered with 0: then a 0 for a repeat tells nothing."""
    shipment = carried.shipment
    return (
        shipment.place is RecordPlace.SHIPPED
        and not shipment.possible_duplicate
        and shipment.reported_calls == 0
        and carried.calls > carried.again
    )


def _finding(carried: Carried, *, zero_tells: bool) -> UploadFinding:
    shipment, calls = carried.shipment, carried.calls
    reported = shipment.reported_calls if shipment.place is RecordPlace.SHIPPED else None
    days = sorted(carried.by_day) or list(carried.days)
    kind, level, text, hint = _said(carried, reported, zero_tells=zero_tells)
    return UploadFinding(
        upload=shipment.id,
        kind=kind,
        level=level,
        first_day=min(carried.days, default=days[0] if days else None),
        last_day=max(carried.days, default=days[-1] if days else None),
        calls=calls,
        reported=reported,
        pinned=reported in {None, calls, 0} or len(days) == 1,
        text=text,
        hint=hint,
    )


def _said(
    carried: Carried, reported: int | None, *, zero_tells: bool
) -> tuple[str, Severity, str, str]:
    """Return kind, level, what is said about an upload, and what to type next."""
    shipment, calls = carried.shipment, carried.calls
    number, detail = shipment.id, f": {shipment.detail}" if shipment.detail else ""
    show = f"`qlogship uploads show {number}`"
    if carried.missing:
        return (
            "missing",
            Severity.FAULT,
            f"the archive no longer has {count(carried.missing, 'record')} of it",
            "Restore the state directory from a backup.",
        )
    if shipment.place is RecordPlace.UNKNOWN:
        return (
            "unknown",
            Severity.FAULT,
            f"its outcome is unknown{detail}; the dashboard may have its {count(calls, 'call')}",
            f"Look at it with {show}; `qlogship resync` ships all anew.",
        )
    if shipment.place is RecordPlace.QUARANTINED:
        return (
            "quarantined",
            Severity.FAULT,
            f"the dashboard refuses it{detail}",
            f"Look at it with `qlogship quarantine show {number}`; then resend or drop it.",
        )
    if shipment.place is RecordPlace.DROPPED:
        return "dropped", Severity.NOTE, "it was dropped by hand", f"Look at it with {show}."
    if shipment.place is RecordPlace.PREPARED:
        return (
            "undelivered",
            Severity.NOTE,
            f"not delivered after {count(shipment.attempts, 'attempt')}{detail}",
            "Look at `qlogship status`; qlogship tries again by itself.",
        )
    return _said_of_accepted(
        carried, reported, f"Look at the answer with {show}.", zero_tells=zero_tells
    )


def _said_of_accepted(
    carried: Carried, reported: int | None, hint: str, *, zero_tells: bool
) -> tuple[str, Severity, str, str]:
    calls = carried.calls
    again = "sent again after its answer was lost"
    twice = "`qlogship resync` ships all anew, if the numbers must be right."
    if not carried.shipment.possible_duplicate:
        if reported == calls - carried.again:
            text = f"{count(carried.again, 'call')} not counted again: in an earlier upload, too"
            return "counted_once", Severity.NOTE, text, hint
        return "differs", Severity.FAULT, _said_difference(reported or 0, calls), hint
    if reported is None:
        return "repeated", Severity.NOTE, f"{again}: may be counted twice", twice
    if calls and reported == 0 and zero_tells:
        text = f"{again}; the repeat was answered with 0: the dashboard had its calls already"
        return "repeat_dropped", Severity.NOTE, text, hint
    if reported == calls:
        return "repeated", Severity.NOTE, f"{again}: may be counted twice", twice
    text = f"{again}; {_said_difference(reported, calls)}"
    return "differs", Severity.FAULT, text, hint


def _said_difference(reported: int, calls: int) -> str:
    more = "more" if reported > calls else "fewer"
    return f"the dashboard counted {count(abs(reported - calls), 'call')} {more} than were sent"


# One day


def _causes_by_day(
    findings: Sequence[UploadFinding], carried_by: dict[int, Carried]
) -> dict[date, list[Cause]]:
    """Return what the uploads add to the causes of each day."""
    by_uploads: dict[date, list[Cause]] = {}
    grouped: dict[tuple[date, str], list[tuple[int, int]]] = {}
    for finding in findings:
        by_day = carried_by[finding.upload].by_day
        if finding.kind in {"unknown", "quarantined"}:
            for day in by_day or carried_by[finding.upload].days:
                grouped.setdefault((day, finding.kind), []).append(
                    (finding.upload, by_day.get(day, 0))
                )
        elif finding.reported is None or finding.reported == finding.calls:
            if finding.level is not Severity.GOOD and finding.kind in {"repeated", "missing"}:
                for day in by_day or carried_by[finding.upload].days:
                    by_uploads.setdefault(day, []).append(
                        Cause(
                            finding.kind,
                            finding.level,
                            0,
                            f"upload {finding.upload}: {finding.text}",
                        )
                    )
        else:
            _add_difference(by_uploads, finding, by_day, carried_by[finding.upload].days)
    for (day, kind), uploads in grouped.items():
        by_uploads.setdefault(day, []).append(_in_doubt(kind, uploads))
    return by_uploads


def _add_difference(
    by_uploads: dict[date, list[Cause]],
    finding: UploadFinding,
    by_day: dict[date, int],
    days: Sequence[date],
) -> None:
    """Put a differing count where it belongs."""
    reported = finding.reported or 0
    for day in by_day or days:
        sent = by_day.get(day, 0)
        if finding.pinned:
            off = (-sent if reported == 0 else reported - sent) if by_day else reported
            text = f"upload {finding.upload}: {finding.text}"
            by_uploads.setdefault(day, []).append(Cause(finding.kind, finding.level, off, text))
        else:
            between = f"between {finding.first_day} and {finding.last_day}"
            text = f"upload {finding.upload}: {finding.text}, {between}"
            by_uploads.setdefault(day, []).append(Cause(finding.kind, finding.level, None, text))


def _in_doubt(kind: str, uploads: Sequence[tuple[int, int]]) -> Cause:
    names = named([number for number, _ in uploads])
    if kind == "unknown":
        return Cause(kind, Severity.FAULT, None, f"outcome unknown: {names}")
    return Cause(kind, Severity.FAULT, None, f"in quarantine: {names}")


def _day(day: date, tally: DayTally, by_uploads: Iterable[Cause], outage: float) -> Day:
    sums = _sums(tally)
    told = list(by_uploads)
    causes: list[Cause] = []

    def add(kind: str, level: Severity, calls: int, text: str) -> None:
        """Add a cause; the words that name the uploads come from their by_uploads."""
        named = [cause.text for cause in told if cause.kind == kind and cause.calls is None]
        if calls or named:
            said = f"{count(abs(calls), 'call')} {text}" if calls else named.pop(0)
            causes.append(Cause(kind, level, calls, "; ".join([said, *named])))

    add("unknown", Severity.FAULT, -sums.unknown, "in doubt")
    add("quarantined", Severity.FAULT, -sums.quarantined, "refused")
    causes += [cause for cause in told if cause.kind not in {"unknown", "quarantined"}]
    if sums.lost_records:
        text = f"{count(sums.lost_records, 'record')} of the archive in no upload"
        causes.append(Cause("lost", Severity.FAULT, -sums.lost, text))
    waiting_during = " since the dashboard takes none" if outage and sums.waiting else ""
    for kind, level, calls, text in (
        ("waiting", Severity.NOTE, -sums.waiting, f"waiting{waiting_during}"),
        ("held", Severity.NOTE, -sums.held, "held back: not over yet"),
        ("later", Severity.NOTE, -sums.later, "imported for the next resync"),
        ("dropped", Severity.NOTE, -sums.dropped, "dropped by hand"),
        ("unread", Severity.NOTE, -sums.unread, "answered without a count"),
        ("again", Severity.NOTE, sums.sent - sums.shipped, "sent in more than one upload"),
    ):
        if calls:
            causes.append(Cause(kind, level, calls, f"{count(abs(calls), 'call')} {text}"))
    if outage:
        text = f"nothing could be delivered for {duration(outage)}"
        causes.append(Cause("outage", Severity.NOTE, 0, text))
    return Day(day, sums, tuple(causes), _worst(cause.level for cause in causes), outage)


def _sums(tally: DayTally) -> Sums:
    calls, archived = tally.calls, tally.calls.total()
    comparable = not tally.unread and not tally.unpinned
    return Sums(
        archived=archived,
        records=tally.records.total(),
        shipped=calls[RecordPlace.SHIPPED],
        sent=tally.sent,
        reported=tally.reported,
        difference=tally.reported - archived if comparable else None,
        held=calls[RecordPlace.HELD],
        waiting=calls[RecordPlace.WAITING] + calls[RecordPlace.PREPARED],
        quarantined=calls[RecordPlace.QUARANTINED],
        unknown=calls[RecordPlace.UNKNOWN],
        dropped=calls[RecordPlace.DROPPED],
        later=calls[RecordPlace.LATER],
        lost=calls[RecordPlace.LOST],
        lost_records=tally.records[RecordPlace.LOST],
        unread=tally.unread,
        unpinned=tally.unpinned,
        superseded=tally.superseded,
    )


# All days


def _total(days: Sequence[Day], findings: Sequence[UploadFinding]) -> Sums:
    sums: Counter[str] = Counter()
    names = [name for name in Sums.__slots__ if name != "difference"]
    for day in days:
        for name in names:
            sums[name] += getattr(day.sums, name)
    apart = [finding for finding in findings if finding.apart]
    reported = sums["reported"] + sum(finding.reported or 0 for finding in apart)
    # An upload that reaches beyond the chosen days brings calls that are not theirs.
    whole = sums["unpinned"] == sum(finding.calls for finding in apart)
    difference = reported - sums["archived"] if whole and not sums["unread"] else None
    return Sums(
        **{name: sums[name] for name in names if name != "reported"},
        reported=reported,
        difference=difference,
    )


def _verdict(
    snapshot: ReconcileSnapshot,
    total: Sums,
    findings: Sequence[UploadFinding],
    held: Sequence[HeldCall],
) -> tuple[Severity, str, tuple[str, ...]]:
    """Return the worst that was found, one sentence, and what is in order but worth a word."""
    faults = _faults(snapshot, total, findings)
    remarks = _remarks(snapshot, total, findings, held)
    if faults:
        return Severity.FAULT, f"It does not add up: {'; '.join(faults)}.", tuple(remarks)
    if not total.archived and not total.records:
        return Severity.GOOD, "There is nothing to compare yet.", tuple(remarks)
    archived = f"{count(total.archived, 'call')} archived, {total.shipped:,} shipped"
    if total.unread:
        text = f"Nothing speaks against it: {archived}; not every answer held a count."
        return Severity.NOTE, text, tuple(remarks)
    text = f"It adds up: {archived}, {total.reported:,} reported by the dashboard."
    return (Severity.NOTE if remarks else Severity.GOOD), text, tuple(remarks)


def _faults(
    snapshot: ReconcileSnapshot, total: Sums, findings: Sequence[UploadFinding]
) -> list[str]:
    faults = []
    for kind, text in (
        ("unknown", "of unknown outcome"),
        ("quarantined", "in quarantine"),
        ("missing", "whose records the archive no longer has"),
    ):
        of_kind = [finding for finding in findings if finding.kind == kind]
        if of_kind:
            calls = count(sum(finding.calls for finding in of_kind), "call")
            faults.append(f"{count(len(of_kind), 'upload')} {text} ({calls})")
    differing = [
        finding
        for finding in findings
        if finding.kind == "differs" or (finding.kind == "missing" and _off(finding))
    ]
    fewer = -sum(min(0, _off(finding)) for finding in differing)
    more = sum(max(0, _off(finding)) for finding in differing)
    said = [f"{count(fewer, 'call')} fewer"] if fewer else []
    said += [f"{count(more, 'call')} more"] if more else []
    if said:
        faults.append(
            f"the dashboard counted {' and '.join(said)} than were sent,"
            f" in {count(len(differing), 'upload')}"
        )
    if total.lost_records:
        faults.append(f"{count(total.lost_records, 'record')} of the archive in no upload")
    if snapshot.gone > snapshot.given_up:
        gone = count(snapshot.gone - snapshot.given_up, "record")
        faults.append(f"{gone} gone from the archive")
    return faults


def _off(finding: UploadFinding) -> int:
    return 0 if finding.reported is None else finding.reported - finding.calls


def _remarks(
    snapshot: ReconcileSnapshot,
    total: Sums,
    findings: Sequence[UploadFinding],
    held: Sequence[HeldCall],
) -> list[str]:
    remarks = []
    if snapshot.resync is not None:
        remarks.append(f"a resync is under way ({snapshot.resync})")
    if snapshot.given_up:
        given_up = count(snapshot.given_up, "record")
        remarks.append(f"{given_up} gone from the archive, and given up in a resync")
    for calls, text in (
        (total.waiting, "waiting to be shipped"),
        (total.held or len(held), "held back: not over yet"),
        (total.later, "imported for the next resync"),
        (total.dropped, "dropped by hand"),
        (total.sent - total.shipped, "sent in more than one upload"),
        (total.unread, "answered without a count that could be read"),
    ):
        if calls:
            remarks.append(f"{count(calls, 'call')} {text}")
    twice = [finding for finding in findings if finding.kind == "repeated"]
    if twice:
        calls = sum(finding.calls for finding in twice)
        remarks.append(
            f"{count(calls, 'call')} may be counted twice"
            f" ({named([finding.upload for finding in twice])})"
        )
    known = [finding for finding in findings if finding.kind == "repeat_dropped"]
    if known:
        calls = sum(finding.calls for finding in known)
        names = named([finding.upload for finding in known])
        remarks.append(
            f"{count(calls, 'call')} that the dashboard did not count again when repeated ({names})"
        )
    return remarks


def _worst(levels: Iterable[Severity]) -> Severity:
    return max(levels, key=_RANK.__getitem__, default=Severity.GOOD)
