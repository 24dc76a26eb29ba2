"""Whether it is a Team Dashboard that answers, as far as a stranger can tell.

Here live one request without a token and without a file, and what its answer
says. A dashboard refuses such an upload with 401 or 403; other web servers do
not know the address. Only a login proves more.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from qlogship.dashboard.auth import GivenToken
from qlogship.dashboard.client import TeamDashboard

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.core.outcome import Answer


class Likeness(Enum):
    """Whether an answer is that of a Team Dashboard."""

    ALIKE = auto()
    UNLIKE = auto()
    UNSURE = auto()


def knock(url: str, ca_file: Path | None = None, *, timeout: float = 10.0) -> Answer:
    """Ask for an upload as a stranger, for at most `timeout` seconds; return what came back.

    Raises SettingsError when `url` or `ca_file` cannot be used.
    """
    stranger = GivenToken("")
    with TeamDashboard(url=url, credentials=stranger, timeout=timeout, ca_file=ca_file) as far:
        return far.knock()


def likeness(answer: Answer) -> Likeness:
    """Say whether the answer to a knock is that of a Team Dashboard."""
    status = answer.status
    if status in {401, 403}:
        return Likeness.ALIKE
    if status is None or status == 429 or status >= 500:
        return Likeness.UNSURE
    # An upload that nobody asked for is taken by no dashboard, and moved by none to another host.
    return Likeness.UNLIKE
