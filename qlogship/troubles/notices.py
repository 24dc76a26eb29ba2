"""What is wrong now: said once in the log, kept for `status`, forgotten when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from qlogship.clocks import Clocks
    from qlogship.troubles.rows import Troubles


class Notices:
    """Tell the log when a trouble begins and ends, and write both down.

    What is to be written waits for `write`, in the caller's transaction.
    """

    def __init__(self, troubles: Troubles, log: Any, clocks: Clocks) -> None:  # noqa: ANN401
        self._troubles = troubles
        self._log = log
        self._clocks = clocks
        self._now: dict[str, str] = {trouble.kind: trouble.message for trouble in troubles.all()}
        self._said: set[str] = set()
        self._unwritten: dict[str, tuple[str, str] | None] = {}

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of trouble there are now, each with its message."""
        return self._now

    def begin(self, kind: str, message: str, hint: str, *, grave: bool = False) -> None:
        """Note a trouble; it is said once while it lasts, as an error when `grave`."""
        if self._now.get(kind) != message:
            self._now[kind] = message
            self._unwritten[kind] = (message, hint)
        if kind not in self._said:
            self._said.add(kind)
            say = self._log.error if grave else self._log.warning
            say("trouble_began", kind=kind, message=message, hint=hint)

    def end(self, kind: str) -> None:
        """Note that a trouble is over."""
        if kind in self._now:
            self._log.info("trouble_ended", kind=kind)
            del self._now[kind]
            self._said.discard(kind)
            self._unwritten[kind] = None

    def end_all(self, prefix: str, *, but: set[str] | None = None) -> None:
        """Note that all troubles whose kind begins with `prefix` are over, `but` some."""
        for kind in [kind for kind in self._now if kind.startswith(prefix)]:
            if but is None or kind not in but:
                self.end(kind)

    def write(self) -> None:
        """Write down what changed; the caller holds the transaction."""
        for kind, trouble in self._unwritten.items():
            if trouble is None:
                self._troubles.clear(kind)
            else:
                self._troubles.save(
                    kind, at=self._clocks.wall(), message=trouble[0], hint=trouble[1]
                )
        self._unwritten.clear()
