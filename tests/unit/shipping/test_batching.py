"""What goes into one upload: the window, the borders of batches, and their composition."""

from __future__ import annotations

from hashlib import sha256

import pytest

from qlogship.queue_log.calls import NOBODY
from qlogship.shipping.batching import HELD_LIMIT, Batch, Window, WindowRecord, divide
from qlogship.shipping.call_waits import WaitingCalls
from tests.fixtures.queue_log import record, sample_lines, text_of

T = 1_795_411_401
SETTLE = 5.0
HOLD = 43_200.0


def window(*, max_bytes: int = 900_000, hold: float = HOLD, clock: int | None = None) -> Window:
    """Return an empty window."""
    tracker = WaitingCalls(settle=SETTLE, hold=hold)
    return Window(tracker, max_bytes=max_bytes, hold=hold, clock=clock)


def enter(second: int, call: str, queue: str = "q1") -> bytes:
    """Return the record of a call that enters."""
    return record(T + second, call.encode(), queue.encode(), b"NONE", b"ENTERQUEUE", b"|7|1")


def end(second: int, call: str, queue: str = "q1") -> bytes:
    """Return the record of a caller who hangs up in the queue."""
    return record(T + second, call.encode(), queue.encode(), b"NONE", b"ABANDON", b"1|1|4")


def pause(second: int, reason: bytes = b"lunch") -> bytes:
    """Return a record of no call."""
    return record(T + second, b"NONE", b"q1", b"7001", b"PAUSE", reason)


def custom(second: int, call: str, size: int) -> bytes:
    """Return a record of a call that is `size` bytes with its newline."""
    line = record(T + second, call.encode(), b"q1", b"NONE", b"INFO")
    return line + b"x" * (size - len(line) - 1)


def seqs(batch: Batch) -> list[int]:
    """Return the numbers of a batch's records."""
    return [seq for first, last in batch.composition.runs for seq in range(first, last + 1)]


# --- a cut ---


def test_a_batch_tells_what_is_in_it() -> None:
    """Body, digest, lines, calls and times of a batch are those of its records."""
    lines = [b"y", enter(1, "A"), pause(2), end(3, "A"), enter(4, "B"), end(9, "B"), b""]
    calls = window()
    assert calls.add(11, text_of(lines)) == 7
    (batch,) = calls.cut(T + 60)
    assert batch.composition.runs == ((11, 17),)
    assert batch.body == text_of(lines)
    assert batch.composition.sha256 == sha256(batch.body).hexdigest()
    assert (batch.composition.lines, batch.composition.calls) == (7, 2)
    assert (batch.composition.first_time, batch.composition.last_time) == (T + 1, T + 9)
    assert calls.empty


def test_a_batch_without_a_time() -> None:
    """A batch of fragments has no times and no calls."""
    calls = window()
    calls.add(1, b"y\n\n\0\0\n")
    (batch,) = calls.cut(T)
    assert (
        batch.composition.first_time,
        batch.composition.last_time,
        batch.composition.calls,
        batch.composition.lines,
    ) == (None, None, 0, 3)
    assert batch.body == b"y\n\n\0\0\n"


def test_others_pass_a_call_that_is_held() -> None:
    """An open call stays behind, line by line, while others go; later it goes whole."""
    calls = window()
    calls.add(1, text_of([enter(0, "A"), enter(1, "B"), pause(2), end(3, "B")]))
    assert calls.counts(T + 60) == (1, 1)
    (first,) = calls.cut(T + 60)
    assert seqs(first) == [2, 3, 4]
    assert first.composition.calls == 1
    assert calls.held_runs == [(1, 1)]
    calls.add(5, text_of([end(61, "A"), enter(62, "C")]))
    (second,) = calls.cut(T + 70)
    assert seqs(second) == [1, 5]
    assert second.body == text_of([enter(0, "A"), end(61, "A")])
    assert calls.held_runs == [(6, 6)]


