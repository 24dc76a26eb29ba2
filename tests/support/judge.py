"""The judge: what a dashboard truly holds of a queue_log, against what is said of it.

The truth is what the tenant holds, counted as it counts, of the calls in the archive, but for
those that wait or are held back and are said to. `judge` compares every verdict with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.archive.runs import merged
from qlogship.verdict.facts import Kind, Level
from tests.support.tenant import calls_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.verdict.assessment import Assessment
    from tests.support.lives import Life


@dataclass(frozen=True, slots=True)
class Truth:
    """How many calls should be there and are, and how many lines are not there at all.

    `refused` lines were refused for good, or given up on: they are not right until somebody
    acts, even where an upload by hand happens to hold them. `twice` calls came in two uploads.
    """

    expected: int
    there: int
    missing: int
    refused: int
    twice: int

    @property
    def right(self) -> bool:
        """Whether the dashboard shows what it should, and misses nothing."""
        return self.there == self.expected and not self.missing and not self.refused


def truth(life: Life) -> Truth:
    """Look into the tenant that the settings name, and into the archive."""
    end = life.store.archive.next_seq - 1
    waits = merged(_waiting(life, end))
    waiting = {seq for first, last in waits for seq in range(first, last + 1)}
    everything = [(1, end)] if end else []
    lines = [line for seq, line in life.store.archive.records(everything) if seq not in waiting]
    expected = calls_of(b"".join(line + b"\n" for line in lines))
    bodies = [body for body in life.wire.tenant.kept if body not in life.foreign]
    there = [calls_of(body) & expected for body in bodies]
    once = life.beginning.counting == "once"
    number = len(set().union(*there)) if once else sum(map(len, there))
    kept = {line for body in bodies for line in body.split(b"\n")}
    parts = [calls_of(body) for body in set(bodies)]
    generation = life.store.ledger.generation()
    return Truth(
        expected=len(expected),
        there=number,
        missing=sum(line not in kept for line in lines),
        refused=sum(
            upload.composition.lines
            for upload in life.store.ledger.uploads()
            if upload.generation == generation and upload.state in {"rejected", "dropped"}
        ),
        twice=sum(map(len, parts)) - len(set().union(*parts)),
    )


def _waiting(life: Life, end: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of records that are not sent yet, as the ledger has it."""
    position = life.store.position.get()
    yield from position.held
    yield from position.ahead
    if position.frontier <= end:
        yield position.frontier, end
    for upload in life.store.ledger.uploads():
        if upload.state == "prepared" and upload.generation == position.generation:
            yield from upload.composition.runs


def judge(life: Life, assessments: dict[str, Assessment]) -> None:
    """Compare what is said with the truth; `assessments` by who says so."""
    undecided = life.shipper.undecided
    found = truth(life)
    off = found.there - found.expected
    for who, said in assessments.items():
        story = f"{who}: {said.text} In truth {found}"
        if undecided:
            assert said.level is Level.UNCERTAIN, story
            continue
        assert said.level is not Level.RIGHT or found.right, f"right, and is not: {story}"
        assert said.level is not Level.WRONG or not found.right, f"wrong, and is right: {story}"
        if all(reason.fewer or reason.more for reason in said.reasons):
            least, most = _bounds(said)
            if any(one.kind in {Kind.UNKNOWN, Kind.REPEAT_WAITS} for one in said.reasons):
                # Of what is open nobody knows which of its calls another upload carries, too.
                most += 3 * found.twice
            assert least <= off <= most, f"off by {off}, not {least} to {most}: {story}"


def _bounds(said: Assessment) -> tuple[int, int]:
    """Return by how much the dashboard may be off, by what is said: at least and at most.

    What differs in its counts, or counts twice, surely does. What is missing of one upload may
    be a part of a call that another one holds.
    """
    surely = [one for one in said.reasons if one.kind in {Kind.DIFFERS, Kind.COUNTED_TWICE}]
    perhaps = [one for one in said.reasons if one not in surely]
    off = sum(one.more - one.fewer for one in surely)
    return off - sum(one.fewer for one in perhaps), off + sum(one.more for one in perhaps)


def law(life: Life, most: int = 3) -> None:
    """No line was sent more often than the law allows without an answer that tells its fate."""
    for (name, line), times in life.wire.untold.items():
        assert times <= most, f"{name} was sent {times} times, and never told: {line!r}"
