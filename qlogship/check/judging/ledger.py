"""Whether all that could be shipped is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, Level, ok, problem, warning
from qlogship.shipping.belonging import HINT
from qlogship.wording import ANOTHER_WRITER, ANOTHER_WRITER_HINT, SHARED, count, lasting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from qlogship.check.facts.state import StateFacts
    from qlogship.state.figures import Figures

# What waits longer than this, while the service runs, does not wait for company.
LAG_MAX: Final = 900.0


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
    findings = [*_uploads(figures, url), *_waiting(facts, figures, url, now, known)]
    yield from findings
    if figures.archive.lines and not any(one.level is not Level.OK for one in findings):
        yield ok(
            "ledger.shipping",
            url,
            f"{count(figures.shipped.calls, 'call')} shipped, {figures.held.calls:,} held back",
        )


def _uploads(figures: Figures, url: str) -> Iterator[Finding]:
    if figures.uploads.unknown:
        yield warning(
            "ledger.unknown",
            url,
            f"{count(figures.uploads.unknown, 'upload')} without a known outcome",
            "Look at `qlogship reconcile`; `qlogship resync` makes it certain.",
        )
    if figures.uploads.quarantined:
        yield warning(
            "ledger.quarantined",
            url,
            f"the dashboard refuses {count(figures.uploads.quarantined, 'upload')} for good",
            "Look at `qlogship quarantine list`; then resend or drop.",
        )
    if figures.uploads.possible_duplicates:
        yield ok(
            "ledger.duplicates",
            url,
            f"{count(figures.uploads.possible_duplicates, 'upload')} may be counted twice;"
            " `qlogship resync` makes the numbers exact",
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
