"""The judging of the facts: pure functions, each trap in one place.

A finding is added where its facts are judged, with a row in docs/check.md; what it needs
to know is gathered by the module of the same name in `facts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, Level, in_order
from qlogship.check.judging import (
    access,
    asterisk,
    clock,
    ledger,
    network,
    rotation,
    settings,
    state,
    unit,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts import Facts

# What a trouble of the service is told as by a look of our own, by the beginning of its kind.
_TOLD_BY: Final = {
    "dashboard_": frozenset({"dashboard", "tls", "login"}),
    "source": frozenset({"source", "asterisk"}),
    "file": frozenset({"source"}),
    "state": frozenset({"state", "disk"}),
    "disk": frozenset({"disk"}),
}


def judge(facts: Facts) -> list[Finding]:
    """Return all findings, in the order in which they are shown."""
    found = list(_surroundings(facts))
    told = {
        kind
        for kind, groups in _TOLD_BY.items()
        if any(one.group in groups and one.level is Level.PROBLEM for one in found)
    }
    if facts.named is not None:
        found += ledger.judge(facts.named.state, url=facts.named.url, now=facts.now, known=told)
    return in_order(found)


def _surroundings(facts: Facts) -> Iterator[Finding]:
    """Yield all findings but those of the ledger."""
    account, named = facts.user.account, facts.named
    yield from settings.judge(facts.settings, account)
    if named is None:
        return  # without settings nobody knows which files and which dashboard are meant
    held = named.state
    yield from access.judge_user(facts.user, unit=facts.unit.name)
    of_asterisk = list(asterisk.judge(named.asterisk, named.source))
    explained = asterisk.explains_missing_file(of_asterisk)
    yield from access.judge_source(named.source, explained=explained, settings=facts.settings.path)
    yield from of_asterisk
    yield from rotation.judge(named.rotation)
    yield from state.judge(held, account, unit_runs=facts.unit.active == "active")
    yield from state.judge_disks(named.state_disk, named.source_disk, held.growth)
    reach = named.network.reach if named.network is not None else None
    if named.network is not None:
        yield from network.judge(named.network, now=facts.now)
    yield from clock.judge(
        facts.now,
        ahead=reach.clock_ahead if reach is not None else None,
        newest=held.span[1] if held.span is not None else None,
        synchronised=named.synchronised,
    )
    yield from unit.judge(
        facts.unit, settings=facts.settings.path, program=facts.program, holder=held.holder
    )
