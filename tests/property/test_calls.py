"""The call tracker against random histories, and against what really happened in them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from qlogship.queue_log.calls import NOBODY
from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import parse
from qlogship.shipping.call_waits import WaitingCalls
from tests.fixtures.histories import BEGIN, Bystander, Step, histories
from tests.fixtures.queue_log import record, text_of, tree_lines
from tests.support.clocks import advance_clock

SETTLE = 5.0
HOLD = 300.0

_WAITS = (0.0, 0.5, 4.5, 5.0, 5.5, 60.0, 299.0, 299.5, 300.0, 1000.0)

# Pieces that lines are made of, so that many of them are almost records.
_TIMES = st.sampled_from(
    (b"1795411423", b"1795411427", b"179541142", b"17954114270", b"x", b"+1795411423", b"\xd9\xa1")
)
_FIELDS = st.sampled_from(
    (b"", b"NONE", b"CLI", b"1795411423.1", b"A", b"q1", b"Q1", b"SIP/101", b"ENTERQUEUE",
     b"CONNECT", b"COMPLETEAGENT", b"ABANDON", b"ADDMEMBER", b"QUEUESTART", b"\xd0", b"\0", b"x\r")
)  # fmt: skip
_LINES = st.builds(
    lambda time, fields: b"|".join((time, *fields)), _TIMES, st.lists(_FIELDS, max_size=7)
) | st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))
_EVENTS = st.sampled_from(
    (b"ENTERQUEUE", b"CONNECT", b"COMPLETEAGENT", b"ABANDON", b"ADDMEMBER", b"DID", b"TRANSFER")
)
_RECORDS = st.builds(
    record,
    st.integers(BEGIN - 20, BEGIN + 20),
    st.sampled_from((b"A", b"B", b"C", b"NONE")),
    st.sampled_from((b"q1", b"Q1", b"q2")),
    st.sampled_from((b"NONE", b"", b"X", b"Y")),
    _EVENTS,
)


def tracker() -> WaitingCalls:
    """Return a tracker that has seen nothing."""
    return WaitingCalls(settle=SETTLE, hold=HOLD)


def pieces(items: list[bytes], borders: set[int]) -> list[list[bytes]]:
    """Cut a list at these places."""
    places = [0, *sorted(border for border in borders if border < len(items)), len(items)]
    return [items[start:end] for start, end in pairwise(places)]


@given(st.lists(_LINES | _RECORDS, max_size=60), st.sets(st.integers(0, 60)))
def test_borders_mean_nothing(lines: list[bytes], borders: set[int]) -> None:
    """Owners and held calls are the same however the lines are cut into portions."""
    assume(not any(is_false_time(line) for line in lines))
    whole, parted = tracker(), tracker()
    expected = whole.observe(text_of(lines))
    owners = [owner for piece in pieces(lines, borders) for owner in parted.observe(text_of(piece))]
    assert owners == expected
    assert parted.odd == whole.odd
    assert parted.entered == whole.entered
    for now in (BEGIN - 20, BEGIN, BEGIN + 7.5, BEGIN + 25, BEGIN + HOLD):
        assert parted.held(now) == whole.held(now)
        assert parted.next_change(now) == whole.next_change(now)


@given(st.lists(_LINES, max_size=40))
def test_tracker_and_parser_agree(lines: list[bytes]) -> None:
    """A line has an owner only if it parses; the others are counted as odd."""
    assume(not any(is_false_time(line) for line in lines))
    calls = tracker()
    for line, owner in zip(lines, calls.observe(text_of(lines)), strict=True):
        columns = parse(line)
        assert owner in (NO_CALL if columns is None else NO_CALL | {columns.callid})
    assert calls.odd == sum(parse(line) is None for line in lines)
    entered = {row.callid for line in lines if (row := parse(line)) and row.event == b"ENTERQUEUE"}
    assert calls.entered == entered - NO_CALL


def is_false_time(line: bytes) -> bool:
    """Return whether a line starts with digits only, but too few or too many for a time.

    Such lines have a test of their own in tests/unit/queue_log/test_calls.py.
    """
    head = line.split(b"|", 1)[0]
    return (head.isdigit() or not head) and not 9 <= len(head) <= 11


@given(st.lists(_LINES | _RECORDS, max_size=40), st.floats(0, 2e10))
def test_no_line_stops_the_tracker(lines: list[bytes], now: float) -> None:
    """Whatever the lines are, every question gets an answer."""
    assume(not any(is_false_time(line) for line in lines))
    calls = tracker()
    calls.observe(text_of(lines))
    held = calls.held(now)
    assert sorted(calls.oldest_first(held)) == sorted(held)
    assert (calls.next_change(now) is None) == (not held)
    assert held or not calls.unsettled(now)
    calls.keep_only(held)
    assert calls.held(now) == held


@given(histories(), st.lists(st.sampled_from(_WAITS), min_size=1, max_size=8))
def test_held_is_what_is_open_or_not_settled(steps: list[Step], waits: list[float]) -> None:
    """After each line those calls are held that a bystander knows as open or just ended."""
    calls = tracker()
    bystander = Bystander(SETTLE, HOLD)
    for number, step in enumerate(steps):
        expected_owner = bystander.owner(step)
        bystander.take(step)
        owner = calls.observe(text_of([step.line]))[0]
        assert (NOBODY if owner in NO_CALL else owner) == expected_owner
        now = step.time + waits[number % len(waits)]
        assert calls.held(now) == bystander.held(now), step.line


@given(histories(backwards=False), st.integers(0, 80))
def test_a_restart_ends_every_call(steps: list[Step], position: int) -> None:
    """When settle has passed since Asterisk started, no call from before is held."""
    calls = tracker()
    before = steps[:position]
    calls.observe(text_of([step.line for step in before]))
    time = before[-1].time + 1 if before else BEGIN
    calls.observe(text_of([record(time, b"NONE", b"NONE", b"NONE", b"QUEUESTART")]))
    for wait in (SETTLE, 2 * SETTLE, HOLD, 2 * HOLD):
        assert calls.held(time + wait) == set()
        assert calls.next_change(time + wait) is None


@given(histories(own_agents=True), st.integers(0, 80), st.sets(st.integers(0, 4)))
def test_what_has_left_does_not_come_back(
    steps: list[Step], position: int, chosen: set[int]
) -> None:
    """A forgotten call is held again only for lines that came after; the others see nothing."""
    calls, unforgetting = tracker(), tracker()
    before, after = steps[:position], steps[position:]
    for observer in (calls, unforgetting):
        observer.observe(text_of([step.line for step in before]))
    time = before[-1].time if before else BEGIN
    known = sorted({step.callid for step in before if step.callid})
    kept = {callid for number, callid in enumerate(known) if number in chosen}
    calls.keep_only(kept)
    assert calls.entered <= kept
    for now in (time, time + 4.5, time + HOLD - 1):
        assert calls.held(now) == unforgetting.held(now) & kept
    spoken = set()
    for step in after:
        spoken.add(step.callid)
        for observer in (calls, unforgetting):
            observer.observe(text_of([step.line]))
        for now in (step.time, step.time + 4.5, step.time + 60):
            held = calls.held(now)
            assert held <= kept | spoken
            assert held & kept == unforgetting.held(now) & kept


@given(histories(backwards=False))
def test_next_change_is_when_the_first_call_may_go(steps: list[Step]) -> None:
    """Nothing leaves by silence before `next_change`, and something does at that moment."""
    calls = tracker()
    time = BEGIN
    for step in steps:
        calls.observe(text_of([step.line]))
        time = step.time
        for now in (time, time + 2.5):
            held = calls.held(now)
            wait = calls.next_change(now)
            assert (wait is None) == (not held)
            if wait is not None:
                assert calls.held(now + wait - 0.25) == held
                assert calls.held(now + wait) < held


@given(st.sampled_from(("rotate", "sequential", "timestamp")), st.sets(st.integers(0, 1300)))
def test_portions_of_a_real_log(tree: str, borders: set[int]) -> None:
    """A real log gives the same calls in any portions."""
    lines = tree_lines(tree)
    whole, parted = tracker(), tracker()
    owners = [owner for piece in pieces(lines, borders) for owner in parted.observe(text_of(piece))]
    assert owners == whole.observe(text_of(lines))
    now = int(lines[-1].split(b"|")[0])
    assert parted.held(now) == whole.held(now)


@given(
    st.lists(st.lists(st.integers(0, 100_000), max_size=40), max_size=8),
    st.none() | st.integers(BEGIN, BEGIN + 100_000),
)
@example([[]], None)
def test_the_clock_never_goes_back_a_little(blocks: list[list[int]], clock: int | None) -> None:
    """The archive's time rises, or falls by more than `hold`; it is a time that was seen."""
    seen = {clock}
    for block in blocks:
        lines = [record(BEGIN + time, b"NONE", b"q1", b"7001", b"PAUSE") for time in block]
        before, clock = clock, advance_clock(lines, clock, hold=HOLD)
        seen |= {BEGIN + time for time in block}
        assert clock in seen
        if before is not None and clock is not None:
            assert clock >= before or clock < before - HOLD


@given(st.lists(st.integers(0, 60), max_size=40), st.sets(st.integers(0, 40)))
def test_the_clock_is_the_newest_record(waits: list[int], borders: set[int]) -> None:
    """While the records' times rise by less than `hold`, their newest is the archive's time."""
    time, lines = BEGIN, []
    for wait in waits:
        time += wait
        lines.append(record(time, b"NONE", b"q1", b"7001", b"PAUSE"))
    clock: int | None = BEGIN
    for piece in pieces(lines, borders):
        clock = advance_clock(piece, clock, hold=60 * 40 + 1)
    assert clock == time


@pytest.mark.parametrize("size", [1, 7, 1023, 1024, 1025, 3000])
def test_large_portions(size: int) -> None:
    """A portion of any size is taken in as its lines are."""
    lines = (tree_lines("rotate") * 3)[:size]
    whole, single = tracker(), tracker()
    owners = whole.observe(text_of(lines))
    assert owners == [owner for line in lines for owner in single.observe(text_of([line]))]
    assert len(owners) == size
