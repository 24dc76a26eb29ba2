"""Whether a ledger belongs to the destination that the settings name; pure.

Theory of operation. A generation is bound to a destination before anything is sent in it.
When the settings name another one, what was reported says nothing about that, and only a
person knows which of three things is true: see `DECISIONS`. Until somebody says so, the
archive grows and nothing is sent, neither an upload nor a clear. Where nothing was ever
sent there is nothing to ask: the generation is bound to whatever the settings name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from qlogship.shipping.destination import Destination

TROUBLE: Final = "destination"
"""The kind of trouble that it is while nobody has decided."""

HINT: Final = "Type `qlogship destination` to see the three decisions, and make one."


class Belonging(StrEnum):
    """How a ledger stands to the destination of the settings."""

    FITS = "fits"
    UNBOUND = "unbound"
    UNDECIDED = "undecided"


def belonging(bound: Destination | None, wanted: Destination, *, ever_sent: bool) -> Belonging:
    """Return how a generation that is bound to a destination, or to none, stands to `wanted`.

    `ever_sent`: a dashboard may hold, or has answered, something of this ledger.
    """
    if bound == wanted:
        return Belonging.FITS
    return Belonging.UNDECIDED if ever_sent else Belonging.UNBOUND


@dataclass(frozen=True, slots=True)
class Decision:
    """One of the three decisions: the option of `qlogship destination`, and what it means."""

    name: str
    option: str
    words: str
    follows: str

    @property
    def command(self) -> str:
        """What to type for it."""
        return f"qlogship destination {self.option}"


EVERYTHING: Final = Decision(
    "everything",
    "--everything",
    "ship everything there",
    "the whole archive is uploaded to it, in the order of time; with --clear the dashboard is"
    " cleared first, which ends every doubt about what it held",
)
FROM_NOW: Final = Decision(
    "from-now",
    "--from-now",
    "ship only what comes from now on",
    "records archived so far stay where they were sent; calls in progress go whole",
)
SAME: Final = Decision(
    "same",
    "--same",
    "it is the same dashboard under another name",
    "the ledger goes on as it is: what was reported stays reported",
)
DECISIONS: Final = (EVERYTHING, FROM_NOW, SAME)
"""The three decisions, in the words that they have everywhere."""


def question(bound: Destination | None, wanted: Destination) -> str:
    """Return in one sentence why somebody must decide."""
    if bound is None:
        return (
            f"the settings name {wanted}, and nothing says which dashboard the uploads so far"
            " went to (version 0.1.0 did not write that down); nothing is sent until somebody"
            " decides"
        )
    return (
        f"the settings name {wanted}, but this ledger belongs to {bound};"
        " nothing is sent until somebody decides"
    )
