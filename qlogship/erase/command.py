"""`qlogship erase`: mask a telephone number wherever the state directory has it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qlogship.archive.runs import records_in
from qlogship.config import load
from qlogship.erase.erasing import Found, survey
from qlogship.erase.erasing import erase as mask_it
from qlogship.erase.numbers import Numbers
from qlogship.errors import ExitCode, UsageError
from qlogship.installation.owner import become_owner
from qlogship.installation.program import this_program
from qlogship.service.handover import borrowed
from qlogship.shipping.destination import destination_of
from qlogship.shipping.erased import ErasedUploads
from qlogship.shipping.generations import Generations
from qlogship.source.cursor import Cursor
from qlogship.state.erasures import Erasures
from qlogship.state.own_files import pieces
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.terminal.times import stamp
from qlogship.wording import are, count, still_there

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.config import Settings
    from qlogship.shipping.destination import Destination

_FROM_STDIN: Final = "-"
_NAMED: Final = 5
_OVERLAP: Final = 64
"""Bytes; more than any number, however it is spelled."""

ELSEWHERE: Final = (
    "Not touched, because they are not qlogship's: Asterisk's queue_log and its rotated files,"
    " call records, backups and exports. An import brings it back with calls that the archive"
    " does not have."
)


def erase(
    number: Annotated[
        list[str],
        typer.Option(
            metavar="N",
            help="The number, with or without +; again for each other spelling. - reads them"
            " from stdin, so that they are in no history of a shell.",
            show_default=False,
        ),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be masked, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> ExitCode:
    """Mask a telephone number in all that the state directory holds, for good.

    Each digit becomes a *, in every column but the time, the callid, and the counts of an
    event, also within a channel or a URL; calls, times and counts stay as they are. What the
    database still had of it is overwritten. Once begun, it goes on by itself after a crash.

    The dashboard has the number until the next `qlogship resync`; Asterisk's own files and
    backups have it as long as they are kept. Ends with 3 when records are damaged, and could
    not be looked into. In JSON, times are epoch seconds.
    """
    numbers = Numbers(_given(number))
    settings = load(config, environ=os.environ, secrets=False).settings
    become_owner(settings.state.directory)
    there = destination_of(settings.dashboard)
    found, unfinished = _survey(settings, there, numbers, quiet=as_json)
    if not as_json:
        _tell(found, dry_run=dry_run)
    code = ExitCode.IN_DOUBT if found.damaged else ExitCode.DONE
    if dry_run or not (found.anything or unfinished):
        if as_json:
            output.print_json(_document(found, dry_run=dry_run, erased=False))
        return code
    if found.anything and not yes and not _agreed():
        output.print_note("Nothing was changed.")
        return ExitCode.FAILED
    # An erase that was interrupted is finished when the state is opened.
    with borrowed(settings) as store:
        if store.unscrubbed is not None:
            raise store.unscrubbed
        if found.anything:
            with store.moment() as database:
                generation = Generations(database).effective(there).number
            with Meter("erasing", quiet=as_json, patient=True) as meter:
                remnants = found.remnants
                found = mask_it(
                    store,
                    numbers,
                    generation=generation,
                    at=time.time(),
                    show=meter.show,
                    say=meter.say,
                )
                found.remnants = remnants
    if as_json:
        output.print_json(_document(found, dry_run=False, erased=True))
    else:
        _tell_done(found)
        if found.carriers.there and not yes:
            _offer_resync(config)
    return ExitCode.IN_DOUBT if found.damaged else ExitCode.DONE


def _given(spellings: list[str]) -> list[str]:
    """Return the numbers, those on stdin instead of the dash."""
    given = [one for one in spellings if one != _FROM_STDIN]
    if _FROM_STDIN in spellings:
        given += [line for line in sys.stdin.read().splitlines() if line.strip()]
    return given


def _survey(
    settings: Settings, there: Destination, numbers: Numbers, *, quiet: bool
) -> tuple[Found, bool]:
    """Return what there is, and whether an earlier erase was interrupted."""
    directory = settings.state.directory
    with (
        Reader(directory, there) as reader,
        Meter("reading the archive", quiet=quiet, patient=True) as meter,
        reader.moment() as database,
    ):
        if database is None or reader.archive is None:
            return Found(), False
        erasures = Erasures(database)
        due = erasures.due
        found = survey(
            reader.archive,
            ErasedUploads(database, reader.archive),
            numbers,
            streams=Cursor(database).streams(),
            generation=Generations(database).effective(there).number,
            words=erasures.words_with(numbers.masked_words),
            show=meter.show,
        )
    # Only now: nobody here has the database open any more.
    if not (found.anything or found.kept or found.within):
        found.remnants = any(map(numbers.digits_in, pieces(directory, behind=_OVERLAP)))
    return found, due


def _agreed() -> bool:
    """Ask; raise UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked whether to mask it: stdin is no terminal",
            hint="Look with --dry-run, then add --yes to do it without asking.",
        )
    return typer.confirm("Mask it for good? Nothing brings it back.", err=True)


