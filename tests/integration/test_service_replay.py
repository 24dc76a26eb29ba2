"""Recorded queue_logs through the service, in this process: rotations, pieces, restarts."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.queue_log import TREES, calls_placed, sample
from tests.support.arrivals import (
    assert_each_line_once,
    calls_in,
    lines_of,
    record,
    split_calls,
    unknowable,
)
from tests.support.replay import Files, moves, text_of_tree
from tests.support.sandbox import Sandbox
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTLE = 5.0
BATCH = {"settle": SETTLE, "linger": 3.0, "max_bytes": 6_000}


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    """Return a dashboard for all tests of this module."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox) -> Sandbox:
    """Return a dashboard that holds nothing."""
    started.clear()
    return started


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("tree", TREES)
def test_a_day_arrives_once_with_its_calls_whole(
    tree: str, seed: int, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Through all rotations, every byte arrives once and no call is in two uploads.

    The file grows in random pieces, the service looks now and then, is killed
    and started at random.
    """
    random = Random(f"{tree} {seed}")
    text = text_of_tree(tree)
    played = list(moves(tree, random))
    clock = Clock(played[0].at)
    with SteppedService(tmp_path, clock, url=sandbox.url, batch=BATCH) as service:
        files = Files(service.path, tree)
        for move in played:
            if move.at > clock.wall_now and random.random() < 0.8:
                service.live(move.at - clock.wall_now)
            clock.reach(move.at)
            files.make(move)
            chance = random.random()
            if chance < 0.5:
                service.step()
            elif chance < 0.6:
                service.restart()
        service.live(60.0)
        arrived = sandbox.bodies()
        assert_each_line_once(arrived, text)
        assert split_calls(arrived) <= unknowable(text, settle=SETTLE)
        figures = service.figures()
        assert figures.archive.lines == figures.shipped.lines == len(lines_of(text))
        assert figures.shipped.calls == figures.shipped.reported_calls == figures.archive.calls
        assert figures.shipped.calls == calls_placed(tree) == len(calls_in(text))
        assert len(arrived) > 8
        assert service.archived() == text


@pytest.mark.parametrize("seed", range(3))
def test_the_odd_scenarios_arrive_once(seed: int, tmp_path: Path, sandbox: Sandbox) -> None:
    """What Asterisk writes on its worst days arrives byte for byte, in whole calls.

    Line by line, at the times the lines tell; with a kill of the service before
    any of them.
    """
    random = Random(seed)
    text = sample("scenarios.queue_log")
    lines = lines_of(text)
    clock = Clock(1_795_000_000.0)
    with SteppedService(
        tmp_path, clock, url=sandbox.url, batch=BATCH | {"max_bytes": 2_000}
    ) as service:
        service.path.parent.mkdir()
        with service.path.open("ab", buffering=0) as file:
            for line in lines:
                row = record(line)
                at = float(row[0]) if row else clock.wall_now
                if clock.wall_now > 1_795_000_000.0 and at > clock.wall_now:
                    service.live(at - clock.wall_now)
                clock.reach(at)
                file.write(line)
                if random.random() < 0.1:
                    service.restart()
                elif random.random() < 0.5:
                    service.step()
        service.live(60.0)
        settled = sandbox.bodies()
        assert split_calls(settled) <= unknowable(text, settle=SETTLE)
        service.live(60.0, flush=True)
        arrived = sandbox.bodies()
        assert_each_line_once(arrived, text)
        assert split_calls(arrived) <= unknowable(text, settle=SETTLE)
        assert service.archived() == text
