"""Which calls are held: what Asterisk's app_queue really does, rule by rule."""

from __future__ import annotations

import pytest

from qlogship.queue_log.calls import NOBODY
from qlogship.queue_log.events import AGENT_EVENTS, NO_CALL, TERMINAL_EVENTS
from qlogship.queue_log.records import parse
from qlogship.shipping.call_waits import WaitingCalls
from tests.fixtures.queue_log import TREES, record, sample_lines, scenario, text_of, tree_lines
from tests.support.clocks import advance_clock

T = 1_795_411_401
SETTLE = 5.0
HOLD = 43_200.0
QUIET = 60.0
"""A silence after which only an open leg holds a call."""

QUEUESTART = b"NONE|NONE|NONE|QUEUESTART|"


class Log:
    """A tracker, and the queue_log it has seen; `T` is its first second."""

    def __init__(self, *lines: bytes, settle: float = SETTLE, hold: float = HOLD) -> None:
        self.tracker = WaitingCalls(settle=settle, hold=hold)
        self.time = T
        self.owners: list[bytes] = []
        self.write(*lines)

    def write(self, *lines: bytes) -> Log:
        """Write lines as they are."""
        self.owners += self.tracker.observe(text_of(lines))
        times = [row.time for line in lines if (row := parse(line)) is not None]
        self.time = times[-1] if times else self.time
        return self

    def at(self, second: int, *rests: str) -> Log:
        """Write records at `T` plus this second: `A|q1|NONE|ENTERQUEUE||7|1`."""
        return self.write(*(b"%d|%s" % (T + second, rest.encode()) for rest in rests))

    def held(self, later: float = QUIET) -> set[bytes]:
        """Return the calls held so many seconds after the last record."""
        return self.tracker.held(self.time + later)


def enter(call: str, queue: str = "q1") -> str:
    """Return the record of a call that enters, without its time."""
    return f"{call}|{queue}|NONE|ENTERQUEUE||79161234567|1"


def connect(call: str, agent: str = "X", queue: str = "q1") -> str:
    """Return the record of an agent who takes the call."""
    return f"{call}|{queue}|{agent}|CONNECT|3|{call}.2|2"


def complete(call: str, agent: str = "X", queue: str = "q1") -> str:
    """Return the record of an agent who hangs up."""
    return f"{call}|{queue}|{agent}|COMPLETEAGENT|3|20|1"


def abandon(call: str, queue: str = "q1") -> str:
    """Return the record of a caller who hangs up in the queue."""
    return f"{call}|{queue}|NONE|ABANDON|1|1|4"


# --- what ends a leg, and what does not (facts 2.1, rules 1 and 2) ---


@pytest.mark.parametrize(
    "event",
    [
        "RINGNOANSWER|3000",
        "RINGCANCELED|1527",
        "CONNECT|1|1795411429.6|1",
        "AGENTDUMP|",
        "SYSCOMPAT|",
        "DID|74951234567",
        "INFO|a|b|c|d|e|f|g",
        "CALLSTATUS|OK",
        "OUTCALL|ANSWERED|12|(null)",
        "JOINEMPTY|",
        "ADDMEMBER|PAUSED",
        "PAUSE|Обед",
        "abandon|1|1|4",
        "COMPLETE|1|1|4",
    ],
)
def test_events_that_end_nothing(event: str) -> None:
    """A call in a queue stays held whatever happens that is no terminal event."""
    assert Log().at(0, enter("A")).at(1, f"A|q1|X|{event}").held() == {b"A"}


@pytest.mark.parametrize("event", sorted(TERMINAL_EVENTS))
def test_a_terminal_event_ends_a_leg_that_waits(event: bytes) -> None:
    """Each terminal event ends the leg of a call that nobody has taken."""
    log = Log().at(0, enter("A")).at(9, f"A|q1|NONE|{event.decode()}|1|1|9")
    assert log.held() == set()


@pytest.mark.parametrize("event", sorted(TERMINAL_EVENTS))
def test_a_terminal_event_ends_a_leg_that_talks(event: bytes) -> None:
    """Each terminal event ends the leg that is connected to its agent."""
    log = Log().at(0, enter("A")).at(1, connect("A")).at(9, f"A|q1|X|{event.decode()}|1|8|1")
    assert log.held() == set()


def test_the_ends_of_a_leg_are_these() -> None:
    """No event ends a leg but the ten that Asterisk's queues write at its end."""
    assert {
        b"ABANDON", b"EXITEMPTY", b"EXITWITHTIMEOUT", b"EXITWITHKEY", b"WITHDRAW",
        b"COMPLETEAGENT", b"COMPLETECALLER",
        b"BLINDTRANSFER", b"ATTENDEDTRANSFER", b"TRANSFER",
    } == TERMINAL_EVENTS  # fmt: skip


