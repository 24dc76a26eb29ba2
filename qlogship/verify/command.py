"""`qlogship verify`: whether archive and ledger are as they were written."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qlogship.config import load
from qlogship.errors import ExitCode
from qlogship.state.copies import REMEDY
from qlogship.state.reader import Reader
from qlogship.state.wal import LOST_COMMITS, LOST_COMMITS_HINT
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.verify.verifying import verify as read_all
from qlogship.wording import count, listed, named, typed

if TYPE_CHECKING:
    from qlogship.verify.verifying import Origin, Verification


def verify(config: ConfigOption = None, as_json: JsonOption = False) -> ExitCode:
    """Read all that the state directory holds, and say what is not as it was written.

    Every chunk of the archive is compared with its digest, every row of the ledger with its
    second copy, every upload's bytes with the archive, and SQLite checks its own structure.
    What is damaged is named, with its records and their time, and with what to do.

    It only reads, beside the running service or without it. Ends with 3 when something is
    damaged. In JSON, times are epoch seconds.
    """
    settings = load(config, environ=os.environ, secrets=False).settings
    meter = Meter("reading", quiet=as_json, patient=True)
    with Reader(settings.state.directory) as reader, meter:

        def say(text: str) -> None:
            meter.title = text
            meter.say(text)

        found = read_all(reader, say=say, show=meter.show)
    problems = _problems(found)
    if as_json:
        output.print_json(_document(found, problems))
    else:
        for message, hint in problems:
            output.print_text(output.printable(f"DAMAGED: {message}"))
            output.print_text(f"         {hint}")
        read = f"{count(found.records, 'record')} in {count(found.chunks, 'chunk')}"
        uploads = count(found.uploads_read, "upload")
        if found.erased:
            output.print_note(
                f"{count(found.erased, 'upload')} of them went out before a number was erased;"
                " what was sent cannot be compared any more."
            )
        if found.left:
            uploads += f"; {count(found.left, 'record')} left the archive before (state.keep)"
        if found.whole:
            output.print_text(f"OK: all is as it was written: {read}, {uploads}.")
        else:
            output.print_text(f"{count(len(problems), 'problem')} in {read}, {uploads}.")
    return ExitCode.DONE if found.whole else ExitCode.IN_DOUBT


def _problems(found: Verification) -> list[tuple[str, str]]:
    """Return what is damaged, each with what to do about it."""
    problems = [(_words(one), _hint(one)) for one in found.damaged]
    if found.uploads:
        problems.append(
            (
                f"the archive does not give the bytes of {named(found.uploads)} any more",
                "Run `qlogship resync`, which ships what the archive has.",
            )
        )
    repairs = found.repairs
    if repairs is not None and repairs.lost_commits:
        problems.append((LOST_COMMITS, LOST_COMMITS_HINT))
    if repairs is not None and repairs.total:
        tables = listed(sorted({*repairs.rows, *repairs.copies, *repairs.indexes}))
        rows = count(repairs.total, "row")
        message = f"{rows} of the state database changed by themselves, in {tables}"
        hint = "Restart the service, which puts them right from copies; then look at the disk."
        problems.append((message, hint))
    if found.structure:
        problems.append((f"SQLite finds its file damaged: {'; '.join(found.structure)}", REMEDY))
    return problems


def _words(one: Origin) -> str:
    shipped = f", shipped in {named(one.uploads)}" if one.uploads else ", in no upload"
    return f"{one.records}{shipped}"


def _hint(one: Origin) -> str:
    files = " ".join(map(typed, one.paths)) or "FILE"
    return (
        f"Run `qlogship import {files}`, with the name that the file has now, which puts them"
        " right; `qlogship resync --accept-loss"
        f" {','.join(map(str, one.uploads or (0,)))}` goes on without them."
    )


def _document(found: Verification, problems: list[tuple[str, str]]) -> dict[str, Any]:
    repairs = found.repairs
    return {
        "ok": found.whole,
        "records": found.records,
        "left_records": found.left,
        "chunks": found.chunks,
        "uploads": found.uploads_read,
        "damaged": [
            {
                "first_record": one.records.first_seq,
                "last_record": one.records.last_seq,
                "first_time": one.records.first_time,
                "last_time": one.records.last_time,
                "files": list(one.paths),
                "uploads": list(one.uploads),
            }
            for one in found.damaged
        ],
        "damaged_uploads": found.uploads,
        "erased_uploads": found.erased,
        "repairable": asdict(repairs) if repairs is not None else {},
        "structure": found.structure,
        "problems": [{"message": message, "hint": hint} for message, hint in problems],
    }
