"""`qlogship uploads`: the ledger; what was in an upload; which uploads carried a call."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qlogship.cli import resolving
from qlogship.config import load
from qlogship.errors import ExitCode, UsageError
from qlogship.installation.owner import become_owner
from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import entering
from qlogship.shipping.destination import Destination, destination_of
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import epoch, stamp
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from qlogship.shipping.generations import Counting
    from qlogship.shipping.ledger import Upload
    from qlogship.state.reader import Snapshot

UploadRow = dict[str, Any]
"""An upload as `--json` prints it."""

_ROWS = 20
_SHOWN = 10
"""Files and calls that are shown to people; --json has them all."""

# What an upload's row is called in JSON, and where it stands in the ledger's row.
_KEYS: Final = {
    "id": "id",
    "generation": "generation",
    "parent": "parent",
    "state": "state",
    "lines": "composition.lines",
    "calls": "composition.calls",
    "reported_calls": "answer.reported_calls",
    "bytes": "composition.bytes",
    "sha256": "composition.sha256",
    "first_time": "composition.first_time",
    "last_time": "composition.last_time",
    "attempts": "attempts",
    "possible_duplicate": "possible_duplicate",
    "open_sends": "open_sends",
    "vouched": "vouched",
    "erased": "erased",
    "http_status": "answer.http_status",
    "prepared_at": "prepared_at",
    "answered_at": "answer.answered_at",
    "not_before": "not_before",
    "detail": "answer.detail",
    "answer": "answer.text",
}

_PLACE_KEYS: Final = ("path", "start", "end", "first_seq", "last_seq")

UploadArgument = Annotated[int, typer.Argument(metavar="ID", help="The upload's number.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def uploads(  # noqa: PLR0917 -- typer calls it by name
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show at most so many; else 20, or all with --json.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those decided since then: 2026-11-23, or 2026-11-23T08:00 (local time).",
        ),
    ] = None,
    call: Annotated[
        str | None,
        typer.Option(
            metavar="CALLID",
            help="Only those that carried records of this call; it reads the whole archive.",
        ),
    ] = None,
) -> None:
    """Show what was uploaded, newest first: what was in it, when, and what came back.

    States: prepared (not answered yet), accepted, unknown (no answer tells whether it
    arrived; sent up to three times, then set aside: see `resolve`), rejected
    (quarantined), split (refused or too big; its parts went instead), dropped (given up
    by a person). In JSON, times are epoch seconds.
    """
    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return
    if call is not None:
        if limit is not None or since is not None:
            raise UsageError(
                "--call goes without --limit and --since", hint="Type it without these."
            )
        _show_carriers(config, call, as_json=as_json)
        return
    if limit is None and not as_json:
        limit = _ROWS
    rows: list[UploadRow] = []
    with ledger_of(config) as state:
        if state is not None:
            found = state.ledger.uploads(limit=limit, since=epoch("--since", since))
            rows = as_rows(state.counting, found)
    print_rows(rows, _COLUMNS, as_json=as_json, nothing="No uploads yet.")


@app.command()
def show(
    upload_id: UploadArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show one upload: where its records came from, its calls, each attempt, the answer.

    The bytes of a file are counted from 0, the last one left out; of a compressed
    file they are those of its text. In JSON, times are epoch seconds.
    """
    with ledger_of(config) as state:
        upload = state.ledger.find(upload_id) if state else None
        if state is None or upload is None:
            raise UsageError(
                f"there is no upload {upload_id}", hint="Type `qlogship uploads` to see which are."
            )
        found = report(state, upload)
    print_report(found, as_json=as_json)


