"""What arrived at a dashboard, compared with what stood in a queue_log."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NO_CALL = frozenset({b"", b"NONE", b"MANAGER", b"CLI", b"REALTIME"})
ENDS = frozenset(
    {
        b"ABANDON",
        b"ATTENDEDTRANSFER",
        b"BLINDTRANSFER",
        b"COMPLETEAGENT",
        b"COMPLETECALLER",
        b"EXITEMPTY",
        b"EXITWITHKEY",
        b"EXITWITHTIMEOUT",
        b"TRANSFER",
        b"WITHDRAW",
    }
)


def lines_of(text: bytes) -> list[bytes]:
    """Cut text into lines, each with its newline; the last one may lack it."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    rest = lines.pop()[:-1]
    return [*lines, rest] if rest else lines


def record(line: bytes) -> list[bytes] | None:
    """Cut a line into columns; None when it is no record."""
    row = line.rstrip(b"\n").split(b"|")
    return row if len(row) >= 5 and row[0].isdigit() and 9 <= len(row[0]) <= 11 else None


def calls_in(text: bytes) -> set[bytes]:
    """Return the callids that enter a queue."""
    rows = (record(line) for line in lines_of(text))
    return {row[1] for row in rows if row and row[4] == b"ENTERQUEUE"} - NO_CALL


def assert_each_line_once(bodies: Sequence[bytes], text: bytes) -> None:
    """Every line of `text` arrived, byte for byte, as often as it stands there."""
    assert_lines([line for body in bodies for line in lines_of(body)], lines_of(text))
    assert_in_order(bodies, text)


def assert_lines(arrived: Iterable[bytes], written: Iterable[bytes]) -> None:
    """The same lines, each as often; says which ones differ."""
    got, wanted = Counter(arrived), Counter(written)
    assert got == wanted, f"too few: {wanted - got}; too many: {got - wanted}"


def assert_in_order(bodies: Sequence[bytes], text: bytes) -> None:
    """Within each upload, lines stand in the order they were written in."""
    for body in bodies:
        rest = iter(lines_of(text))
        assert all(line in rest for line in lines_of(body)), "an upload has its lines mixed up"


def split_calls(bodies: Sequence[bytes]) -> set[bytes]:
    """Return the calls that have lines in more than one of the uploads."""
    places: dict[bytes, set[int]] = defaultdict(set)
    for number, body in enumerate(bodies):
        for line in lines_of(body):
            row = record(line)
            if row:
                places[row[1]].add(number)
    return {callid for callid in calls_in(b"".join(bodies)) if len(places[callid]) > 1}


def unknowable(text: bytes, *, settle: float) -> set[bytes]:
    """Return the calls that looked over for `settle` seconds, by their own lines, and went on.

    A leg that ends under another callid ends here with its own: such calls look
    open for ever, so this names too few rather than too many.
    """
    found = set()
    legs: Counter[bytes] = Counter()
    last: dict[bytes, int] = {}
    for line in lines_of(text):
        row = record(line)
        if row is None or row[1] in NO_CALL:
            if row is not None and row[4] == b"QUEUESTART":
                legs.clear()
            continue
        callid, at = row[1], int(row[0])
        if callid in last and legs[callid] <= 0 and at - last[callid] >= settle:
            found.add(callid)
        last[callid] = at
        if row[4] == b"ENTERQUEUE":
            legs[callid] = max(0, legs[callid]) + 1
        elif row[4] in ENDS:
            legs[callid] -= 1
    return found
