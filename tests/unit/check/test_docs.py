"""docs/check.md and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from qlogship.check import judging
from qlogship.check.findings import GROUPS
from qlogship.check.judging import ledger, network
from qlogship.check.monitor import CRITICAL_LAG, WARNING_LAG
from qlogship.verdict.facts import Level

TEXT: Final = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| `([a-z]+\.[a-z-]+)` \| ([a-z, ]+) \|", TEXT, re.MULTILINE)


# What is said of the verdict is called by its level, unless it has a name.
BAD: Final = (Level.UNCERTAIN, Level.WRONG)


def test_every_finding_is_explained() -> None:
    """Each id that a judge gives has one row with all its levels, and no other id has any."""
    sources = "".join(path.read_text() for path in Path(judging.__file__).parent.glob("*.py"))
    given: dict[str, set[str]] = {}
    for level, id_ in re.findall(r'\b(ok|unknown|warning|problem)\(\s*"([a-z.-]+)"', sources):
        given.setdefault(id_, set()).add(level)
    given |= {id_: {"problem"} for id_, _ in network.REFUSALS.values()}
    given |= {f"ledger.{name}": {"warning"} for name in (*ledger.NAMES.values(), *BAD)}
    # Said with a level that is picked before.
    given["rotation.no-reload"] = {"warning", "problem"}
    assert {id_: set(levels.split(", ")) for id_, levels in ROWS} == given
    assert len(ROWS) == len(given)


def test_ids_are_words() -> None:
    """An id is made of a group and of small words and dashes, for scripts to match."""
    names = [id_.partition(".") for id_, _ in ROWS]
    assert {group for group, _, _ in names} == set(GROUPS)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", name) for _, _, name in names)


def test_exit_codes_are_those_of_the_code() -> None:
    """The table has every code that a problem may end with, in the order in which they count."""
    codes = [
        int(code)
        for code in re.findall(r"^\| (\d+) \| (?:a problem|the dash|any)", TEXT, re.MULTILINE)
    ]
    assert set(codes) == {int(group.exit_code) for group in GROUPS.values()}
    assert codes == [10, 12, 13, 14, 1]


def test_thresholds_are_those_of_the_code() -> None:
    """The defaults of the options are told as they are."""
    assert f"`--warning` ({WARNING_LAG:g} s)" in TEXT
    assert f"`--critical` ({CRITICAL_LAG:g} s)" in TEXT
