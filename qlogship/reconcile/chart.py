"""The chart of the page: calls archived against calls reported, as one SVG; pure.

Each bar is what the archive has of one day, week, month or year. What the
dashboard reported fills it from below; the rest is in the colour of its cause,
and never so thin that it could be overlooked. A mark above says how bad it is.
A shaded ground behind a bar is a time in which nothing could be delivered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Final

from qlogship.reconcile.states import STATES, Severity, worst

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from qlogship.reconcile.report import Day, Report

_HEIGHT: Final = 260
_TOP: Final = 30
_BASE: Final = _HEIGHT - 28
_AXIS: Final = 46
_NARROWEST: Final = 7
_WIDEST: Final = 64
_THINNEST: Final = 4.0
_LABEL: Final = 62

# In the order in which they are stacked on what was reported: the worst on top.
PARTS: Final = {state.name: state.legend for state in reversed(STATES) if state.legend}
_MARKS: Final = {Severity.FAULT: "mark", Severity.UNCERTAIN: "mark doubt"}
_UNITS: Final = {
    "day": (1, "%-d %b"),
    "week": (7, "%-d %b"),
    "month": (31, "%b %Y"),
    "year": (366, "%Y"),
}
"""What a period can be: how many days it has at most, and its label.

Nothing sets a locale, so the names of months are English.
"""


@dataclass(slots=True)
class Period:
    """What one bar shows, in calls; `outage` is in seconds."""

    first: date
    last: date
    archived: int = 0
    reported: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    over: int = 0
    outage: float = 0.0
    level: Severity = Severity.GOOD

    def add(self, day: Day) -> None:
        """Take in a day."""
        sums = day.sums
        self.archived += sums["archived"]
        self.reported += sums["reported"]
        known = {part: sums[part] for part in PARTS if part != "lost"}
        self.parts.update(known)
        self.parts["lost"] += max(0, sums["archived"] - sums["reported"] - sum(known.values()))
        self.over += max(0, sums["reported"] - sums["archived"])
        self.outage += day.outage
        self.level = worst((self.level, day.level))


def periods(days: Sequence[Day], *, most: int) -> tuple[str, list[Period]]:
    """Put days into at most `most` periods without a gap; return what a period is, and them.

    There is at least one day. Where even years are too many (a line with a wild
    time), only the newest periods that hold something are shown.
    """
    for unit in _UNITS:
        begins = [_begin(unit, days[0].day)]
        while (behind := _next(unit, begins[-1])) <= days[-1].day and len(begins) <= most:
            begins.append(behind)
        if len(begins) <= most:
            break
    else:
        begins = sorted({_begin(unit, day.day) for day in days})[-most:]
    shown = {begin: Period(begin, _next(unit, begin) - timedelta(days=1)) for begin in begins}
    for day in days:
        if (period := shown.get(_begin(unit, day.day))) is not None:
            period.add(day)
    return unit, list(shown.values())


def draw(report: Report, *, width: int, name: str) -> str:
    """Return the chart as SVG of this width; `name` tells it from others on the page."""
    room = width - _AXIS - 4
    unit, shown = periods(report.days, most=room // _NARROWEST)
    ticks = _ticks(max(max(period.archived, period.reported) for period in shown))
    scale = (_BASE - _TOP) / ticks[-1]
    step = room / len(shown)
    labels = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {_HEIGHT}" {labels}>',
        f'<title id="{name}-title">Calls per {unit}: archived against reported</title>',
        f'<desc id="{name}-desc">{escape(_described(unit, shown))}</desc>',
        _patterns(name),
    ]
    for tick in ticks:
        y = _BASE - tick * scale
        parts.append(
            f'<path class="grid" d="M{_AXIS} {y:.1f}H{width}"/>'
            f'<text class="tick" x="{_AXIS - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,}</text>'
        )
    parts += [
        _bar(period, name, centre=_AXIS + step * (index + 0.5), step=step, scale=scale)
        for index, period in enumerate(shown)
    ]
    parts += _dates(unit, shown, step=step)
    parts.append("</svg>")
    return "".join(parts)


def _bar(period: Period, name: str, *, centre: float, step: float, scale: float) -> str:
    width = min(step * 0.78, _WIDEST)
    left = centre - width / 2
    parts = [f"<g><title>{escape(_told(period))}</title>"]
    ground = "outage" if period.outage else "hover"
    fill = f' fill="url(#{name}-outage)"' if period.outage else ""
    parts.append(
        f'<rect class="{ground}"{fill} x="{centre - step / 2:.1f}" y="{_TOP - 22}"'
        f' width="{step:.1f}" height="{_BASE - _TOP + 22}"/>'
    )
    # What must be seen gets its share first, what was reported fills the rest.
    heights = {
        part: max(_THINNEST, calls * scale) for part in PARTS if (calls := period.parts[part]) > 0
    }
    whole = max(period.archived * scale, sum(heights.values()))
    reported = min(period.reported - period.over, period.archived) * scale
    reported = max(0.0, min(reported, whole - sum(heights.values())))
    over = max(_THINNEST, period.over * scale) if period.over else 0.0
    y: float = _BASE
    for part, height in ({"reported": reported} | heights | {"over": over}).items():
        if height:
            y -= height
            fill = f' fill="url(#{name}-unknown)"' if part == "unknown" else ""
            parts.append(
                f'<rect class="{part}"{fill} x="{left:.1f}" y="{y:.1f}" width="{width:.1f}"'
                f' height="{height:.1f}"/>'
            )
    if period.level in _MARKS:
        size = max(4.5, min(7.0, width / 2 + 1))
        tip = y - 4
        parts.append(
            f'<path class="{_MARKS[period.level]}"'
            f' d="M{centre:.1f} {tip:.1f}l{-size:.1f} {-size * 1.6:.1f}h{size * 2:.1f}z"/>'
        )
    parts.append("</g>")
    return "".join(parts)


def _patterns(name: str) -> str:
    """Return the hatching, so that not only colour tells one thing from another."""
    return (
        f'<defs><pattern id="{name}-unknown" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect class="unknown-ground" width="6" height="6"/>'
        '<rect class="unknown" width="3.2" height="6"/></pattern>'
        f'<pattern id="{name}-outage" width="7" height="7" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect class="outage-ground" width="7" height="7"/>'
        '<rect class="outage-line" width="2" height="7"/></pattern></defs>'
    )


def _dates(unit: str, shown: Sequence[Period], *, step: float) -> list[str]:
    """Return the labels below, as many as have room."""
    every = max(1, -(-_LABEL // max(1, int(step))))
    labels = []
    room = _AXIS + step * len(shown)
    form = _UNITS[unit][1]
    if unit == "week" and shown[0].first.year != shown[-1].first.year:
        form += " %y"
    for index in range(0, len(shown), every):
        x, anchor = _AXIS + step * (index + 0.5), "middle"
        if x > room - _LABEL / 2 and len(shown) > 1:
            x, anchor = min(x + step / 2, room), "end"
        labels.append(
            f'<text class="tick" x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">'
            f"{shown[index].first:{form}}</text>"
        )
    return labels


def _told(period: Period) -> str:
    """Return what a bar says when it is pointed at."""
    when = period.first.isoformat()
    if period.last != period.first:
        when += f" to {period.last.isoformat()}"
    said = [f"{period.archived:,} archived", f"{period.reported:,} reported"]
    said += [f"{calls:,} {text}" for part, text in PARTS.items() if (calls := period.parts[part])]
    if period.over:
        said.append(f"{period.over:,} more than archived")
    if period.outage:
        said.append("nothing could be delivered for a time")
    return f"{when}: {', '.join(said)}"


def _described(unit: str, shown: Sequence[Period]) -> str:
    """Return the chart in words."""
    odd = [_told(period) for period in shown if period.level is not Severity.GOOD]
    text = f"{len(shown)} {unit}s from {shown[0].first} to {shown[-1].last}."
    if not odd:
        return f"{text} Reported and archived calls agree."
    more = f" And {len(odd) - 12} more." if len(odd) > 12 else ""
    return f"{text} Of note: {'; '.join(odd[:12])}.{more}"


def _ticks(top: int) -> list[int]:
    """Return round numbers from 0 to at least `top`, about four steps."""
    if top <= 4:
        return list(range(max(1, top) + 1))
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step * 5 >= top)
    return list(range(0, -(-top // step) * step + 1, step))


def _begin(unit: str, day: date) -> date:
    """Return the first day of the day, week, month or year that a day is in."""
    if unit == "year":
        return day.replace(month=1, day=1)
    if unit == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday() if unit == "week" else 0)


def _next(unit: str, begin: date) -> date:
    return _begin(unit, begin + timedelta(days=_UNITS[unit][0]))
