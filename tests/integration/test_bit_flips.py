"""A bit of the state directory that flips is either without consequence, or it is named."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.flips import Findings, draw, make_state, use

if TYPE_CHECKING:
    from pathlib import Path

FLIPS: Final = 500 if "QLOGSHIP_TEST_LONG" in os.environ else 24
SEED: Final = int(os.environ.get("QLOGSHIP_TEST_SEED", "11"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a state directory that is as it was written."""
    directory = tmp_path_factory.mktemp("flips")
    make_state(directory)
    return directory


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Return what the undamaged state directory gives."""
    findings = use(tmp_path_factory.mktemp("whole") / "use", base, None)
    assert not findings.named
    return findings


@pytest.mark.slow
def test_no_flip_is_silent(base: Path, whole: Findings, tmp_path: Path) -> None:
    """With one bit turned, what is shipped, exported and counted is the same, or it is named."""
    chance = Random(SEED)
    silent = []
    for number in range(FLIPS):
        flip = draw(base / "state", chance)
        found = use(tmp_path / f"{number}", base, flip)
        silent += [
            (flip, name)
            for name, result in found.results.items()
            if result != whole.results[name] and name not in found.named
        ]
    assert not silent
