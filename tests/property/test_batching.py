"""The window over random histories: each record leaves once, each call whole."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from qlogship.archive.runs import runs_of
from qlogship.queue_log.calls import NOBODY
from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import parse, time_of
from qlogship.shipping.batching import Batch, Window, WindowRecord, divide
from qlogship.shipping.call_waits import WaitingCalls
from tests.fixtures.histories import BEGIN, Bystander, Step, histories
from tests.fixtures.queue_log import text_of

SETTLE = 5.0
HOLD = 300.0

# How many records are added before the next cut, and how long after the last of
# them it is made.
_PLANS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from((0.0, 0.5, 4.5, 5.0, 60.0, 299.0, 300.0))),
    min_size=1,
    max_size=12,
)
_SIZES = st.sampled_from((60, 150, 400, 900_000))


def window(*, max_bytes: int, clock: int | None = None) -> Window:
    """Return an empty window."""
    tracker = WaitingCalls(settle=SETTLE, hold=HOLD)
    return Window(tracker, max_bytes=max_bytes, hold=HOLD, clock=clock)


def seqs(batch: Batch) -> list[int]:
    """Return the numbers of a batch's records."""
    return [seq for first, last in batch.composition.runs for seq in range(first, last + 1)]


def held_seqs(calls: Window) -> list[int]:
    """Return the numbers of the records that the last cut held back."""
    return [seq for first, last in calls.held_runs for seq in range(first, last + 1)]


def portions(steps: list[Step], plan: list[tuple[int, float]]) -> list[tuple[list[Step], float]]:
    """Spread a history over the cuts of a plan, the rest on the last one; with each cut's time."""
    result, position, time = [], 0, float(BEGIN)
    for number, (size, wait) in enumerate(plan):
        last = number == len(plan) - 1
        portion = steps[position:] if last else steps[position : position + size]
        position += len(portion)
        time = float(portion[-1].time) if portion else time
        result.append((portion, time + wait))
    return result


@given(histories(own_agents=True, late=False), _PLANS, _SIZES, st.integers(1, 10**6))
def test_every_record_leaves_once_and_every_call_whole(
    steps: list[Step], plan: list[tuple[int, float]], max_bytes: int, first_seq: int
) -> None:
    """A cut lets go exactly what need not be held, and says truly what it let go."""
    calls = window(max_bytes=max_bytes)
    bystander = Bystander(SETTLE, HOLD)
    archive: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    gone: list[int] = []
    for portion, now in portions(steps, plan):
        if portion:
            seq = first_seq + len(archive)
            for number, step in enumerate(portion, seq):
                waiting[number] = bystander.owner(step)
                bystander.take(step)
                archive[number] = step.line
            assert calls.add(seq, text_of([step.line for step in portion])) == len(portion)
        held = bystander.held(now)
        stays = [number for number, owner in waiting.items() if owner in held]
        assert calls.counts(now) == (len({waiting[number] for number in stays}), len(stays))
        assert calls.ready(now) == (len(stays) < len(waiting))
        batches = calls.cut(now)
        bystander.forget_all_but(held)
        assert held_seqs(calls) == stays
        check_batches(batches, archive, waiting, max_bytes)
        left = sorted(number for batch in batches for number in seqs(batch))
        assert left == [number for number in waiting if number not in stays]
        assert not calls.ready(now)
        gone += left
        waiting = {number: waiting[number] for number in stays}
    batches = calls.cut(0.0, flush=True)
    check_batches(batches, archive, waiting, max_bytes)
    gone += [number for batch in batches for number in seqs(batch)]
    assert sorted(gone) == list(archive)
    assert calls.empty


