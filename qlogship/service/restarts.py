"""Remembering, from one start to the next, that the last run failed.

The memory is one small file in the unit's RuntimeDirectory, which systemd keeps
over restarts and removes when the service is stopped, or has failed for good.
Without that directory, as when run by hand, nothing is remembered.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.atomic_file import NewFile
from qlogship.errors import QlogshipError
from qlogship.service import restart_delay as restarts
from qlogship.service.restart_delay import FailedRun, Start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

_FILE: Final = "last-run"


class Run:
    """One run of the service, in a `with`: what ends in an error counts, a normal end does not.

    `start` says what this run is to do before it opens anything. A file that cannot
    be read or written is no reason not to run: nothing is remembered then.
    """

    def __init__(self, environ: Mapping[str, str], *, monotonic: Callable[[], float]) -> None:
        # More than one, in a unit that somebody changed, are separated by colons.
        directory = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        self._path = Path(directory, _FILE) if directory else None
        self._monotonic = monotonic
        now = monotonic()
        self.start: Start = restarts.start(self._read(), now=now)
        # What is killed from now on has failed; whoever ends as he should takes it back.
        self._this = FailedRun(self.start.failures + 1, began=now)

    def works(self) -> None:
        """Note that the wait is over."""
        self._this = replace(self._this, began=self._monotonic())
        self._write()

    def __enter__(self) -> Self:
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        if error is None:
            self._forget()
            return
        # The text of an unforeseen error may hold anything, and stderr has it anyway.
        reason = error.message if isinstance(error, QlogshipError) else type(error).__name__
        self._this = replace(self._this, ended=self._monotonic(), reason=reason)
        self._write()

    def _read(self) -> FailedRun | None:
        if self._path is None:
            return None
        try:
            return _sound(json.loads(self._path.read_bytes()))
        except (OSError, ValueError):
            return None

    def _write(self) -> None:
        if self._path is None:
            return
        with (
            suppress(OSError),
            NewFile(self._path, path=self._path.with_suffix(".new")) as new,
        ):
            new.file.write(json.dumps(asdict(self._this)).encode())
            new.put_in_place()

    def _forget(self) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()


def _sound(found: object) -> FailedRun | None:
    """Return what was remembered; None when it is something else."""
    match found:
        case {
            "failures": int() as failures,
            "began": int() | float() as began,
            "ended": int() | float() | None as ended,
            "reason": str() | None as reason,
        }:
            return FailedRun(failures, began, ended, reason)
        case _:
            return None
