"""A simulated call centre: callers, queues and agents, and the queue_log they leave behind.

Theory of operation. Everything happens at a point on one time line, kept as a
heap of (time, number, what to do). Doing it may write lines, change who is
waiting and who is idle, and put more on the heap. Nothing sleeps and nothing
asks for the time; all chance comes from one seeded generator, so the same
arguments always give the same bytes.

What is written when follows app_queue.c of Asterisk 12 and later. Each
passage of a call through a queue opens with ENTERQUEUE and closes with
exactly one terminal event; the next passage of the same call may open in the
same second.

Timers are not taken off the heap when they lose their meaning. A call counts
its changes in `turn`, a timer remembers the turn it was set in, and one that
comes late finds another number and does nothing.
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
    interface: bytes
    number: int
    queues: list[_Queue]
    logs_in: bool
    idle: bool = False
    wants_pause: bool = False
    last_call: float = 0.0
    channel: bytes = b""
    login_id: bytes = b""
    since: float = 0.0


@dataclass(slots=True)
class _Queue:
    setup: QueueSetup
    name: bytes
    agents: list[_Agent] = field(default_factory=list)
    waiting: list[_Call] = field(default_factory=list)


@dataclass(slots=True)
class _Call:
    callid: bytes
    number: bytes
    queue: _Queue
    entered_at: float = 0.0
    position: int = 0
    leg: int = 0
    turn: int = 0
    ringing: list[_Agent] = field(default_factory=list)
    rang_at: float = 0.0
    resting: bool = False
    overdue: bool = False


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
        queues: tuple[QueueSetup, ...] = QUEUES,
        pace: float = 1.0,
    ) -> None:
        self._random = Random(seed)  # noqa: S311 -- a simulation, to be repeated
        self._now = float(start)
        self._pace = pace
        self._between_calls = _HOUR / calls_per_hour
        self._order = itertools.count()
        self._channels = itertools.count(1)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._lines: list[bytes] = []
        self._queues = {setup.name: _Queue(setup, setup.name.encode()) for setup in queues}
        self._agents = self._hire(staff)
        self._closed = False
        self._open = 0
        self.entered: set[bytes] = set()

    @property
    def open_calls(self) -> int:
        """Return how many callers are in the house: in the menu, waiting or talking."""
        return self._open

    def close(self) -> None:
        """Take no more calls; `events` ends when the last one that is open has ended."""
        self._closed = True

    def events(self) -> Iterator[tuple[float, bytes]]:
        """Yield (time, line with its newline) in order of time, without end until `close`.

        Iterate over it once. A line's stamp is its time in whole seconds.
        """
        self._open_the_house()
        yield from self._written()
        while self._agenda and not (self._closed and not self._open):
            self._now, _, happen = heapq.heappop(self._agenda)
            happen()
            yield from self._written()
        self._send_home()
        yield from self._written()

    def _written(self) -> Iterator[tuple[float, bytes]]:
        lines, self._lines = self._lines, []
        for line in lines:
            yield self._now, line

    # -- the house

    def _hire(self, staff: int) -> list[_Agent]:
        """Return that many agents, each in two of the queues, so that every queue has some."""
        queues = list(self._queues.values())
        agents = []
        for number in range(staff):
            name = AGENTS[number % len(AGENTS)].encode()
            if number >= len(AGENTS):
                name += b" %d" % (number // len(AGENTS) + 1)
            first = number % len(queues)
            second = (first + 1 + number // len(queues)) % len(queues)
            member_of = [queues[index] for index in sorted({first, second})]
            agent = _Agent(
                name=name[:_NAME_BYTES],
                interface=b"PJSIP/%d" % (201 + number),
                number=201 + number,
                queues=member_of,
                logs_in=number % 5 == 3,  # one in five uses the agent pool
            )
            for queue in member_of:
                queue.agents.append(agent)
            agents.append(agent)
        return agents

    def _open_the_house(self) -> None:
        self._say(_NONE, _NONE, _NONE, b"QUEUESTART")
        for agent in self._agents:
            self._after(self._random.uniform(0, 60), partial(self._come_in, agent))
        self._after(self._random.uniform(5, 20), self._arrive)

    def _come_in(self, agent: _Agent) -> None:
        if agent.logs_in:
            agent.login_id, agent.channel = self._channel(agent.interface)
            self._say(agent.login_id, _NONE, b"%d" % agent.number, b"AGENTLOGIN", agent.channel)
        for queue in agent.queues:
            self._say(b"MANAGER", queue.name, agent.interface, b"ADDMEMBER", b"")
        agent.since = self._now
        self._after(self._random.uniform(1200, 5400), partial(self._tire, agent))
        self._free(agent)

    def _send_home(self) -> None:
        for agent in self._agents:
            if not agent.since:
                continue
            for queue in agent.queues:
                self._say(b"MANAGER", queue.name, agent.interface, b"REMOVEMEMBER", b"")
            if agent.logs_in:
                self._say(
                    agent.login_id, _NONE, b"%d" % agent.number, b"AGENTLOGOFF",
                    agent.channel, b"%d" % self._seconds_since(agent.since),
                )  # fmt: skip

    # -- agents

    def _free(self, agent: _Agent) -> None:
        """Let an agent take the next call, or the break that is due."""
        if agent.wants_pause:
            agent.wants_pause = False
            self._pause(agent)
            return
        agent.idle = True
        for queue in agent.queues:
            self._ring_for(queue)

    def _tire(self, agent: _Agent) -> None:
        if agent.idle:
            agent.idle = False
            self._pause(agent)
        else:
            agent.wants_pause = True

    def _pause(self, agent: _Agent) -> None:
        reason = self._random.choice(_PAUSES)
        self._say_of_pause(agent, b"PAUSE", reason)
        self._after(self._random.uniform(240, 1500), partial(self._return, agent, reason))

    def _return(self, agent: _Agent, reason: bytes) -> None:
        self._say_of_pause(agent, b"UNPAUSE", reason)
        self._after(self._random.uniform(1800, 7200), partial(self._tire, agent))
        self._free(agent)

    def _say_of_pause(self, agent: _Agent, event: bytes, reason: bytes) -> None:
        self._say(_NONE, _NONE, agent.name, event + b"ALL", reason)
        for queue in agent.queues:
            self._say(_NONE, queue.name, agent.name, event, reason)

    # -- callers

    def _arrive(self) -> None:
        if self._closed:
            return
        self._after(self._random.expovariate(1 / self._between_calls), self._arrive)
        queues = list(self._queues.values())
        queue = self._random.choices(queues, [queue.setup.share for queue in queues])[0]
        call = _Call(self._channel(b"")[0], self._caller(), queue)
        self._open += 1
        # The caller hears a greeting first: a callid is older than its first line.
        self._after(self._random.uniform(2, 25), partial(self._reach_queue, call))

    def _reach_queue(self, call: _Call) -> None:
        setup = call.queue.setup
        self._say(call.callid, call.queue.name, _NONE, b"DID", setup.number.encode())
        self._enter(call, call.queue)

    def _enter(self, call: _Call, queue: _Queue) -> None:
        queue.waiting.append(call)
        call.queue = queue
        call.entered_at = self._now
        call.position = len(queue.waiting)
        call.leg += 1
        call.turn += 1
        call.overdue = False
        self.entered.add(call.callid)
        self._say(
            call.callid, queue.name, _NONE, b"ENTERQUEUE", b"", call.number, b"%d" % call.position
        )
        patience = self._random.expovariate(1 / queue.setup.patience)
        self._after(patience, partial(self._give_up, call, call.leg))
        self._after(queue.setup.longest, partial(self._run_out, call, call.leg))
        self._ring_for(queue)

    def _ring_for(self, queue: _Queue) -> None:
        """Ring idle agents for the callers that wait, first come first served."""
        for call in list(queue.waiting):
            if call.ringing or call.resting:
                continue
            idle = [agent for agent in queue.agents if agent.idle]
            if not idle:
                return
            if not queue.setup.ring_all:
                idle = [min(idle, key=_last_call)]
            self._ring(call, idle)

    def _ring(self, call: _Call, agents: list[_Agent]) -> None:
        call.turn += 1
        call.rang_at = self._now
        call.ringing = agents
        answers = []
        for agent in agents:
            agent.idle = False
            if self._random.random() < call.queue.setup.quick:
                answers.append((self._random.uniform(1.5, 13), agent.number, agent))
        if answers:
            delay, _, agent = min(answers)
            self._after(delay, partial(self._connect, call, call.turn, agent))
        else:
            self._after(_RING_SECONDS, partial(self._nobody_answered, call, call.turn))

    def _nobody_answered(self, call: _Call, turn: int) -> None:
        if call.turn != turn:
            return
        rang = b"%d" % (1000 * self._seconds_since(call.rang_at))
        for agent in call.ringing:
            self._say(call.callid, call.queue.name, agent.name, b"RINGNOANSWER", rang)
        agents, call.ringing = call.ringing, []
        if call.overdue:
            self._leave_by_time(call)
        else:
            call.turn += 1
            call.resting = True
            self._after(_RETRY_SECONDS, partial(self._try_again, call, call.turn))
        for agent in agents:
            self._free(agent)

    def _try_again(self, call: _Call, turn: int) -> None:
        if call.turn == turn:
            call.resting = False
            self._ring_for(call.queue)

    def _connect(self, call: _Call, turn: int, agent: _Agent) -> None:
        if call.turn != turn:
            return
        others = [other for other in call.ringing if other is not agent]
        held = self._seconds_since(call.entered_at)
        rang = self._seconds_since(call.rang_at)
        agent_channel, _ = self._channel(agent.interface)
        self._leave(call)
        self._say(
            call.callid, call.queue.name, agent.name, b"CONNECT",
            b"%d" % held, agent_channel, b"%d" % rang,
        )  # fmt: skip
        talk = min(self._random.lognormvariate(math.log(110), 0.8), 1800.0)
        self._after(talk, partial(self._hang_up, call, agent, held, self._now))
        for other in others:
            self._free(other)

    def _hang_up(self, call: _Call, agent: _Agent, held: int, since: float) -> None:
        event = self._random.choices(_ENDINGS, _ENDING_SHARES)[0]
        next_queue = None
        where: tuple[bytes, ...] = ()
        if event == b"BLINDTRANSFER":
            exten = b"%d" % self._random.randint(300, 399)
            if call.leg < _MOST_LEGS and self._random.random() < 0.6:
                next_queue = self._random.choice(list(self._queues.values()))
                exten = next_queue.setup.number[-3:].encode()
            where = (exten, b"from-internal")
        elif event == b"ATTENDEDTRANSFER":
            where = (b"BRIDGE", b"%032x" % self._random.getrandbits(128))
        talked = self._seconds_since(since)
        self._say(
            call.callid, call.queue.name, agent.name, event,
            *where, b"%d" % held, b"%d" % talked, b"%d" % call.position,
        )  # fmt: skip
        agent.last_call = self._now
        self._after(self._random.uniform(3, 20), partial(self._free, agent))
        self._go_on(call, next_queue)

    def _give_up(self, call: _Call, leg: int) -> None:
        """Let the caller hang up, or press the key that leads out of the queue."""
        if call.leg != leg or call not in call.queue.waiting:
            return
        rang = b"%d" % int(1000 * (self._now - call.rang_at))
        for agent in call.ringing:
            self._say(call.callid, call.queue.name, agent.name, b"RINGCANCELED", rang)
        stood = self._stood(call)
        agents = call.ringing
        self._leave(call)
        if self._random.random() < 0.15:
            self._say(call.callid, call.queue.name, _NONE, b"EXITWITHKEY", b"1", *stood)
            self._go_on(call, self._overflow(call))
        else:
            self._say(call.callid, call.queue.name, _NONE, b"ABANDON", *stood)
            self._go_on(call, None)
        for agent in agents:
            self._free(agent)

    def _run_out(self, call: _Call, leg: int) -> None:
        """End the wait at the queue's limit; telephones that ring are let ring first."""
        if call.leg != leg or call not in call.queue.waiting:
            return
        if call.ringing:
            call.overdue = True
        else:
            self._leave_by_time(call)

    def _leave_by_time(self, call: _Call) -> None:
        stood = self._stood(call)
        self._leave(call)
        self._say(call.callid, call.queue.name, _NONE, b"EXITWITHTIMEOUT", *stood)
        self._go_on(call, self._overflow(call))

    def _overflow(self, call: _Call) -> _Queue | None:
        queue = self._queues.get(call.queue.setup.overflow)
        return queue if call.leg < _MOST_LEGS and self._random.random() < 0.8 else None

    def _leave(self, call: _Call) -> None:
        call.queue.waiting.remove(call)
        call.turn += 1
        call.ringing = []
        call.resting = False

    def _go_on(self, call: _Call, queue: _Queue | None) -> None:
        """Take the call to the next queue in the same moment, or see it end."""
        if queue is None:
            self._open -= 1
        else:
            self._enter(call, queue)

    def _stood(self, call: _Call) -> tuple[bytes, bytes, bytes]:
        return (
            b"%d" % (call.queue.waiting.index(call) + 1),
            b"%d" % call.position,
            b"%d" % self._seconds_since(call.entered_at),
        )

    # -- small change

    def _caller(self) -> bytes:
        chance = self._random.random()
        if chance < 0.03:
            return b"anonymous"
        if chance < 0.05:
            return b""
        return b"7495555%04d" % self._random.randrange(10_000)

    def _channel(self, interface: bytes) -> tuple[bytes, bytes]:
        """Return the unique id and the name of a new channel (channel_internal_api.c)."""
        number = next(self._channels)
        return b"%d.%d" % (self._now, number), b"%b-%08x" % (interface, number)

    def _after(self, delay: float, happen: Callable[[], None]) -> None:
        at = self._now + delay / self._pace
        heapq.heappush(self._agenda, (at, next(self._order), happen))

    def _seconds_since(self, moment: float) -> int:
        """Return the difference of two stamps: Asterisk subtracts whole seconds."""
        return int(self._now) - int(moment)

    def _say(self, callid: bytes, queue: bytes, agent: bytes, event: bytes, *data: bytes) -> None:
        self._lines.append(
            b"%d|%b|%b|%b|%b|%b\n" % (self._now, callid, queue, agent, event, b"|".join(data))
        )


def _last_call(agent: _Agent) -> tuple[float, int]:
    return agent.last_call, agent.number
