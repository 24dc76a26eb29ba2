"""`qlogship resync`: clear the dashboard and ship the whole archive again."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from qlogship import log
from qlogship.config import load
from qlogship.errors import (
    DestinationUndecided,
    ExitCode,
    LockedError,
    QlogshipError,
    ResyncRefused,
    UsageError,
)
from qlogship.installation.owner import become_owner
from qlogship.service.handover import no_hints, wake
from qlogship.shipping.belonging import HINT
from qlogship.shipping.destination import destination_of
from qlogship.shipping.resync.rules import OLD, RETIRED, Phase, lost_from, may_clear
from qlogship.state.lock import holder
from qlogship.state.reader import Reader
from qlogship.state.requests import ask_for_resync
from qlogship.state.store import Store
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.terminal.times import stamp
from qlogship.verdict.assessment import as_json as verdict_as_json
from qlogship.verdict.facts import Level
from qlogship.verdict.quick import read_assessment
from qlogship.wording import count, roughly, size

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.config import Settings
    from qlogship.shipping.destination import Destination
    from qlogship.shipping.resync.plan import Progress
    from qlogship.shipping.resync.rules import ResyncPlan
    from qlogship.verdict.assessment import Assessment

_LOOK_EVERY = 0.5
_RESYNC_KEYS = (
    *("id", "reason", "generation", "asked_at", "cleared_at", "ended_at"),
    *("clears", "restarts", "lines", "detail"),
)
_PROGRESS_KEYS = ("uploads", "calls", "reported_calls", "unknown", "quarantined")
_IP = set("0123456789.:[]")


ClearsOthers = Annotated[
    bool,
    typer.Option(
        "--clears-others",
        help="With dashboard.shared: clear what other PBXs and people uploaded, too.",
    ),
]


def resync(  # noqa: PLR0917  # a command's options
    config: ConfigOption = None,
    as_json: JsonOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; the service does it.")
    ] = False,
    clears_others: ClearsOthers = False,
    accept_loss: Annotated[
        str | None,
        typer.Option(
            metavar="ID,ID",
            help="Go on although these uploads cannot be restored; the plan names them. 0 stands"
            " for damaged records that are in no upload, old for what has left the archive.",
        ),
    ] = None,
) -> ExitCode:
    """Clear the dashboard and ship the whole archive again.

    The dashboard forgets ALL queue_log data of the tenant, also what another
    PBX uploaded. Before that qlogship proves that its archive can restore
    everything it ever shipped, and shows the plan. Once begun, a resync goes on
    by itself, through crashes and outages, until the dashboard is whole again;
    new calls are archived meanwhile and come last.

    The running service does the work if there is one, else this command does.
    Ctrl-C leaves it running; the same command shows it again.
    """
    settings = load(config, environ=os.environ).settings
    directory = settings.state.directory
    become_owner(directory)
    accepted = _ids(accept_loss)
    wanted = destination_of(settings.dashboard)
    found = _under_way(directory, wanted)
    plan = None
    if found is None or dry_run:
        plan = _plan(settings, quiet=as_json)
        if not as_json:
            _print_plan(plan, settings)
        if dry_run:
            if as_json:
                output.print_json({"plan": asdict(plan)})
            return ExitCode.DONE
        if not may_clear(plan.lost, accepted):
            raise _refusal(plan)
        refuse_shared(settings, clears_others=clears_others)
        from qlogship.service.login import prove_login

        prove_login(settings)
        if not yes:
            confirm_clear(settings)
        found = ask_for_resync(
            directory, accepted_loss=accepted, at=time.time(), destination=wanted
        ).id
    else:
        output.print_note(f"Resync {found} is under way already.")
    running = _holder(directory)
    wake(running)
    if detach:
        _say_detached(found, running, as_json=as_json)
        return ExitCode.DONE
    try:
        end = _follow(settings, found, quiet=as_json)
    except KeyboardInterrupt:
        output.end_line()
        if _holder(directory) is None:
            output.print_note(
                "The resync is not over; it goes on when the service starts, or with"
                " `qlogship resync`."
            )
        else:
            output.print_note(
                "The service goes on with the resync. Type `qlogship resync` to watch it again,"
                " or `qlogship status`."
            )
        raise
    with Reader(directory) as reader:
        verdict = read_assessment(reader, settings)
    return _report(end, plan, verdict, as_json=as_json)


def progress_as_json(progress: Progress) -> dict[str, Any]:
    """Return how far a resync is, as `--json` prints it; times are epoch seconds."""
    resync = progress.resync
    return {
        **{key: getattr(resync, key) for key in _RESYNC_KEYS},
        "state": str(resync.phase),
        **{key: getattr(progress, key) for key in _PROGRESS_KEYS},
        "lines_done": progress.decided,
        "lines_accepted": progress.accepted,
        "uploads_without_count": progress.uncounted,
    }


# --- before ---


def _under_way(directory: Path, wanted: Destination) -> int | None:
    """Return the resync that is not over; raise while nobody has decided about the dashboard."""
    with Reader(directory) as reader:
        last = reader.progress()
        place = reader.destinations(wanted)
    if place is not None and place.undecided:
        raise DestinationUndecided(place.question, hint=HINT)
    return last.resync.id if last is not None and last.resync.ended_at is None else None


def _ids(text: str | None) -> set[int]:
    try:
        return {RETIRED if one == OLD else int(one) for one in text.split(",")} if text else set()
    except ValueError:
        raise UsageError(
            f"--accept-loss {text!r} is no list of uploads",
            hint="Type what `qlogship resync --dry-run` names, as 12,15 or old.",
        ) from None


def _plan(settings: Settings, *, quiet: bool) -> ResyncPlan:
    with (
        Reader(settings.state.directory) as reader,
        Meter("checking the archive", quiet=quiet) as meter,
    ):
        plan = reader.plan(max_bytes=settings.batch.max_bytes, say=meter.show)
    if plan is None:
        raise UsageError(
            f"nothing is archived in {settings.state.directory} yet",
            hint="Start the service first, or take older files in with `qlogship import`.",
        )
    return plan


def _print_plan(plan: ResyncPlan, settings: Settings) -> None:
    holding, archive = plan.holding, plan.restorable
    held = f"{_amount(holding.calls, holding.lines)} in {count(holding.uploads, 'upload')}"
    whole = f"{_amount(archive.calls, archive.lines)}, {size(archive.bytes)}"
    rows = [
        ("dashboard", settings.dashboard.url),
        ("it holds, by the ledger", held + _span(holding.first_time, holding.last_time)),
        ("it reported", count(holding.reported_calls, "call")),
        ("the archive can restore", whole + _span(archive.first_time, archive.last_time)),
        ("that makes", _expected(plan)),
        ("held back, still open", _amount(plan.held_calls, plan.held_lines)),
    ]
    if holding.unknown:
        unknown = f"{count(holding.unknown, 'upload')} whose answer was lost"
        rows.insert(3, ("it may hold too", unknown))
    if plan.left_lines and plan.begins_at is not None:
        begins = stamp(plan.begins_at, seconds=False)
        gone = f"{count(plan.left_lines, 'record')}, older than {begins} (state.keep)"
        rows.append(("HAS LEFT THE ARCHIVE", gone))
    if plan.lost:
        lost = f"{count(plan.lost_lines, 'record')} of {lost_from(plan.lost, most=None)}"
        rows.append(("CANNOT BE RESTORED", lost))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        output.print_text(f"{name.ljust(width)}  {output.printable(value)}")


def _amount(calls: int, records: int) -> str:
    return f"{count(calls, 'call')}, {count(records, 'record')}"


def _span(first: int | None, last: int | None) -> str:
    if first is None or last is None:
        return ""
    return f", {stamp(first, seconds=False)} to {stamp(last, seconds=False)}"


def _expected(plan: ResyncPlan) -> str:
    """Return how many uploads there will be, and how long they take."""
    if not plan.uploads:
        return "no upload"
    uploads, seconds = f"about {count(plan.uploads, 'upload')}", plan.seconds
    if seconds is None:
        return f"{uploads}; there are no past uploads to tell how long it takes"
    return f"{uploads}, about {roughly(seconds)} by past uploads"


def _tenant(url: str) -> str:
    """Return what a person calls the tenant: the first part of the host, or an address."""
    host = urlsplit(url).hostname or url
    return host if set(host) <= _IP else host.split(".")[0]


def refuse_shared(settings: Settings, *, clears_others: bool) -> None:
    """Refuse to clear a tenant that others upload to, unless that is what somebody wants."""
    if settings.dashboard.shared and not clears_others:
        raise UsageError(
            f"dashboard.shared says that others upload to {settings.dashboard.url}, too: a clear"
            " wipes what every PBX and person uploaded there, and this archive brings back only"
            " its own calls",
            hint="Add --clears-others if that is what you want; their own archives must ship"
            " again then.",
        )


def confirm_clear(settings: Settings) -> None:
    """Let a person type the tenant's name before it is cleared."""
    name = _tenant(settings.dashboard.url)
    if not sys.stdin.isatty():
        raise UsageError(
            "a resync clears the dashboard, and there is nobody to ask",
            hint="Type it on a terminal, or with --yes.",
        )
    sys.stderr.write(
        "The dashboard will forget ALL queue_log data of this tenant,\nwhoever uploaded it.\n"
        f"Type the tenant's name, {name}, to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise ResyncRefused(
            "that is not the tenant's name; nothing was changed",
            hint=f"Run this again and type {name}.",
        )


