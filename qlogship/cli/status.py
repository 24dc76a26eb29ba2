"""`qlogship status`: where shipping stands, shown to people and to programs."""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated, Any

import typer

from qlogship.config import load
from qlogship.service.status import report
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption
from qlogship.terminal.times import stamp
from qlogship.wording import count, lasting, size

_WATCH_EVERY = 2.0


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
    if not watch:
        _show(report(settings), as_json=as_json)
        return
    while True:
        found = report(settings)
        if not as_json:
            _clear_screen()
        _show(found, as_json=as_json)
        output.flush()
        time.sleep(_WATCH_EVERY)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    for line in lines(found, now=time.time()):
        output.print_text(line)


def lines(found: dict[str, Any], *, now: float) -> list[str]:
    """Return the status in words, one line per matter."""
    service, source, archive = found["service"], found["source"], found["archive"]
    uploads, calls, held = found["uploads"], found["calls"], found["held"]
    running = f"running (pid {service['pid']})" if service["running"] else "not running"
    lag = source["lag_bytes"]
    unread = "cannot be read" if lag is None else size(lag) + " unread" if lag else "all read"
    shipped = (
        f"{count(calls['shipped'], 'call')} in {count(uploads['accepted'], 'upload')}; "
        f"the dashboard counted {calls['reported']:,}"
    )
    rows = [
        ("service", running),
        ("queue_log", f"{source['path']}: {unread}"),
        (
            "archive",
            ", ".join(
                (
                    count(archive["lines"], "record"),
                    count(archive["calls"], "call"),
                    size(archive["bytes"]),
                )
            ),
        ),
        ("held back", f"{count(held['calls'], 'call')} not over yet" if held["calls"] else "none"),
        (
            "shipped",
            shipped,
        ),
        ("last accepted", _ago(found["last_accepted_at"], now)),
        *_waiting(found, now),
    ]
    if found["resync"]["state"] != "idle":
        rows.append(("RESYNC", f"{found['resync']['state']}; type `qlogship resync` to watch it"))
    if uploads["unknown"]:
        rows.append(("IN DOUBT", f"{count(uploads['unknown'], 'upload')} without a known outcome"))
    if uploads["possible_duplicates"]:
        rows.append(
            ("IN DOUBT", f"{count(uploads['possible_duplicates'], 'upload')} may be counted twice")
        )
    if uploads["quarantined"]:
        rows.append(("QUARANTINE", f"{count(uploads['quarantined'], 'upload')} refused for good"))
    troubles = [(trouble["message"], trouble["hint"]) for trouble in found["troubles"]]
    if source["trouble"] and all(source["trouble"] != message for message, _ in troubles):
        troubles.append((source["trouble"], ""))
    for message, hint in troubles:
        rows.append(("TROUBLE", message))
        if hint:
            rows.append(("", hint))
    return [f"{name:<15}{output.printable(text)}".rstrip() for name, text in rows]


def _waiting(found: dict[str, Any], now: float) -> list[tuple[str, str]]:
    """Return what waits to be shipped: the uploads that are decided, and all records."""
    waiting, uploads = found["waiting"], found["uploads"]["pending"]
    texts = [count(uploads, "upload")] if uploads else []
    if waiting["lines"]:
        since = waiting["since"]
        age = f", the oldest for {lasting(now - since)}" if since is not None else ""
        texts.append(f"{count(waiting['lines'], 'record')}{age}")
    return [("" if row else "waiting", text) for row, text in enumerate(texts or ["none"])]


def _ago(when: float | None, now: float) -> str:
    if when is None:
        return "never"
    return f"{stamp(when)} ({lasting(now - when)} ago)"


def _clear_screen() -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\x1b[H\x1b[2J")