def test_a_call_that_comes_back_is_counted_where_it_enters() -> None:
    """A late record of a call that has left makes no call of its batch."""
    calls = window()
    calls.add(1, text_of([enter(0, "A"), end(1, "A")]))
    assert [batch.composition.calls for batch in calls.cut(T + 60)] == [1]
    calls.add(3, text_of([record(T + 61, b"A", b"q1", b"NONE", b"INFO", b"survey|5")]))
    assert calls.cut(T + 62) == []
    assert [batch.composition.calls for batch in calls.cut(T + 70)] == [0]


def test_two_legs_are_one_call() -> None:
    """A call that enters twice is counted once in its batch."""
    calls = window()
    calls.add(1, text_of([enter(0, "A"), end(1, "A"), enter(1, "A", "q2"), end(2, "A", "q2")]))
    assert [batch.composition.calls for batch in calls.cut(T + 60)] == [1]


def test_a_flush_lets_all_go() -> None:
    """With flush, open calls go too, and are counted."""
    calls = window()
    calls.add(1, text_of([enter(0, "A"), pause(1)]))
    (batch,) = calls.cut(T + 1, flush=True)
    assert (seqs(batch), batch.composition.calls) == ([1, 2], 1)
    assert calls.empty
    assert calls.held_runs == []
    assert calls.cut(T + 1, flush=True) == []


def test_a_call_whose_time_is_over_goes() -> None:
    """An open call goes with the first cut after `hold`, and what it does later goes after it."""
    calls = window(hold=100)
    calls.add(1, text_of([enter(0, "A")]))
    assert calls.cut(T + 99) == []
    assert [seqs(batch) for batch in calls.cut(T + 100)] == [[1]]
    calls.add(2, text_of([end(101, "A")]))
    assert [seqs(batch) for batch in calls.cut(T + 106)] == [[2]]


def test_an_empty_window_gives_nothing() -> None:
    """Nothing in, nothing out."""
    calls = window()
    assert calls.empty
    assert not calls.full
    assert not calls.ready(T)
    assert calls.cut(T) == []
    assert calls.counts(T) == (0, 0)
    assert calls.next_change(T) is None
    assert Window(WaitingCalls(settle=5, hold=60), max_bytes=100, hold=60).clock is None


def test_odd_lines_are_counted_on() -> None:
    """Lines that are no record are counted, starting from what was counted before."""
    calls = Window(WaitingCalls(settle=5, hold=HOLD), max_bytes=900, hold=HOLD, odd=3)
    calls.add(1, text_of([b"y", pause(1), b""]))
    assert calls.odd == 5


# --- the clock ---


def test_the_clock_goes_with_the_records() -> None:
    """The window's clock is that of the newest record that was added."""
    calls = window(clock=T)
    calls.add(1, text_of([pause(7)]))
    assert calls.clock == T + 7
    calls.add(2, text_of([pause(3), b"y"]))
    assert calls.clock == T + 7
    calls.cut(T + 7)
    assert calls.clock == T + 7


def test_restoring_does_not_turn_the_clock() -> None:
    """What was held is old news to the clock."""
    calls = window(clock=T + 60)
    calls.restore([(1, enter(0, "A"))])
    assert calls.clock == T + 60


# --- room ---


def test_room_is_what_a_batch_lacks() -> None:
    """A window has room until new and held records fill a batch."""
    calls = window(max_bytes=1000)
    assert calls.room == 1000
    calls.add(1, text_of([custom(0, "A", 400)]))
    assert (calls.room, calls.full) == (600, False)
    calls.add(2, text_of([custom(0, "A", 600)]))
    assert (calls.room, calls.full) == (0, True)


def test_what_is_held_takes_room_but_never_all() -> None:
    """However much is held, half a batch of new records is taken before the next cut."""
    calls = window(max_bytes=1000)
    calls.add(1, text_of([enter(0, "A"), custom(0, "A", 300 - len(enter(0, "A")) - 1)]))
    calls.cut(T)
    assert calls.room == 700
    calls.add(3, text_of([custom(0, "A", 700)]))
    calls.cut(T)
    assert (calls.room, calls.full) == (500, False)


# --- more than fits ---