def _refusal(plan: ResyncPlan) -> ResyncRefused:
    ids = ",".join(OLD if one == RETIRED else str(one) for one in plan.lost)
    if set(plan.lost) == {RETIRED}:
        return ResyncRefused(
            f"{count(plan.left_lines, 'record')} that the dashboard has left the archive"
            " (state.keep): a resync would delete them from the dashboard for ever; nothing was"
            " changed",
            hint="Leave the dashboard as it is; or give them up with `qlogship resync"
            f" --accept-loss {ids}`.",
        )
    return ResyncRefused(
        f"{count(plan.lost_lines, 'record')} cannot be restored: the dashboard would lose"
        f" records of {lost_from(plan.lost, most=None)}; nothing was changed",
        hint="Run `qlogship import` with the queue_log files that they came from, which puts them"
        " right; or give them up with"
        f" `qlogship resync --accept-loss {ids}`.",
    )


# --- meanwhile ---


def _holder(directory: Path) -> int | None:
    try:
        return holder(directory)
    except QlogshipError:
        return None


def _follow(settings: Settings, number: int, *, quiet: bool) -> Progress:
    """Watch the resync to its end, or lead it there when no service does."""
    directory = settings.state.directory
    no_hints()
    served = _holder(directory) is not None
    with Meter("shipping the archive", quiet=quiet) as meter:

        def look() -> Progress:
            with Reader(directory) as reader:
                progress = reader.progress(number)
            assert progress is not None  # noqa: S101  # its row is never removed
            if progress.resync.phase is Phase.SHIPPING:
                meter.show(progress.decided, progress.resync.lines)
            else:
                meter.say(_words(progress, served=served))
            return progress

        while (progress := look()).resync.ended_at is None:
            try:
                store = Store(directory)
            except LockedError:
                served = True
                time.sleep(_LOOK_EVERY)
                continue
            from qlogship.service.once import lead_resync

            served = False
            log.configure("error", settings.log.format, environ=os.environ)
            lead_resync(settings, store, log=log.get_logger(), tick=look, every=_LOOK_EVERY)
    return progress


