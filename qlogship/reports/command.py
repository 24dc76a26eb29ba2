"""`qlogship report`: the dashboard's own logs, downloaded."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from qlogship.atomic_file import is_stream
from qlogship.config import load
from qlogship.dashboard.reports import CallLogFormat, Language, StatusLogFormat
from qlogship.errors import UsageError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.terminal.times import MOMENT, moment, offset_in, zone_named
from qlogship.wording import count, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo
    from typing import BinaryIO


Form = TypeVar("Form", StatusLogFormat, CallLogFormat)

# What a spreadsheet program takes the name of a file for.
_SPREADSHEETS = frozenset({"csv", "tsv", "xlsx", "xls", "ods"})


app = typer.Typer(
    help="Download the agents' status log or the call log of the Team Dashboard.",
    add_completion=False,
    rich_markup_mode=None,
)

FromOption = Annotated[
    str,
    typer.Option("--from", metavar="TIME", help=f"From this moment on: {MOMENT}."),
]
ToOption = Annotated[
    str,
    typer.Option(
        "--to", metavar="TIME", help="Up to this moment; a day alone is included as a whole."
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="The time zone, such as Europe/Berlin; else that of --from, else this machine's.",
    ),
]
FORMAT = typer.Option("--format", help="Else by the name of FILE, else csv.")
OutOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Write to FILE; else, or with -, to stdout."
    ),
]


@app.command("agent-status")
def agent_status(  # noqa: PLR0917 -- typer calls it by name
    since: FromOption,
    until: ToOption = "now",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    tz: ZoneOption = None,
    form: Annotated[StatusLogFormat | None, FORMAT] = None,
    out: OutOption = None,
) -> None:
    """Download the agents' status log: who was in which status, and when.

    The times that are asked for are those of the zone; the dashboard is asked in UTC.
    With -o the file is there when all of it is written. --json goes with -o: it prints
    how much was written.
    """
    out = _place(out, as_json=as_json)
    span = _span(since, until, tz)
    wanted = form or _form_of(out, StatusLogFormat)

    from qlogship.dashboard import TeamDashboard

    ask = partial(TeamDashboard.agent_status_log, since=span[0], until=span[1], format=wanted.value)
    _download(config, ask, out, wanted=wanted, span=span, as_json=as_json)


@app.command()
def calls(  # noqa: PLR0917 -- typer calls it by name
    since: FromOption,
    until: ToOption = "now",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    tz: ZoneOption = None,
    lang: Annotated[
        Language | None,
        typer.Option(help="The language of the headings; else English."),
    ] = None,
    form: Annotated[CallLogFormat | None, FORMAT] = None,
    out: OutOption = None,
) -> None:
    """Download the call log.

    The dashboard writes all times of one file with one offset from UTC: that of the
    zone at the beginning. When the clocks change in between, that is said.

    With -o the file is there when all of it is written. --json goes with -o: it prints
    how much was written.
    """
    out = _place(out, as_json=as_json)
    span = _span(since, until, tz)
    wanted = form or _form_of(out, CallLogFormat)
    if wanted is CallLogFormat.XLSX and _is_terminal(out):
        raise UsageError(
            "xlsx is nothing for a terminal", hint="Add -o FILE, or choose --format csv."
        )
    offset = _offset(span[0])
    if _offset(span[1] - timedelta(seconds=1)) != offset:
        output.print_note(
            f"The clocks change in between: all times in it are at UTC{span[0].isoformat()[-6:]}."
        )

    from qlogship.dashboard import TeamDashboard

    ask = partial(
        TeamDashboard.call_log,
        since=span[0],
        until=span[1],
        utc_offset=offset,
        lang=lang.value if lang is not None else None,
        format=wanted.value,
    )
    _download(config, ask, out, wanted=wanted, span=span, as_json=as_json)


def _span(since: str, until: str, tz: str | None) -> tuple[datetime, datetime]:
    """Return beginning and end, in the zone that is named, or that --from is written with."""
    zone: tzinfo | None = zone_named("--tz", tz) or offset_in(since)
    now = datetime.now(UTC)
    span = (
        moment("--from", since, now=now, zone=zone),
        moment("--to", until, now=now, zone=zone, until=True),
    )
    if span[0] >= span[1]:
        raise UsageError(
            f"--from {since!r} is not before --to {until!r}",
            hint="Name the earlier time with --from.",
        )
    return span


def _offset(at: datetime) -> int:
    """Return the offset from UTC in minutes."""
    return round((at.utcoffset() or timedelta()).total_seconds() / 60)


def _form_of(path: Path | None, forms: type[Form]) -> Form:
    """Return the format that the name of a file speaks of, else CSV.

    Raises UsageError for a format that the report does not have: a spreadsheet would
    stumble over a file that is not what it is called.
    """
    name = path.suffix.lower().removeprefix(".") if path is not None else ""
    if name in set(forms):
        return forms(name)
    if name in _SPREADSHEETS:
        raise UsageError(
            f"there is no {name} of this report, as {path} would be",
            hint=f"Name the file .{' or .'.join(forms)}, or add --format.",
        )
    return forms("csv")


def _place(out: Path | None, *, as_json: bool) -> Path | None:
    """Return the file to write, None for stdout, which `-` is too."""
    if out is not None and str(out) == "-":
        out = None
    if as_json and out is None:
        raise UsageError("--json goes with -o", hint="Add -o FILE, or leave --json out.")
    return out


def _is_terminal(out: Path | None) -> bool:
    """Return whether this is written to a terminal; /dev/stdout may be one."""
    if out is None:
        return sys.stdout.isatty()
    if not is_stream(out) or not out.is_char_device():
        return False
    try:
        with out.open("rb", buffering=0) as file:
            return file.isatty()
    except OSError:
        return False


@contextmanager
def _place_for(out: Path | None) -> Iterator[Path | BinaryIO]:
    """Lend what to write to: a file or a device by its name, or a stream."""
    if out is not None and not _is_terminal(out):
        yield out
        return
    with output.stdout_of_bytes() if out is None else output.device_of_bytes(out) as stream:
        yield stream


def _download(
    config: Path | None,
    ask: Callable[..., int],
    out: Path | None,
    *,
    wanted: str,
    span: tuple[datetime, datetime],
    as_json: bool,
) -> None:
    """Download to a file or to stdout, and say how much that was."""
    settings = load(config, environ=os.environ).settings
    from qlogship.service import build

    quiet = as_json or (out is None and sys.stdout.isatty())
    try:
        with (
            build.dashboard(settings) as dashboard,
            Meter("downloading", quiet=quiet, unit="bytes", patient=True) as meter,
            output.writing(),
            _place_for(out) as to,
        ):
            length = ask(dashboard, to=to, progress=meter.show)
    except BrokenPipeError:
        output.stop_writing()
        return
    rows = _rows(out) if out is not None and wanted != "xlsx" else None
    if as_json:
        since, until = (at.isoformat() for at in span)
        output.print_json(
            {
                "ok": True,
                "path": str(out),
                "format": wanted,
                "from": since,
                "to": until,
                "bytes": length,
                "rows": rows,
            }
        )
        return
    text = f"{count(rows, 'row')}, {size(length)}" if rows is not None else size(length)
    output.print_note(f"{text}, written to {out}." if out is not None else f"{text}.")


def _rows(path: Path) -> int | None:
    """Return how many rows are below the heading; None for what is no ordinary file."""
    if not path.is_file():
        return None
    quotes = lines = 0
    with path.open("rb") as file:
        for line in file:
            quotes += line.count(b'"')
            lines += quotes % 2 == 0  # a quoted cell may go on in the next line
    return max(lines - 1, 0)
