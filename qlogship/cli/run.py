"""`qlogship run`: the service, or one round of it."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from qlogship import log
from qlogship.config import load
from qlogship.errors import ExitCode, UsageError
from qlogship.installation.owner import become_owner
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption

if TYPE_CHECKING:
    from qlogship.config import Settings


_M_MMAP_THRESHOLD: Final = -3  # malloc.h
_OWN_BLOCK: Final = 850 * 1024  # bytes; a full batch is above, all that is made more often below


def run(
    config: ConfigOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Ship all that is complete now, then exit.")
    ] = False,
    flush: Annotated[
        bool, typer.Option("--flush", help="With --once: ship calls that are still open, too.")
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
    logger = log.get_logger()
    if once:
        from qlogship.service.once import run_once

        become_owner(settings.state.directory)
        _keep_memory_flat()
        return run_once(settings, flush=flush, log=logger)

    from qlogship.service.confinement import confine
    from qlogship.service.restarts import Run
    from qlogship.service.run import Service, signals

    if "NOTIFY_SOCKET" in os.environ:
        confine()
    service = Service(settings, read_settings, log=logger)
    _keep_memory_flat()
    with signals(service), Run(os.environ, monotonic=time.monotonic) as this:
        if this.start.wait and not service.hold_off(this.start):
            return ExitCode.DONE
        this.works()
        return service.run()


def _keep_memory_flat() -> None:
    """Let neither the garbage collector nor the allocator keep what is not needed any more.

    What is imported by now stays for good. A backlog makes a list for each record,
    millions of them, none in a cycle: the youngest are not worth many looks. But
    httpx ties each request to its response, and such circles, a few objects for a
    whole batch, must not wait until there are many.

    glibc would raise the size from which it asks the kernel for a block of its own
    as soon as one is freed (mallopt(3), M_MMAP_THRESHOLD), and then keep batches
    in its heap, in pieces. Said once, the size stays.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 5, 5)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # a libc that is not glibc has none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _OWN_BLOCK)
