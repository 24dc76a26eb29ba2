"""What can be said of calls and of uploads: each state once, for all that shows one.

The verdict, the terminal, the page and its chart read their words, colours and
order here, and nowhere else. Names are those of `--json` and of the page's classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from qlogship.verdict.facts import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Severity(StrEnum):
    """How bad something is, in this order: in order, worth a word, uncertain, or surely wrong.

    `sign` and `style` are for the terminal, `icon`, `label` and `pill` for the page.
    """

    sign: str
    style: str
    icon: str
    label: str
    pill: str

    def __new__(cls, *look: str) -> Self:
        """Make one of its name and its looks."""
        member = str.__new__(cls, look[0])
        member._value_, member.sign, member.style, member.icon, member.label, member.pill = look
        return member

    GOOD = "good", "ok", "green", "✓", "in order", "warn"
    NOTE = "note", "ok", "yellow", "✓", "note", "warn"
    UNCERTAIN = "uncertain", "DOUBT", "bold yellow", "?", "uncertain", "doubt"
    FAULT = "fault", "FAULT", "bold red", "!", "fault", "bad"


BY_LEVEL: Final = {
    Level.RIGHT: Severity.GOOD,
    Level.UNCERTAIN: Severity.UNCERTAIN,
    Level.WRONG: Severity.FAULT,
}
"""How bad a verdict is."""


def certainty(severity: Severity) -> Level:
    """Return the level of a verdict that is as bad as this; a note leaves it right."""
    levels = {looks: level for level, looks in BY_LEVEL.items()}
    return levels.get(severity, Level.RIGHT)


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst; of nothing, that all is well."""
    return max(severities, key=list(Severity).index, default=Severity.GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How calls, or an upload, can be, and where that is said; what is empty is not said there.

    `chip` stands beside a sum on the page, `cause` behind a number of calls of one
    day, `remark` behind one of all days. `naming` stands before their names in a cause,
    `upload` beside one on the page. `legend` and `colours`, by day and by night, are
    those of the chart.
    """

    name: str
    severity: Severity = Severity.NOTE
    chip: str = ""
    pill: str = "mute"
    cause: str = ""
    remark: str = ""
    naming: str = ""
    legend: str = ""
    colours: tuple[str, str] = ("", "")
    upload: str = ""


# The worst first, as causes and sums are listed; in the chart the worst is on top.
STATES: Final = (
    State(
        name="unknown",
        severity=Severity.UNCERTAIN,
        chip="unknown",
        pill="doubt",
        cause="in doubt",
        naming="outcome unknown",
        legend="unknown outcome",
        colours=("#d92d20", "#f2594b"),
        upload="unknown",
    ),
    State(
        name="quarantined",
        severity=Severity.FAULT,
        chip="quarantined",
        pill="bad",
        cause="refused",
        naming="in quarantine",
        legend="quarantined",
        colours=("#9d2bc0", "#c86be8"),
        upload="quarantined",
    ),
    State(
        # In the chart it stands for all that was not reported for no other reason.
        name="lost",
        severity=Severity.FAULT,
        chip="in no upload",
        pill="bad",
        cause="of the archive in no upload",
        legend="otherwise not there",
        colours=("#7f1d1d", "#f7a8a0"),
    ),
    State(
        name="waiting",
        chip="waiting",
        pill="warn",
        cause="waiting",
        remark="waiting to be shipped",
        legend="waiting",
        colours=("#e8a317", "#e9ad3c"),
    ),
    State(
        name="held",
        chip="held back",
        cause="held back: not over yet",
        remark="held back: not over yet",
        legend="held back",
        colours=("#9fb0c0", "#63758a"),
    ),
    State(
        name="before",
        severity=Severity.UNCERTAIN,
        chip="older, not uploaded",
        pill="doubt",
        cause="older than what is uploaded to this dashboard",
    ),
    State(
        name="later",
        severity=Severity.UNCERTAIN,
        chip="for the next resync",
        pill="doubt",
        cause="imported for the next resync",
    ),
    State(
        name="replaced",
        chip="replaced by an import",
        cause="cut off; an import brought the whole",
        remark="cut off, of which an import brought the whole",
    ),
    State(
        name="dropped",
        severity=Severity.FAULT,
        chip="dropped",
        pill="bad",
        cause="dropped by hand",
        upload="dropped",
    ),
    State(name="superseded", chip="superseded by a resync"),
    State(name="again", remark="sent in more than one upload"),
    State(
        name="unread",
        severity=Severity.UNCERTAIN,
        cause="answered without a count",
        legend="no count in the answer",
        colours=("#c3d5dc", "#3a4a55"),
    ),
    State(name="unpinned", legend="of several days", colours=("#8fd0c6", "#1f5d56")),
    State(
        name="vouched",
        cause="vouched for by hand",
        remark="that somebody has vouched for",
        upload="vouched for",
    ),
    State(name="missing", severity=Severity.UNCERTAIN, upload="records gone"),
    State(name="differs", severity=Severity.FAULT, upload="counts differ"),
    State(name="counted_twice", severity=Severity.FAULT, upload="counted twice"),
    State(name="repeated", severity=Severity.UNCERTAIN, upload="possible duplicate"),
    State(name="repeat_differs", severity=Severity.UNCERTAIN, upload="counts differ"),
    State(name="repeat_waits", severity=Severity.UNCERTAIN, upload="possible duplicate"),
    State(name="repeat_dropped", upload="repeated"),
    State(name="counted_once", upload="counted once"),
    State(name="undelivered", upload="waiting"),
    State(name="outage"),
)

BY_NAME: Final = {state.name: state for state in STATES}

ALWAYS: Final = {
    "archived": "Archived",
    "records": "Records",
    "shipped": "Shipped",
    "reported": "Reported",
    "difference": "Difference",
}
"""The columns that every table has, with their headings."""

BEHIND: Final = {
    "waiting": "Waiting",
    "held": "Held",
    "unknown": "Unknown",
    "quarantined": "Quarantined",
    "lost": "Lost",
    "before": "Older",
    "later": "For resync",
    "replaced": "Replaced",
    "dropped": "Dropped",
    "superseded": "Superseded",
}
"""The columns that a table has when they are not 0 on all days, in their order."""

HEADINGS: Final = ALWAYS | BEHIND


def columns(total: Mapping[str, int]) -> dict[str, str]:
    """Return the columns of a table with these sums, and their headings: none that is all 0."""
    return {name: text for name, text in HEADINGS.items() if name in ALWAYS or total[name]}
