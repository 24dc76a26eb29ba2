"""What there is to see at one moment of the demo: values, and nothing that makes or shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from qlogship.sandbox.storage import Summary
from qlogship.state.figures import Figures

if TYPE_CHECKING:
    from qlogship.shipping.ledger import Upload
    from qlogship.troubles.rows import Trouble

ROTATION: Final = b""
"""Stands among the lines of a queue_log where a new file begins."""


class DemoPhase(Enum):
    """Where the play has got to, in words."""

    OPENING = "opening"
    PLAYING = "open for calls"
    CLOSING = "closing: the callers in the house are served"
    SHIPPING = "closed: qlogship ships the rest"
    STOPPING = "closed: qlogship is told to stop"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class CentreSnapshot:
    """The call centre; `tail` holds the newest lines, oldest first, with ROTATION between files.

    `size` is bytes. A call is answered when anybody answered it, and abandoned
    when the caller hung up before.
    """

    going_on: int = 0
    entered: int = 0
    answered: int = 0
    abandoned: int = 0
    records: int = 0
    size: int = 0
    rotations: int = 0
    tail: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSnapshot:
    """The service, as its own tables show it; `uploads` are the newest ones, newest first."""

    pid: int | None = None
    figures: Figures = Figures()  # noqa: RUF009
    uploads: tuple[Upload, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoSnapshot:
    """Everything: `elapsed` is in seconds, `url` and `summary` are the sandbox's."""

    phase: DemoPhase = DemoPhase.OPENING
    elapsed: float = 0.0
    speed: float = 1.0
    centre: CentreSnapshot = CentreSnapshot()
    service: ServiceSnapshot = ServiceSnapshot()
    url: str = ""
    summary: Summary = field(default_factory=Summary)
