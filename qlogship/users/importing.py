"""`qlogship users import`: the vendor's file of users, each row made once."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlogship.config import load
from qlogship.errors import DashboardUnreachable, ExitCode, FileNotUsable, QlogshipError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.progress import Meter
from qlogship.users.csv_file.configuration import ACCOUNT_MARK
from qlogship.users.csv_file.reading import read_users
from qlogship.users.csv_file.text import SIZE_MAX
from qlogship.users.files import read_secret, read_template
from qlogship.users.making import Fate, Made, Maker
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Collection

    from qlogship.users.csv_file.columns import FileUser, RowFault
    from qlogship.users.csv_file.reading import UserFile

_AGAIN = "Run the same command again: who is there already is skipped."


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="CSV", help="The file; - is stdin."),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the file, show who would be added, and add nobody."),
    ] = False,
    config_template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the configuration of each is made from, with @siplogin@ and so on.",
        ),
    ] = None,
) -> ExitCode:
    """Add the users of a CSV file to the dashboard, each once.

    The file is that of the vendor's script: semicolons, and a header row with usesSP,
    name, surname, email, password, role, groupsIn and, if wanted, groupsMan, siplogin,
    sippassword, sipdisplayname, sipauthname, ext. UTF-8, or what Excel makes of it.

    All of it is checked before anything is sent, and all that is wrong is said at
    once. Who has an address that is there already is skipped; an answer that was lost
    is looked up. So an import that was stopped is run again and goes on.

    Ends with 0 when all of them are there, with 1 when the file has faults or the
    dashboard refused some, with 13 when it could not be reached in the end.
    """
    settings = load(config, environ=os.environ).settings
    template = read_template(config_template)
    from qlogship.service import build

    found = read_users(read_secret(file, SIZE_MAX + 1), template=template)
    if found.faults:
        _print_faults(file, found, as_json=as_json)
        return ExitCode.FAILED
    if found.encoding != "utf-8":
        output.print_note(f"{file} is not UTF-8; it was read as {found.encoding}.")
    if config_template is None and any(ACCOUNT_MARK in one.user.config for one in found.users):
        output.print_note(
            "The vendor does not say how a SIP account is written in a configuration: the lines"
            f" {ACCOUNT_MARK}… are a guess. Try one user first, or use --config-template FILE."
        )
    with build.dashboard(settings) as dashboard:
        maker = Maker(dashboard)
        if dry_run:
            return _rehearse(found, maker, as_json=as_json)
        return _import(found, maker, as_json=as_json)


def _import(found: UserFile, maker: Maker, *, as_json: bool) -> ExitCode:
    """Make the users, showing each result as it comes."""
    results: dict[int, tuple[FileUser, Made]] = {}
    error: QlogshipError | None = None
    # Where results are on the terminal, they are the progress.
    quiet = as_json or sys.stdout.isatty()
    try:
        with Meter("adding users", quiet=quiet, unit="users") as meter:
            for one, made in maker.import_all(found.users):
                results[one.row] = one, made
                if not as_json:
                    _tell(one, made)
                meter.show(len(results), len(found.users))
    except KeyboardInterrupt:
        document = _document(results.values(), found, None)
        output.end_line()
        output.print_note(f"{_how_far(document)} {_AGAIN}")
        if as_json:
            output.print_json(document)
        raise
    except QlogshipError as stopped:
        error = stopped
        if isinstance(stopped, DashboardUnreachable):
            stopped.hint = _AGAIN
    document = _document(results.values(), found, error)
    if as_json:
        output.print_json(document)
    else:
        output.print_note(_how_far(document))
        if error is not None:
            raise error
    if error is not None:
        return error.exit_code
    return ExitCode.FAILED if document["failed"] else ExitCode.DONE


def _rehearse(found: UserFile, maker: Maker, *, as_json: bool) -> ExitCode:
    """Say who would be added and who is there, and add nobody."""
    results = [(one, maker.find(one.user.email) or Made(Fate.NEW, None)) for one in found.users]
    new = sum(made.fate is Fate.NEW for _, made in results)
    present = len(results) - new
    if as_json:
        output.print_json(
            {
                "ok": True,
                "dry_run": True,
                "encoding": found.encoding,
                "new": new,
                "present": present,
                "rows": [_row(one, made) for one, made in results],
            }
        )
        return ExitCode.DONE
    for one, made in results:
        output.print_text(_words(one, made))
    output.print_note(
        f"{count(new, 'user')} would be added, {present:,} already there; nothing was sent."
    )
    return ExitCode.DONE


# --- words ---


def _tell(one: FileUser, made: Made) -> None:
    """Print a result at once: a killed import has said all that it did."""
    output.print_text(_words(one, made))
    output.flush()
    if made.error is not None and made.error.answer:
        output.print_note(f"  it said: {' '.join(made.error.answer.split())[:200]}")


def _words(one: FileUser, made: Made) -> str:
    """Return what became of a row, in the words of the vendor's script where it has any."""
    user = f"user #{one.row} from csv"
    number = "unknown" if made.id is None else made.id
    if made.error is not None:
        return f"Error adding {user}, got error {made.error.status} from Team Dashboard."
    if made.fate is Fate.NEW:
        return output.printable(f"Would add {user}, {one.user.email}")
    if made.fate is Fate.PRESENT:
        text = f"Skipped {user}, {one.user.email} is already there with ID {number}"
        return output.printable(text)
    return f"Successfully added {user} with ID {number}"


