"""`qlogship import`: older queue_log files into the archive."""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from qlogship.config import load
from qlogship.errors import ExitCode, SourceUnreadable
from qlogship.import_export.importing import Imported, Importer
from qlogship.import_export.mending import Mended, mend
from qlogship.installation.doors import NotOpened
from qlogship.installation.files import look_at
from qlogship.installation.owner import become_owner
from qlogship.service.handover import borrowed
from qlogship.source.compression import SUFFIXES, DamagedError
from qlogship.source.files import OpenFile
from qlogship.state.own_files import own_files
from qlogship.state.room import Room
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.terminal.times import stamp
from qlogship.wording import count, size

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class ShipWhen(StrEnum):
    """When imported records are shipped."""

    NOW = "now"
    RESYNC = "resync"


_HELP: Final = f"""Take older queue_log files into the archive, each record once.

Plain files and {", ".join(SUFFIXES)}; rotated, cut out of others, overlapping with
each other or with what is archived: runs of the same lines are recognised. A file
is imported as a whole or, when it cannot be read, not at all; the others are
imported all the same, and the exit code is 14.

With --ship resync, which is the default, the new records wait for the next
`qlogship resync`: it puts everything on the dashboard in the order of time. With
--ship now they are uploaded next, behind what the dashboard has already.

An unfinished last line is archived with a newline; when another file has the whole
of it, that takes its place. In JSON, times are epoch seconds.
"""


@app.command("import", help=_HELP)
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="queue_log files, in any order.", show_default=False
        ),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    ship: Annotated[
        ShipWhen,
        typer.Option(help="When the new records are shipped.", show_default=True),
    ] = ShipWhen.RESYNC,
    any_text: Annotated[
        bool,
        typer.Option(
            "--any-text",
            help="Also import files in which fewer than half of the lines are records.",
            show_default=False,
        ),
    ] = False,
) -> ExitCode:
    """Import each file that can be read; see `_HELP`."""
    settings = load(config, environ=os.environ, secrets=False).settings
    _allow_many_files()
    with ExitStack() as stack:
        # Opened as whoever called this: the service's user may not be allowed to.
        opened: list[OpenFile | SourceUnreadable] = []
        own = partial(own_files, settings)
        for path in files:
            try:
                opened.append(stack.enter_context(OpenFile(path, own=own)))
            except SourceUnreadable as error:
                opened.append(_said_here(error))
        followed = look_at(settings.source.path)
        live = followed.key if followed is not None else None
        become_owner(settings.state.directory)
        rows: list[dict[str, Any]] = []
        importer: Importer | None = None
        meter = Meter(quiet=as_json, unit="bytes", patient=True)
        readable = [file for file in opened if isinstance(file, OpenFile)]
        found = Mended()
        if readable:
            store = stack.enter_context(borrowed(settings))
            found = mend(store, readable)
            importer = Importer(
                store, ship=ship.value, live=live, any_text=any_text, room=Room(settings.state)
            )
        for path, file in zip(files, opened, strict=True):
            done: Imported | SourceUnreadable
            if isinstance(file, SourceUnreadable) or importer is None:
                done = file if isinstance(file, SourceUnreadable) else SourceUnreadable(str(path))
            else:
                done = _import_one(importer, file, meter)
            rows.append(_row(path, done))
            if not as_json:
                _tell(path, done)
    failed = sum(row["error"] is not None for row in rows)
    new = sum(row["new"] for row in rows)
    mended, damaged = (sum(one.lines for one in which) for which in (found.mended, found.left))
    if as_json:
        output.print_json(
            {"ok": not failed, "ship": ship.value, "new": new, "failed": failed, "files": rows}
            | {"mended_records": mended, "damaged_records": damaged}
        )
    else:
        _tell_mended(found)
        _sum_up(len(files) - failed, new, failed, ship)
    return ExitCode.SOURCE if failed else ExitCode.DONE


def _import_one(importer: Importer, file: OpenFile, meter: Meter) -> Imported | SourceUnreadable:
    """Import one file, showing how far it is."""
    meter.title = file.path.name
    whole = file.status.st_size if file.compression is None else None
    try:
        with meter:
            return importer.add(file, progress=lambda done: meter.show(done, whole))
    except SourceUnreadable as error:
        if isinstance(error.__cause__, DamagedError):
            error.hint = "Decompress as much of it as can be read, and import that."
        return error


def _row(path: Path, done: Imported | SourceUnreadable) -> dict[str, Any]:
    """Return what became of a file, as `--json` prints it."""
    row = {"path": str(path), **asdict(Imported()), "error": None}
    if isinstance(done, SourceUnreadable):
        return row | {"error": output.error_as_json(done)["error"]}
    return row | asdict(done)


def _tell_mended(found: Mended) -> None:
    """Say which damaged records were put right, and which were not in the files."""
    for one in found.mended:
        output.print_text(f"put right: {one}")
    for one in found.left:
        output.print_note(f"still damaged, not in these files: {one}")


def _tell(path: Path, done: Imported | SourceUnreadable) -> None:
    if isinstance(done, SourceUnreadable):
        output.print_error(done)
        return
    words = [count(done.records, "record"), f"{done.new:,} new"]
    if done.first_time is not None and done.last_time is not None:
        words.append(f"{stamp(done.first_time)} to {stamp(done.last_time)}")
    if done.left_bytes:
        words.append(f"{size(done.left_bytes)} left to the service, which follows this file")
    output.print_text(output.printable(f"{path}: {', '.join(words)}"))


def _sum_up(files: int, new: int, failed: int, ship: ShipWhen) -> None:
    """Say on the side what came of it all, and what to type next."""
    output.print_note(f"{count(new, 'new record')} in {count(files, 'file')}.")
    if failed:
        output.print_note(f"{count(failed, 'file')} could not be imported.")
    if not new:
        return
    if ship is ShipWhen.RESYNC:
        output.print_note(
            "They are uploaded by the next resync; see what it would do with "
            "`qlogship resync --dry-run`."
        )
    else:
        output.print_note("They are uploaded next, by the service or by `qlogship run --once`.")


def _said_here(error: SourceUnreadable) -> SourceUnreadable:
    """Return why a file cannot be opened, with a hint for whoever named it here."""
    match error.__cause__:
        case FileNotFoundError():
            hint = "Check its name."
        case PermissionError():
            hint = "Run this as root, or as a user who may read it."
        case OSError():
            hint = "Check the file system it lies on."
        case NotOpened() as refused:
            hint = refused.hint
        case _:
            hint = "Name files; a shell expands `queue_log*` to them."
    return SourceUnreadable(error.message, hint=hint)


def _allow_many_files() -> None:
    """Let this process open as many files as it may: all are open at once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
