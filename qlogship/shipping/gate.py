"""The gate before the dashboard: it is open only when the ledger belongs there.

It is looked at whenever the shipper is made: at the start, after a reload, and when a
command gives the state directory back. The rule is in `belonging`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlogship.shipping.belonging import HINT, TROUBLE, Belonging, question

if TYPE_CHECKING:
    from qlogship.clocks import Clocks
    from qlogship.shipping.destination import Destination
    from qlogship.shipping.generations import Generations
    from qlogship.troubles.notices import Notices


class DestinationGate:
    """Tell whether anything may be sent to `wanted`; the caller holds the transaction.

    Where nothing was ever sent, the ledger belongs to `wanted` from now on.
    """

    def __init__(
        self,
        wanted: Destination,
        *,
        generations: Generations,
        notices: Notices,
        clocks: Clocks,
        log: Any,  # noqa: ANN401
    ) -> None:
        self._generations = generations
        self._clocks = clocks
        current = generations.current()
        standing = generations.standing(wanted)
        self.is_open = standing is not Belonging.UNDECIDED
        if not self.is_open:
            notices.begin(TROUBLE, question(current.destination, wanted), HINT, grave=True)
            return
        notices.end(TROUBLE)
        if standing is Belonging.UNBOUND:
            generations.bind(wanted)
            log.info("destination_bound", url=wanted.url, account=wanted.account)

    def begin_sending(self) -> None:
        """Write when the generation was begun, before the first upload of it is sent."""
        current = self._generations.current()
        if current.begun_at is None:
            self._generations.write(replace(current, begun_at=self._clocks.wall()))
