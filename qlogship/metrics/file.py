"""The metrics as a file, for the textfile collector of Prometheus' node_exporter.

No port is opened. The file is written anew beside itself and renamed, so that it
is never read half; its directory is read every few seconds, by whatever reads it.
What goes wrong here is a trouble that is said, and stops nothing.
"""

from __future__ import annotations

import errno
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from qlogship import __version__
from qlogship.atomic_file import NewFile
from qlogship.errors import StateError
from qlogship.metrics.text import RESYNC_STATES, UPLOAD_STATES, VERDICT_LEVELS, Sample, render
from qlogship.shipping.destination import destination_of
from qlogship.verdict.circumstances import Circumstances
from qlogship.verdict.quick import quick_assessment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qlogship.clocks import Clocks
    from qlogship.config import Settings
    from qlogship.state.figures import Figures
    from qlogship.state.store import Store
    from qlogship.troubles.notices import Notices
    from qlogship.verdict.facts import Level

EVERY: Final = 15.0
"""Seconds between two files, at least; no more than a poll longer when nothing happens."""

_RESTLESS: Final = 1.0
"""Seconds between two files while troubles come and go."""

_MODE: Final = 0o644
"""Whatever the umask: node_exporter is another user."""

_KIND: Final = "metrics"
_STATE: Final = "state"


@dataclass(frozen=True, slots=True)
class Reading:
    """How things stand. None is what is not known now.

    `all_counted` tells whether the calls in the archive are, all of them.
    """

    figures: Figures
    all_counted: bool
    unread_bytes: int | None
    troubles: tuple[str, ...]
    verdict: Level


def values(
    reading: Reading, settings: Settings, *, up: bool, started_at: float, now: float
) -> dict[str, list[Sample]]:
    """Return the value of each metric of which something is known; times are epoch seconds."""
    figures = reading.figures
    lag_is_known = figures.waiting.since is not None or not figures.waiting.lines
    plain: dict[str, float | None] = {
        "up": int(up),
        "start_time_seconds": started_at,
        "last_step_timestamp_seconds": now,
        "unread_bytes": reading.unread_bytes,
        "lag_seconds": figures.lag(now) if lag_is_known else None,
        "waiting_records": figures.waiting.lines,
        "held_calls": figures.held.calls,
        "held_records": figures.held.lines,
        "archived_calls_total": figures.archive.calls if reading.all_counted else None,
        "archived_records_total": figures.archive.lines,
        "archived_bytes_total": figures.archive.bytes,
        "odd_records_total": figures.archive.odd_lines,
        "torn_records_total": figures.archive.torn_lines,
        "shipped_calls_total": figures.shipped.calls,
        "shipped_records_total": figures.shipped.lines,
        "reported_calls_total": figures.shipped.reported_calls,
        "possible_duplicate_uploads": figures.uploads.possible_duplicates,
        "last_accepted_timestamp_seconds": figures.last_accepted_at,
        "generation": figures.generation,
        "destination_undecided": int(figures.undecided),
    }
    # A kind may name a file behind a blank; of labels there shall be few.
    troubles = Counter(kind.partition(" ")[0] for kind in reading.troubles)
    source = str(settings.source.path)
    uploads = {**asdict(figures.uploads), "superseded": figures.superseded}
    return {
        **{
            f"qlogship_{name}": [Sample(value)]
            for name, value in plain.items()
            if value is not None
        },
        "qlogship_info": [Sample(1, (__version__, source, settings.dashboard.url))],
        "qlogship_uploads": [Sample(uploads[state], (state,)) for state in UPLOAD_STATES],
        "qlogship_verdict": [
            Sample(int(level == reading.verdict), (level,)) for level in VERDICT_LEVELS
        ],
        "qlogship_resync_state": [
            Sample(int(state == figures.resync), (state,)) for state in RESYNC_STATES
        ],
        "qlogship_trouble": [Sample(count, (kind,)) for kind, count in sorted(troubles.items())],
    }


class Watched(Protocol):
    """What is asked of whoever does the work: what is wrong, and the bytes not archived yet."""

    @property
    def notices(self) -> Notices:
        """Where trouble is told of."""

    @property
    def lag(self) -> int | None:
        """The bytes that are not archived yet; None when the queue_log cannot be read."""