def _how_far(document: dict[str, Any]) -> str:
    """Return how many users have which result, and how many none."""
    text = (
        f"{count(document['added'], 'user')} added, {document['present']:,} already there,"
        f" {document['failed']:,} failed"
    )
    left = document["not_tried"]
    return f"{text}, {left:,} not tried." if left else f"{text}."


# --- JSON ---


def _document(
    results: Collection[tuple[FileUser, Made]], found: UserFile, error: QlogshipError | None
) -> dict[str, Any]:
    """Return what came of an import, as `--json` prints it."""
    tally = Counter(made.fate.value for _, made in results)
    left = len(found.users) - len(results)
    document: dict[str, Any] = {
        "ok": error is None and not tally["failed"] and not left,
        "encoding": found.encoding,
        "added": tally["added"],
        "present": tally["present"],
        "failed": tally["failed"],
        "not_tried": left,
        "rows": [_row(one, made) | _details(one, made) for one, made in results],
    }
    return document if error is None else document | output.error_as_json(error)


def _row(one: FileUser, made: Made) -> dict[str, Any]:
    email = one.user.email
    return {"row": one.row, "line": one.line, "email": email, "result": made.fate, "id": made.id}


def _details(one: FileUser, made: Made) -> dict[str, Any]:
    return {
        "status": made.error.status if made.error is not None else None,
        "message": _words(one, made),
        "answer": made.error.answer if made.error is not None else None,
        "looked_up": made.looked_up,
    }


# --- faults ---


def _print_faults(path: Path, found: UserFile, *, as_json: bool) -> None:
    """Say all that is wrong with the file; results for programs go to stdout."""
    faults = found.faults
    rows = {fault.row for fault in faults if fault.row is not None}
    where = f" in {count(len(rows), 'row')}" if rows else ""
    error = FileNotUsable(
        f"{path}: {count(len(faults), 'fault')}{where}; nothing was sent",
        hint="Mend them and run the same command again.",
    )
    if as_json:
        output.print_json(
            output.error_as_json(error)
            | {"faults": [asdict(fault) | {"column": fault.column or None} for fault in faults]}
        )
        return
    lines = [f"error: {error.message}"]
    for fault in faults:
        lines += [f"  {_place(fault)}", f"    {fault.problem}", f"    -> {fault.remedy}"]
    lines.append(f"hint: {error.hint}")
    sys.stderr.write("".join(f"{output.printable(line)}\n" for line in lines))


def _place(fault: RowFault) -> str:
    parts = (
        f"user #{fault.row}" if fault.row is not None else "",
        f"line {fault.line}" if fault.line is not None else "",
        f"column {fault.column}" if fault.column else "",
    )
    return ", ".join(filter(None, parts)) or "the file"
