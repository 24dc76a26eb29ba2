"""`qlogship check`: look the whole installation over, and say what to do about it.

Three parts that know nothing of each other's business: `facts` asks the machine,
`judging` decides, `terminal`, `document` and `monitor` show. This file joins them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qlogship.errors import QlogshipError, UsageError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from qlogship.check.monitor import MonitorStatus, Thresholds


def check(
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Leave the network alone.", show_default=False),
    ] = False,
    asterisk_etc: Annotated[
        Path | None,
        typer.Option(
            "--asterisk-etc",
            metavar="DIR",
            help="Asterisk's configuration; else that of the running one, else /etc/asterisk.",
            show_default=False,
        ),
    ] = None,
    monitor: Annotated[
        bool,
        typer.Option(
            "--monitor",
            help="One line for Nagios or Icinga, from the state directory alone; it ends with 0"
            " OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
            show_default=False,
        ),
    ] = False,
    warning: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="With --monitor: a lag beyond this is a WARNING. [default: 900]",
            show_default=False,
        ),
    ] = None,
    critical: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="With --monitor: a lag beyond this is CRITICAL. [default: 3600]",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Look over settings, files, Asterisk, logrotate, dashboard and service; say what to do.

    It changes nothing. It looks the dashboard up, connects, and logs in once.
    Run it as root: only root can try what the service's user may read, and see
    which file Asterisk has open. What cannot be found out is marked with a
    question mark and is no fault.

    It ends with 0 when there is no problem; warnings are none. Of several
    problems the first of these counts: settings and secrets (10), login (12),
    dashboard and certificate (13), queue_log, Asterisk and its rotation (14), all
    else (1). docs/check.md explains every finding.
    """
    if monitor:
        status, text = _monitor(config, warning, critical, as_json=as_json)
        output.print_text(text)
        return int(status)
    if warning is not None or critical is not None:
        raise UsageError(
            "--warning and --critical go with --monitor", hint="Type `qlogship check --monitor`."
        )
    from qlogship.check.facts import gather
    from qlogship.check.findings import exit_code
    from qlogship.check.judging import judge
    from qlogship.check.machine import Machine

    facts = gather(Machine(asterisk_etc=asterisk_etc), config, offline=offline)
    findings = judge(facts)
    if as_json:
        from qlogship.check.document import document

        output.print_json(document(facts, findings))
    else:
        from qlogship.check.terminal import show

        show(findings)
    return exit_code(findings)


def _monitor(
    config: Path | None, warning: str | None, critical: str | None, *, as_json: bool
) -> tuple[MonitorStatus, str]:
    """Return status and line; whatever goes wrong is UNKNOWN, in the same form."""
    from qlogship.check import monitor
    from qlogship.check.facts.settings import chosen_path
    from qlogship.config import load

    needed = [chosen_path(config, os.environ)]
    try:
        if as_json:
            raise UsageError("--monitor prints one line", hint="Leave --json out.")
        limits = _thresholds(warning, critical)
        settings = load(config, environ=os.environ, secrets=False).settings
        needed.append(settings.state.directory)
        snapshot = monitor.read(settings, now=time.time())
        return monitor.line(snapshot, limits)
    except QlogshipError as error:
        return monitor.failure(error, closed=any(map(_is_closed, needed)))


def _is_closed(path: Path) -> bool:
    """Return whether whoever asks lacks the permission to read a file or a directory."""
    try:
        path.stat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return not os.access(path, os.R_OK, effective_ids=True)


def _thresholds(warning: str | None, critical: str | None) -> Thresholds:
    from qlogship.check.monitor import CRITICAL_LAG, WARNING_LAG, Thresholds

    found = Thresholds(
        _seconds("--warning", warning, WARNING_LAG), _seconds("--critical", critical, CRITICAL_LAG)
    )
    if found.warning > found.critical:
        raise UsageError(
            f"--warning {found.warning:g} is more than --critical {found.critical:g}",
            hint="Give the larger number with --critical.",
        )
    return found


def _seconds(option: str, text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(
            f"{option} {text!r} is no number of seconds", hint=f"Write it as {option} {default:g}."
        )
    return seconds
