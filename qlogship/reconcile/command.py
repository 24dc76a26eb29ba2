"""`qlogship reconcile`: archive, ledger and the dashboard's counts compared, day by day."""

from __future__ import annotations

import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from qlogship.config import load
from qlogship.errors import ExitCode, UsageError
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile as judge
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.shipping.destination import destination_of
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.terminal.times import zone_named
from qlogship.verdict.circumstances import Circumstances
from qlogship.verdict.facts import Level


def reconcile(  # noqa: PLR0917 -- typer takes them all by name
    config: ConfigOption = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report as one HTML page, too."),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="The time zone of the days, such as Europe/Berlin; else this machine's.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="Only from 2026-11-01 on."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="DAY", help="Only up to 2026-11-30, included."),
    ] = None,
    past: Annotated[
        bool, typer.Option("--past", help="Show what was uploaded before the last clear, too.")
    ] = False,
) -> ExitCode:
    """Compare, per day, the calls in the archive with those shipped and those reported.

    Each difference is explained by its causes. The verdict is OK, UNCERTAIN or
    MISMATCH, by how much, why, and what ends it; it ends with 3 unless it is OK.
    Calls that wait or are held back are in order. It asks the dashboard nothing,
    and changes nothing.
    """
    first, last = _day("--from", since), _day("--to", until)
    if first is not None and last is not None and first > last:
        raise UsageError("--from is behind --to", hint="Name the earlier day with --from.")
    days = Days(zone_named("--tz", tz))
    settings = load(config, environ=os.environ, secrets=False).settings
    if html is not None:
        from qlogship.reconcile.writing import check_target

        check_target(html)
    meter = Meter("counting the archive", quiet=not sys.stderr.isatty(), patient=True)
    with Reader(settings.state.directory, destination_of(settings.dashboard)) as reader, meter:
        told = Circumstances.of(settings)
        found = take_snapshot(reader, days, told=told, past=past, progress=meter.show)
    now = time.time()
    zone = tz or time.strftime("%Z", time.localtime(now)) or "local time"
    report = judge(found, days, now=now, first=first, last=last)
    if html is not None:
        from qlogship.reconcile.page import Frame, render
        from qlogship.reconcile.writing import template, write

        tenant = urlsplit(str(settings.dashboard.url)).hostname or ""
        frame = Frame(tenant=tenant, now=now, days=days, zone=zone, template=template())
        write(html, render(report, frame))
    if as_json:
        from qlogship.reconcile.document import document

        output.print_json(document(report, zone=zone))
    else:
        from qlogship.reconcile.terminal import show

        show(report, days)
    if html is not None:
        output.print_note(f"written to {html}")
    return ExitCode.DONE if report.assessment.level is Level.RIGHT else ExitCode.IN_DOUBT


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a valid day", hint="Write it as 2026-11-23."
        ) from None
