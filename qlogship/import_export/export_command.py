"""`qlogship export`: the archive as queue_log text."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qlogship.archive.damage import HINT, damaged, told
from qlogship.archive.runs import merged, records_in
from qlogship.archive.timeline import Excerpt
from qlogship.atomic_file import NewFile, is_stream
from qlogship.config import load
from qlogship.errors import ExitCode, QlogshipError, UsageError
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import epoch
from qlogship.wording import count, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qlogship.archive.damage import DamagedRecords
    from qlogship.archive.runs import Run

_TIME = "2026-11-23, or 2026-11-23T08:00 (local time)"


def export(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help=f"Only records of that time or later: {_TIME}.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TIME",
            help=f"Only records before that time: {_TIME}.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write to FILE; else to stdout.",
            show_default=False,
        ),
    ] = None,
) -> ExitCode:
    """Write the archive as queue_log text, in the order of time, byte for byte.

    Lines that are no record go with the record before them. A record that was
    unfinished when its file was rotated away or imported is written with the newline
    that qlogship put behind it. Records that are damaged are left out and named, and the
    command ends with 3. The service may run meanwhile; nothing is changed. On a terminal
    control characters are shown escaped.

    With -o the file is there when all of it is written. --json goes with -o: it prints
    how much was written.
    """
    excerpt = Excerpt(epoch("--from", since), epoch("--to", until))
    if as_json and out is None:
        raise UsageError("--json goes with -o", hint="Type `qlogship export -o FILE --json`.")
    settings = load(config, environ=os.environ, secrets=False).settings
    records = length = 0
    lost: list[Run] = []
    # The file is made and renamed as whoever called this; the archive is read as its owner.
    with _writing(out) as write, Reader(settings.state.directory) as reader:
        for text in reader.text(lost.append):
            wanted = excerpt.of(text)
            records += wanted.count(b"\n")
            length += len(wanted)
            try:
                write(wanted)
            except BrokenPipeError:
                output.stop_writing()  # a reader that went away wants no more
                return ExitCode.DONE
        left_out = damaged_in(reader, lost)
    if as_json:
        output.print_json(
            {"ok": not lost, "path": str(out), "records": records, "bytes": length}
            | {"damaged_records": records_in(lost)}
        )
    elif out is not None:
        output.print_note(f"{count(records, 'record')}, {size(length)}, written to {out}.")
    if left_out:
        output.print_note(f"{told(left_out)}; what is damaged was left out. {HINT}")
    return ExitCode.IN_DOUBT if lost else ExitCode.DONE


def damaged_in(reader: Reader, lost: Sequence[Run]) -> list[DamagedRecords]:
    """Return what was left out, with the time it is from."""
    facts = reader.archive.chunks.facts() if reader.archive is not None and lost else []
    return [damaged(facts, first, last) for first, last in merged(lost)]


@contextmanager
def _writing(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Give a function that writes to stdout, or to a file that appears when it is complete."""
    if path is None:
        with output.stdout_of_bytes() as stdout:

            def write(data: bytes) -> None:
                with output.writing():
                    stdout.write(data)

            yield write
        return
    if is_stream(path):
        with _said(path), output.device_of_bytes(path) as device:
            yield device.write
        return
    # Callers' numbers are in it: the file is its owner's alone, whatever was there before.
    with _said(path), NewFile(path, mode=0o600) as new:
        yield new.file.write
        new.put_in_place()


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turn what the system says about the file into an error for a person."""
    try:
        yield
    except OSError as error:
        raise QlogshipError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="Name a file that you may write, on a disk with room for it.",
        ) from error