@app.command()
def resolve(  # noqa: PLR0917 -- typer calls it by name
    upload_id: UploadArgument,
    config: ConfigOption = None,
    arrived: Annotated[
        bool, typer.Option("--arrived", help="The dashboard holds it, exactly once.")
    ] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="The dashboard does not hold it: send it again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Say what became of an upload whose answers do not tell, after a look at the dashboard.

    An upload that is unknown was sent up to three times without an answer that tells its
    fate, and is not sent again by itself. --arrived goes for an accepted upload that may
    be there twice, too. Ends with 3 when something is still quarantined or unknown.
    """
    fate = resolving.fate_of(arrived=arrived, lost=lost)
    settings = load(config, environ=os.environ, secrets=False).settings
    become_owner(settings.state.directory)
    upload = resolving.resolve(settings, upload_id, fate, yes=yes)
    if upload is None:
        output.print_note("Nothing was changed.")
        return ExitCode.FAILED
    with ledger_of(config) as state:
        rows = as_rows(state.counting, [upload]) if state else []
        in_doubt = state.ledger.in_doubt() if state else False
    if as_json:
        output.print_json(rows)
    else:
        output.print_text(resolving.in_words(upload, fate))
    return ExitCode.IN_DOUBT if in_doubt else ExitCode.DONE


@contextmanager
def ledger_of(config: Path | None) -> Iterator[Snapshot | None]:
    """Read the state as of one moment; None while there is nothing."""
    settings = load(config, environ=os.environ, secrets=False).settings
    there = destination_of(settings.dashboard)
    with Reader(settings.state.directory, there) as reader, reader.snapshot() as state:
        yield state


def as_rows(counting: Counting, uploads: Iterable[Upload]) -> list[UploadRow]:
    """Return uploads as `--json` prints them; times are epoch seconds."""
    rows = []
    for upload in uploads:
        there = counting.destinations.get(upload.generation)
        rows.append(
            {key: attrgetter(place)(upload) for key, place in _KEYS.items()}
            | {
                "superseded": upload.generation != counting.present,
                "elsewhere": counting.is_elsewhere(upload.generation),
                "url": there.url if there is not None else None,
                "account": there.account if there is not None else None,
            }
        )
    return rows


def print_rows(
    rows: Sequence[UploadRow],
    columns: Mapping[str, Callable[[UploadRow], object]],
    *,
    as_json: bool,
    nothing: str,
    right: Sequence[str] = (),
) -> None:
    """Print uploads as JSON, or as a table: `columns` gives each heading its cells."""
    if as_json:
        output.print_json(rows)
    elif not rows:
        output.print_text(nothing)
    else:
        cells = [[cell(row) for cell in columns.values()] for row in rows]
        output.print_table(tuple(columns), cells, right=right)


def report(state: Snapshot, upload: Upload) -> UploadRow:
    """Return all that is known of an upload, as `show --json` prints it."""
    text = state.archive.text(upload.composition.runs)
    lines = text.split(b"\n")[:-1]
    return {
        **as_rows(state.counting, [upload])[0],
        "parts": state.ledger.parts(upload),
        "files": [
            {key: getattr(place, key) for key in _PLACE_KEYS}
            | {"lines": place.last_seq - place.first_seq + 1}
            for place in state.contents.places(upload.composition.runs)
        ],
        "callids": [_text(callid) for callid in dict.fromkeys(entering(text))],
        "first_record": _text(lines[0]),
        "last_record": _text(lines[-1]),
        "history": [asdict(attempt) for attempt in state.ledger.attempts(upload)],
    }


def print_report(found: UploadRow, *, as_json: bool) -> None:
    """Print what `report` returned."""
    if as_json:
        output.print_json(found)
        return
    for name, text in _rows(found):
        output.print_text(f"{name:<15}{output.printable(text)}".rstrip())


def _rows(found: UploadRow) -> list[tuple[str, str]]:
    """Return an upload in words, one line per matter."""
    superseded = ", superseded by a resync" if found["superseded"] else ""
    if found["elsewhere"]:
        superseded = f", {_where(found)}"
    doubt = ", possible duplicate" if found["possible_duplicate"] else ""
    if found["vouched"]:
        doubt = ", because a person said so"
    rows = [
        ("upload", f"{found['id']} (generation {found['generation']}{superseded})"),
        ("state", found["state"] + doubt),
        ("decided", stamp(found["prepared_at"])),
        ("records", f"{found['lines']:,} ({found['bytes']:,} bytes, sha256 {found['sha256']})"),
    ]
    if found["erased"]:
        what = f"a number in {count(found['erased'], 'record')} of it, after it was sent"
        rows.append(("erased", f"{what}; the digest is of what the archive has now"))
    if found["parent"] is not None:
        rows.append(("part of", f"upload {found['parent']}"))
    if found["parts"]:
        rows.append(("split into", "uploads " + ", ".join(map(str, found["parts"]))))
    rows += [("first record", found["first_record"]), ("last record", found["last_record"])]
    files = [
        f"{place['path']}, bytes {place['start']:,} to {place['end']:,}"
        f" ({count(place['lines'], 'record')})"
        for place in found["files"]
    ]
    rows += _some("from", files)
    reported = found["reported_calls"]
    counted = "" if reported is None else f"; the dashboard counted {reported:,}"
    rows.append(("calls", f"{found['calls']:,}{counted}"))
    rows += _some("", found["callids"])
    if not found["history"]:
        rows.append(("attempts", "none yet"))
    rows += [(f"attempt {one['number']}", _attempt_in_words(one)) for one in found["history"]]
    if found["answer"]:
        rows.append(("answer", found["answer"]))
    return rows


def _some(name: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return the first few of many lines, and how many more there are."""
    rows = [(name if number == 0 else "", text) for number, text in enumerate(texts[:_SHOWN])]
    if len(texts) > _SHOWN:
        rows.append(("", f"and {len(texts) - _SHOWN:,} more; --json has them all"))
    return rows


def _attempt_in_words(attempt: dict[str, Any]) -> str:
    sent = stamp(attempt["sent_at"])
    if attempt["verdict"] is None:
        return f"{sent}: under way, or cut off"
    seconds = max(0.0, attempt["answered_at"] - attempt["sent_at"])
    return f"{sent}, after {seconds:.1f} s: {attempt['verdict']}; {attempt['detail']}"


def _show_carriers(config: Path | None, callid: str, *, as_json: bool) -> None:
    """Print the uploads that carried a call, of all generations, newest first."""
    wanted = os.fsencode(callid)
    if wanted in NO_CALL:
        raise UsageError(
            f"--call {callid!r} names no call",
            hint="Give a call's id, the second column of the queue_log.",
        )
    rows: list[UploadRow] = []
    with ledger_of(config) as state:
        seqs = state.contents.seqs_of(wanted) if state else []
        if state is not None and seqs:
            for number, records in state.contents.carriers(seqs):
                upload = state.ledger.find(number)
                if upload is not None:
                    rows += [
                        row | {"records": records} for row in as_rows(state.counting, [upload])
                    ]
    shown = output.printable(callid)
    nothing = f"The archive holds no record of call {shown}."
    if seqs:
        nothing = (
            f"{len(seqs):,} records of call {shown} are in the archive, and none in an upload yet."
        )
    columns = {
        "id": _COLUMNS["id"],
        "generation": lambda row: row["generation"],
        "state": _COLUMNS["state"],
        "decided": _COLUMNS["decided"],
        "records of it": lambda row: f"{row['records']} of {len(seqs)}",
        "remark": _remark,
    }
    print_rows(rows, columns, as_json=as_json, nothing=nothing, right=("id", "generation"))


def _where(row: UploadRow) -> str:
    """Return for which other dashboard an upload was."""
    if row["url"] is None:
        return "for a dashboard that was not written down"
    return f"for {Destination(row['url'], row['account'])}"


def _remark(row: UploadRow) -> str:
    remarks = ["sent before a number was erased"] if row["erased"] else []
    if row["elsewhere"]:
        remarks.append(_where(row))
    elif row["superseded"]:
        remarks.append("superseded")
    if row["parent"] is not None:
        remarks.append(f"part of {row['parent']}")
    if row["possible_duplicate"]:
        remarks.append("possible duplicate")
    if row["vouched"]:
        remarks.append("as a person said")
    if row["state"] == "accepted":
        if row["reported_calls"] is None:
            remarks.append("the answer held no count")
        elif row["reported_calls"] != row["calls"]:
            remarks.append(f"counts differ by {row['reported_calls'] - row['calls']:+d}")
    elif row["detail"]:
        remarks.append(row["detail"])
    return "; ".join(remarks)


_COLUMNS: Final[dict[str, Callable[[UploadRow], object]]] = {
    "id": lambda row: row["id"],
    "state": lambda row: row["state"],
    "decided": lambda row: stamp(row["prepared_at"]),
    "records": lambda row: f"{row['lines']:,}",
    "calls": lambda row: f"{row['calls']:,}",
    "reported": lambda row: "" if row["reported_calls"] is None else f"{row['reported_calls']:,}",
    "bytes": lambda row: f"{row['bytes']:,}",
    "tries": lambda row: row["attempts"],
    "remark": _remark,
}
"""The table's columns, each with what stands in it."""


def _nothing_before(context: typer.Context) -> None:
    """Refuse options that stand before a subcommand, where nothing would heed them."""
    given = [name for name, value in context.params.items() if value not in (None, False)]
    if given:
        raise UsageError(
            f"options go behind `{context.invoked_subcommand}`",
            hint=f"Type `qlogship uploads {context.invoked_subcommand} --help`.",
        )


def _text(record: bytes) -> str:
    return record.decode("utf-8", "backslashreplace")