def test_calls_stay_whole_when_a_batch_is_divided() -> None:
    """What does not fit one upload is divided between calls, never inside one."""
    lines = [enter(0, "A"), enter(0, "B"), custom(1, "A", 300), custom(1, "B", 300), pause(1)]
    lines += [end(2, "A"), end(2, "B"), pause(2)]
    calls = window(max_bytes=500)
    calls.add(1, text_of(lines))
    batches = calls.cut(T + 60)
    assert [batch.composition.calls for batch in batches] == [1, 1]
    assert all(len(batch.body) <= 500 for batch in batches)
    assert sorted(seq for batch in batches for seq in seqs(batch)) == list(range(1, 9))
    assert [b"|B|" in batch.body for batch in batches] == [False, True]
    assert [b"|A|" in batch.body for batch in batches] == [True, False]


def test_a_call_larger_than_an_upload_travels_alone() -> None:
    """Only a single call may exceed the size, and nothing else goes with it."""
    lines = [pause(0), enter(1, "A"), custom(1, "A", 900), enter(1, "B"), pause(1)]
    lines += [end(2, "A"), end(2, "B")]
    calls = window(max_bytes=500)
    calls.add(1, text_of(lines))
    batches = calls.cut(T + 60)
    large = [batch for batch in batches if len(batch.body) > 500]
    assert [seqs(batch) for batch in large] == [[2, 3, 6]]
    assert sum(batch.composition.lines for batch in batches) == 7
    assert sum(batch.composition.calls for batch in batches) == 2


def test_a_body_of_exactly_the_size() -> None:
    """A body of exactly `max_bytes` is not divided, one byte more is."""
    lines = [custom(0, "A", 250), custom(0, "B", 250)]
    for spare, parts in ((0, 1), (-1, 2)):
        calls = window(max_bytes=500 + spare)
        calls.add(1, text_of(lines))
        assert len(calls.cut(T + 60)) == parts


def entries(*sizes: tuple[bytes, int]) -> list[WindowRecord]:
    """Return records of these owners and sizes (with newline), numbered from 1."""
    return [
        WindowRecord(seq, b"x" * (size - 1), owner) for seq, (owner, size) in enumerate(sizes, 1)
    ]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], [[]]),
        ([(b"A", 100)], [[1]]),
        ([(b"A", 60), (b"B", 40)], [[1, 2]]),
        ([(b"A", 60), (b"B", 41)], [[1], [2]]),
        ([(b"A", 50), (b"B", 40), (b"A", 50)], [[1, 3], [2]]),
        ([(b"A", 50), (b"A", 60)], [[1, 2]]),
        ([(b"B", 1), (b"A", 50), (b"A", 60), (b"C", 1)], [[1], [2, 3], [4]]),
        ([(NOBODY, 60), (NOBODY, 60), (NOBODY, 40)], [[1], [2, 3]]),
        ([(NOBODY, 150), (b"A", 10)], [[1], [2]]),
    ],
)
def test_divide(sizes: list[tuple[bytes, int]], parts: list[list[int]]) -> None:
    """Records fill parts of 100 bytes in their order, each call where it began."""
    divided = divide(entries(*sizes), max_bytes=100)
    assert [[entry.seq for entry in part] for part in divided] == parts


def test_records_of_no_call_fit_every_size() -> None:
    """Records of no call are divided wherever the size says so."""
    calls = window(max_bytes=300)
    calls.add(1, text_of([pause(second, b"x" * 60) for second in range(20)]))
    batches = calls.cut(T + 60)
    assert max(len(batch.body) for batch in batches) <= 300


# --- memory ---


def test_calls_that_never_end_are_bounded() -> None:
    """What is held never exceeds its limit: the calls that wait longest are let go first."""
    calls = window(max_bytes=900_000)
    size, seq, second = 20_000, 1, 0
    left: list[int] = []
    while seq < 600:
        block: list[bytes] = []
        while sum(map(len, block)) + len(block) < calls.room:
            call = f"{second}.1"
            block.append(enter(second, call) + b"|" + b"x" * size)
            second += 1
        calls.add(seq, text_of(block))
        seq += len(block)
        left += [number for batch in calls.cut(T + second) for number in seqs(batch)]
        held = [number for first, last in calls.held_runs for number in range(first, last + 1)]
        assert len(held) * size <= HELD_LIMIT
        assert sorted(left + held) == list(range(1, seq))
        assert left == sorted(left)
        assert not left or max(left) < min(held)
    assert len(left) > 100
    assert len(held) * size > HELD_LIMIT // 2