def _tell(found: Found, *, dry_run: bool) -> None:
    """Say what was found."""
    if not found.anything:
        output.print_text("The state directory does not have this number.")
    if found.seqs:
        events = ", ".join(
            f"{number:,} {event or 'other lines'}" for event, number in _by_number(found.events)
        )
        span = ""
        if found.first_time is not None and found.last_time is not None:
            span = f", {stamp(found.first_time)} to {stamp(found.last_time)}"
        what = f"{count(len(found.seqs), 'record')} of {count(len(found.callids), 'call')}"
        output.print_text(output.printable(f"It stands in {what}{span}: {events}."))
        carriers = found.carriers
        output.print_text(
            f"{count(carriers.sent, 'upload')} with such records went out,"
            f" {carriers.there:,} of them may be on the dashboard."
        )
    if found.words:
        output.print_text(f"It is quoted in {count(found.words, 'answer or trouble')}.")
    if found.files and not found.seqs:
        what = count(found.files, "file")
        output.print_text(f"It is at the beginning or the end of {what}, by which they are known.")
    if found.remnants:
        output.print_text("It is only where the state's files have what nobody needs any more.")
    for text in _left_alone(found):
        output.print_note(text)
    if dry_run:
        output.print_note("Nothing was changed.")


def _left_alone(found: Found) -> list[str]:
    """Say what has the digits, or may have, and is not touched."""
    texts = []
    if found.kept:
        texts.append(
            f"Its digits stay in {count(len(found.kept), 'callid or time')}: {_some(found.kept)}."
        )
    if found.within:
        texts.append(
            f"Its digits stay in {count(len(found.within), 'other number')}:"
            f" {_some(found.within)}. Add --number for each that is the same person's."
        )
    if found.left:
        texts.append(
            f"{count(records_in(found.left), 'record')} left the archive before (state.keep); the"
            " dashboard may have the number in them, and a resync deletes them there."
        )
    if found.damaged:
        lost = records_in(found.damaged)
        texts.append(
            f"{are(lost, 'record')} damaged and cannot be looked into; `qlogship verify`"
            " names the files that put them right. Then run this again."
        )
    return texts


def _some(digits: Any) -> str:  # noqa: ANN401 -- a set, or the keys of a dict
    named = [one.decode("ascii", "backslashreplace") for one in sorted(digits)]
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more


def _by_number(events: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(events.items(), key=lambda entry: (-entry[1], entry[0]))


def _tell_done(found: Found) -> None:
    """Say what was done, and where the number still is."""
    output.print_text(
        f"The number is masked in {count(len(found.seqs), 'record')}, and overwritten in the"
        " state directory."
    )
    if found.carriers.there:
        text = still_there(found.carriers.there)
        output.print_note(f"{text[:1].upper()}{text[1:]}.")
    output.print_note(ELSEWHERE)


def _offer_resync(config: Path | None) -> None:
    """Offer what takes the number from the dashboard, too; that asks for itself."""
    if not sys.stdin.isatty() or not typer.confirm(
        "Look at that now, and begin it if you say so?", default=False, err=True
    ):
        return
    output.flush()
    where = () if config is None else ("-c", str(config))
    subprocess.run([*this_program(), "resync", *where], check=False)  # noqa: S603 -- this program


def _document(found: Found, *, dry_run: bool, erased: bool) -> dict[str, Any]:
    """Return what was found, as `--json` prints it."""
    return {
        "dry_run": dry_run,
        "erased": erased,
        "records": len(found.seqs),
        "calls": len(found.callids),
        "first_time": found.first_time,
        "last_time": found.last_time,
        "events": found.events,
        "uploads": found.carriers.uploads,
        "uploads_sent": found.carriers.sent,
        "uploads_on_dashboard": found.carriers.there,
        "answers": found.words,
        "files": found.files,
        "remnants": found.remnants,
        "kept_callids": sorted(one.decode("utf-8", "backslashreplace") for one in found.kept),
        "other_numbers": {
            one.decode("ascii", "backslashreplace"): number
            for one, number in sorted(found.within.items())
        },
        "damaged_records": records_in(found.damaged),
        "records_that_left": records_in(found.left),
    }
