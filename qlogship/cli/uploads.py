"""`qlogship uploads`: the ledger; what was in an upload; which uploads carried a call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlogship.config import load
from qlogship.errors import UsageError
from qlogship.queue_log.events import ENTERQUEUE, NO_CALL
from qlogship.queue_log.records import parse
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import epoch, stamp
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qlogship.shipping.ledger import Attempt, Upload
    from qlogship.state.reader import Snapshot

_ROWS = 20
_SHOWN = 10
"""Files and calls that are shown to people; --json has them all."""

UploadArgument = Annotated[
    int, typer.Argument(metavar="ID", help="The upload's number.", show_default=False)
]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def uploads(  # noqa: PLR0917 -- typer calls it by name
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Show at most so many; else 20, or all with --json.", show_default=False
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those decided since then: 2026-11-23, or 2026-11-23T08:00 (local time).",
            show_default=False,
        ),
    ] = None,
    call: Annotated[
        str | None,
        typer.Option(
            metavar="CALLID",
            help="Only those that carried records of this call; it reads the whole archive.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what was uploaded, newest first: what was in it, when, and what came back.

    States: prepared (not answered yet), accepted, unknown (the answer was lost),
    rejected (quarantined), split (refused or too big; its parts went instead),
    dropped (given up by a person). In JSON, times are epoch seconds.
    """
    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return
    directory = load(config, environ=os.environ, secrets=False).settings.state.directory
    if call is not None:
        if limit is not None or since is not None:
            raise UsageError(
                "--call goes without --limit and --since", hint="Type it without these."
            )
        _show_carriers(directory, call, as_json=as_json)
        return
    if limit is None and not as_json:
        limit = _ROWS
    with Reader(directory) as reader, reader.snapshot() as state:
        found = state.ledger.uploads(limit=limit, since=epoch("--since", since)) if state else []
        present = state.ledger.generation() if state else 1
    if as_json:
        output.print_json([as_row(upload, present=present) for upload in found])
        return
    if not found:
        output.print_text("No uploads yet.")
        return
    output.print_table(
        ("id", "state", "decided", "records", "calls", "reported", "bytes", "tries", "remark"),
        [
            (
                upload.id,
                upload.state,
                stamp(upload.prepared_at),
                f"{upload.lines:,}",
                f"{upload.calls:,}",
                "" if upload.reported_calls is None else f"{upload.reported_calls:,}",
                f"{upload.bytes:,}",
                upload.attempts,
                _remark(upload, present=present),
            )
            for upload in found
        ],
    )