def test_a_caller_goes_on_waiting_after_agentdump() -> None:
    """Four agents who hang up before the bridge leave the caller in the queue."""
    lines = scenario(b"1795411485.43")
    assert [line.split(b"|")[4] for line in lines].count(b"AGENTDUMP") == 4
    log = Log()
    for line in lines[:-1]:
        assert log.write(line).held() == {b"1795411485.43"}
    assert log.write(lines[-1]).held() == set()


def test_syscompat_is_followed_by_the_end() -> None:
    """After SYSCOMPAT the leg is open until the ABANDON, which names no agent."""
    log = Log().at(0, enter("A")).at(1, "A|q1|X|SYSCOMPAT|")
    assert log.held() == {b"A"}
    assert log.at(1, abandon("A")).held() == set()


def test_a_caller_who_hangs_up_in_the_announcement() -> None:
    """An ABANDON that names the agent ends the leg of a caller who was never connected."""
    assert Log().at(0, enter("A")).at(3, "A|q1|X|ABANDON|1|1|3").held() == set()


@pytest.mark.parametrize(("typed", "configured"), [("Q1", "q1"), ("q1", "Q1"), ("sALES", "Sales")])
def test_queue_names_in_any_case(typed: str, configured: str) -> None:
    """The queue as the dialplan typed it and as it is configured are one queue."""
    log = Log().at(0, enter("A", typed), enter("A", "other")).at(1, connect("A", "X", configured))
    assert log.at(5, complete("A", "X", configured)).held() == {b"A"}
    assert log.at(6, abandon("A", "other")).held() == set()


def test_a_call_in_two_spellings_of_its_queue() -> None:
    """The real call that enters Q1 and completes in q1 is over."""
    lines = scenario(b"1795411498.53")
    assert Log(*lines[:2]).held() == {b"1795411498.53"}
    assert Log(*lines).held() == set()


def test_another_queues_end_ends_nothing() -> None:
    """A terminal event of a queue that the call is not in leaves its leg open."""
    assert Log().at(0, enter("A")).at(5, abandon("A", "q2")).held() == {b"A"}


def test_another_calls_end_ends_nothing() -> None:
    """A terminal event without an agent speaks of its own callid only."""
    assert Log().at(0, enter("A")).at(5, abandon("B")).held() == {b"A"}


@pytest.mark.parametrize("other", ["1795411429.50", "1795411429.05", "x-1795411429.5"])
def test_callids_are_compared_as_text(other: str) -> None:
    """1795411429.5 and 1795411429.50 are two calls."""
    log = Log().at(0, enter("1795411429.5"), enter(other)).at(5, abandon(other))
    assert log.held() == {b"1795411429.5"}


# --- the same call enters again (rule 3) ---


@pytest.mark.parametrize(
    "callid",
    [b"1795411439.13", b"1795411450.19", b"1795411571.79", b"1795411605.97"],
    ids=["COMPLETEAGENT", "EXITWITHTIMEOUT", "EXITWITHKEY", "BLINDTRANSFER"],
)
def test_a_call_that_enters_again_in_the_same_second(callid: bytes) -> None:
    """A real call of two legs is held from its first line until it has settled."""
    log = Log()
    for line in scenario(callid):
        assert log.write(line).held(0.0) == {callid}
    assert log.held(SETTLE - 0.1) == {callid}
    assert log.held(SETTLE) == set()
    assert sum(line.split(b"|")[4] == b"ENTERQUEUE" for line in scenario(callid)) == 2


@pytest.mark.parametrize("end", ["EXITWITHTIMEOUT|1|1|9", "EXITEMPTY|1|1|9", "EXITWITHKEY|1|1|1|9",
                                 "WITHDRAW|1|1|9|info", "ABANDON|1|1|9"])  # fmt: skip
def test_the_same_queue_again(end: str) -> None:
    """A call that enters its queue anew is open again, and ends once more."""
    log = Log().at(0, enter("A")).at(9, f"A|q1|NONE|{end}", enter("A"))
    assert log.held() == {b"A"}
    assert log.at(20, f"A|q1|NONE|{end}").held() == set()


def test_three_legs_one_after_the_other() -> None:
    """As many ends as entrances make a call over, and not one fewer."""
    log = Log()
    for second in (0, 10, 20):
        log.at(second, enter("A"))
        assert log.held() == {b"A"}
        log.at(second + 5, connect("A"), complete("A"))
        assert log.held() == set()


def test_a_redirected_caller_comes_back() -> None:
    """A waiting caller who was redirected is logged as ABANDON, and may enter again."""
    log = Log().at(0, enter("A")).at(2, "A|q1|X|RINGCANCELED|1500", abandon("A"))
    assert log.held(SETTLE) == set()
    assert log.at(4, enter("A", "q2")).held() == {b"A"}


# --- terminal events out of order (rules 5 and 6) ---


