"""Which calls are still open: a tracker over records, in archive order.

Theory of operation
-------------------
The far end counts calls per uploaded file, so the lines of one call should
leave in one upload. A call may enter several queues; each passage is a leg,
from ENTERQUEUE to a terminal event. While a leg is open the call is held.
After the last leg has ended the call may still go on (the same callid enters
another queue, often in the same second), which only silence can rule out. And a
leg may never end (lines lost, callid changed, Asterisk killed); after QUEUESTART
no earlier call lives. How long to wait for either is decided in
`qlogship.shipping.call_waits`.

What Asterisk's app_queue makes of the order of lines:

* A terminal event of a connected leg comes from another thread than the
  ENTERQUEUE of the next leg, so the next leg may open first. Such an event
  closes the *oldest* leg connected in that queue to that agent.
* Under Local channels and attended transfers the terminal event may come
  under another callid. If its own call has no leg it could end, it ends the
  oldest leg of any call that is connected in that queue to that agent. After
  that the two callids may have swapped: a CONNECT without a leg of its own
  belongs to the partner's waiting leg, and the two leave together.
* ENTERQUEUE prints the queue's name as the dialplan typed it, CONNECT as it is
  configured: names are compared without regard to case.

Records of no call (NONE, MANAGER, ...) and what happens to agents are never
held, unless the callid has an open leg: then they travel with the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qlogship.queue_log.events import AGENT_EVENTS, CONNECT, ENTERQUEUE, NO_CALL, TERMINAL_EVENTS
from qlogship.queue_log.records import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

NOBODY: Final = b""
"""The owner of a record that belongs to no call."""

_NO_AGENT = frozenset({b"", b"NONE"})
_RESTART = (b"|NONE|NONE|NONE|QUEUESTART|", b"|NONE|NONE|NONE|QUEUESTART")
_PART_BYTES = 64 * 1024

# A backlog passes through `CallTracker._observe` at more than half a million
# records a second. There, small integers and plain lists cost half of what
# enums and classes do; nowhere else do they appear.
_ENTERS, _CONNECTS, _ENDS, _IS_AGENTS = range(4)
_KIND: Final = {
    ENTERQUEUE: _ENTERS,
    CONNECT: _CONNECTS,
    **dict.fromkeys(TERMINAL_EVENTS, _ENDS),
    **dict.fromkeys(AGENT_EVENTS, _IS_AGENTS),
}
_QUEUE, _ENTERED, _AGENT, _CONNECTED = range(4)
_Leg = list[Any]
"""One passage of a call through one queue: the queue's name in lower case, the
time it was entered (digits), the agent it is connected to or None, and the
rank of that connection among all."""


class CallTracker:
    """Follow the legs of all calls: which call each record belongs to, and which are open.

    Everything is decided from the records.
    """

    def __init__(self) -> None:
        self._legs: dict[bytes, list[_Leg]] = {}  # open ones, oldest first
        self._last: dict[bytes, bytes] = {}  # the time of each call's last record, in digits
        self._entered: set[bytes] = set()
        self._partner: dict[bytes, bytes] = {}
        self._connections = 0
        self.odd = 0
        """How many lines that are no record were observed."""

    @property
    def entered(self) -> set[bytes]:
        """The callids seen to enter a queue and not yet forgotten."""
        return self._entered

    def observe(self, text: bytes) -> list[bytes]:
        """Take in whole lines in archive order; return each one's owner.

        The owner is the callid, or `NOBODY`.
        """
        owners: list[bytes] = []
        for part in _parts(text):
            lines = part.split(b"\n")
            lines.pop()
            begin = 0
            for end in _restarts(part, lines):
                self._observe(lines[begin:end], owners)
                self._end_all()
                begin = end
            self._observe(lines[begin:] if begin else lines, owners)
        return owners

    def _observe(self, lines: Sequence[bytes], owners: list[bytes]) -> None:  # noqa: C901  # see _KIND
        all_legs, last, entered = self._legs, self._last, self._entered
        kind_of, own, no_call = _KIND.get, owners.append, NO_CALL
        for line in lines:
            try:
                time, callid, queue, agent, event, _ = line.split(b"|", 5)
            except ValueError:
                time = b""
            if len(time) != 10 or not time.isdigit():  # see _KIND
                record = parse(line)  # before 2001, or without the fifth pipe
                if record is None:
                    self.odd += 1
                    own(NOBODY)
                    continue
                time = b"%d" % record.time
                _, callid, queue, agent, event, _ = record
            if callid in no_call:
                own(NOBODY)
                continue
            kind = kind_of(event)
            if kind is not None:
                legs = all_legs.get(callid)
                if kind == _ENTERS:
                    entered.add(callid)
                    leg = [queue.lower(), time, None, 0]
                    if legs is None:
                        all_legs[callid] = [leg]
                    else:
                        legs.append(leg)
                elif kind == _ENDS:
                    if legs is not None and len(legs) == 1 and legs[0][_QUEUE] == queue.lower():
                        del all_legs[callid]
                    else:
                        self._end(callid, queue.lower(), agent, time)
                elif kind == _CONNECTS:
                    only = legs[0] if legs is not None and len(legs) == 1 else None
                    if only is not None and only[_AGENT] is None and only[_QUEUE] == queue.lower():
                        self._connections += 1
                        only[_AGENT], only[_CONNECTED] = agent, self._connections
                    else:
                        self._connect(callid, queue.lower(), agent)
                elif legs is None:
                    own(NOBODY)
                    continue
            own(callid)
            last[callid] = time

    def open_calls(self) -> Iterator[tuple[bytes, int]]:
        """Yield each open call, and when it entered its oldest open leg, in epoch seconds."""
        return ((callid, int(legs[0][_ENTERED])) for callid, legs in self._legs.items())

    def ended_calls(self, earliest: float, latest: float) -> Iterator[tuple[bytes, int]]:
        """Yield the calls without an open leg whose last record is of this time, and that time.

        Some that are a second off may be among them.
        """
        # The comparison of whole digits spares most calls the conversion.
        first, last = b"%d" % earliest, b"%d" % (latest + 1)
        same_length = len(first) == len(last)
        for callid, digits in self._last.items():
            if same_length and len(digits) == len(last) and not first <= digits <= last:
                continue
            if callid not in self._legs:
                yield callid, int(digits)

    def with_partners(self, callids: set[bytes]) -> set[bytes]:
        """Add the calls that swapped their ids with one of these: they leave together."""
        grown = list(callids) if self._partner else []
        while grown:
            other = self._partner.get(grown.pop())
            if other is not None and other not in callids and other in self._last:
                callids.add(other)
                grown.append(other)
        return callids

    def keep_only(self, callids: Collection[bytes]) -> None:
        """Forget every call but these: the others have left."""
        kept = set(callids)
        self._legs = {callid: legs for callid, legs in self._legs.items() if callid in kept}
        self._last = {callid: last for callid, last in self._last.items() if callid in kept}
        self._partner = {
            callid: other
            for callid, other in self._partner.items()
            if callid in kept and other in kept
        }
        self._entered &= kept

    def oldest_first(self, callids: Collection[bytes]) -> list[bytes]:
        """Sort callids by the time they entered their oldest open leg, settled ones first."""
        return sorted(
            callids,
            key=lambda callid: int(self._legs[callid][0][_ENTERED]) if callid in self._legs else 0,
        )

    def _connect(self, callid: bytes, queue: bytes, agent: bytes) -> None:
        """Mark the oldest waiting leg in this queue as connected to this agent."""
        for legs in (self._legs.get(callid), self._legs.get(self._partner.get(callid, NOBODY))):
            for leg in legs or ():
                if leg[_AGENT] is None and leg[_QUEUE] == queue:
                    self._connections += 1
                    leg[_AGENT], leg[_CONNECTED] = agent, self._connections
                    return

    def _end(self, callid: bytes, queue: bytes, agent: bytes, time: bytes) -> None:
        """End the leg that a terminal event at `time` speaks of, if it is known."""
        own = [leg for leg in self._legs.get(callid, ()) if leg[_QUEUE] == queue]
        if own:
            connected = [leg for leg in own if leg[_AGENT] is not None]
            waiting = [leg for leg in own if leg[_AGENT] is None]
            if agent in _NO_AGENT:
                choice = waiting or connected
            else:
                choice = [leg for leg in connected if leg[_AGENT] == agent] or waiting or connected
            self._close(callid, choice[0])
            return
        if agent in _NO_AGENT or not self._may_end_others(callid):
            return
        others = [
            (leg[_CONNECTED], other, leg)
            for other, legs in self._legs.items()
            for leg in legs
            if leg[_AGENT] == agent and leg[_QUEUE] == queue
        ]
        if not others:
            return
        _, other, leg = min(others, key=lambda entry: entry[0])
        self._close(other, leg)
        self._partner[callid], self._partner[other] = other, callid
        self._last[other] = max(self._last[other], time, key=int)

    def _may_end_others(self, callid: bytes) -> bool:
        """Return whether a terminal event may speak of another call's leg.

        Not that of a call that entered a queue and has left it: such an event
        was written twice.
        """
        return callid not in self._entered or callid in self._legs or callid in self._partner

    def _close(self, callid: bytes, leg: _Leg) -> None:
        legs = self._legs[callid]
        # By identity: two legs of one call may be equal in every value.
        legs[:] = [other for other in legs if other is not leg]
        if not legs:
            del self._legs[callid]

    def _end_all(self) -> None:
        """Asterisk started: no call before this lives, so none of them need settle."""
        self._legs.clear()
        self._last.clear()
        self._partner.clear()


def _parts(text: bytes) -> Iterator[bytes]:
    """Yield whole lines in portions that a processor's cache holds."""
    start = 0
    while start < len(text):
        end = text.rfind(b"\n", start, start + _PART_BYTES) + 1 or text.index(b"\n", start) + 1
        yield text[start:end]
        start = end


def _restarts(text: bytes, lines: Sequence[bytes]) -> list[int]:
    """Return where Asterisk started: the indices behind each QUEUESTART.

    After a crash it may be glued to the stump of the line before, so the end of
    the line is what counts.
    """
    if b"|QUEUESTART" not in text:
        return []
    return [index for index, line in enumerate(lines, start=1) if line.endswith(_RESTART)]
