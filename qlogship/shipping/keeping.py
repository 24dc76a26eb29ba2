"""When what is too old leaves the archive: once a day, while there is nothing better to do."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from qlogship.config.amounts import first_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.archive.retention import Retention
    from qlogship.clocks import Clocks

_EVERY: Final = 86_400.0


class Keeping:
    """Keep so many months as `state.keep` says; None keeps all.

    `begin` begins a pass over what is older than a time (`archive/retention.py`). The caller
    holds the transaction.
    """

    def __init__(
        self,
        keep: str | None,
        *,
        begin: Callable[[int], Retention],
        clocks: Clocks,
        log: Any,  # noqa: ANN401
    ) -> None:
        self._keep = keep
        self._begin = begin
        self._clocks = clocks
        self._log = log
        self._began_at: float | None = None
        self._pass: Retention | None = None

    def go_on(self) -> bool:
        """Let some of what is too old leave; return whether there is more to look at."""
        now = self._clocks.monotonic()
        if self._pass is None:
            recent = self._began_at is not None and now - self._began_at < _EVERY
            if self._keep is None or recent:
                return False
            local = datetime.fromtimestamp(self._clocks.wall())  # noqa: DTZ006
            before = first_kept(self._keep, now=local)
            if before is None:
                return False
            self._began_at, self._pass = now, self._begin(before)
        more = self._pass.go_on(at=self._clocks.wall())
        if not more:
            if self._pass.records:
                self._log.info("records_left_archive", lines=self._pass.records, keep=self._keep)
            self._pass = None
        return more

    def drop(self) -> None:
        """Begin anew the next time: what was accepted may count no more."""
        self._began_at = self._pass = None