def test_the_next_queue_before_the_end_of_the_last() -> None:
    """ENTERQUEUE of q2 before COMPLETEAGENT of q1 leaves the call in q2."""
    log = Log().at(0, enter("A")).at(1, connect("A")).at(5, enter("A", "q2"), complete("A"))
    assert log.held() == {b"A"}
    assert log.at(9, abandon("A", "q2")).held() == set()


def test_the_same_queue_before_the_transfer_that_led_to_it() -> None:
    """BLINDTRANSFER after the ENTERQUEUE of the same queue ends the leg that talked."""
    log = Log().at(0, enter("A")).at(1, connect("A"))
    log.at(5, enter("A"), "A|q1|X|BLINDTRANSFER|toq|transfer|0|2|1")
    assert log.held() == {b"A"}
    log.at(6, connect("A", "Y"))
    assert log.held() == {b"A"}
    assert log.at(9, complete("A", "Y")).held() == set()


def test_the_leg_that_waits_leaves_first() -> None:
    """An exit without an agent ends the leg that waits, not the one that still talks."""
    log = Log(hold=100).at(0, enter("A")).at(1, connect("A")).at(50, enter("A"))
    log.at(60, "A|q1|NONE|EXITWITHTIMEOUT|1|1|10")
    assert log.tracker.held(T + 99.5) == {b"A"}
    assert log.tracker.held(T + 100) == set()  # the leg that is left entered at T


def test_the_leg_in_the_announcement_leaves_first() -> None:
    """An ABANDON that names an agent who talks to nobody ends the leg that waits."""
    log = Log(hold=100).at(0, enter("A")).at(1, connect("A", "X")).at(50, enter("A"))
    log.at(60, "A|q1|Y|ABANDON|1|1|10")
    assert log.tracker.held(T + 99.5) == {b"A"}
    assert log.tracker.held(T + 100) == set()


def test_the_end_of_an_agent_who_never_connected() -> None:
    """Where the CONNECT was lost, the end of its leg ends one of those that talk."""
    log = Log().at(0, enter("A")).at(1, connect("A", "X")).at(50, enter("A"))
    log.at(51, connect("A", "Y")).at(60, complete("A", "W"))
    assert log.held() == {b"A"}
    assert log.at(61, complete("A", "W")).held() == set()


def test_the_end_of_the_agents_own_leg() -> None:
    """Of two legs that talk in one queue, the one with the agent of the event ends."""
    log = Log(hold=100).at(0, enter("A")).at(1, connect("A", "X")).at(50, enter("A"))
    log.at(51, connect("A", "Y"), complete("A", "X"))
    assert log.tracker.held(T + 120) == {b"A"}
    log.at(60, complete("A", "Y"))
    assert log.held() == set()


def test_two_completes_at_the_final_hangup() -> None:
    """An agent left by `*`: his COMPLETE comes with the last one, and both are awaited."""
    log = (
        Log()
        .at(0, enter("A"))
        .at(1, connect("A", "X"))
        .at(30, enter("A"))
        .at(31, connect("A", "Y"))
    )
    assert log.held() == {b"A"}
    log.at(90, "A|q1|X|COMPLETECALLER|1|89|1")
    assert log.held() == {b"A"}
    assert log.at(90, "A|q1|Y|COMPLETECALLER|1|59|1").held() == set()


def test_two_completes_with_one_agent() -> None:
    """The same agent twice in one call needs both ends, and the older leg ends first."""
    log = Log(hold=300).at(0, enter("A")).at(1, connect("A")).at(30, enter("A"))
    log.at(31, connect("A")).at(90, complete("A"))
    assert log.tracker.held(T + 329.5) == {b"A"}
    assert log.tracker.held(T + 330) == set()
    assert log.at(90, complete("A")).held() == set()


def test_two_legs_that_are_alike() -> None:
    """Two entrances into one queue in one second need two ends."""
    log = Log().at(0, enter("A"), enter("A")).at(5, abandon("A"))
    assert log.held() == {b"A"}
    assert log.at(5, abandon("A")).held() == set()


def test_a_connect_is_for_its_queue() -> None:
    """A CONNECT in one queue says nothing about a leg in another one."""
    log = Log().at(0, enter("A")).at(1, enter("A", "q2")).at(2, connect("A", "X", "q2"))
    log.at(9, complete("Z", "X", "q2"))  # under another callid: it finds the leg by its agent
    assert log.held() >= {b"A"}
    assert log.at(9, abandon("A")).held() == set()


def test_the_end_of_a_call_that_talked_for_hours_elsewhere() -> None:
    """A talking caller who was redirected completes at the final hangup, and is held until then."""
    log = Log().at(0, enter("A")).at(1, connect("A"))
    assert log.held(3 * 3600) == {b"A"}
    assert log.at(3 * 3600, "A|q1|X|COMPLETECALLER|1|10799|1").held() == set()


# --- callids that change (rule 7) ---


