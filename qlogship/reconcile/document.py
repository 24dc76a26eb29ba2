"""The report as `reconcile --json` prints it. Names are added, never renamed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qlogship.reconcile.census import RecordPlace
from qlogship.reconcile.report import SUMS
from qlogship.reconcile.states import certainty
from qlogship.verdict.assessment import reasons_as_json
from qlogship.verdict.facts import Level

if TYPE_CHECKING:
    from qlogship.reconcile.report import Report, Sums, UploadFinding


def document(report: Report, *, zone: str) -> dict[str, Any]:
    """Return the report; days are ISO dates, other times epoch seconds."""
    snapshot = report.snapshot
    return {
        "adds_up": report.assessment.level is Level.RIGHT,
        "level": str(report.level),
        "certainty": str(report.assessment.level),
        "verdict": report.verdict,
        "reasons": reasons_as_json(report.assessment),
        "remarks": list(report.remarks),
        "zone": zone,
        "generation": snapshot.generation,
        "resync": {"state": snapshot.resync or "idle"},
        "uploads": {
            "accepted": snapshot.uploads[RecordPlace.SHIPPED],
            "superseded": snapshot.uploads[RecordPlace.SUPERSEDED],
        },
        "undated_records": snapshot.counted.undated,
        "gone_records": snapshot.gone,
        "given_up_records": snapshot.given_up,
        "left_records": snapshot.left,
        "begins_at": snapshot.begins_at,
        "total": _sums(report.total, past=snapshot.past),
        "days": [
            {
                "day": day.day.isoformat(),
                "level": str(day.level),
                "certainty": str(certainty(day.level)),
                **_sums(day.sums, past=snapshot.past),
                "outage_seconds": day.outage,
                "causes": [{**asdict(cause), "level": str(cause.level)} for cause in day.causes],
            }
            for day in report.days
        ],
        "between": [_finding(finding) for finding in report.apart],
        "findings": [_finding(finding) for finding in report.findings],
        "held": [
            {**asdict(call), "callid": text_of(call.callid), "queue": text_of(call.queue)}
            for call in report.held
        ],
        "outages": [asdict(outage) for outage in report.outages],
        "learnt": [asdict(learnt) for learnt in report.learnt],
    }


def text_of(data: bytes) -> str:
    """Return what a record says as text, bytes that are none as escapes."""
    return data.decode(errors="backslashreplace")


def _sums(sums: Sums, *, past: bool) -> dict[str, int | None]:
    """Return the sums by name; what was not asked for is null, as what cannot be said."""
    asked = set(SUMS) if past else set(SUMS) - {"superseded"}
    return {name: sums.get(name) if name in asked else None for name in SUMS}


def _finding(finding: UploadFinding) -> dict[str, Any]:
    return {
        "upload": finding.upload,
        "kind": finding.kind,
        "level": str(finding.level),
        "first_day": finding.first_day.isoformat() if finding.first_day else None,
        "last_day": finding.last_day.isoformat() if finding.last_day else None,
        "calls": finding.calls,
        "reported_calls": finding.reported,
        "text": finding.text,
        "hint": finding.hint,
    }
