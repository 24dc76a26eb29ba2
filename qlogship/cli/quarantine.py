"""`qlogship quarantine`: what the dashboard refuses for good, and what is to become of it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qlogship.cli.uploads import (
    UploadArgument,
    as_rows,
    ledger_of,
    print_report,
    print_rows,
    report,
)
from qlogship.config import load
from qlogship.errors import ExitCode, UsageError
from qlogship.installation.owner import become_owner
from qlogship.shipping.destination import destination_of
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import stamp
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qlogship.shipping.generations import Counting
    from qlogship.shipping.ledger import Ledger, Upload

Decision = Literal["resend", "drop"]

UploadArguments = Annotated[list[int], typer.Argument(metavar="ID…", help="The uploads' numbers.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

app = typer.Typer(
    help="Look at what the dashboard refuses for good; send it again, or give it up.",
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> ExitCode:
    """List the quarantined uploads, oldest first: what is in them, and why they were refused.

    Ends with 3 when there is any. In JSON, times are epoch seconds.
    """
    with ledger_of(config) as state:
        found = as_rows(state.counting, _counted(state.ledger, state.counting)) if state else []
    columns = {
        "id": lambda row: row["id"],
        "refused": lambda row: stamp(row["answered_at"] or row["prepared_at"]),
        "calls": lambda row: f"{row['calls']:,}",
        "records": lambda row: f"{row['lines']:,}",
        "bytes": lambda row: f"{row['bytes']:,}",
        "why": lambda row: _why(row["detail"], row["answer"]),
    }
    right = ("id", "calls", "records", "bytes")
    print_rows(found, columns, as_json=as_json, nothing="Nothing is quarantined.", right=right)
    return ExitCode.IN_DOUBT if found else ExitCode.DONE


@app.command()
def show(
    upload_id: UploadArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show one quarantined upload: its files and calls, each attempt, and the answer."""
    with ledger_of(config) as state:
        if state is None:
            raise _not_there(f"there is no upload {upload_id}")
        selected = _selected(state.ledger, state.counting, [upload_id])
        found = [report(state, upload) for upload in selected]
    for one in found:
        print_report(one, as_json=as_json)


@app.command()
def resend(
    upload_ids: UploadArguments,
    config: ConfigOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Send quarantined uploads again, the same bytes; the attempts so far stay on record.

    Ends with 3 when something is still quarantined or unknown.
    """
    return _decide("resend", upload_ids, config, yes=yes, as_json=as_json)


@app.command()
def drop(
    upload_ids: UploadArguments,
    config: ConfigOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Give quarantined uploads up, for good: they are not sent again, and no longer counted.

    They stay in the ledger, and their records in the archive. Ends with 3 when
    something is still quarantined or unknown.
    """
    return _decide("drop", upload_ids, config, yes=yes, as_json=as_json)


def _decide(
    decision: Decision, upload_ids: Sequence[int], config: Path | None, *, yes: bool, as_json: bool
) -> ExitCode:
    settings = load(config, environ=os.environ, secrets=False).settings
    become_owner(settings.state.directory)
    there = destination_of(settings.dashboard)
    with ledger_of(config) as state:
        if state is None:
            raise _not_there(f"there is no upload {upload_ids[0]}")
        found = _selected(state.ledger, state.counting, upload_ids)
    if not yes and not _agreed(decision, found):
        output.print_note("Nothing was changed.")
        return ExitCode.FAILED
    from qlogship.service.handover import borrowed

    with borrowed(settings) as store:
        with store.transaction():
            # Once more: the service may have changed them while somebody thought about it.
            counting = store.generations.counting(there)
            for upload in _selected(store.ledger, counting, upload_ids):
                if decision == "resend":
                    store.ledger.resend(upload)
                else:
                    store.ledger.drop(upload)
        in_doubt = store.ledger.in_doubt()
        changed = list(filter(None, map(store.ledger.find, dict.fromkeys(upload_ids))))
        rows = as_rows(counting, changed)
    if as_json:
        output.print_json(rows)
    else:
        will = "will be sent again" if decision == "resend" else "is dropped"
        for upload in changed:
            output.print_text(f"Upload {upload.id} ({_content(upload)}) {will}.")
    return ExitCode.IN_DOUBT if in_doubt else ExitCode.DONE


def _counted(ledger: Ledger, counting: Counting) -> list[Upload]:
    """Return the quarantined uploads for the dashboard of the settings."""
    return [one for one in ledger.quarantined() if one.generation == counting.present]


def _not_there(problem: str) -> UsageError:
    return UsageError(problem, hint="Type `qlogship quarantine list` to see which are.")


def _selected(ledger: Ledger, counting: Counting, upload_ids: Sequence[int]) -> list[Upload]:
    """Return these uploads; raise UsageError for what is not quarantined, all at once."""
    found: list[Upload] = []
    problems = []
    for number in dict.fromkeys(upload_ids):
        upload = ledger.find(number)
        if upload is None:
            problems.append(f"there is no upload {number}")
        elif upload.state != "rejected":
            problems.append(f"upload {number} is not quarantined, it is {upload.state}")
        elif counting.is_elsewhere(upload.generation):
            problems.append(f"upload {number} was for another dashboard")
        elif upload.generation != counting.present:
            problems.append(f"upload {number} was superseded by a resync")
        else:
            found.append(upload)
    if problems:
        raise _not_there("; ".join(problems))
    return found


def _agreed(decision: Decision, uploads: Sequence[Upload]) -> bool:
    """Ask; raise UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"nobody can be asked whether to {decision}: stdin is no terminal",
            hint="Add --yes to do it without asking.",
        )
    for upload in uploads:
        why = _why(upload.answer.detail, upload.answer.text)
        output.print_note(f"upload {upload.id}: {_content(upload)}; {why}")
    these = "it" if len(uploads) == 1 else f"these {len(uploads)}"
    question = f"Send {these} again?" if decision == "resend" else f"Give {these} up for good?"
    return typer.confirm(question, err=True)


def _content(upload: Upload) -> str:
    return f"{count(upload.composition.calls, 'call')}, {count(upload.composition.lines, 'record')}"


def _why(detail: str | None, answer: str | None) -> str:
    """Return why an upload was refused: what it means, and the dashboard's words."""
    words = " ".join((answer or "").split())[:120]
    return f"{detail or ''}: {words}" if words else detail or ""