def test_a_callid_that_changes_under_a_local_channel() -> None:
    """The real call that entered as .129 is ended by the COMPLETECALLER of .127."""
    first, second = scenario(b"1795411718.129")
    (end,) = scenario(b"1795411718.127")
    log = Log(first, second)
    assert log.held() == {b"1795411718.129"}
    assert log.write(end).held() == set()
    assert log.held(0.0) >= {b"1795411718.127"}


def test_a_foreign_end_ends_the_oldest_connection() -> None:
    """Of two calls that talk to one agent in one queue, the one connected first is meant."""
    log = Log().at(0, enter("B")).at(1, enter("A")).at(2, connect("A")).at(3, connect("B"))
    assert log.at(9, complete("Z")).held() == {b"B"}
    assert log.at(10, complete("Z")).held() == set()


@pytest.mark.parametrize(
    "end", [complete("Z", "Y"), complete("Z", "X", "q2"), abandon("Z"), "Z|q1||ABANDON|1|1|4"]
)
def test_a_foreign_end_of_somebody_else(end: str) -> None:
    """Another agent, another queue, or no agent: such an end says nothing about this call."""
    assert Log().at(0, enter("A")).at(1, connect("A")).at(9, end).held() == {b"A"}


def test_a_foreign_end_without_an_agent() -> None:
    """An end without an agent ends no other call's leg, though that has no agent's name either."""
    log = Log().at(0, enter("A")).at(1, connect("A", "")).at(9, "Z|q1||COMPLETECALLER|1|8|1")
    assert log.held() == {b"A"}


def test_a_foreign_end_of_a_call_that_waits() -> None:
    """An end with an agent does not reach a call that no agent has taken."""
    assert Log().at(0, enter("A")).at(9, complete("Z")).held() == {b"A"}


def swap() -> list[tuple[int, str]]:
    """Return the attended transfer into a queue of asterisk issue 759: A and B change places."""
    return [
        (0, enter("A", "1501")),
        (2, connect("A", "X", "1501")),
        (30, enter("B", "1509")),
        (35, "B|1501|X|ATTENDEDTRANSFER|BRIDGE|7efcfbc6|2|33|1"),
        (40, connect("A", "Y", "1509")),
        (90, complete("A", "Y", "1509")),
    ]


def test_two_calls_that_swap_their_ids() -> None:
    """After the swap B is held while A's records tell of B's leg, and then nobody is."""
    log = Log()
    for second, rest in swap()[:-1]:
        log.at(second, rest)
        assert b"B" in log.held() or second < 30
    assert log.at(*swap()[-1]).held() == set()


def test_a_connect_of_the_partner_without_a_swap() -> None:
    """A CONNECT of a callid that has no leg and no partner connects nobody."""
    log = Log().at(0, enter("A")).at(1, connect("Z")).at(2, complete("Z"))
    assert log.held() == {b"A"}


@pytest.mark.parametrize("seen", [4, 5])
def test_a_call_whose_leg_goes_on_under_another_id(seen: int) -> None:
    """Two calls that swapped their ids are both held while one of their legs is open."""
    log = Log()
    for second, rest in swap()[:seen]:
        log.at(second, rest)
    assert log.held() == {b"A", b"B"}


def test_settle_after_a_foreign_end() -> None:
    """A call may enter again after its last leg ended, whoever's record told of that end."""
    log = Log().at(0, enter("A")).at(1, connect("A")).at(90, complete("Z"))
    assert log.held(0.0) >= {b"A"}


@pytest.mark.parametrize("event", ["COMPLETECALLER|1|20|1", "ATTENDEDTRANSFER|BRIDGE|b|1|2|1"])
def test_an_end_without_any_leg(event: str) -> None:
    """An end of a callid that nobody knows is passed on after settle, and changes nothing."""
    log = Log().at(0, f"Z|q1|X|{event}")
    assert log.held(0.0) == {b"Z"}
    assert log.held(SETTLE) == set()


def test_a_second_end_of_a_call_that_has_ended() -> None:
    """A terminal event written twice does not end the agent's next call."""
    log = Log().at(0, enter("A")).at(1, connect("A"))
    log.at(30, "A|q1|X|BLINDTRANSFER|plain|transfer|0|2|1", enter("B"), connect("B"))
    log.at(30, "A|q1|X|COMPLETECALLER|1|29|1")
    assert log.held() == {b"B"}


# --- terminal events written twice (rule 8) ---


@pytest.mark.parametrize(
    "ends",
    [
        ("EXITEMPTY|1|1|4", "EXITEMPTY|1|1|4"),
        ("EXITEMPTY|1|1|4", "ABANDON|1|1|4"),
        ("ABANDON|1|1|4", "ABANDON|1|1|4"),
    ],
)
def test_an_end_twice(ends: tuple[str, str]) -> None:
    """Asterisk before 2017 wrote some ends twice: the second one changes nothing."""
    log = Log().at(0, enter("A"), enter("B")).at(4, *(f"A|q1|NONE|{end}" for end in ends))
    assert log.held() == {b"B"}
    assert log.at(5, enter("A")).held() == {b"A", b"B"}


