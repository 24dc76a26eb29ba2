"""`qlogship run`: the service, or one round of it."""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from qlogship import log
from qlogship.cli import output
from qlogship.cli.app import ConfigOption
from qlogship.cli.identity import become_owner
from qlogship.config import load
from qlogship.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from qlogship.config import Settings


def run(
    config: ConfigOption = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Ship all that is complete now, then exit.", show_default=False
        ),
    ] = False,
    flush: Annotated[
        bool,
        typer.Option(
            "--flush", help="With --once: ship calls that are still open, too.", show_default=False
        ),
    ] = False,
) -> ExitCode:
    """Follow the queue_log, archive it and ship it to the dashboard, until stopped.

    SIGTERM stops it, SIGHUP makes it read the settings again. It logs to stderr.
    Under systemd (Type=notify) it says when it is ready, how it stands, and
    feeds the watchdog. Where the unit has a RuntimeDirectory, it waits before it
    starts after runs that failed: not after the first, then longer and longer, up
    to five minutes.

    With --once it ends when everything that may go has gone. A call that has
    just ended is given the seconds of batch.settle to go on.
    """
    if flush and not once:
        raise UsageError("--flush goes with --once", hint="Type `qlogship run --once --flush`.")

    def read_settings() -> Settings:
        loaded = load(config, environ=os.environ)
        settings = loaded.settings
        log.configure(settings.log.level, settings.log.format, environ=os.environ)
        output.print_warnings(loaded.warnings)
        return settings

    settings = read_settings()
    become_owner(settings.state.directory)
    logger = log.get_logger()
    if once:
        from qlogship.service.once import run_once

        _spare_the_collector()
        return run_once(settings, flush=flush, log=logger)

    from qlogship.service.restarts import Run
    from qlogship.service.run import Service, signals

    service = Service(settings, read_settings, log=logger)
    _spare_the_collector()
    with signals(service), Run(os.environ, monotonic=time.monotonic) as this:
        if this.start.wait and not service.hold_off(this.start):
            return ExitCode.DONE
        this.works()
        return service.run()


def _spare_the_collector() -> None:
    """Keep the garbage collector from what it cannot collect.

    What is imported by now stays for good. And a backlog makes a list for each
    record, millions of them, none in a cycle: they are not worth a look each.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
