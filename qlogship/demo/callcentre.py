"""A simulated call centre: callers, queues and agents, and the queue_log they leave behind.

Theory of operation. When a caller enters a queue, the whole passage is decided
at once: who is rung and when, who picks up, when the caller gives up. Every
agent knows when they are free again, so whoever enters later finds what the
earlier ones left. The lines of a passage go on an agenda, a heap in order of
time, and so does the next thing to decide: a passage through another queue, the
next caller, a break. Nothing sleeps and nothing asks for the time; all chance
comes from one seeded generator, so the same arguments always give the same bytes.

What is written when follows app_queue.c of Asterisk 12 and later. Each
passage of a call through a queue opens with ENTERQUEUE and closes with
exactly one terminal event; the next passage of the same call may open in the
same second.

Times are seconds since the call centre opened, as in life; only a stamp knows
the pace.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NONE = b"NONE"
# Asterisk keeps a member's name in 80 bytes and cuts it where the 79th ends,
# in the middle of a letter if need be (app_queue.c, struct member).
_NAME_BYTES = 79

_RING_SECONDS = 15.0
_RETRY_SECONDS = 5.0
_MOST_LEGS = 4
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class QueueSetup:
    """One queue: who waits how long, who is rung, and where callers go when nobody answers.

    `share` weighs it among arriving calls; `quick` is the chance that an agent
    who is rung picks up; `longest` is the queue's own time limit and `patience`
    the callers' on average, both in seconds.
    """

    name: str
    number: str
    share: float
    ring_all: bool
    quick: float
    longest: float
    patience: float
    overflow: str = ""


QUEUES = (
    QueueSetup("sales", "74955550110", 5.0, True, 0.14, 120.0, 160.0, "support"),
    QueueSetup("support", "74955550120", 4.0, False, 0.65, 180.0, 240.0),
    QueueSetup("billing", "74955550130", 2.0, True, 0.25, 60.0, 180.0, "support"),
    QueueSetup("vip", "74955550199", 0.6, True, 0.45, 45.0, 300.0, "sales"),
)

AGENTS = (
    "Иванов Пётр",
    "Anna Frolova",
    "Смирнова Ольга",
    "Agent/1141",
    "James Okafor",
    "Кузнецова Мария",
    "Local/207@from-queue/n",
    "Lucía Fernández",
    "Соколов Дмитрий",
    "PJSIP/209",
    "Mehmet Yılmaz",
    "Константинопольский-Преображенский Александр Владиславович",
    "Grace Liu",
    "Васильева Екатерина",
)

_PAUSES = (b"Lunch", "Обед".encode(), b"Break", "Перерыв".encode(), b"Training", b"")
_ENDINGS = (b"COMPLETECALLER", b"COMPLETEAGENT", b"BLINDTRANSFER", b"ATTENDEDTRANSFER")
_ENDING_SHARES = (54, 36, 7, 3)


@dataclass(slots=True)
class _Agent:
    name: bytes
    number: bytes
    interface: bytes
    queues: list[_Queue]
    logs_in: bool
    free_at: float
    since: float | None = None
    last_call: float = 0.0
    channel: bytes = b""
    login_id: bytes = b""


@dataclass(slots=True)
class _Queue:
    """A queue; `leave_at` is when those who wait will leave it."""

    setup: QueueSetup
    name: bytes
    agents: list[_Agent] = field(default_factory=list)
    leave_at: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Call:
    """A call; the last three are about its passage through the queue that it is in."""

    callid: bytes
    number: bytes
    queue: _Queue
    leg: int = 0
    position: int = 0
    entered_at: float = 0.0


class CallCentre:
    """A call centre that opens at `start` (epoch seconds) and takes calls until `close`.

    `calls_per_hour` and everything else is as in life when `pace` is 1. A higher
    pace divides every duration, those between two calls among them, and what
    the lines say still agrees with their stamps.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start: float = 1_700_000_000,
        calls_per_hour: float = 150.0,
        staff: int = 14,
        pace: float = 1.0,
    ) -> None:
        self.open_calls = 0
        """How many callers are in the house: in the menu, waiting or talking."""
        self._random = Random(seed)  # noqa: S311 -- a simulation, to be repeated
        self._start = float(start)
        self._pace = pace
        self._between_calls = _HOUR / calls_per_hour
        self._now = 0.0
        self._closed = False
        self._order = itertools.count()
        self._channels = itertools.count(1)
        self._agenda: list[tuple[float, int, bytes | Callable[[], None]]] = []
        self._queues = {setup.name: _Queue(setup, setup.name.encode()) for setup in QUEUES}
        self._agents = [self._hire(number) for number in range(staff)]

    def close(self) -> None:
        """Take no more calls; `events` ends when the last one that is open has ended."""
        self._closed = True

    def events(self) -> Iterator[tuple[float, bytes]]:
        """Yield (time, line with its newline) in order of time, without end until `close`.

        Iterate over it once. A line's stamp is its time in whole seconds.
        """
        self._write(0.0, _NONE, _NONE, _NONE, b"QUEUESTART", b"")
        for agent in self._agents:
            self._at(agent.free_at, partial(self._come_in, agent))
        self._at(self._random.uniform(5, 20), self._arrive)
        while not (self._closed and not self.open_calls):
            self._now, _, entry = heapq.heappop(self._agenda)
            if isinstance(entry, bytes):
                yield self._stamp(self._now), entry
            else:
                entry()
        self._agenda.clear()
        for agent in self._agents:
            if agent.since is not None:
                self._send_home(agent, agent.since)
        for at, _, entry in sorted(self._agenda):
            if isinstance(entry, bytes):
                yield self._stamp(at), entry

    # -- agents

    def _hire(self, number: int) -> _Agent:
        """Return an agent in two of the queues; the first few see to it that all have some."""
        queues = list(self._queues.values())
        name = AGENTS[number % len(AGENTS)].encode()
        if number >= len(AGENTS):
            name += b" %d" % (number // len(AGENTS) + 1)
        first = number % len(queues)
        second = (first + 1 + number // len(queues)) % len(queues)
        agent = _Agent(
            name=name[:_NAME_BYTES],
            number=b"%d" % (201 + number),
            interface=b"PJSIP/%d" % (201 + number),
            queues=[queues[index] for index in sorted({first, second})],
            logs_in=number % 5 == 3,  # one in five uses the agent pool
            free_at=self._random.uniform(0, 60),
        )
        for queue in agent.queues:
            queue.agents.append(agent)
        return agent

    def _come_in(self, agent: _Agent) -> None:
        now = agent.since = self._now
        if agent.logs_in:
            agent.login_id, agent.channel = self._channel(now, agent.interface)
            self._write(now, agent.login_id, _NONE, agent.number, b"AGENTLOGIN", agent.channel)
        for queue in agent.queues:
            self._write(now, b"MANAGER", queue.name, agent.interface, b"ADDMEMBER", b"")
        self._at(now + self._random.uniform(1200, 5400), partial(self._take_a_break, agent))

    def _take_a_break(self, agent: _Agent) -> None:
        """Pause as soon as what the agent is busy with has ended."""
        since = max(self._now, agent.free_at)
        agent.free_at = since + self._random.uniform(240, 1500)
        reason = self._random.choice(_PAUSES)
        for at, event in ((since, b"PAUSE"), (agent.free_at, b"UNPAUSE")):
            self._write(at, _NONE, _NONE, agent.name, event + b"ALL", reason)
            for queue in agent.queues:
                self._write(at, _NONE, queue.name, agent.name, event, reason)
        again = agent.free_at + self._random.uniform(1800, 7200)
        self._at(again, partial(self._take_a_break, agent))

    def _send_home(self, agent: _Agent, since: float) -> None:
        now = self._now
        for queue in agent.queues:
            self._write(now, b"MANAGER", queue.name, agent.interface, b"REMOVEMEMBER", b"")
        if agent.logs_in:
            what = (b"AGENTLOGOFF", agent.channel, self._seconds(since, now))
            self._write(now, agent.login_id, _NONE, agent.number, *what)

    # -- callers

    def _arrive(self) -> None:
        if self._closed:
            return
        self._at(self._now + self._random.expovariate(1 / self._between_calls), self._arrive)
        queues = list(self._queues.values())
        queue = self._random.choices(queues, [queue.setup.share for queue in queues])[0]
        number = b"7495555%04d" % self._random.randrange(10_000)
        number = self._random.choices((number, b"anonymous", b""), (95, 3, 2))[0]
        call = _Call(self._channel(self._now, b"")[0], number, queue)
        self.open_calls += 1
        # The caller hears a greeting first: a callid is older than its first line.
        at = self._now + self._random.uniform(2, 25)
        self._say(call, at, _NONE, b"DID", queue.setup.number.encode())
        self._at(at, partial(self._enter, call, queue))

    def _enter(self, call: _Call, queue: _Queue) -> None:
        """Decide who is rung for a caller, and who of them or whether the caller loses patience."""
        queue.leave_at = [at for at in queue.leave_at if at > self._now]
        call.leg += 1
        call.queue, call.position, call.entered_at = queue, len(queue.leave_at) + 1, self._now
        self._say(call, self._now, _NONE, b"ENTERQUEUE", b"", call.number, call.position)
        gives_up = self._now + self._random.expovariate(1 / queue.setup.patience)
        runs_out = self._now + queue.setup.longest
        at = self._now
        while True:
            at = max(at, min((agent.free_at for agent in queue.agents), default=math.inf))
            if at >= gives_up or at >= runs_out:
                self._leave(call, min(gives_up, runs_out), by_time=runs_out < gives_up)
                return
            rung, answering, until = self._ring(queue, at)
            end = min(until, gives_up)
            for agent in rung:
                agent.free_at = end
            if answering and until <= gives_up:
                self._talk(call, answering, at, until)
                return
            event = b"RINGNOANSWER" if until <= gives_up else b"RINGCANCELED"
            for agent in rung:
                self._say(call, end, agent.name, event, int(1000 * (end - at) / self._pace))
            runs_out = max(runs_out, end)  # telephones that ring at the limit are let ring first
            at = end + _RETRY_SECONDS

    def _ring(self, queue: _Queue, at: float) -> tuple[list[_Agent], _Agent | None, float]:
        """Return who is rung, who of them picks up, and when that is or the ringing ends."""
        rung = [agent for agent in queue.agents if agent.free_at <= at]
        if not queue.setup.ring_all:
            rung = [min(rung, key=lambda agent: (agent.last_call, agent.number))]
        answers = [
            (at + self._random.uniform(1.5, 13), agent.number, agent)
            for agent in rung
            if self._random.random() < queue.setup.quick
        ]
        if not answers:
            return rung, None, at + _RING_SECONDS
        until, _, agent = min(answers)
        return rung, agent, until

    def _leave(self, call: _Call, at: float, *, by_time: bool) -> None:
        """Let the caller hang up, press the key that leads out of the queue, or be sent on."""
        stood = (
            1 + sum(other > at for other in call.queue.leave_at),
            call.position,
            self._seconds(call.entered_at, at),
        )
        call.queue.leave_at.append(at)
        if by_time:
            self._say(call, at, _NONE, b"EXITWITHTIMEOUT", *stood)
        elif self._random.random() < 0.15:
            self._say(call, at, _NONE, b"EXITWITHKEY", b"1", *stood)
        else:
            self._say(call, at, _NONE, b"ABANDON", *stood)
            self._go_on(call, at, None)
            return
        next_queue = self._queues.get(call.queue.setup.overflow)
        self._go_on(call, at, next_queue if self._random.random() < 0.8 else None)

    def _talk(self, call: _Call, agent: _Agent, rang_at: float, at: float) -> None:
        """Connect the caller at `at`, and decide how the talk ends."""
        call.queue.leave_at.append(at)
        held, rang = self._seconds(call.entered_at, at), self._seconds(rang_at, at)
        self._say(call, at, agent.name, b"CONNECT", held, self._channel(rang_at, b"")[0], rang)
        end = at + min(self._random.lognormvariate(math.log(110), 0.8), 1800.0)
        agent.last_call = end
        agent.free_at = end + self._random.uniform(3, 20)
        event = self._random.choices(_ENDINGS, _ENDING_SHARES)[0]
        next_queue = None
        where: tuple[bytes | int, ...] = ()
        if event == b"BLINDTRANSFER":
            exten: bytes | int = self._random.randint(300, 399)
            if call.leg < _MOST_LEGS and self._random.random() < 0.6:
                next_queue = self._random.choice(list(self._queues.values()))
                exten = next_queue.setup.number[-3:].encode()
            where = (exten, b"from-internal")
        elif event == b"ATTENDEDTRANSFER":
            where = (b"BRIDGE", b"%032x" % self._random.getrandbits(128))
        talked = self._seconds(at, end)
        self._say(call, end, agent.name, event, *where, held, talked, call.position)
        self._go_on(call, end, next_queue)

    def _go_on(self, call: _Call, at: float, queue: _Queue | None) -> None:
        """Take the call to the next queue in the same moment, or see it end."""
        if queue is not None and call.leg < _MOST_LEGS:
            self._at(at, partial(self._enter, call, queue))
        else:
            self._at(at, self._end)

    def _end(self) -> None:
        self.open_calls -= 1

    # -- what is due when, and how it is written

    def _at(self, at: float, entry: bytes | Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), entry))

    def _stamp(self, at: float) -> float:
        return self._start + at / self._pace

    def _seconds(self, since: float, until: float) -> int:
        """Return the difference of two stamps: Asterisk subtracts whole seconds."""
        return int(self._stamp(until)) - int(self._stamp(since))

    def _channel(self, at: float, interface: bytes) -> tuple[bytes, bytes]:
        """Return the unique id and the name of a new channel (channel_internal_api.c)."""
        number = next(self._channels)
        return b"%d.%d" % (self._stamp(at), number), b"%b-%08x" % (interface, number)

    def _say(self, call: _Call, at: float, agent: bytes, event: bytes, *data: bytes | int) -> None:
        self._write(at, call.callid, call.queue.name, agent, event, *data)

    def _write(self, at: float, *fields: bytes | int) -> None:
        """Write the stamp, callid, queue, agent and event, and what belongs to the event."""
        texts = (b"%d" % field if isinstance(field, int) else field for field in fields)
        self._at(at, b"%d|%b\n" % (self._stamp(at), b"|".join(texts)))
