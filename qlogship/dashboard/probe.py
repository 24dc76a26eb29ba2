"""Whether it is a Team Dashboard that answers, as far as a stranger can tell.

Here live one request without a token and without a file, and what its answer
says. A dashboard refuses such an upload with 401 or 403; other web servers do
not know the address, take whatever comes, or send it on to another host. Only a
login proves more.
"""

from __future__ import annotations

import time
from contextlib import closing
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from qlogship.dashboard.address import leads_elsewhere
from qlogship.dashboard.auth import GivenToken
from qlogship.dashboard.client import UPLOAD_PATH
from qlogship.dashboard.exchange import Request, is_redirect, is_success
from qlogship.dashboard.session import Session
from qlogship.dashboard.verdicts import ABSENT, MEANINGS, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.dashboard.outcome import Answer


# Nobody there knows the address, or how to take an upload.
_STRANGE: Final = ABSENT | {501}


class Likeness(Enum):
    """Whether an answer is that of a Team Dashboard."""

    ALIKE = auto()
    UNLIKE = auto()
    UNSURE = auto()


def probe(url: str, ca_file: Path | None = None, *, timeout: float = 10.0) -> Answer:
    """Ask for an upload as a stranger, for at most `timeout` seconds; return what came back.

    Raises SettingsError when `url` or `ca_file` cannot be used.
    """
    stranger = Session(
        url=url,
        credentials=GivenToken(""),
        timeout=timeout,
        download_timeout=timeout,
        ca_file=ca_file,
        wall_clock=time.time,
    )
    with closing(stranger):
        return stranger.probe(Request(method="POST", path=UPLOAD_PATH))


def likeness(answer: Answer, url: str) -> Likeness:
    """Return whether the answer to a probe of `url` is that of a Team Dashboard."""
    status = answer.status
    if status in MEANINGS[Verdict.UNAUTHORIZED].statuses:
        return Likeness.ALIKE
    if is_redirect(status) and answer.location:
        return Likeness.UNLIKE if leads_elsewhere(url, answer.location) else Likeness.UNSURE
    return Likeness.UNLIKE if is_success(status) or status in _STRANGE else Likeness.UNSURE
