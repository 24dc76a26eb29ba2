"""`qlogship status`: where shipping stands, shown to people and to programs."""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated, Any

import typer

from qlogship.config import load
from qlogship.service.status import report
from qlogship.shipping.belonging import HINT, TROUBLE
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import stamp
from qlogship.wording import (
    ANOTHER_WRITER,
    ANOTHER_WRITER_HINT,
    SHARED,
    count,
    lasting,
    size,
    still_there,
)

_WATCH_EVERY = 2.0
_CLEAR_SCREEN = "\x1b[H\x1b[2J"


def status(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every two seconds.")
    ] = False,
) -> None:
    """Show where shipping stands: reading position, calls held back, uploads, trouble.

    It reads the state directory and the queue_log, whether or not the service
    runs, and changes nothing. Run it as root or as the user of the service.
    In JSON, times are epoch seconds and sizes are bytes.
    """
    settings = load(config, environ=os.environ, secrets=False).settings
    while True:
        found = report(settings)
        if as_json:
            output.print_json(found)
        else:
            if watch and sys.stdout.isatty():
                sys.stdout.write(_CLEAR_SCREEN)
            for line in lines(found, now=time.time()):
                output.print_text(line)
        if not watch:
            return
        output.flush()
        time.sleep(_WATCH_EVERY)


def lines(found: dict[str, Any], *, now: float) -> list[str]:
    """Return the status in words, one line per matter."""
    service, source, archive = found["service"], found["source"], found["archive"]
    uploads, calls, held = found["uploads"], found["calls"], found["held"]
    running = f"running (pid {service['pid']})" if service["running"] else "not running"
    lag, last = source["lag_bytes"], found["last_accepted_at"]
    unread = "cannot be read" if lag is None else size(lag) + " unread" if lag else "all read"
    kept = (count(archive["lines"], "record"), count(archive["calls"], "call"))
    shipped = f"{count(calls['shipped'], 'call')} in {count(uploads['accepted'], 'upload')}"
    accepted = "never" if last is None else f"{stamp(last)} ({lasting(now - last)} ago)"
    rows = [
        ("service", running),
        ("queue_log", f"{source['path']}: {unread}"),
        ("archive", ", ".join((*kept, size(archive["bytes"])))),
        *_left(archive),
        ("held back", f"{count(held['calls'], 'call')} not over yet" if held["calls"] else "none"),
        ("shipped", f"{shipped}; the dashboard counted {calls['reported']:,}"),
        ("last accepted", accepted),
        *_waiting(found, now),
    ]
    there = found["destination"]
    if there["undecided"]:
        rows += [("UNDECIDED", there["question"]), ("", HINT)]
    if there["shared"]:
        rows.append(("shared", SHARED))
    elif uploads["overcounted"]:
        rows += [("SUSPECTED", ANOTHER_WRITER), ("", ANOTHER_WRITER_HINT)]
    if uploads["erased"]:
        rows.append(("ERASED", still_there(uploads["erased"])))
    if found["resync"]["state"] != "idle":
        rows.append(("RESYNC", f"{found['resync']['state']}; type `qlogship resync` to watch it"))
    rows.append(("VERDICT", found["verdict"]["text"]))
    reasons = found["verdict"]["reasons"]
    if len(reasons) > 1:
        rows += [
            ("", f"{reason['text']}: {reason['hint']}") for reason in reasons if reason["hint"]
        ]
    # While the service runs it is among its troubles; the words shall stand here once.
    troubles = [
        (trouble["message"], trouble["hint"])
        for trouble in found["troubles"]
        if trouble["kind"] != TROUBLE
    ]
    if source["trouble"] and all(source["trouble"] != message for message, _ in troubles):
        troubles.append((source["trouble"], ""))
    for message, hint in troubles:
        rows.append(("TROUBLE", message))
        if hint:
            rows.append(("", hint))
    return [f"{name:<15}{output.printable(text)}".rstrip() for name, text in rows]


def _left(archive: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what of that is not there any more, as state.keep asks."""
    if not archive["left_lines"]:
        return []
    begins = stamp(archive["begins_at"], seconds=False)
    gone = count(archive["left_lines"], "older record")
    return [("", f"it begins at {begins}; without {gone} (state.keep)")]


def _waiting(found: dict[str, Any], now: float) -> list[tuple[str, str]]:
    """Return what waits to be shipped: the uploads that are decided, and all records."""
    waiting, uploads = found["waiting"], found["uploads"]["pending"]
    texts = [count(uploads, "upload")] if uploads else []
    if waiting["lines"]:
        since = waiting["since"]
        age = f", the oldest for {lasting(now - since)}" if since is not None else ""
        texts.append(f"{count(waiting['lines'], 'record')}{age}")
    return [("" if row else "waiting", text) for row, text in enumerate(texts or ["none"])]
