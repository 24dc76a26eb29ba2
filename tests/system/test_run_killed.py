"""`kill -9` at random moments: nothing is lost, and what is sent twice is named.

QLOGSHIP_TEST_KILLS says how often the service is killed; QLOGSHIP_TEST_SEED
gives other moments.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.fixtures.queue_log import TREES, calls_placed
from tests.support.arrivals import (
    assert_each_line_once,
    lines_of,
    split_calls,
    unknowable,
)
from tests.support.replay import Files, moves, text_of_tree

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

KILLS: Final = int(os.environ.get("QLOGSHIP_TEST_KILLS", "21"))
SEED: Final = os.environ.get("QLOGSHIP_TEST_SEED", "")
LONGEST_LIFE: Final = 1.0
SETTLE: Final = 5.0


@pytest.mark.slow
@pytest.mark.parametrize("tree", TREES)
def test_kills_lose_nothing_and_repeat_nothing_unnamed(
    tree: str, installation: Installation, dashboard: Sandbox
) -> None:
    """Each line arrives; an upload that came twice is marked so, and its answer was lost."""
    random = Random(f"{tree} {SEED}")
    kills = KILLS // len(TREES)
    text = text_of_tree(tree)
    played = list(moves(tree, random))
    installation.configure(batch={"linger": 0.05, "settle": SETTLE, "max_bytes": 3_000})
    # An answer that takes a moment is one that a kill can hit.
    dashboard.script([{"on": "upload", "times": None, "do": "delay", "seconds": 0.03}])
    files = Files(installation.log, tree)
    for life in range(kills):
        due = played[len(played) * life // kills : len(played) * (life + 1) // kills]
        with installation.start() as service:
            end = time.monotonic() + random.uniform(0.1, LONGEST_LIFE)
            for number, move in enumerate(due, start=1):
                files.make(move)
                time.sleep(max(0.0, (end - time.monotonic()) / (len(due) - number + 1)))
            service.kill()
    # What a kill cut off is sent again after a moment.
    done = installation.once("--flush")
    assert done.returncode == 0, done.stderr
    ledger = {row.composition.sha256: row for row in installation.ledger()}
    arrived = dashboard.bodies()
    times = Counter(sha256(body).hexdigest() for body in arrived)
    assert times.keys() == ledger.keys()
    for digest, count in times.items():
        row = ledger[digest]
        assert row.state == "accepted"
        assert row.attempts >= count
        assert count == 1 or row.possible_duplicate
        assert row.attempts == 1 or row.possible_duplicate
    # As the dashboard has them, each kept once.
    once = list(dict.fromkeys(arrived))
    assert_each_line_once(once, text)
    assert split_calls(once) <= unknowable(text, settle=SETTLE)
    assert installation.archived() == text
    status = installation.status()
    assert status["lines"]["shipped"] == len(lines_of(text))
    assert status["calls"]["shipped"] == calls_placed(tree)
    assert status["source"]["lag_bytes"] == 0
    assert status["uploads"]["possible_duplicates"] == sum(
        row.possible_duplicate for row in ledger.values()
    )
