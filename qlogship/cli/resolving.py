"""What a person says of an upload whose fate no answer tells: it arrived once, or it was lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal

import typer

from qlogship.errors import UsageError
from qlogship.state.reader import Reader
from qlogship.terminal import output
from qlogship.wording import count

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.shipping.ledger import Ledger, Upload

Fate = Literal["arrived", "lost"]

_QUESTIONS: Final[dict[Fate, str]] = {
    "arrived": "Does the dashboard hold it exactly once?",
    "lost": "Is it sure that the dashboard does not hold it? It is sent again then.",
}


def fate_of(*, arrived: bool, lost: bool) -> Fate:
    """Return which of the two options was given; raise UsageError for none or both."""
    if arrived == lost:
        raise UsageError(
            "say what became of it: --arrived or --lost",
            hint="Look into the dashboard: are the calls of `qlogship uploads show ID` there?",
        )
    return "arrived" if arrived else "lost"


def resolve(settings: Settings, upload_id: int, fate: Fate, *, yes: bool) -> Upload | None:
    """Write down what became of an upload, which a running service lends the state for.

    Return it, None when nothing was changed. Raises UsageError for one that is not in doubt.
    """
    with Reader(settings.state.directory) as reader, reader.snapshot() as state:
        upload = _in_doubt(state.ledger if state is not None else None, upload_id, fate)
    if not yes and not _agreed(upload, fate):
        return None
    from qlogship.service.handover import borrowed

    with borrowed(settings) as store, store.transaction():
        # Once more: the service may have changed it while somebody thought about it.
        upload = _in_doubt(store.ledger, upload_id, fate)
        if fate == "arrived":
            store.ledger.vouch(upload)
        else:
            store.ledger.lost(upload)
        return store.ledger.find(upload_id)


def in_words(upload: Upload, fate: Fate) -> str:
    """Say what was done to it."""
    what = f"Upload {upload.id} ({_content(upload)})"
    if fate == "lost":
        return f"{what} will be sent again."
    return f"{what} counts as uploaded once, because you said so."


def _in_doubt(ledger: Ledger | None, upload_id: int, fate: Fate) -> Upload:
    upload = ledger.find(upload_id) if ledger is not None else None
    if ledger is None or upload is None:
        raise UsageError(
            f"there is no upload {upload_id}", hint="Type `qlogship uploads` to see which are."
        )
    if upload.generation != ledger.generation():
        raise UsageError(
            f"upload {upload_id} was superseded by a resync",
            hint="Nothing need be said of it any more.",
        )
    if any(one.id == upload_id for one in ledger.cut_off()):
        raise UsageError(
            f"upload {upload_id} is being sent just now",
            hint="Wait for its answer, then look at `qlogship uploads`.",
        )
    if upload.state == "unknown":
        return upload
    doubted = upload.possible_duplicate or upload.answer.reported_calls is None
    if upload.state != "accepted" or upload.vouched or not doubted:
        how = f"{upload.state}, as you said" if upload.vouched else upload.state
        raise UsageError(
            f"upload {upload_id} is not in doubt, it is {how}",
            hint="Type `qlogship uploads` to see which are.",
        )
    if fate == "lost":
        raise UsageError(
            f"upload {upload_id} was accepted, so it was not lost",
            hint="If the dashboard does not show its calls, type `qlogship resync --dry-run`.",
        )
    return upload


def _agreed(upload: Upload, fate: Fate) -> bool:
    """Ask; raise UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked whether that is so: stdin is no terminal",
            hint="Add --yes to do it without asking.",
        )
    said = upload.answer.detail or "no answer was recorded"
    output.print_note(f"upload {upload.id}: {_content(upload)}; {said}")
    return typer.confirm(_QUESTIONS[fate], err=True)


def _content(upload: Upload) -> str:
    return f"{count(upload.composition.calls, 'call')}, {count(upload.composition.lines, 'record')}"