def test_transfer_and_hangup_both() -> None:
    """A blind transfer that raced a hangup ends the call once."""
    log = Log().at(0, enter("A")).at(1, connect("A"))
    log.at(9, "A|q1|X|BLINDTRANSFER|1|2|0|2|1", "A|q1|X|COMPLETECALLER|1|8|1")
    assert log.held() == set()


# --- Asterisk starts (rule 9) ---


def test_queuestart_ends_every_open_leg() -> None:
    """After a start of Asterisk nothing that waited or talked before is open."""
    log = Log().at(0, enter("A"), enter("B"), enter("B", "q2")).at(1, connect("B"))
    assert log.held() == {b"A", b"B"}
    log.at(60, QUEUESTART.decode())
    assert log.held(0.0) == set()
    assert log.tracker.next_change(T + 60) is None


def test_the_kill_in_the_scenarios() -> None:
    """The two real calls that `kill -9` left without an end are held no longer than settle."""
    lines = sample_lines("scenarios.queue_log")
    position = lines.index(b"1795411844|NONE|NONE|NONE|QUEUESTART|")
    open_calls = {b"1795411841.1", b"1795411841.5"}
    log = Log(*lines[:position])
    assert log.held() == open_calls
    log.write(lines[position])
    assert log.held(2.0) == set()
    assert log.held(SETTLE) == set()


def test_a_call_after_a_start() -> None:
    """A call that enters after the start is open, though its id was open before."""
    log = Log().at(0, enter("A")).at(1, QUEUESTART.decode()).at(2, enter("A"))
    assert log.held() == {b"A"}
    assert log.at(3, abandon("A")).held() == set()


def test_a_start_dissolves_partners() -> None:
    """Who swapped ids with whom before a start of Asterisk means nothing after it."""
    log = Log()
    for second, rest in swap()[:4]:
        log.at(second, rest)
    log.at(50, QUEUESTART.decode()).at(51, enter("B", "1509"))
    log.at(52, connect("A", "Y", "1509")).at(60, complete("Z", "Y", "1509"))
    assert log.held() == {b"B"}


@pytest.mark.parametrize("line", [b"NONE|NONE|NONE|CONFIGRELOAD|", b"NONE|q1|NONE|QUEUESTARTED|"])
def test_a_reload_is_no_start(line: bytes) -> None:
    """A reload leaves every call open."""
    log = Log().at(0, enter("A")).at(1, line.decode())
    assert log.held() == {b"A"}


def test_a_start_with_a_callid_is_none() -> None:
    """A custom event of that name, written for a call, ends nobody's leg."""
    log = Log().at(0, enter("A")).at(1, "B|NONE|NONE|QUEUESTART|")
    assert log.held() == {b"A"}


@pytest.mark.parametrize(
    "stump", [b"\0" * 24, b"1795411402|1.9|q1|X|RINGNOAN", b"17954114", b"1795411402|1.9|q1"]
)
def test_a_start_behind_a_stump(stump: bytes) -> None:
    """After a power cut, QUEUESTART stands behind what was left of the last line."""
    log = Log().at(0, enter("A"))
    log.write(stump + b"%d|" % (T + 60) + QUEUESTART)
    assert log.tracker.held(T + 120) == set()


# --- hold and settle (rule 10) ---


def test_hold_is_counted_from_the_oldest_open_leg() -> None:
    """A leg that never ends holds its call for `hold` seconds after it entered."""
    log = Log(hold=100).at(0, enter("A")).at(60, enter("A", "q2"))
    assert log.tracker.held(T + 99.5) == {b"A"}
    assert log.tracker.held(T + 100) == set()


def test_hold_ends_although_the_call_still_speaks() -> None:
    """An open call whose time is over is not held for its last record either."""
    log = Log(hold=100).at(0, enter("A")).at(99, "A|q1|X|RINGNOANSWER|3000")
    assert log.tracker.held(T + 100) == set()


def test_settle_is_counted_from_the_last_record() -> None:
    """A call without an open leg is held for less than `settle` seconds of its silence."""
    log = Log().at(0, enter("A")).at(1, abandon("A"))
    assert log.held(SETTLE - 0.001) == {b"A"}
    assert log.held(SETTLE) == set()
    log.at(4, "A|q1|NONE|INFO|survey|5")
    assert log.held(SETTLE - 0.001) == {b"A"}
    assert log.held(SETTLE) == set()


def test_a_did_waits_for_its_call() -> None:
    """A DID is held for settle: its ENTERQUEUE follows at once, or the join was refused."""
    log = Log().write(*scenario(b"1795411483.41"))
    assert log.held(0.0) == {b"1795411483.41"}
    assert log.held(SETTLE) == set()


