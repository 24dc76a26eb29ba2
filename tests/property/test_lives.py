"""Random lives of a service, and an independent judge of every number that is told.

`LIVES` says how many of each kind are lived, 40 usually; `LIFE` is the one to live again. What
is told of a life that went wrong is its beginning and the fewest steps that still go wrong.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.verdict.facts import Level
from tests.support.judge import judge, law, truth
from tests.support.lives import Beginning, Life, Step
from tests.support.tenant import Conduct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIVES: Final = int(os.environ.get("LIVES", "40"))
ONE: Final = os.environ.get("LIFE")

_HOUR: Final = 3_600.0
_WELL: Final = Conduct()
_TROUBLE: Final = (
    *(Conduct(stores, answer) for stores in (True, False) for answer in ("lost", "late", "cut")),
    *(Conduct(stores, answer) for stores in (True, False) for answer in (500, 502, 503, 504, 429)),
    *(Conduct(stores, answer) for stores in (True, False) for answer in (302, "page", "failed")),
    *(Conduct(stores, "no count") for stores in (True, False)),
    *(Conduct(stores=False, answer=answer) for answer in (400, 413, 422, 401, 404, "unread")),
    Conduct(answer="late", afterwards=True),
    Conduct(answer=504, afterwards=True),
)


def begin(chance: Random) -> Beginning:
    """Draw how a life begins; what a person says of the time before is true, or nothing."""
    by_hand = tuple(name for name in ("first", "second") if chance.random() < 0.15)
    return Beginning(
        counting=chance.choice(["per file", "per file", "once"]),
        drops_repeats=chance.random() < 0.25,
        on_unknown=chance.choice(["resend", "resend", "resend", "hold", "resync"]),
        by_hand=by_hand,
        uploaded_before=chance.choice([None, True])
        if by_hand
        else chance.choice([False] * 4 + [None]),
        others=chance.random() < 0.1,
        max_bytes=chance.choice([1_000, 2_000, 100_000]),
        calls=chance.randint(0, 8),
    )


def step(chance: Random) -> Step:
    """Draw what happens next."""
    name = chance.choice(
        ["calls"] * 5 + ["live"] * 6 + ["answers"] * 6 + ["enter", "end", "back", "rotate"]
        + ["crash", "crash_sending", "restart", "max_bytes", "on_unknown", "catch_up", "other"]
        + ["unreachable", "resync", "clear_fails", "address", "decide", "decide", "resolve"]
    )  # fmt: skip
    told: dict[str, Callable[[], Any]] = {
        "calls": lambda: chance.randint(1, 12),
        "live": lambda: chance.choice([1.0, 20.0, 60.0, 600.0, 2 * _HOUR, 13 * _HOUR]),
        "answers": lambda: _answers(chance),
        "crash": lambda: chance.randint(0, 60),
        "crash_sending": lambda: chance.choice(["before", "after"]),
        "max_bytes": lambda: chance.choice([1_000, 3_000, 100_000]),
        "on_unknown": lambda: chance.choice(["resend", "hold", "resync"]),
        "other": lambda: chance.randint(1, 9),
        "unreachable": lambda: chance.randint(1, 3),
        "clear_fails": lambda: (chance.random() < 0.5, chance.choice([500, 504, 503])),
        "address": lambda: chance.choice(["a", "alias", "b"]),
        "decide": lambda: chance.choice(["everything", "clear", "from-now", "same"]),
    }
    return Step(name, told[name]() if name in told else None)


def _answers(chance: Random) -> list[Conduct]:
    if chance.random() < 0.3:
        return [chance.choice(_TROUBLE)] * chance.randint(2, 12)
    return [chance.choice([_WELL, *_TROUBLE]) for _ in range(chance.randint(1, 4))]


def live(beginning: Beginning, steps: Sequence[Step]) -> None:
    """Live a life, and judge it between its steps and at its end."""
    with tempfile.TemporaryDirectory(prefix="qlogship-life-") as place:
        life = Life(Path(place), beginning)
        try:
            for number, one in enumerate(steps):
                life.take(one)
                judge(life, life.said(briefly=number % 4 != 3))
                law(life)
            _end(life)
        finally:
            life.close()


def _end(life: Life) -> None:
    """All trouble ends; then nothing waits for ever, and a resync makes everything right."""
    life.heal()
    life.live(30 * _HOUR)
    judge(life, life.said())
    law(life)
    if life.shipper.undecided:
        life.decide("clear")
    life.catch_up()
    life.live(30 * _HOUR)
    life.resync()
    life.live(30 * _HOUR)
    said = life.said()
    judge(life, said)
    law(life)
    assert not life.shipper.waiting, "what is decided is sent"
    if not life.beginning.others and life.settings_now.delivery.on_unknown != "resync":
        for who, assessment in said.items():
            assert assessment.level is Level.RIGHT or not truth(life).right, f"{who}: {assessment}"


def shortest(beginning: Beginning, steps: Sequence[Step]) -> list[Step]:
    """Return the steps of a life that goes wrong, without those that it goes wrong without."""
    left = list(steps)
    for size in (8, 4, 2, 1, 1):
        place = 0
        while place < len(left):
            fewer = left[:place] + left[place + size :]
            try:
                live(beginning, fewer)
                place += size
            except Exception:  # noqa: BLE001 -- whatever it is, it goes wrong
                left = fewer
    return left


@pytest.mark.parametrize("first", range(0, LIVES, 10))
def test_a_life(first: int) -> None:
    """No verdict is better or worse than the truth, and no body is sent more than three times."""
    for seed in [int(ONE)] if ONE else range(first, first + 10):
        chance = Random(seed)
        beginning = begin(chance)
        steps = [step(chance) for _ in range(chance.randint(3, 30))]
        try:
            live(beginning, steps)
        except Exception as problem:
            told = "\n".join(map(str, shortest(beginning, steps)))
            raise AssertionError(f"life {seed}: {problem}\n{beginning}\n{told}") from problem
