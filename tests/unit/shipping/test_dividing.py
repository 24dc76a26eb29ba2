"""What a refusal is put down to: one call, one among several, or the far end."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.dashboard.verdicts import Verdict
from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import entered_calls, parse
from qlogship.shipping.batching import parts_of
from qlogship.shipping.dividing import IN_A_ROW, LEAST_LIMIT, NOTHING, examine
from tests.support.calls import call

if TYPE_CHECKING:
    from qlogship.archive.runs import Run
    from qlogship.shipping.batching import Batch

TIME = 1_795_411_800
PAUSE = b"%d|NONE|NONE|Agent/1|PAUSE|\n" % TIME
REFUSALS = [Verdict.TOO_BIG, Verdict.REFUSED]


def numbers(runs: tuple[Run, ...]) -> list[int]:
    """Return the numbers that runs stand for, in their order."""
    return list(chain.from_iterable(range(first, last + 1) for first, last in runs))


def calls(count: int) -> bytes:
    """Return so many calls, one into the other."""
    lines = [call(2 * number, TIME).splitlines(keepends=True) for number in range(count)]
    return b"".join(chain.from_iterable(zip(*lines, strict=True)))


def test_nothing_to_examine() -> None:
    """What is no refusal of a body is not put down to a call."""
    for verdict in set(Verdict) - set(REFUSALS):
        assert examine(verdict, runs=((1, 30),), body=calls(10), suspects=IN_A_ROW) == NOTHING


@pytest.mark.parametrize("verdict", REFUSALS)
@pytest.mark.parametrize("body", [call(1, TIME), PAUSE, b"no record\n"])
def test_one_call_cannot_be_divided(verdict: Verdict, body: bytes) -> None:
    """A single call, and a single record of no call, is what is refused."""
    assert examine(verdict, runs=((1, body.count(b"\n")),), body=body, suspects=3) == NOTHING


@pytest.mark.parametrize("verdict", REFUSALS)
def test_several_calls_are_halved(verdict: Verdict) -> None:
    """No part is above half of what was refused, but for a call that is so by itself."""
    body = calls(100)
    finding = examine(verdict, runs=((5, 304),), body=body, suspects=0)

    assert finding.refusal == "divisible"
    assert 2 <= len(finding.parts) <= 3
    assert max(len(part.body) for part in finding.parts) <= (len(body) + 1) // 2
    assert sum(part.composition.calls for part in finding.parts) == 100


def test_the_limit_that_is_learnt() -> None:
    """A 413 teaches half of what was refused, and never next to nothing; a 400 teaches none."""
    large, small = calls(400), calls(10)
    runs_of_large, runs_of_small = ((1, 1200),), ((1, 30),)

    assert len(large) > 2 * LEAST_LIMIT
    learnt = examine(Verdict.TOO_BIG, runs=runs_of_large, body=large, suspects=0).limit
    assert learnt == len(large) // 2
    learnt = examine(Verdict.TOO_BIG, runs=runs_of_small, body=small, suspects=0).limit
    assert learnt == LEAST_LIMIT
    assert examine(Verdict.REFUSED, runs=runs_of_large, body=large, suspects=0).limit is None


@pytest.mark.parametrize("verdict", REFUSALS)
@pytest.mark.parametrize("body", [calls(10), call(1, TIME)])
def test_too_many_refusals_in_a_row(verdict: Verdict, body: bytes) -> None:
    """Then the far end is in doubt, and nothing is divided or blamed."""
    runs = ((1, body.count(b"\n")),)
    before = examine(verdict, runs=runs, body=body, suspects=IN_A_ROW - 2)
    finding = examine(verdict, runs=runs, body=body, suspects=IN_A_ROW - 1)

    assert before.refusal != "everything"
    assert (finding.refusal, finding.parts, finding.limit) == ("everything", (), None)


@given(
    owners=st.lists(st.sampled_from([b"NONE", b"1.1", b"2.2", b"3.3", b"4.4"]), min_size=1),
    data=st.data(),
)
def test_parts_hold_all_that_the_whole_held(owners: list[bytes], data: st.DataObject) -> None:
    """Each record is in one part, in order; no call is in two; digest, counts and runs agree."""
    lines = [
        b"%d|%s|q|NONE|%s|%d\n"
        % (TIME, owner, b"ENTERQUEUE" if owner not in owners[:place] else b"CUSTOM", place)
        for place, owner in enumerate(owners)
    ]
    # Runs stand in the order of time, which is not that of the numbers.
    cut = data.draw(st.integers(0, len(lines)))
    runs = [(1_000, 999 + cut), (1, len(lines) - cut)]
    seqs = numbers(tuple(run for run in runs if run[0] <= run[1]))
    parts = parts_of(
        [run for run in runs if run[0] <= run[1]],
        b"".join(lines),
        max_bytes=data.draw(st.integers(1, 400)),
    )

    text = dict(zip(seqs, lines, strict=True))
    rank = {seq: place for place, seq in enumerate(seqs)}
    assert sorted(chain.from_iterable(numbers(part.composition.runs) for part in parts)) == sorted(
        seqs
    )
    for part in parts:
        found = numbers(part.composition.runs)
        assert [rank[seq] for seq in found] == sorted(rank[seq] for seq in found)
        assert part.body == b"".join(text[seq] for seq in found)
        assert part.composition.lines == len(found)
        assert part.composition.calls == len(entered_calls(part.body))
    places = [callids(part) for part in parts]
    assert sum(map(len, places)) == len(set().union(*places))


def callids(part: Batch) -> set[bytes]:
    """Return the calls in a part."""
    records = filter(None, map(parse, part.body.split(b"\n")))
    return {record.callid for record in records} - NO_CALL


@given(st.integers(2, 400), st.data())
def test_the_steps_to_one_call_are_few(count: int, data: st.DataObject) -> None:
    """Halving what holds a certain call leaves it alone after a logarithm of steps."""
    wanted = b"|%d.%d|" % (TIME, 2 * data.draw(st.integers(0, count - 1)))
    body = calls(count)
    runs: tuple[Run, ...] = ((1, 3 * count),)
    steps = 0
    while parts := examine(Verdict.REFUSED, runs=runs, body=body, suspects=0).parts:
        (part,) = (part for part in parts if wanted in part.body)
        body, runs, steps = part.body, part.composition.runs, steps + 1

    assert len(entered_calls(body)) == 1
    assert steps <= count.bit_length() + 1