@pytest.mark.parametrize("settle", [0.0, 5.0])
def test_settle_zero_waits_for_nobody(settle: float) -> None:
    """Without settle a call may go with its last record."""
    log = Log(settle=settle).at(0, enter("A"), abandon("A"))
    assert log.held(0.0) == ({b"A"} if settle else set())


# --- clocks ---


@pytest.mark.parametrize("now", [T - HOLD - 1, T - HOLD, T + HOLD, T + HOLD + 1])
def test_a_clock_that_is_far_off_holds_nobody(now: float) -> None:
    """A call whose time is `hold` away, before or behind, may go."""
    assert Log().at(0, enter("A"), enter("B"), abandon("B")).tracker.held(now) == set()


@pytest.mark.parametrize("now", [T - HOLD + 1, T - 1, T, T + 1, T + HOLD - 1])
def test_a_clock_that_is_off_by_less_holds_open_calls(now: float) -> None:
    """An open call is held while its age is below `hold`, whichever way the clock went."""
    assert Log().at(0, enter("A")).tracker.held(now) == {b"A"}


@pytest.mark.parametrize(("away", "held"), [(-5.0, False), (-4.9, True), (4.9, True), (5.0, False)])
def test_settle_in_both_directions(*, away: float, held: bool) -> None:
    """A record from the future unsettles its call no longer than one from the past."""
    log = Log().at(0, abandon("A"))
    assert bool(log.tracker.held(T + away)) is held


@pytest.mark.parametrize("time", [b"999999999", b"1000000000", b"9999999999", b"10000000000"])
def test_times_around_a_new_digit(time: bytes) -> None:
    """Where the time gets another digit, settle is counted as everywhere."""
    log = Log(time + b"|A|q1|NONE|ABANDON|1|1|4")
    for away in (-4.5, 0.0, 4.5):
        assert log.tracker.held(int(time) + away) == {b"A"}
    for away in (-5.0, 5.0):
        assert log.tracker.held(int(time) + away) == set()


def test_a_time_with_leading_zeros() -> None:
    """Zeros before a time change nothing in it."""
    log = Log(b"0%d|A|q1|NONE|ABANDON|1|1|4" % T)
    assert log.tracker.held(T + 4.5) == {b"A"}
    assert log.tracker.held(T + 5.0) == set()


def test_lines_that_were_written_late() -> None:
    """A back-dated ENTERQUEUE opens its call like any other, and its age is what it says."""
    log = Log(hold=3600).at(3000, enter("B")).at(0, enter("A"))
    assert log.tracker.held(T + 3599) == {b"A", b"B"}
    assert log.tracker.held(T + 3600) == {b"B"}
    log.at(10, abandon("A"))
    assert log.tracker.held(T + 3000) == {b"B"}


def test_next_change_of_a_call_that_ended() -> None:
    """What has ended may go when settle is over, and is unsettled until then."""
    log = Log().at(0, enter("A")).at(10, abandon("A"))
    assert log.tracker.next_change(T + 12) == 3.0
    assert log.tracker.unsettled(T + 12)
    assert log.tracker.next_change(T + 15) is None
    assert not log.tracker.unsettled(T + 15)


def test_next_change_of_a_call_that_is_open() -> None:
    """What is open may go when hold is over, and is not waiting to settle."""
    log = Log(hold=100).at(0, enter("A")).at(50, enter("B"))
    assert log.tracker.next_change(T + 60) == 40.0
    assert log.tracker.next_change(T + 100) == 50.0
    assert not log.tracker.unsettled(T + 50)


# --- whose a line is ---


def test_the_events_of_agents_are_these() -> None:
    """These are all the events of Asterisk that tell of agents and not of calls."""
    assert {
        b"ADDMEMBER", b"REMOVEMEMBER", b"PENALTY", b"RINGINUSE",
        b"PAUSE", b"UNPAUSE", b"PAUSEALL", b"UNPAUSEALL",
        b"AGENTLOGIN", b"AGENTLOGOFF", b"AGENTCALLBACKLOGIN", b"AGENTCALLBACKLOGOFF",
    } == AGENT_EVENTS  # fmt: skip


@pytest.mark.parametrize("event", sorted(AGENT_EVENTS))
def test_what_happens_to_agents_belongs_to_no_call(event: bytes) -> None:
    """An agent's event belongs to no call, though it has the callid of his own channel."""
    log = Log().at(0, f"1795411648.117|NONE|7001|{event.decode()}|Local/l@agentlogin-0000003a;2")
    assert log.owners == [NOBODY]
    assert log.held(0.0) == set()


