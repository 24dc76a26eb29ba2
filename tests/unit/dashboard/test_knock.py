"""What the answer to a stranger's knock says."""

from __future__ import annotations

import pytest

from qlogship.core.outcome import Answer
from qlogship.dashboard.knock import Likeness, likeness


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        (401, Likeness.ALIKE),
        (403, Likeness.ALIKE),
        (200, Likeness.UNLIKE),
        (302, Likeness.UNLIKE),
        (404, Likeness.UNLIKE),
        (405, Likeness.UNLIKE),
        (429, Likeness.UNSURE),
        (503, Likeness.UNSURE),
        (None, Likeness.UNSURE),
    ],
)
def test_only_a_refusal_is_like_a_dashboard(status: int | None, meant: Likeness) -> None:
    """A dashboard lets no stranger upload; whoever takes it, or does not know it, is none."""
    assert likeness(Answer(sent=True, status=status)) is meant
