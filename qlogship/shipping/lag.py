"""Since when records have been waiting that could leave: read from the records themselves.

A record of no call may leave when it was written, a call when it is over. So a
call of two hours that has just ended has waited for seconds, though its first
record is two hours old; and one that is still open does not wait, it is held.
"""

from __future__ import annotations

from qlogship.queue_log.calls import NOBODY, CallTracker
from qlogship.queue_log.records import time_of


def waiting_since(text: bytes, *, held: bytes = b"", first: int | None = None) -> int | None:
    """Return when the first of these records could have left, in epoch seconds.

    `text` is what is to leave next, in archive order, `held` what was kept back
    before it; both are whole lines. What is older than `first` never leaves. None when
    nothing in it with a time may leave.
    """
    tracker = CallTracker()
    tracker.observe(held)
    owners = tracker.observe(text)
    still_open = tracker.with_partners({callid for callid, _ in tracker.open_calls()})
    free: list[int] = []
    over: dict[bytes, int] = {}
    for line, owner in zip(text.split(b"\n"), owners, strict=False):
        time = time_of(line)
        if time is None or owner in still_open or (first is not None and time < first):
            continue
        if owner == NOBODY:
            free.append(time)
        else:
            over[owner] = max(over.get(owner, time), time)
    return min([*free, *over.values()], default=None)