def test_an_agents_event_of_a_call_in_a_queue() -> None:
    """An agent's event under the callid of an open call travels with it."""
    log = Log().at(0, "A|q1|Local/x|ADDMEMBER|", enter("A"), "A|q1|Local/x|ADDMEMBER|")
    log.at(9, abandon("A")).at(10, "A|q1|Local/x|REMOVEMEMBER|")
    assert log.owners == [NOBODY, b"A", b"A", b"A", NOBODY]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"y",
        b"1795411429|113.113|q1",
        b"1795411429|113.113|q1|NONE",
        b"\0\0\0\0",
        b"|||||",
        b"17954114|A|q1|NONE|ENTERQUEUE||7|1",
        b"179541140100|A|q1|NONE|ENTERQUEUE||7|1",
        b"x795411401|A|q1|NONE|ENTERQUEUE||7|1",
    ],
)
def test_a_line_that_is_no_record_belongs_to_no_call(line: bytes) -> None:
    """A fragment is never held, and counted as odd."""
    log = Log(line)
    assert log.owners == [NOBODY]
    assert log.tracker.odd == 1
    assert log.tracker.held(T) == set()


def test_a_glued_line_belongs_to_the_call_it_begins_with() -> None:
    """Of two lines glued after a full disk, the first one's columns count."""
    log = Log(b"1795412299|113.113|q1|x|E113|mmm1795412299|140.140|q1|NONE|ENTERQUEUE||7|1")
    assert log.owners == [b"113.113"]
    assert log.tracker.entered == set()


@pytest.mark.parametrize("callid", [b"", b"NONE", b"MANAGER", b"CLI", b"REALTIME"])
def test_special_callids_are_never_held(callid: bytes) -> None:
    """No event makes a call of NONE, MANAGER, CLI, REALTIME or an empty callid."""
    log = Log(*(record(T, callid, b"q1", b"X", event) for event in (b"ENTERQUEUE", b"CONNECT")))
    assert log.held(0.0) == set()
    assert log.tracker.entered == set()


@pytest.mark.parametrize("callid", sorted(NO_CALL - {NOBODY}))
def test_the_owner_of_a_record_of_no_call(callid: bytes) -> None:
    """A record that belongs to no call is NOBODY's."""
    assert Log(record(T, callid, b"q1", b"7001", b"PAUSE")).owners == [NOBODY]


@pytest.mark.parametrize(
    "lines",
    [
        (b"|A|q1|NONE|DID|1", b"17954122991795412299|B|q1|NONE|DID|1"),
        (b"17954114|A|q1|NONE|DID|1", b"179541142700|B|q1|NONE|DID|1"),
    ],
)
def test_false_times_that_make_up_for_each_other(lines: tuple[bytes, ...]) -> None:
    """A line without a plausible time is no record, whatever its neighbours are."""
    log = Log(*lines)
    assert log.owners == [NOBODY, NOBODY]
    assert log.tracker.held(T) == set()


# --- forgetting ---


def test_entered_is_what_entered_and_was_not_forgotten() -> None:
    """The callids that entered a queue are known until they are forgotten."""
    log = Log().at(0, enter("A"), enter("B"), "C|q1|NONE|DID|1", connect("D"))
    assert log.tracker.entered == {b"A", b"B"}
    log.tracker.keep_only({b"B", b"D"})
    assert log.tracker.entered == {b"B"}


def test_a_forgotten_call_is_a_new_one() -> None:
    """What a forgotten call does later is held for its own sake, and opens no old leg."""
    log = Log().at(0, enter("A"))
    log.tracker.keep_only(())
    assert log.held(0.0) == set()
    log.at(1, "A|q1|X|RINGNOANSWER|3000")
    assert log.held(0.0) == {b"A"}
    assert log.held(SETTLE) == set()
    assert log.tracker.entered == set()


def test_nothing_is_remembered_of_what_has_left() -> None:
    """A tracker that has forgotten all calls keeps nothing of them, so memory is bounded."""
    log = Log()
    for second, rest in swap():
        log.at(second, rest)
    log.at(100, enter("C"), connect("C"), complete("Z"), abandon("D"), enter("E"))
    log.tracker.keep_only(())
    kept = [value for value in vars(log.tracker).values() if isinstance(value, dict | set | list)]
    assert len(kept) >= 3
    assert not any(kept)


def test_the_longest_waiting_come_first() -> None:
    """Calls are sorted by the time their oldest open leg entered; what has ended comes first."""
    log = (
        Log().at(5, enter("B")).at(1, enter("A")).at(9, enter("C")).at(9, enter("D"), abandon("D"))
    )
    assert log.tracker.oldest_first({b"A", b"B", b"C", b"D"}) == [b"D", b"A", b"B", b"C"]


# --- whole real logs ---


@pytest.mark.parametrize("tree", TREES)
def test_a_real_log_ends_with_nothing_held(tree: str) -> None:
    """Every call of a log that ended in peace is over when its last line has settled."""
    log = Log(*tree_lines(tree))
    assert log.held(SETTLE) == set()


# How many calls are in a queue, and how many more are not settled yet, where one
# file ends and the next begins.
OPEN_AT_BORDERS = {
    "rotate": [(33, 14), (26, 12), (31, 15), (21, 11), (0, 6)],
    "sequential": [(28, 13), (36, 15), (27, 15), (35, 17), (0, 2)],
    "timestamp": [(29, 11), (16, 25), (23, 14), (29, 13), (0, 4)],
}


