"""What one upload does to the verdict; pure. Reconcile and the quick figures both ask here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.verdict.facts import Amount, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFacts:
    """What the ledger says of an upload of the present generation.

    `again` are its calls that an earlier accepted one carried, too; None: not counted.
    `open_sends` are the attempts that may have been stored and of which no answer tells; the
    one under way (`sending`) is among them. `vouched`: a person said that it is there once.
    """

    state: str
    calls: int
    records: int = 0
    reported: int | None = None
    again: int | None = 0
    open_sends: int = 0
    vouched: bool = False
    sending: bool = False

    @property
    def expected(self) -> int:
        """How many of its calls the dashboard did not have before."""
        return self.calls - (self.again or 0)

    @property
    def answers_nothing(self) -> bool:
        """Whether a first attempt was answered with 0, though there were calls to count.

        Of such a dashboard, a 0 for a repeat does not tell that it had the calls already.
        """
        return (
            self.state == "accepted"
            and not self.open_sends
            and self.reported == 0
            and self.expected > 0
        )


def reasons_of(upload: UploadFacts, *, zero_tells: bool) -> Iterator[tuple[Kind, Amount]]:
    """Yield what speaks against the numbers because of an upload, and by how much.

    `zero_tells`: no upload of this generation `answers_nothing`.
    """
    if upload.state == "split":
        return
    sends = upload.open_sends
    if upload.vouched:
        yield from _of_uncounted(upload)
    elif upload.state == "accepted":
        yield from _of_accepted(upload, zero_tells=zero_tells)
    elif upload.state == "prepared":
        if sends > upload.sending:
            yield Kind.REPEAT_WAITS, _amount(upload, more=(sends - upload.sending) * upload.calls)
    elif upload.state == "unknown" or sends:
        # What was refused, or dropped, may have been stored by an attempt before that.
        more = max(0, sends - 1) * upload.calls
        yield Kind.UNKNOWN, _amount(upload, fewer=upload.calls, more=more)
    elif upload.state == "rejected":
        yield Kind.QUARANTINED, _amount(upload, fewer=upload.calls)
    else:
        yield Kind.DROPPED, _amount(upload, fewer=upload.calls)


def _of_accepted(upload: UploadFacts, *, zero_tells: bool) -> Iterator[tuple[Kind, Amount]]:
    reported, calls, expected = upload.reported, upload.calls, upload.expected
    if upload.again is None:
        yield Kind.NOT_COUNTED, _amount(upload)
        if reported is not None and reported < calls:
            return  # perhaps the others are in an earlier one
    copies = upload.open_sends * calls
    if upload.open_sends:
        if reported == 0 and zero_tells and calls:
            yield from _of_uncounted(upload)
            return
        if reported is not None and reported < calls and reported != expected:
            fewer = max(0, expected - reported)
            yield Kind.REPEAT_DIFFERS, _amount(upload, fewer=fewer, more=copies)
            return
        yield Kind.DOUBLES, _amount(upload, more=copies)
    if reported is None:
        if calls:
            yield Kind.NO_COUNT, _amount(upload, fewer=expected, more=upload.again or 0)
    elif reported == calls != expected:
        yield Kind.COUNTED_TWICE, _amount(upload, more=calls - expected)
    elif reported != expected:
        off = reported - expected
        yield Kind.DIFFERS, _amount(upload, fewer=max(0, -off), more=max(0, off))


def _of_uncounted(upload: UploadFacts) -> Iterator[tuple[Kind, Amount]]:
    """Yield what is open of an upload that is there once, without a count of what is new in it.

    So it is when a person said so, and when a repeat was answered with 0. Calls that an
    earlier upload carried, too, may have been counted in each.
    """
    if upload.again is None:
        yield Kind.NOT_COUNTED, _amount(upload)
    elif upload.again:
        yield Kind.DOUBLES, _amount(upload, more=upload.again)


def _amount(upload: UploadFacts, *, fewer: int = 0, more: int = 0) -> Amount:
    return Amount(1, upload.calls, upload.records, fewer, more)
