"""Where shipping stands, and what refusals have taught: read as it was written."""

from __future__ import annotations

import pytest

from qlogship.shipping.position import Position, ShippingPosition
from tests.support.memory import state_in_memory


@pytest.fixture
def position() -> ShippingPosition:
    """Return the position of a state that nothing was written to yet."""
    connection = state_in_memory()
    return ShippingPosition(connection)


def test_position(position: ShippingPosition) -> None:
    """The position is read as it was written, runs, clock and all."""
    assert position.get() == Position(
        generation=1, ahead=(), frontier=1, held=(), clock=None, odd=0
    )
    held = ((3, 3), (7, 900), (1_000_000, 5_000_000_000))
    ahead = ((9_000, 9_001), (20, 30))
    position.save(ahead=ahead, frontier=5_000_000_001, held=held, clock=1_795_411_800, odd=12)

    assert position.get() == Position(
        generation=1,
        ahead=ahead,
        frontier=5_000_000_001,
        held=held,
        clock=1_795_411_800,
        odd=12,
    )


def test_suspects(position: ShippingPosition) -> None:
    """Who is suspected, and who was, is read as it was written."""
    assert position.suspects() == ([], [])
    position.save_suspects([3, 1], [2])

    assert position.suspects() == ([3, 1], [2])


def test_the_limit_that_was_learnt(position: ShippingPosition) -> None:
    """It holds for the batch.max_bytes it was learnt under and below, and no longer above."""
    assert position.body_limit(900_000) is None
    position.learn_limit(450_000, wanted=900_000)

    assert position.body_limit(900_000) == 450_000
    assert position.body_limit(600_000) == 450_000
    assert position.body_limit(100_000) == 100_000
    assert position.body_limit(900_001) is None