@pytest.mark.parametrize("tree", TREES)
def test_calls_that_a_rotation_cuts_through(tree: str) -> None:
    """At the end of each file those calls are held whose end stands in a later file."""
    lines = tree_lines(tree)
    rows = [row for line in lines if (row := parse(line)) is not None]
    log, done, figures = Log(), 0, []
    for name in TREES[tree]:
        portion = sample_lines(f"{tree}/{name}")
        log.write(*portion)
        done += len(portion)
        before, after = rows[:done], rows[done:]
        entered = {row.callid for row in before if row.event == b"ENTERQUEUE"}
        ended = {row.callid for row in before if row.event in TERMINAL_EVENTS}
        fresh = {row.callid for row in before if row.time > log.time - SETTLE} - NO_CALL
        agents = {row.callid for row in before if row.event in AGENT_EVENTS}
        assert log.held(SETTLE) == entered - ended
        assert entered - ended <= {row.callid for row in after if row.event in TERMINAL_EVENTS}
        assert log.held(0.0) == (entered - ended) | (fresh - agents)
        figures.append((len(log.held(SETTLE)), len(log.held(0.0) - log.held(SETTLE))))
    assert figures == OPEN_AT_BORDERS[tree]


def test_the_scenarios_end_with_nothing_held() -> None:
    """Three calls there have no end of their own: two were killed, one changed its id."""
    lines = sample_lines("scenarios.queue_log")
    rows = [row for line in lines if (row := parse(line)) is not None]
    entered = {row.callid for row in rows if row.event == b"ENTERQUEUE"}
    ended = {row.callid for row in rows if row.event in TERMINAL_EVENTS}
    assert entered - ended == {b"1795411718.129", b"1795411841.1", b"1795411841.5"}
    assert ended - entered == {b"1795411718.127"}
    log = Log()
    for line in lines:
        log.write(line)
        assert log.held() <= entered
    assert log.held(0.0) == set()  # two reloads later, three seconds after the start
    assert log.tracker.entered == entered


# --- the archive's clock ---


def lines_at(*times: int) -> list[bytes]:
    """Return records of these seconds, counted from `T`."""
    return [record(T + time, b"NONE", b"q1", b"7001", b"PAUSE") for time in times]


@pytest.mark.parametrize(
    ("times", "previous", "clock"),
    [
        ((), None, None),
        ((), 7, 7),
        ((5,), None, 5),
        ((5, 6, 7), 0, 7),
        ((5, 7, 6), 0, 7),
        ((5,), 7, 7),
        ((-3600,), 0, 0),
        ((-HOLD,), 0, 0),
        ((-HOLD - 1,), 0, -HOLD - 1),
        ((-HOLD - 1, 0), 0, 0),
        ((-HOLD - 9, -HOLD - 5), 0, -HOLD - 5),
        ((1, HOLD + 1, 2), 0, 2),
        ((1, HOLD + 1, HOLD + 2), 0, HOLD + 2),
        ((1, HOLD), 0, HOLD),
    ],
)
def test_the_clock_of_the_records(
    times: tuple[float, ...], previous: int | None, clock: float | None
) -> None:
    """The clock is the newest record, not a single one far ahead; back it goes only by `hold`."""
    before = None if previous is None else T + previous
    after = None if clock is None else T + int(clock)
    assert advance_clock(lines_at(*map(int, times)), before, hold=HOLD) == after


def test_the_clock_ignores_lines_without_a_time() -> None:
    """Fragments say nothing about the time."""
    assert advance_clock([b"", b"y", *lines_at(5), b"\0\0", b"17|x|y|z|E|"], T, hold=HOLD) == T + 5
    assert advance_clock([b"", b"y"], T, hold=HOLD) == T


def test_one_false_time_at_the_very_beginning() -> None:
    """The first records of all are not believed when a single one of them is far ahead."""
    lines = [*lines_at(1, 2, 3), b"9999999999|x|q1|NONE|CUSTOM|", *lines_at(4)]
    clock = advance_clock(lines, None, hold=HOLD)
    assert clock is not None
    assert abs(clock - T) < 10


def test_the_clock_comes_back_from_a_false_time() -> None:
    """A clock that was led far ahead returns with the next records."""
    false = advance_clock([b"9999999999|x|q1|NONE|CUSTOM|"] * 2, T, hold=HOLD)
    assert false == 9_999_999_999
    assert advance_clock(lines_at(5), false, hold=HOLD) == T + 5


def test_a_single_false_time_in_a_live_log() -> None:
    """A single record more than `hold` ahead is not believed, in company or alone."""
    clock = advance_clock([b"9999999999|x|q1|NONE|CUSTOM|"], T, hold=HOLD)
    assert clock == T
