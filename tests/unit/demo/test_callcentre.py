"""The simulated call centre and the backlog made of it."""

from __future__ import annotations

import io
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.demo.callcentre import CallCentre
from qlogship.queue_log.events import AGENT_EVENTS, CONNECT, ENTERQUEUE, NO_CALL, TERMINAL_EVENTS
from qlogship.queue_log.records import Record, entered_calls, parse
from tests.support import backlog
from tests.support.backlog import write_backlog

if TYPE_CHECKING:
    from collections.abc import Iterable

CENTRES = st.builds(
    CallCentre,
    seed=st.integers(0, 10_000),
    calls_per_hour=st.floats(20, 900),
    staff=st.integers(1, 40),
    pace=st.sampled_from([1.0, 7.5, 40.0]),
)


def _play(centre: CallCentre, lines: int) -> list[tuple[float, bytes]]:
    """Take that many lines, close, and take the rest."""
    played = []
    for event in centre.events():
        played.append(event)
        if len(played) == lines:
            centre.close()
    return played


def _records(lines: Iterable[bytes]) -> list[Record]:
    records = []
    for line in lines:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        record = parse(line[:-1])
        assert record is not None
        records.append(record)
    return records


def _check_calls(records: Iterable[Record]) -> set[bytes]:
    """Follow every call through its legs; return the calls that entered a queue."""
    legs: dict[bytes, Record | None] = {}
    connected: dict[bytes, bytes] = {}
    for record in records:
        if record.callid in NO_CALL or record.event in AGENT_EVENTS or record.event == b"DID":
            continue
        leg = legs.get(record.callid)
        if record.event == ENTERQUEUE:
            assert leg is None, "a leg was entered before the last one ended"
            legs[record.callid] = record
            continue
        assert leg is not None, "something happened outside a leg"
        assert record.queue == leg.queue
        if record.event == CONNECT:
            assert record.callid not in connected
            connected[record.callid] = record.agent
        elif record.event in TERMINAL_EVENTS:
            talked = record.event in {
                b"COMPLETEAGENT",
                b"COMPLETECALLER",
                b"BLINDTRANSFER",
                b"ATTENDEDTRANSFER",
            }
            assert talked == (record.callid in connected)
            assert record.agent == connected.pop(record.callid, b"NONE")
            legs[record.callid] = None
    assert not any(legs.values()), "a leg never ended"
    return set(legs)


@given(CENTRES, st.integers(1, 1500))
def test_whole_calls(centre: CallCentre, lines: int) -> None:
    """Each ENTERQUEUE has exactly one terminal event in its leg once the centre has closed."""
    played = _play(centre, lines)
    written = [line for _, line in played]
    assert _check_calls(_records(written)) == entered_calls(b"".join(written))
    assert centre.open_calls == 0


@given(CENTRES)
def test_order(centre: CallCentre) -> None:
    """Lines come in order of time, and each is stamped with its own time in whole seconds."""
    played = _play(centre, 400)
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(played))
    assert all(int(at) == int(line[:10]) for at, line in played)


@given(CENTRES)
def test_durations(centre: CallCentre) -> None:
    """What a line says about durations agrees with the stamps of the lines before it."""
    entered: dict[bytes, int] = {}
    connected: dict[bytes, int] = {}
    for record in _records(line for _, line in _play(centre, 600)):
        data = record.data.split(b"|")
        if record.event == ENTERQUEUE:
            entered[record.callid] = record.time
        elif record.event == CONNECT:
            connected[record.callid] = record.time
            assert int(data[0]) == record.time - entered[record.callid]
        elif record.event in {b"COMPLETEAGENT", b"COMPLETECALLER"}:
            assert int(data[1]) == record.time - connected[record.callid]
        elif record.event in {b"ABANDON", b"EXITWITHTIMEOUT"}:
            assert int(data[2]) == record.time - entered[record.callid]


def test_same_seed() -> None:
    """The same arguments give the same bytes, another seed gives others."""
    assert _play(CallCentre(seed=5), 500) == _play(CallCentre(seed=5), 500)
    assert _play(CallCentre(seed=5), 500) != _play(CallCentre(seed=6), 500)


