"""Whether all that could be shipped is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, ok, problem, warning
from qlogship.check.findings import Level as FindingLevel
from qlogship.shipping.belonging import HINT
from qlogship.verdict.facts import Kind, Level
from qlogship.wording import ANOTHER_WRITER, ANOTHER_WRITER_HINT, SHARED, count, lasting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from qlogship.check.facts.state import StateFacts
    from qlogship.state.figures import Figures
    from qlogship.verdict.assessment import Assessment

# What waits longer than this, while the service runs, does not wait for company.
LAG_MAX: Final = 900.0


_TOLD_OTHERWISE: Final = frozenset({Kind.SHARED, Kind.UNDECIDED})

NAMES: Final = {
    Kind.UNKNOWN: "unknown",
    Kind.QUARANTINED: "quarantined",
    Kind.DOUBLES: "duplicates",
}
"""What a finding is called, where not by its level."""


def judge(facts: StateFacts, *, url: str, now: float, known: Collection[str]) -> Iterator[Finding]:
    """Judge what the ledger says; `known` are the kinds of trouble that are told already."""
    figures = facts.figures
    if figures is None:
        return
    if not figures.archive.lines:
        yield ok("ledger.nothing-yet", url, "nothing is archived yet")
    if figures.resync != "idle":
        yield ok("ledger.resync", url, f"a resync is under way ({figures.resync})")
    if facts.undecided is not None:
        yield problem("ledger.destination", url, facts.undecided, HINT)
        return
    if facts.shared:
        yield ok("ledger.shared", url, SHARED)
    elif figures.uploads.overcounted:
        yield warning("ledger.another-writer", url, ANOTHER_WRITER, ANOTHER_WRITER_HINT)
    findings = [*_verdict(facts.verdict, url), *_waiting(facts, figures, url, now, known)]
    yield from findings
    if figures.archive.lines and not any(one.level is not FindingLevel.OK for one in findings):
        yield ok(
            "ledger.shipping",
            url,
            f"{count(figures.shipped.calls, 'call')} shipped, {figures.held.calls:,} held back",
        )


def _verdict(verdict: Assessment | None, url: str) -> Iterator[Finding]:
    """Yield why the numbers on the dashboard are not, or may not be, those of the archive."""
    for reason in verdict.reasons if verdict is not None else ():
        if reason.kind in _TOLD_OTHERWISE:
            continue
        sign = "MISMATCH" if reason.level is Level.WRONG else "UNCERTAIN"
        yield warning(
            f"ledger.{NAMES.get(reason.kind, reason.level)}",
            url,
            f"{sign}: {reason.text}",
            reason.hint or "Look at `qlogship reconcile`.",
        )


def _waiting(
    facts: StateFacts, figures: Figures, url: str, now: float, known: Collection[str]
) -> Iterator[Finding]:
    """Yield what keeps the running service from shipping: its troubles, else the lag."""
    if facts.holder is None:
        return
    for trouble in facts.troubles:
        if not any(trouble.kind.startswith(kind) for kind in known):
            yield warning(
                "ledger.trouble",
                trouble.kind,
                trouble.message,
                trouble.hint or "Look at `journalctl -u qlogship -p warning`.",
            )
    lag = figures.lag(now)
    if lag > LAG_MAX and not facts.troubles:
        yield warning(
            "ledger.lag",
            url,
            f"the oldest record that could be shipped has waited for {lasting(lag)}",
            "Look at `qlogship status` and `qlogship uploads`.",
        )
