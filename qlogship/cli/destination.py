"""`qlogship destination`: which dashboard the ledger belongs to, and the decision about another."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlogship.cli.resync import ClearsOthers, confirm_clear, refuse_shared
from qlogship.config import load
from qlogship.errors import ExitCode, UsageError
from qlogship.installation.owner import become_owner
from qlogship.shipping.belonging import DECISIONS, EVERYTHING, FROM_NOW, SAME, TROUBLE
from qlogship.shipping.destination import destination_of
from qlogship.state.destinations import carry_out
from qlogship.state.lock import holder
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import stamp
from qlogship.wording import count

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.shipping.belonging import Decision
    from qlogship.shipping.destination import Destination
    from qlogship.state.destinations import Destinations, GenerationSummary


def destination(  # noqa: PLR0917  # a command's options
    config: ConfigOption = None,
    as_json: JsonOption = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="Decide: ship everything there.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="With --everything: clear that dashboard first.")
    ] = False,
    from_now: Annotated[
        bool, typer.Option("--from-now", help="Decide: ship only what comes from now on.")
    ] = False,
    same: Annotated[
        bool,
        typer.Option("--same", help="Decide: it is the same dashboard under another name."),
    ] = False,
    clears_others: ClearsOthers = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> ExitCode:
    """Show which dashboard the ledger belongs to; decide about another one.

    A ledger belongs to one dashboard and one account on it. When the settings name
    another, calls are archived and nothing is sent until somebody decides: ship
    everything there, ship only what comes from now on, or it is the same dashboard
    under another name. What the other one reported is never counted for this one.

    Without options it shows the dashboards so far. Ends with 3 while nobody has
    decided. In JSON, times are epoch seconds.
    """
    settings = load(config, environ=os.environ, secrets=False).settings
    become_owner(settings.state.directory)
    chosen = [
        decision
        for decision, said in ((EVERYTHING, everything), (FROM_NOW, from_now), (SAME, same))
        if said
    ]
    if len(chosen) > 1 or (clear and not everything):
        raise UsageError(
            "one decision can be made at a time, and --clear goes with --everything only",
            hint="Type `qlogship destination` to see the three decisions.",
        )
    wanted = destination_of(settings.dashboard)
    with Reader(settings.state.directory) as reader:
        found = reader.destinations(wanted)
        noticed = any(trouble.kind == TROUBLE for trouble in reader.troubles())
    if not chosen:
        return _show(found, wanted, as_json=as_json)
    if found is None or not found.undecided:
        raise UsageError(
            f"there is nothing to decide: what is shipped goes to {wanted}",
            hint="Type `qlogship resync` to clear that dashboard and ship everything again.",
        )
    decision = chosen[0]
    if clear:
        refuse_shared(settings, clears_others=clears_others)
    if not yes and not _agreed(settings, found, decision, clear=clear):
        output.print_note("Nothing was changed.")
        return ExitCode.FAILED
    _decide(settings, decision, wanted, clear=clear)
    if as_json:
        with Reader(settings.state.directory) as reader:
            after = reader.destinations(wanted)
        output.print_json(as_document(after, wanted) | {"decision": decision.name})
    else:
        _say(settings, decision, wanted, clear=clear, noticed=noticed)
    return ExitCode.DONE


def as_document(found: Destinations | None, wanted: Destination) -> dict[str, Any]:
    """Return what is known of the destinations, as `--json` prints it."""
    undecided = found is not None and found.undecided
    return {
        "settings": asdict(wanted),
        "undecided": undecided,
        "question": found.question if found is not None and undecided else None,
        "decisions": [
            {"decision": one.name, "words": one.words, "follows": one.follows, "type": one.command}
            for one in (DECISIONS if undecided else ())
        ],
        "generations": [_generation(one, found.current) for one in found.generations]
        if found is not None
        else [],
    }


def _generation(one: GenerationSummary, current: int) -> dict[str, Any]:
    generation = one.generation
    there = generation.destination
    return {
        "number": generation.number,
        "current": generation.number == current,
        "url": there.url if there else None,
        "account": there.account if there else None,
        "begun_at": generation.begun_at,
        "cleared": generation.cleared,
        "first_seq": generation.first_seq,
        "since": generation.since,
        "uploads": one.uploads,
        "accepted": one.accepted,
        "calls": one.calls,
        "reported_calls": one.reported_calls,
        "first_at": one.first_at,
        "last_at": one.last_at,
    }


def _show(found: Destinations | None, wanted: Destination, *, as_json: bool) -> ExitCode:
    document = as_document(found, wanted)
    if as_json:
        output.print_json(document)
        return ExitCode.IN_DOUBT if document["undecided"] else ExitCode.DONE
    output.print_text(f"The settings name {output.printable(str(wanted))}.")
    if found is None:
        output.print_text("Nothing is archived yet.")
        return ExitCode.DONE
    headings = ("generation", "dashboard", "from", "to", "uploads", "calls", "reported", "remark")
    rows = [_row(one, found.current) for one in found.generations]
    right = ("generation", "uploads", "calls", "reported")
    output.print_table(headings, rows, right=right)
    if not found.undecided:
        return ExitCode.DONE
    output.print_text("")
    output.print_text(f"UNDECIDED: {output.printable(found.question)}.")
    if found.resync is not None:
        output.print_text(
            f"A resync of the dashboard before is under way ({found.resync}): --same lets it go"
            " on, the others end it."
        )
    output.print_text(f"{count(found.lines, 'archived record')} wait for it. Type one of these:")
    for one in DECISIONS:
        output.print_text(f"  {one.command:<34}{one.words}: {one.follows}")
    return ExitCode.IN_DOUBT


def _row(one: GenerationSummary, current: int) -> tuple[object, ...]:
    generation = one.generation
    remarks = [
        *(["now"] if generation.number == current else []),
        *(["began with a clear"] if generation.cleared else []),
        *([f"from record {generation.first_seq:,} on"] if generation.first_seq > 1 else []),
    ]
    return (
        generation.number,
        str(generation.destination or "not written down"),
        stamp(one.first_at) if one.first_at is not None else "",
        stamp(one.last_at) if one.last_at is not None else "",
        f"{one.uploads:,}",
        f"{one.calls:,}",
        f"{one.reported_calls:,}",
        ", ".join(remarks),
    )


def _agreed(settings: Settings, found: Destinations, decision: Decision, *, clear: bool) -> bool:
    """Ask where data may be wiped or counted twice; raise UsageError where nobody can answer."""
    if clear:
        confirm_clear(settings)
        return True
    if decision is not EVERYTHING:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked whether that dashboard may count calls twice: stdin is no"
            " terminal",
            hint="Add --clear to clear it first, or --yes when it holds none of these calls.",
        )
    before = found.sent_before()
    known = f" This ledger has sent it {count(before, 'call')} before." if before else ""
    output.print_note(
        f"{found.wanted} counts every call twice that it holds already.{known}"
        " With --clear it is cleared first."
    )
    return typer.confirm("Ship everything there, without a clear?", err=True)


def _decide(settings: Settings, decision: Decision, wanted: Destination, *, clear: bool) -> None:
    from qlogship.service.handover import borrowed
    from qlogship.service.once import read_to_the_end

    with borrowed(settings) as store:
        if decision is FROM_NOW:
            read_to_the_end(settings, store)
        decided = carry_out(
            store, decision, wanted, batch=settings.batch, clear=clear, at=time.time()
        )
    if not decided:
        raise UsageError(
            "somebody else has decided meanwhile; nothing was changed",
            hint="Type `qlogship destination` to see what was decided.",
        )


def _say(
    settings: Settings, decision: Decision, wanted: Destination, *, clear: bool, noticed: bool
) -> None:
    output.print_text(f"Decided for {output.printable(str(wanted))}: {decision.words}.")
    if clear:
        output.print_text("It is cleared first; type `qlogship resync` to watch it.")
    if holder(settings.state.directory) is None:
        output.print_note("No service runs; it goes on when one is started.")
    elif not noticed:
        output.print_note(
            "If the service runs with the settings from before, type `systemctl reload qlogship`."
        )