def _words(progress: Progress, *, served: bool) -> str:
    resync = progress.resync
    if resync.phase is Phase.CLEARING:
        return "clearing the dashboard" + (f" ({resync.detail})" if resync.detail else "")
    return {
        Phase.ASKED: "waiting for the service to begin" if served else "beginning",
        Phase.CHECKING: "checking that the archive is whole",
    }.get(resync.phase, "done")


def _say_detached(number: int, running: int | None, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"resync": {"id": number}, "service": {"running": running is not None}})
    elif running is not None:
        output.print_text(f"Resync {number} was handed to the service (pid {running}).")
        output.print_note("Type `qlogship resync` to watch it, or `qlogship status`.")
    else:
        output.print_text(f"Resync {number} is written down.")
        output.print_note("No service runs; it begins when one is started.")


# --- afterwards ---


def _report(
    progress: Progress, plan: ResyncPlan | None, verdict: Assessment, *, as_json: bool
) -> ExitCode:
    resync = progress.resync
    if resync.phase is Phase.REFUSED:
        raise ResyncRefused(
            f"the dashboard was not cleared: {resync.detail}",
            hint="Look at `qlogship resync --dry-run`.",
        )
    is_right = verdict.level is Level.RIGHT
    code = ExitCode.DONE if is_right else ExitCode.IN_DOUBT
    if as_json:
        output.print_json(
            {
                "plan": asdict(plan) if plan is not None else None,
                "resync": progress_as_json(progress),
                "complete": is_right,
                "verdict": verdict_as_json(verdict),
            }
        )
        return code
    output.print_text(
        f"The dashboard was cleared and holds {count(progress.calls, 'call')} in"
        f" {count(progress.accepted, 'record')} again;"
        f" it reported {count(progress.reported_calls, 'call')}."
    )
    output.print_text(output.printable(verdict.text))
    for reason in verdict.reasons:
        if reason.hint and len(verdict.reasons) > 1:
            output.print_note(output.printable(f"{reason.text}: {reason.hint}"))
    return code