@app.command()
def show(
    upload_id: UploadArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show one upload: where its records came from, its calls, each attempt, the answer.

    The bytes of a file are counted from 0, the last one left out; of a compressed
    file they are those of its text. In JSON, times are epoch seconds.
    """
    settings = load(config, environ=os.environ, secrets=False).settings
    with Reader(settings.state.directory) as reader, reader.snapshot() as state:
        upload = state.ledger.find(upload_id) if state else None
        if state is None or upload is None:
            raise UsageError(
                f"there is no upload {upload_id}", hint="Type `qlogship uploads` to see which are."
            )
        found = report(state, upload)
    print_report(found, as_json=as_json)


def as_row(upload: Upload, *, present: int) -> dict[str, Any]:
    """Return an upload as `--json` prints it; times are epoch seconds.

    `present` is the generation that counts now.
    """
    return {
        "id": upload.id,
        "generation": upload.generation,
        "superseded": upload.generation < present,
        "parent": upload.parent,
        "state": upload.state,
        "lines": upload.lines,
        "calls": upload.calls,
        "reported_calls": upload.reported_calls,
        "bytes": upload.bytes,
        "sha256": upload.sha256,
        "first_time": upload.first_time,
        "last_time": upload.last_time,
        "attempts": upload.attempts,
        "possible_duplicate": upload.possible_duplicate,
        "http_status": upload.http_status,
        "prepared_at": upload.prepared_at,
        "answered_at": upload.answered_at,
        "not_before": upload.not_before,
        "detail": upload.detail,
        "answer": upload.answer,
    }


def report(state: Snapshot, upload: Upload) -> dict[str, Any]:
    """Return all that is known of an upload, as `show --json` prints it."""
    lines = state.archive.text(upload.runs).split(b"\n")[:-1]
    records = filter(None, map(parse, lines))
    callids = dict.fromkeys(record.callid for record in records if record.event == ENTERQUEUE)
    return {
        **as_row(upload, present=state.ledger.generation()),
        "parts": state.ledger.parts(upload),
        "files": [
            {
                "path": place.path,
                "start": place.start,
                "end": place.end,
                "lines": place.last_seq - place.first_seq + 1,
                "first_seq": place.first_seq,
                "last_seq": place.last_seq,
            }
            for place in state.contents.places(upload.runs)
        ],
        "callids": [_text(callid) for callid in callids if callid not in NO_CALL],
        "first_record": _text(lines[0]),
        "last_record": _text(lines[-1]),
        "history": [_attempt_as_row(attempt) for attempt in state.ledger.attempts(upload)],
    }


def print_report(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what `report` returned."""
    if as_json:
        output.print_json(found)
        return
    for name, text in _rows(found):
        output.print_text(f"{name:<15}{output.printable(text)}".rstrip())


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return an upload in words, one line per matter."""
    superseded = ", superseded by a resync" if found["superseded"] else ""
    doubt = ", possible duplicate" if found["possible_duplicate"] else ""
    rows = [
        ("upload", f"{found['id']} (generation {found['generation']}{superseded})"),
        ("state", found["state"] + doubt),
        ("decided", stamp(found["prepared_at"])),
        ("records", f"{found['lines']:,} ({found['bytes']:,} bytes, sha256 {found['sha256']})"),
    ]
    if found["parent"] is not None:
        rows.append(("part of", f"upload {found['parent']}"))
    if found["parts"]:
        rows.append(("split into", "uploads " + ", ".join(map(str, found["parts"]))))
    rows += [
        ("first record", found["first_record"]),
        ("last record", found["last_record"]),
    ]
    rows += _some(
        "from",
        [
            f"{place['path']}, bytes {place['start']:,} to {place['end']:,}"
            f" ({count(place['lines'], 'record')})"
            for place in found["files"]
        ],
    )
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


def _attempt_as_row(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "sent_at": attempt.sent_at,
        "answered_at": attempt.answered_at,
        "verdict": attempt.verdict,
        "http_status": attempt.http_status,
        "detail": attempt.detail,
    }


def _attempt_in_words(attempt: dict[str, Any]) -> str:
    sent = stamp(attempt["sent_at"])
    if attempt["verdict"] is None:
        return f"{sent}: under way, or cut off"
    seconds = max(0.0, attempt["answered_at"] - attempt["sent_at"])
    return f"{sent}, after {seconds:.1f} s: {attempt['verdict']}; {attempt['detail']}"


def _show_carriers(directory: Path, callid: str, *, as_json: bool) -> None:
    """Print the uploads that carried a call, of all generations, newest first."""
    wanted = os.fsencode(callid)
    if wanted in NO_CALL:
        raise UsageError(
            f"--call {callid!r} names no call",
            hint="Give a call's id, the second column of the queue_log.",
        )
    with Reader(directory) as reader, reader.snapshot() as state:
        seqs = state.contents.seqs_of(wanted) if state else []
        rows = []
        if state is not None and seqs:
            present = state.ledger.generation()
            for number, count in state.contents.carriers(seqs):
                upload = state.ledger.find(number)
                if upload is not None:
                    rows.append((upload, count, _remark(upload, present=present)))
    if as_json:
        output.print_json(
            [as_row(upload, present=present) | {"records": count} for upload, count, _ in rows]
        )
        return
    if not seqs:
        output.print_text(f"The archive holds no record of call {output.printable(callid)}.")
        return
    if not rows:
        output.print_text(
            f"{len(seqs):,} records of call {output.printable(callid)} are in the archive, "
            "and none in an upload yet."
        )
        return
    output.print_table(
        ("id", "generation", "state", "decided", "records of it", "remark"),
        [
            (
                upload.id,
                upload.generation,
                upload.state,
                stamp(upload.prepared_at),
                f"{count} of {len(seqs)}",
                remark,
            )
            for upload, count, remark in rows
        ],
        right=("id", "generation"),
    )


def _remark(upload: Upload, *, present: int) -> str:
    remarks = []
    if upload.generation < present:
        remarks.append("superseded")
    if upload.parent is not None:
        remarks.append(f"part of {upload.parent}")
    if upload.possible_duplicate:
        remarks.append("possible duplicate")
    if upload.state == "accepted":
        if upload.reported_calls is None:
            remarks.append("the answer held no count")
        elif upload.reported_calls != upload.calls:
            remarks.append(f"counts differ by {upload.reported_calls - upload.calls:+d}")
    elif upload.detail:
        remarks.append(upload.detail)
    return "; ".join(remarks)


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