def test_one_call_that_is_larger_than_memory_may_be() -> None:
    """A single call beyond the limit is let go, and alone."""
    calls = window(max_bytes=900_000)
    calls.add(1, text_of([enter(0, "B"), enter(1, "A")]))
    chatter = text_of([custom(2, "A", 8000)] * 100)
    seq = 3
    while seq * 8000 < HELD_LIMIT:
        calls.add(seq, chatter)
        seq += 100
        batches = calls.cut(T + 2)
        assert (batches == []) == (seq * 8000 < HELD_LIMIT)
    assert [seqs(batch) for batch in batches] == [[1], list(range(2, seq))]
    assert len(batches[1].body) > HELD_LIMIT
    assert calls.empty


# --- a restart ---


def restarted(calls: Window, lines: list[bytes], *, first_seq: int = 1) -> Window:
    """Return the window that a new process makes of what the old one wrote down."""
    fresh = window(clock=calls.clock)
    fresh.restore(
        (seq, lines[seq - first_seq])
        for first, last in calls.held_runs
        for seq in range(first, last + 1)
    )
    return fresh


def test_a_restart_at_every_line_of_a_real_log() -> None:
    """With a cut and a restart after every line, the batches are those without a restart."""
    lines = sample_lines("scenarios.queue_log")
    steady, fresh = window(), window()
    for seq, line in enumerate(lines, 1):
        for calls in (steady, fresh):
            calls.add(seq, line + b"\n")
        now = float(steady.clock or 0)
        if b"QUEUESTART" in line:
            now += SETTLE  # see test_a_restart_after_asterisk_started
        assert fresh.cut(now) == steady.cut(now)
        assert fresh.held_runs == steady.held_runs
        fresh = restarted(fresh, lines)
        assert fresh.clock == steady.clock
        assert fresh.counts(now + 60) == steady.counts(now + 60)


def test_a_restart_after_asterisk_started() -> None:
    """Calls that Asterisk's start has ended do not come back to life when qlogship restarts."""
    lines = [enter(0, "A"), record(T + 1, b"NONE", b"NONE", b"NONE", b"QUEUESTART")]
    calls = window()
    calls.add(1, text_of(lines))
    calls.cut(T + 2)
    assert restarted(calls, lines).counts(T + 60) == calls.counts(T + 60) == (0, 0)


def two_legs_one_ended_by_another_id() -> list[bytes]:
    """Return a call in two queues; that it left the first one is told by another callid."""
    return [
        enter(0, "A"),
        record(T + 1, b"A", b"q1", b"X", b"CONNECT", b"1|A2|1"),
        enter(2, "A", "q2"),
        record(T + 3, b"Z", b"q1", b"X", b"COMPLETECALLER", b"1|2|1"),
        end(60, "A", "q2"),
    ]


def swapped_ids() -> list[bytes]:
    """Return two calls that swap their ids in an attended transfer (asterisk issue 759)."""
    return [
        enter(0, "A", "1501"),
        record(T + 2, b"A", b"1501", b"X", b"CONNECT", b"2|A2|1"),
        enter(30, "B", "1509"),
        record(T + 35, b"B", b"1501", b"X", b"ATTENDEDTRANSFER", b"BRIDGE|7efcfbc6|2|33|1"),
        record(T + 40, b"A", b"1509", b"Y", b"CONNECT", b"10|B2|1"),
        record(T + 90, b"A", b"1509", b"Y", b"COMPLETEAGENT", b"10|50|1"),
    ]


@pytest.mark.parametrize("lines", [two_legs_one_ended_by_another_id(), swapped_ids()])
def test_a_restart_after_an_end_under_another_id(lines: list[bytes]) -> None:
    """What a foreign record said about a held call survives a restart."""
    calls = window()
    calls.add(1, text_of(lines[:4]))
    calls.cut(T + 39)
    fresh = restarted(calls, lines)
    for going_on in (calls, fresh):
        going_on.add(5, text_of(lines[4:]))
    assert calls.counts(T + 600) == (0, 0)
    assert fresh.counts(T + 600) == (0, 0)
