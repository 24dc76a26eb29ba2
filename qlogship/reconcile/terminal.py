"""The report on a terminal, in colour, or as plain text where there is none."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Final

from qlogship.reconcile.document import text_of
from qlogship.reconcile.states import BY_LEVEL, STATES, Severity, columns
from qlogship.terminal import output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.reconcile.days import Days
    from qlogship.reconcile.report import Day, Report

LATEST: Final = 31
"""So many of the last days are shown in any case; of those before, what is not in order."""

_MOST: Final = 20

_WIDE: Final = 140

_LOUD: Final = frozenset({Severity.UNCERTAIN, Severity.FAULT})

Row = tuple[Severity, list[str]]


def show(report: Report, days: Days) -> None:
    """Print the report: what was found, then the verdict."""
    in_colour = sys.stdout.isatty()
    headings, rows = table(report)
    if report.days or report.apart:
        if in_colour:
            _print_in_colour(headings, rows)
        else:
            output.print_table(headings, [cells for _, cells in rows], right=headings[1:-1])
        left_out = len(report.days) - len(_shown(report))
        if left_out:
            output.print_note(
                f"{left_out:,} earlier days in order are not shown; --json and --html show all"
            )
        output.print_text("")
    for line in lines(report, days):
        output.print_text(output.printable(line))
    if in_colour:
        from rich.console import Console

        verdict = output.printable(report.verdict)
        Console(highlight=False).print(verdict, style=report.level.style, markup=False)
    else:
        output.print_text(report.verdict)


def table(report: Report) -> tuple[list[str], list[Row]]:
    """Return headings and rows: the days, the uploads between days, the sum."""
    numbers = list(columns(report.total))
    rows: list[Row] = []
    for day in _shown(report):
        causes = "; ".join(cause.text for cause in day.causes)
        rows.append((day.level, [day.day.isoformat(), *_cells(day.sums, numbers), causes]))
    for finding in report.apart:
        values = {"reported": finding.reported or 0, "difference": finding.off}
        text = f"of {finding.first_day} to {finding.last_day}: {finding.text}"
        rows.append((finding.level, [f"upload {finding.upload}", *_cells(values, numbers), text]))
    rows.append((report.level, ["all", *_cells(report.total, numbers), ""]))
    return ["day", *numbers, "cause"], rows


def lines(report: Report, days: Days) -> list[str]:
    """Return what else is to be said, as lines."""
    said = []
    for finding in report.findings[:_MOST]:
        said.append(f"{finding.level.sign:<6}upload {finding.upload}: {finding.text}")
        said.append(f"      {finding.hint}")
    if len(report.findings) > _MOST:
        said.append(f"      and {len(report.findings) - _MOST:,} uploads more; --json lists all")
    said += [
        f"held  {text_of(call.callid)} in {text_of(call.queue) or 'no queue'}, since"
        f" {datetime.fromtimestamp(call.since, days.zone):%Y-%m-%d %H:%M:%S}"
        for call in report.held[:_MOST]
    ]
    if len(report.held) > _MOST:
        said.append(f"      and {len(report.held) - _MOST:,} calls more; --json lists all")
    if len(report.assessment.reasons) > 1:
        for reason in report.assessment.reasons:
            said.append(f"{BY_LEVEL[reason.level].sign:<6}{reason.text}")
            said += [f"      {reason.hint}"] if reason.hint else []
    said += [f"note  {learnt.text}" for learnt in report.learnt]
    said += [f"note  {remark}" for remark in report.remarks]
    return said


def _shown(report: Report) -> list[Day]:
    newest = len(report.days) - LATEST
    return [
        day
        for index, day in enumerate(report.days)
        if index >= newest or day.level is not Severity.GOOD
    ]


def _cells(values: Mapping[str, int], names: list[str]) -> list[str]:
    """Return what stands in these columns; a difference that is missing cannot be said."""
    shown = {"difference": "?"} | {name: f"{value:,}" for name, value in values.items()}
    if off := values.get("difference"):
        shown["difference"] = f"{off:+,}"
    return [shown.get(name, "") for name in names]


def _print_in_colour(headings: list[str], rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    # What the causes say in words, too; a narrow terminal does without these columns.
    narrow = {"records", *(state.name for state in STATES if state.cause)}
    left_out = set() if console.width >= _WIDE else narrow
    kept = [index for index, heading in enumerate(headings) if heading not in left_out]
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for index in kept:
        name = headings[index]
        shown.add_column(
            name, justify="left" if name in {"day", "cause"} else "right", no_wrap=name != "cause"
        )
    for number, (level, cells) in enumerate(rows):
        style = level.style if level is not Severity.GOOD else ""
        *numbers, cause = (output.printable(cells[index]) for index in kept)
        shown.add_row(
            *(Text(cell, style=style if level in _LOUD else "") for cell in numbers),
            Text(cause, style=style),
            style="bold" if number == len(rows) - 1 else "",
        )
    console.print(shown)
