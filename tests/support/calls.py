"""Calls for tests, as lines of a queue_log."""

from __future__ import annotations


def call(number: int, at: int, *, ended: bool = True) -> bytes:
    """Return the lines of one call that comes in at `at`, in epoch seconds."""
    callid = b"%d.%d" % (at, number)
    lines = [
        b"%d|%s|support|NONE|ENTERQUEUE||+4930%d|1" % (at, callid, number),
        b"%d|%s|support|Alice Example|CONNECT|0|%d.%d|0" % (at, callid, at, number + 1),
    ]
    if ended:
        lines.append(b"%d|%s|support|Alice Example|COMPLETEAGENT|0|1|1" % (at, callid))
    return b"".join(line + b"\n" for line in lines)
