"""The findings for programs: one JSON document, whose keys are added to, never renamed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qlogship.check.findings import Finding, Level, exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.check.facts import Facts
    from qlogship.check.facts.asterisk import AsteriskFacts
    from qlogship.check.facts.state import DiskFacts, StateFacts
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
        "findings": [asdict(finding) for finding in findings],
        "facts": _facts(facts),
    }


def _facts(facts: Facts) -> dict[str, Any]:
    """Return what was found out, without secrets; times are epoch seconds, sizes bytes."""
    named, unit = facts.named, facts.unit
    return {
        "settings": facts.settings.path,
        "now": facts.now,
        "user": _picked(facts.user, "name groups"),
        "queue_log": named and _picked(named.source, "path exists readable rotated", bytes="size"),
        "asterisk": named and _asterisk(named.asterisk),
        "rotation": named and {"stanzas": [one.place for one in named.rotation.stanzas]},
        "state": named and _state(named.state),
        "disk": {
            "state": named and _disk(named.state_disk),
            "source": named and _disk(named.source_disk),
        },
        "dashboard": named and named.network and _reach(named.network.reach, named.url),
        "clock": {"synchronised": named and named.synchronised},
        "unit": {
            "load": unit.load or None,
            "active": unit.active or None,
            "enabled": unit.enabled or None,
            "name": unit.name,
            "fragment": unit.file.loaded,
            "drop_ins": unit.file.drop_ins,
            "pid": unit.pid,
        },
    }


def _asterisk(facts: AsteriskFacts) -> dict[str, Any]:
    return {
        "configuration": facts.etc,
        "processes": [
            {
                "pid": one.pid,
                "user": one.account and one.account.name,
                "container": one.elsewhere,
                "files": None if one.files is None else [file.path for file in one.files],
            }
            for one in facts.processes
        ],
        "queue_log": facts.logger and facts.logger.queue_log,
        "queue_log_to_file": facts.logger and facts.logger.to_file,
        "queue_log_name": facts.logger and facts.logger.name,
        "rotatestrategy": facts.logger and facts.logger.rotate,
        "realtime": facts.realtime,
    }


def _state(facts: StateFacts) -> dict[str, Any]:
    return {
        "directory": facts.directory,
        "exists": facts.exists,
        "held_by": facts.holder,
        "oldest_record": facts.span and facts.span[0],
        "newest_record": facts.span and facts.span[1],
        "bytes_per_day": facts.growth,
        "troubles": [trouble.kind for trouble in facts.troubles],
    }


def _disk(facts: DiskFacts | None) -> dict[str, Any] | None:
    return _picked(
        facts, "path inodes free_inodes", bytes="total", free_bytes="free", reserve_bytes="reserve"
    )


def _reach(reach: Reach | None, url: str) -> dict[str, Any] | None:
    shown = _picked(reach, "addresses status clock_ahead certificate")
    if shown is not None:
        shown["url"] = url
        shown["certificate"] = _picked(shown["certificate"], "subject issuer not_before not_after")
    return shown


def _picked(of: object | None, names: str, **renamed: str) -> dict[str, Any] | None:
    """Return attributes under their own names, and some under another one; None of nothing."""
    if of is None:
        return None
    keys = {name: name for name in names.split()} | renamed
    return {key: getattr(of, name) for key, name in keys.items()}
