"""`qlogship uploads`: the ledger, one row per upload."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlogship.cli import output
from qlogship.cli.app import ConfigOption, JsonOption
from qlogship.cli.times import epoch
from qlogship.config import load
from qlogship.store.reader import Reader

if TYPE_CHECKING:
    from qlogship.store.ledger import Upload

_ROWS = 20


def uploads(
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
) -> None:
    """Show what was uploaded, newest first: what was in it, when, and what came back.

    States: prepared (not answered yet), accepted, unknown (the answer was lost),
    rejected (quarantined). In JSON, times are epoch seconds.
    """
    settings = load(config, environ=os.environ, secrets=False).settings
    if limit is None and not as_json:
        limit = _ROWS
    with Reader(settings.state.directory) as reader:
        found = reader.uploads(limit=limit, since=epoch("--since", since))
    if as_json:
        output.print_json([as_row(upload) for upload in found])
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
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(upload.prepared_at)),
                f"{upload.lines:,}",
                f"{upload.calls:,}",
                "" if upload.reported_calls is None else f"{upload.reported_calls:,}",
                f"{upload.bytes:,}",
                upload.attempts,
                _remark(upload),
            )
            for upload in found
        ],
    )


def as_row(upload: Upload) -> dict[str, Any]:
    """Return an upload as `--json` prints it; times are epoch seconds."""
    return {
        "id": upload.id,
        "generation": upload.generation,
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


def _remark(upload: Upload) -> str:
    remarks = []
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