def check_batches(
    batches: list[Batch], archive: dict[int, bytes], owners: dict[int, bytes], max_bytes: int
) -> None:
    """Check what one cut made: each batch for itself, and that no call is in two of them."""
    seen: set[bytes] = set()
    for batch in batches:
        numbers = seqs(batch)
        lines = [archive[number] for number in numbers]
        assert numbers == sorted(set(numbers))
        assert list(batch.composition.runs) == runs_of(numbers)
        assert batch.body == text_of(lines)
        assert batch.composition.lines == len(lines) > 0
        assert batch.composition.sha256 == sha256(batch.body).hexdigest()
        times = [time for line in lines if (time := time_of(line)) is not None]
        assert batch.composition.first_time == (times[0] if times else None)
        assert batch.composition.last_time == (times[-1] if times else None)
        rows = [row for line in lines if (row := parse(line)) is not None]
        entered = {row.callid for row in rows if row.event == b"ENTERQUEUE"} - NO_CALL
        assert batch.composition.calls == len(entered)
        whose = {owners[number] for number in numbers}
        # Records of NONE are not divided yet; tests/unit/shipping/test_batching.py shows it.
        alone = len(whose) == 1 and (len(numbers) == 1 or NOBODY not in whose)
        of_none = all(b"|NONE|" in line for line in lines)
        assert len(batch.body) <= max_bytes or alone or of_none
        assert seen.isdisjoint(whose - {NOBODY})
        seen |= whose


@given(
    histories(own_agents=True, restarts=False),
    _PLANS,
    _SIZES,
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_a_restart_changes_nothing(
    steps: list[Step], plan: list[tuple[int, float]], max_bytes: int, restarts: list[bool]
) -> None:
    """With restarts after cuts the batches and the clock are those of a run without."""
    steady, fresh = window(max_bytes=max_bytes), window(max_bytes=max_bytes)
    archive: dict[int, bytes] = {}
    for (portion, now), restart in zip(portions(steps, plan), restarts, strict=False):
        if portion:
            seq = len(archive) + 1
            archive |= {seq + number: step.line for number, step in enumerate(portion)}
            for calls in (steady, fresh):
                calls.add(seq, text_of([step.line for step in portion]))
        assert fresh.clock == steady.clock
        assert fresh.room == steady.room
        assert fresh.counts(now) == steady.counts(now)
        assert fresh.ready(now) == steady.ready(now)
        assert fresh.next_change(now) == steady.next_change(now)
        assert fresh.unsettled(now) == steady.unsettled(now)
        assert fresh.cut(now) == steady.cut(now)
        assert fresh.held_runs == steady.held_runs
        if restart:
            calls = window(max_bytes=max_bytes, clock=fresh.clock)
            calls.restore((seq, archive[seq]) for seq in held_seqs(fresh))
            fresh = calls
            assert fresh.room == steady.room
    assert fresh.cut(0.0, flush=True) == steady.cut(0.0, flush=True)


@given(histories(backwards=False), st.integers(1, 40))
def test_next_change_makes_a_cut_worthwhile(steps: list[Step], size: int) -> None:
    """When nothing may go, the next moment at which something may is the one that is named."""
    calls = window(max_bytes=900_000)
    for start in range(0, len(steps), size):
        portion = steps[start : start + size]
        calls.add(start + 1, text_of([step.line for step in portion]))
        now = float(portion[-1].time)
        calls.cut(now)
        wait = calls.next_change(now)
        assert (wait is None) == calls.empty
        if wait is not None:
            assert not calls.ready(now + wait - 0.25)
            assert calls.ready(now + wait)


@given(
    st.lists(
        st.tuples(st.sampled_from((b"", b"A", b"B", b"C", b"D")), st.integers(1, 60)), max_size=40
    ),
    st.integers(1, 200),
)
def test_divide_keeps_calls_whole(sizes: list[tuple[bytes, int]], max_bytes: int) -> None:
    """Parts hold each record once, in order, no call twice, and no more than fits."""
    entries = [
        WindowRecord(seq, b"x" * (size - 1), owner) for seq, (owner, size) in enumerate(sizes)
    ]
    parts = divide(entries, max_bytes=max_bytes)
    assert sorted(entry for part in parts for entry in part) == entries
    seen: set[bytes] = set()
    for part in parts:
        assert [entry.seq for entry in part] == sorted(entry.seq for entry in part)
        owners = {entry.owner for entry in part}
        assert seen.isdisjoint(owners - {NOBODY})
        seen |= owners
        large = len(part) == 1 or owners in ({b"A"}, {b"B"}, {b"C"}, {b"D"})
        assert sum(len(entry.line) + 1 for entry in part) <= max_bytes or large
    weights = [sum(len(entry.line) + 1 for entry in part) for part in parts]
    assert len(parts) <= 1 + 2 * sum(weights) // max_bytes
