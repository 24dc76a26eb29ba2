"""Where the service stands, read from the tables it writes and from the queue_log itself."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from qlogship.clocks import Clocks
from qlogship.installation.owner import acting_as_caller
from qlogship.shipping.belonging import DECISIONS
from qlogship.shipping.destination import destination_of
from qlogship.source.follower import QueueLog
from qlogship.state.lock import complaint, holder
from qlogship.state.own_files import own_files
from qlogship.state.reader import Reader
from qlogship.verdict.assessment import as_json
from qlogship.verdict.quick import read_assessment

if TYPE_CHECKING:
    from qlogship.config import Settings


def report(settings: Settings) -> dict[str, Any]:
    """Return the status as `--json` prints it; times are epoch seconds."""
    there = destination_of(settings.dashboard)
    with Reader(settings.state.directory, there) as reader:
        pid = holder(settings.state.directory)
        now = reader.figures()
        destinations = reader.destinations(there) if now.undecided else None
        complains = complaint(settings.state.directory)
        troubles = [*([complains] if complains else []), *reader.troubles()]
        lag, source_trouble = _look_at_source(settings, reader)
        verdict = read_assessment(reader, settings)
    return {
        "verdict": as_json(verdict),
        "service": {"running": pid is not None, "pid": pid},
        "source": {
            "path": str(settings.source.path),
            "lag_bytes": lag,
            "trouble": source_trouble,
        },
        "archive": asdict(now.archive),
        "held": asdict(now.held),
        "waiting": asdict(now.waiting),
        "uploads": asdict(now.uploads),
        "calls": {"shipped": now.shipped.calls, "reported": now.shipped.reported_calls},
        "lines": {"shipped": now.shipped.lines},
        "last_accepted_at": now.last_accepted_at,
        "generation": now.generation,
        "resync": {"state": now.resync},
        "destination": {
            **asdict(there),
            "shared": settings.dashboard.shared,
            "undecided": now.undecided,
            "question": destinations.question if destinations else None,
            "decisions": [one.command for one in (DECISIONS if now.undecided else ())],
        },
        "troubles": [asdict(trouble) for trouble in troubles],
    }


def _look_at_source(settings: Settings, reader: Reader) -> tuple[int | None, str | None]:
    """Return the bytes that are not archived yet, and what is wrong with the file."""
    source = QueueLog(
        settings.source.path,
        archives=settings.source.archives,
        wanted_history=settings.source.history,
        cursor=reader.cursor,
        last_text_of=reader.archive.origins.last_text_of if reader.archive else None,
        own=partial(own_files, settings),
        clocks=Clocks(),
    )
    try:
        # The service may have groups that its user has not (a drop-in of its unit).
        with acting_as_caller():
            lag = source.survey()
    finally:
        source.close()
    trouble = source.trouble
    return (lag if trouble is None else None), (trouble.message if trouble else None)