class MetricsFile:
    """Keep the file current, if the settings name one."""

    def __init__(self, settings: Settings, clocks: Clocks) -> None:
        self._settings = settings
        self._clocks = clocks
        self._started_at = clocks.wall()
        self._written_at: float | None = None
        self._kinds: frozenset[str] = frozenset()
        self._reading: Reading | None = None

    @property
    def _path(self) -> Path | None:
        return self._settings.metrics.textfile

    def follow(self, shipper: Watched, store: Store) -> None:
        """Write how things stand after a step, when that is due."""
        if self._path is None:
            shipper.notices.end(_KIND)  # of settings that named one
        if not self._is_due(shipper.notices.kinds):
            return
        try:
            self.look(shipper, store)
            self._put(up=True)
        except OSError as error:
            message = f"the metrics cannot be written to {self._path}: {error.strerror}"
            shipper.notices.begin(_KIND, message, _hint(error))
        except StateError as error:
            message = f"the metrics cannot be read: {error.message}"
            shipper.notices.begin(_KIND, message, error.hint)
        else:
            shipper.notices.end(_KIND)
        self._note(shipper.notices.kinds)

    def look(self, shipper: Watched, store: Store) -> None:
        """See how things stand, for the file to come. Raises `StateError`."""
        if self._path is not None:
            self._reading = _reading(store, self._settings, shipper.lag, shipper.notices.kinds)

    def repeat(self, failing: Store | None = None) -> None:
        """Write what is known, when that is due, while nothing can be done.

        The state directory is lent to a command, or cannot be written: then it is
        given as `failing`.
        """
        old = self._reading
        kinds = {*(old.troubles if old is not None else ()), *([_STATE] if failing else ())}
        if not self._is_due(kinds):
            return
        self._note(kinds)
        with suppress(OSError, StateError):
            if failing is not None:
                self._reading = _reading(failing, self._settings, None, kinds)
            elif old is not None:
                self._reading = replace(old, unread_bytes=None)
            self._put(up=True)

    def stop(self) -> None:
        """Write that the service has been stopped, with what was known last."""
        with suppress(OSError):
            self._put(up=False)

    def take(self, settings: Settings) -> None:
        """Go on with new settings; a file that they do not name any more is removed."""
        old = self._path
        self._settings = settings
        self._written_at = None
        if old is not None and old != self._path:
            with suppress(OSError):
                old.unlink()

    def _is_due(self, kinds: Iterable[str]) -> bool:
        if self._path is None:
            return False
        if self._written_at is None:
            return True
        passed = self._clocks.monotonic() - self._written_at
        return passed >= EVERY or (passed >= _RESTLESS and frozenset(kinds) != self._kinds)

    def _note(self, kinds: Iterable[str]) -> None:
        self._written_at = self._clocks.monotonic()
        self._kinds = frozenset(kinds)

    def _put(self, *, up: bool) -> None:
        """Replace the file, if there is anything to say. Raises OSError."""
        path, reading = self._path, self._reading
        if path is None or reading is None:
            return
        text = render(
            values(
                reading,
                self._settings,
                up=up,
                started_at=self._started_at,
                now=self._clocks.wall(),
            ),
            common=str(self._settings.state.directory),
        )
        # The collector reads what ends in .prom, so this one it leaves alone.
        beside = path.with_name(f".{path.name}.new")
        with NewFile(path, mode=_MODE, path=beside) as new:
            new.file.write(text.encode())
            new.put_in_place()


def _reading(
    store: Store, settings: Settings, unread_bytes: int | None, troubles: Iterable[str]
) -> Reading:
    """Ask the store how things stand, as `status` does. Raises `StateError`."""
    figures = store.figures(destination_of(settings.dashboard))
    with store.moment() as connection:
        told = Circumstances.of(settings)
        verdict = quick_assessment(connection, told, count_all=False).level
    # Whoever reads that the file cannot be written reads one that could.
    others = tuple(kind for kind in troubles if kind != _KIND)
    return Reading(figures, store.archive.calls.all_counted, unread_bytes, others, verdict)


def _hint(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "Make that directory, or change metrics.textfile in the settings."
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return (
            "Let the service's user write to that directory, and name it in ReadWritePaths= of the"
            " unit; docs/metrics.md shows both."
        )
    return "Look at that file and its directory, or change metrics.textfile in the settings."
