"""What the answer to a stranger's request says."""

from __future__ import annotations

import pytest

from qlogship.dashboard.outcome import Answer
from qlogship.dashboard.probe import Likeness, likeness

URL = "https://company.softphone.pro"


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        (401, Likeness.ALIKE),
        (403, Likeness.ALIKE),
        (200, Likeness.UNLIKE),
        (400, Likeness.UNSURE),
        (404, Likeness.UNLIKE),
        (405, Likeness.UNLIKE),
        (429, Likeness.UNSURE),
        (503, Likeness.UNSURE),
        (None, Likeness.UNSURE),
    ],
)
def test_only_a_refusal_is_like_a_dashboard(status: int | None, meant: Likeness) -> None:
    """A dashboard lets no stranger upload; whoever takes it, or does not know it, is none."""
    assert likeness(Answer(sent=True, status=status), URL) is meant


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("/login/", Likeness.UNSURE),
        (f"{URL}/login/", Likeness.UNSURE),
        ("https://www.softphone.pro/", Likeness.UNLIKE),
        ("http://company.softphone.pro/login", Likeness.UNLIKE),
        (f"{URL}:443/login/", Likeness.UNSURE),
        ("http://[::1", Likeness.UNLIKE),
    ],
)
def test_a_way_on_to_another_host_is_no_dashboards(location: str, meant: Likeness) -> None:
    """A dashboard may send a stranger to its own login page, and nowhere else."""
    assert likeness(Answer(sent=True, status=302, location=location), URL) is meant
