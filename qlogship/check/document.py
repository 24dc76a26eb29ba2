"""The findings for programs: one JSON document, whose keys are added to, never renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlogship.check.findings import Finding, Level, exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.check.facts import Facts
    from qlogship.check.facts.asterisk import AsteriskFacts
    from qlogship.check.facts.state import DiskFacts, StateFacts
    from qlogship.check.facts.unit import UnitFacts
    from qlogship.dashboard.reach import Reach


def document(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the whole examination; `ok` is false when there is a problem."""
    levels = [finding.level for finding in findings]
    return {
        "ok": Level.PROBLEM not in levels,
        "exit_code": int(exit_code(findings)),
        "problems": levels.count(Level.PROBLEM),
        "warnings": levels.count(Level.WARNING),
        "unknown": levels.count(Level.UNKNOWN),
        "findings": [
            {
                "id": finding.id,
                "level": finding.level.value,
                "about": finding.about,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in findings
        ],
        "facts": _facts(facts),
    }


def _facts(facts: Facts) -> dict[str, Any]:
    """Return what was found out, without secrets; times are epoch seconds, sizes bytes."""
    source, rotation = facts.source, facts.rotation
    return {
        "settings": facts.settings.path,
        "now": facts.now,
        "user": {"name": facts.user.name, "groups": facts.user.groups},
        "queue_log": None
        if source is None
        else {
            "path": source.path,
            "exists": source.exists,
            "bytes": source.size,
            "readable": source.readable,
            "rotated": source.rotated,
        },
        "asterisk": _asterisk(facts.asterisk),
        "rotation": None
        if rotation is None
        else {"stanzas": [stanza.place for stanza in rotation.stanzas]},
        "state": _state(facts.state),
        "disk": {"state": _disk(facts.state_disk), "source": _disk(facts.source_disk)},
        "dashboard": _reach(facts.network.reach if facts.network else None, facts.url),
        "clock": {"synchronised": facts.synchronised},
        "unit": _unit(facts.unit),
    }


def _asterisk(facts: AsteriskFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {
        "configuration": facts.etc,
        "processes": [
            {
                "pid": one.pid,
                "user": one.account.name if one.account else None,
                "container": one.elsewhere,
                "files": None if one.files is None else [file.path for file in one.files],
            }
            for one in facts.processes
        ],
        "queue_log": facts.logger.queue_log if facts.logger else None,
        "queue_log_to_file": facts.logger.to_file if facts.logger else None,
        "queue_log_name": facts.logger.name if facts.logger else None,
        "rotatestrategy": facts.logger.rotate if facts.logger else None,
        "realtime": facts.realtime,
    }


def _state(facts: StateFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {
        "directory": facts.directory,
        "exists": facts.exists,
        "held_by": facts.holder,
        "oldest_record": facts.span[0] if facts.span else None,
        "newest_record": facts.span[1] if facts.span else None,
        "bytes_per_day": facts.growth,
        "troubles": [trouble.kind for trouble in facts.troubles],
    }


def _disk(facts: DiskFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {
        "path": facts.path,
        "bytes": facts.total,
        "free_bytes": facts.free,
        "inodes": facts.inodes,
        "free_inodes": facts.free_inodes,
    }


def _reach(reach: Reach | None, url: str) -> dict[str, Any] | None:
    if reach is None:
        return None
    shown = reach.certificate
    return {
        "url": url,
        "addresses": reach.addresses,
        "status": reach.status,
        "clock_ahead": reach.clock_ahead,
        "certificate": None
        if shown is None
        else {
            "subject": shown.subject,
            "issuer": shown.issuer,
            "not_before": shown.not_before,
            "not_after": shown.not_after,
        },
    }


def _unit(facts: UnitFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "load": facts.load or None,
        "active": facts.active or None,
        "enabled": facts.enabled or None,
        "fragment": facts.fragment,
        "drop_ins": facts.drop_ins,
        "pid": facts.pid,
    }