@pytest.fixture(scope="module")
def day() -> list[Record]:
    """The records of a long day."""
    return _records(line for _, line in _play(CallCentre(), 20_000))


def test_variety(day: list[Record]) -> None:
    """A long day has everything a call centre is known for."""
    seen = Counter(record.event for record in day)
    assert seen.keys() == {
        *(b"QUEUESTART", b"ADDMEMBER", b"REMOVEMEMBER", b"AGENTLOGIN", b"AGENTLOGOFF"),
        *(b"PAUSE", b"UNPAUSE", b"PAUSEALL", b"UNPAUSEALL", b"DID", b"ENTERQUEUE"),
        *(b"RINGNOANSWER", b"RINGCANCELED", b"CONNECT", b"COMPLETECALLER", b"COMPLETEAGENT"),
        *(b"ABANDON", b"EXITWITHTIMEOUT", b"EXITWITHKEY", b"BLINDTRANSFER", b"ATTENDEDTRANSFER"),
    }
    assert day[0].event == b"QUEUESTART"
    assert len({record.queue for record in day} - NO_CALL) == 4


def test_reentry(day: list[Record]) -> None:
    """Some calls leave a queue and enter another in the same second under the same id."""
    ends = {(r.time, r.callid): r.queue for r in day if r.event == b"EXITWITHTIMEOUT"}
    again = [r for r in day if r.event == ENTERQUEUE and (r.time, r.callid) in ends]
    assert any(ends[record.time, record.callid] != record.queue for record in again)


def test_names(day: list[Record]) -> None:
    """Agents have names in several scripts, and a long one is cut in the middle of a letter."""
    names = {record.agent for record in day if record.event == CONNECT}
    assert "Иванов Пётр".encode() in names
    assert b"Anna Frolova" in names
    assert any(len(name) == 79 and "\ufffd" in name.decode("utf-8", "replace") for name in names)


def test_proportions(day: list[Record]) -> None:
    """Lines and calls have the size that real files show: 6 to 13 lines a call, 60 to 80 bytes."""
    calls = {record.callid for record in day if record.event == ENTERQUEUE}
    assert 6 <= len(day) / len(calls) <= 13
    size = sum(len(line) for _, line in _play(CallCentre(), 5_000))
    assert 60 <= size / 5_000 <= 80


def test_pace() -> None:
    """A tenfold pace puts the same first hundred lines into a tenth of the time."""
    slow, fast = (_play(CallCentre(pace=pace), 100)[:100] for pace in (1.0, 10.0))
    assert [line.split(b"|")[4] for _, line in slow] == [line.split(b"|")[4] for _, line in fast]
    start = slow[0][0]
    assert fast[-1][0] - start == pytest.approx((slow[-1][0] - start) / 10, rel=1e-6)


@given(st.integers(1, 100_000), st.integers(0, 3_000_000_000), st.integers(0, 50))
def test_backlog(size: int, start: int, seed: int) -> None:
    """A backlog has the size asked for, whole calls, and stamps in its own span of time."""
    out = io.BytesIO()
    told = write_backlog(out, size, start=start, seed=seed)
    lines = out.getvalue().splitlines(keepends=True)
    records = _records(lines)
    calls = _check_calls(records)
    assert told.bytes == len(out.getvalue()) >= size
    assert (told.lines, told.calls) == (len(lines), len(calls))
    assert told.first == records[0].time == start // backlog.SPAN * backlog.SPAN
    assert told.last == records[-1].time < told.first + backlog.SPAN


def test_backlog_of_many_stretches() -> None:
    """Stretch follows stretch in time, and no call has the id of another."""
    out = io.BytesIO()
    told = write_backlog(out, 2 * backlog.STRETCH_BYTES + 1)
    lines = out.getvalue().splitlines()
    assert told.lines == len(lines)
    assert told.calls == len(entered_calls(out.getvalue()))
    stamps = [int(line[:10]) for line in lines]
    assert all(earlier <= later for earlier, later in pairwise(stamps))
    assert stamps[-1] == told.last
    assert told.bytes < 1.02 * (2 * backlog.STRETCH_BYTES)
