"""The findings for people: grouped, quiet where all is well, in colour on a terminal."""

from __future__ import annotations

import os
import sys
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

from qlogship.check.findings import GROUPS, Finding, Level
from qlogship.terminal import output
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The mark of each level, and its colour.
_MARKS: Final = {
    Level.OK: ("ok", "32"),
    Level.UNKNOWN: ("?", "2"),
    Level.WARNING: ("WARNING", "33;1"),
    Level.PROBLEM: ("PROBLEM", "31;1"),
}
_TITLE_WIDTH: Final = max(len(group.title) for group in GROUPS.values())
_MARK_WIDTH: Final = max(len(mark) for mark, _ in _MARKS.values())
_MARGIN: Final = " " * (_TITLE_WIDTH + 2 + _MARK_WIDTH + 2)


def show(findings: Sequence[Finding]) -> None:
    """Print all findings, and what they come to."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines(findings, colour=colour, width=output.width_of(sys.stdout)):
        output.print_styled(line)


def lines(findings: Sequence[Finding], *, colour: bool, width: int = 0) -> Iterator[str]:
    """Yield a line or two for each finding, and a last one that sums up.

    On a terminal of so many columns they are folded; 0 folds nothing.
    """
    for key, group in groupby(findings, key=lambda finding: finding.group):
        title = GROUPS[key].title
        for finding in group:
            yield from _finding(finding, title, colour=colour, width=width)
            title = ""
    yield ""
    yield summary(findings)


def _finding(finding: Finding, title: str, *, colour: bool, width: int) -> Iterator[str]:
    mark, code = _MARKS[finding.level]
    mark = mark.ljust(_MARK_WIDTH)
    if colour:
        mark = f"\x1b[{code}m{mark}\x1b[0m"
    text = output.printable(f"{finding.about}: {finding.message}")
    first, *more = output.folded(text, first=_MARGIN, width=width)
    yield f"{title:<{_TITLE_WIDTH}}  {mark}  {first.removeprefix(_MARGIN)}"
    yield from more
    if finding.hint:
        yield from output.folded(output.printable(finding.hint), first=f"{_MARGIN}-> ", width=width)


def summary(findings: Sequence[Finding]) -> str:
    """Return what all findings come to, in one sentence."""
    number = Counter(finding.level for finding in findings)
    said = [
        count(number[level], level.value)
        for level in (Level.PROBLEM, Level.WARNING)
        if number[level]
    ]
    if number[Level.UNKNOWN]:
        said.append(f"{number[Level.UNKNOWN]} could not be found out")
    return f"{', '.join(said)}." if said else "Nothing is wrong."
