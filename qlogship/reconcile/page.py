"""The report as one HTML page: values in, HTML out; pure.

The frame and the looks are in `page.html`, beside this module. Whatever comes
from a record or from an answer is escaped, and the page may load nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from html import escape
from importlib import resources
from itertools import groupby
from string import Template
from typing import TYPE_CHECKING, Final

from qlogship import __version__
from qlogship.reconcile import chart
from qlogship.reconcile.document import text_of
from qlogship.reconcile.states import Severity
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qlogship.reconcile.days import Days
    from qlogship.reconcile.report import Day, Report, Sums, UploadFinding

MOST: Final = 500
"""So many uploads, and so many held calls, are listed; more are counted."""

FLAT: Final = 62
"""So many days are listed as they are; more are folded by month."""

_WIDE, _NARROW = 1060, 340
_ICONS: Final = {Severity.GOOD: "✓", Severity.NOTE: "✓", Severity.FAULT: "!"}
_STATES: Final = {
    Severity.GOOD: "in order",
    Severity.NOTE: "note",
    Severity.FAULT: "fault",
}
_KINDS: Final = {
    "unknown": "unknown",
    "quarantined": "quarantined",
    "missing": "records gone",
    "differs": "counts differ",
    "repeated": "possible duplicate",
    "repeat_dropped": "repeated",
    "counted_once": "counted once",
    "undelivered": "waiting",
    "dropped": "dropped",
}
_COLUMNS: Final = {
    "archived": "Archived",
    "records": "Records",
    "shipped": "Shipped",
    "reported": "Reported",
    "difference": "Difference",
    "waiting": "Waiting",
    "held": "Held",
    "unknown": "Unknown",
    "quarantined": "Quarantined",
    "lost": "Lost",
    "later": "For resync",
    "dropped": "Dropped",
    "superseded": "Superseded",
}
_ALWAYS: Final = ("archived", "records", "shipped", "reported", "difference")
_OUTAGES: Final = {
    "unreachable": "the dashboard could not be reached",
    "later": "the dashboard asked for patience",
    "unauthorized": "the dashboard refused the credentials",
    "redirected": "the dashboard's address led elsewhere",
    "not_accepted": "somebody answered, but not the dashboard",
    "unknown": "no answer came back whole",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the page says besides the report; `now` is in epoch seconds."""

    tenant: str
    now: float
    days: Days
    zone: str


def render(report: Report, frame: Frame) -> str:
    """Return the whole page."""
    content = [
        _verdict(report),
        _tiles(report),
        _chart(report),
        _findings(report),
        _outages(report, frame),
        _held(report, frame),
        _learnt(report),
        _days(report),
    ]
    return _template().substitute(
        title=escape(f"Reconciliation of {frame.tenant}"),
        tenant=escape(frame.tenant),
        span=escape(_span(report)),
        now=escape(_moment(frame.now, frame)),
        zone=escape(frame.zone),
        version=escape(__version__),
        content="\n".join(filter(None, content)),
    )


@cache
def _template() -> Template:
    place = resources.files("qlogship.reconcile").joinpath("page.html")
    return Template(place.read_text(encoding="utf-8"))


def _span(report: Report) -> str:
    if not report.days:
        return "no days"
    first, last = report.days[0].day, report.days[-1].day
    return _day(first) if first == last else f"{_day(first)} – {_day(last)}"


def _verdict(report: Report) -> str:
    remarks = "".join(f"<li>{escape(_sentence(remark))}</li>" for remark in report.remarks)
    return (
        f'<section class="verdict {report.level}" aria-label="Verdict">'
        f'<span class="icon" aria-hidden="true">{_ICONS[report.level]}</span>'
        f"<div><p>{escape(report.verdict)}</p>{f'<ul>{remarks}</ul>' if remarks else ''}</div>"
        "</section>"
    )


def _tiles(report: Report) -> str:
    total = report.total
    tiles = [
        ("Archived", total.archived, f"{total.records:,} records"),
        ("Shipped", total.shipped, "in accepted uploads"),
        ("Reported", total.reported, "by the dashboard"),
    ]
    shown = [
        f'<div class="tile"><h2>{name}</h2><b>{value:,}</b><p>{escape(text)}</p></div>'
        for name, value, text in tiles
    ]
    text = "not every count can be compared" if total.difference is None else "reported − archived"
    shown.append(
        f'<div class="tile {report.level}"><h2>Difference</h2><b>{_signed(total.difference)}</b>'
        f"<p>{text}</p></div>"
    )
    chips = [
        f'<li class="pill {kind}">{value:,} {escape(text)}</li>'
        for value, kind, text in (
            (total.unknown, "bad", "unknown"),
            (total.quarantined, "bad", "quarantined"),
            (total.lost, "bad", "in no upload"),
            (total.waiting, "warn", "waiting"),
            (total.held, "mute", "held back"),
            (total.later, "mute", "for the next resync"),
            (total.dropped, "mute", "dropped"),
            (total.superseded, "mute", "superseded by a resync"),
        )
        if value
    ]
    row = f'<ul class="chips" aria-label="Calls by state">{"".join(chips)}</ul>' if chips else ""
    return f'<section class="tiles" aria-label="Calls in all">{"".join(shown)}</section>{row}'


def _chart(report: Report) -> str:
    if not report.days:
        return ""
    present = [part for part in chart.PARTS if any(_part(day, part) for day in report.days)]
    keys = ['<span class="key reported">reported</span>']
    keys += [f'<span class="key {part}">{chart.PARTS[part]}</span>' for part in present]
    if any(day.sums.reported > day.sums.archived for day in report.days):
        keys.append('<span class="key over">more than archived</span>')
    if any(day.outage for day in report.days):
        keys.append('<span class="key outage">outage</span>')
    if any(day.level is Severity.FAULT for day in report.days):
        keys.append('<span class="key mark">does not add up</span>')
    return (
        '<section class="card"><div class="head"><h2>Calls archived, and what was reported</h2>'
        f'<div class="legend">{"".join(keys)}</div></div>'
        f'<div class="wide">{chart.draw(report, width=_WIDE, name="wide")}</div>'
        f'<div class="narrow">{chart.draw(report, width=_NARROW, name="narrow")}</div></section>'
    )


def _part(day: Day, part: str) -> int:
    period = chart.Period(day.day, day.day)
    period.add(day)
    return period.parts[part]


# Lists


def _findings(report: Report) -> str:
    if not report.findings:
        return ""
    order = list(Severity)[::-1]
    chosen = sorted(report.findings, key=lambda finding: order.index(finding.level))[:MOST]
    items = "".join(map(_finding, chosen))
    more = len(report.findings) - len(chosen)
    note = f'<p class="more">And {count(more, "upload")} more.</p>' if more else ""
    return (
        '<section class="card"><h2>Uploads to look at</h2>'
        f'<ul class="findings">{items}</ul>{note}</section>'
    )


def _finding(finding: UploadFinding) -> str:
    pill = "bad" if finding.level is Severity.FAULT else "warn"
    when = ""
    if finding.first_day is not None and finding.last_day is not None:
        when = _day(finding.first_day)
        if finding.last_day != finding.first_day:
            when += f" – {_day(finding.last_day)}"
    reported = "" if finding.reported is None else f", {finding.reported:,} reported"
    facts = ", ".join(filter(None, [when, f"{count(finding.calls, 'call')}{reported}"]))
    return (
        f'<li class="{finding.level}"><div class="line"><b>Upload {finding.upload}</b>'
        f'<span class="pill {pill}">{_KINDS.get(finding.kind, finding.kind)}</span>'
        f'<span class="facts">{escape(facts)}</span></div>'
        f"<p>{escape(_sentence(finding.text))}</p>"
        f'<p class="hint">{_with_code(finding.hint)}</p></li>'
    )


def _outages(report: Report, frame: Frame) -> str:
    if not report.outages:
        return ""
    items = []
    for outage in report.outages[::-1][:MOST]:
        end = "now" if outage.end is None else _moment(outage.end, frame)
        why = _OUTAGES.get(outage.verdict, _OUTAGES["unknown"])
        items.append(
            f'<li class="note"><div class="line"><b>{escape(_moment(outage.begin, frame))} –'
            f' {escape(end)}</b><span class="pill warn">outage</span></div>'
            f"<p>{escape(_sentence(why))}</p></li>"
        )
    return (
        '<section class="card"><h2>When nothing could be delivered</h2>'
        f'<ul class="findings">{"".join(items)}</ul></section>'
    )


def _held(report: Report, frame: Frame) -> str:
    if not report.held:
        return ""
    rows = "".join(
        f'<tr role="row"><td role="cell" class="callid">{escape(text_of(call.callid))}</td>'
        f'<td role="cell">{escape(text_of(call.queue)) or "–"}</td>'
        f'<td role="cell">{escape(_moment(call.since, frame))}</td></tr>'
        for call in report.held[:MOST]
    )
    more = len(report.held) - MOST
    note = f'<p class="more">And {count(more, "call")} more.</p>' if more > 0 else ""
    return (
        '<section class="card"><h2 id="held">Calls held back: not over yet</h2>'
        '<table class="held" role="table" aria-labelledby="held"><thead role="rowgroup">'
        '<tr role="row"><th role="columnheader" scope="col">Call</th>'
        '<th role="columnheader" scope="col">Queue</th>'
        '<th role="columnheader" scope="col">Since</th></tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>{note}</section>'
    )


def _learnt(report: Report) -> str:
    if not report.learnt:
        return ""
    items = "".join(f"<li>{escape(learnt.text)}</li>" for learnt in report.learnt)
    return (
        '<section class="card"><h2>What was learnt about the dashboard</h2>'
        f'<ul class="learnt">{items}</ul></section>'
    )


# The table of days


def _days(report: Report) -> str:
    if not report.days and not report.apart:
        return ""
    columns = [
        *_ALWAYS,
        *(name for name in _COLUMNS if name not in _ALWAYS and getattr(report.total, name)),
    ]
    heads = "".join(
        f'<th role="columnheader" scope="col"{"" if name == "day" else _NUMBER}>{text}</th>'
        for name, text in [("day", "Day"), *((name, _COLUMNS[name]) for name in columns)]
    )
    head = (
        f'<thead role="rowgroup"><tr role="row">{heads}'
        '<th role="columnheader" scope="col">Cause</th></tr></thead>'
    )
    apart = "".join(_apart_row(finding, columns) for finding in report.apart)
    newest = report.days[::-1]
    if len(newest) <= FLAT:
        rows = "".join(_day_row(day, columns) for day in newest)
        body = _table(head + f'<tbody role="rowgroup">{rows}{apart}</tbody>', "Days")
    else:
        body = _table(head + f'<tbody role="rowgroup">{apart}</tbody>', "Uploads") if apart else ""
        months = groupby(newest, key=lambda day: (day.day.year, day.day.month))
        body += "".join(
            _month(list(days), head, columns, is_open=index == 0)
            for index, (_, days) in enumerate(months)
        )
    return f'<section class="card"><h2>Day by day</h2>{body}</section>'


_NUMBER: Final = ' class="number"'


def _table(content: str, label: str) -> str:
    return f'<table class="days" role="table" aria-label="{escape(label)}">{content}</table>'


def _month(days: Sequence[Day], head: str, columns: Sequence[str], *, is_open: bool) -> str:
    label = f"{days[0].day:%Y-%m}"
    rows = "".join(_day_row(day, columns) for day in days)
    archived = sum(day.sums.archived for day in days)
    level = max((day.level for day in days), key=list(Severity).index)
    faults = sum(day.level is Severity.FAULT for day in days)
    table = _table(f'{head}<tbody role="rowgroup">{rows}</tbody>', label)
    said = f'<span class="pill bad">{count(faults, "day")} with a fault</span>' if faults else ""
    return (
        f'<details class="{level}"{" open" if is_open or faults else ""}><summary><b>{label}</b>'
        f'<span class="facts">{count(len(days), "day")}, {count(archived, "call")}</span>{said}'
        f"</summary>{table}</details>"
    )


def _day_row(day: Day, columns: Iterable[str]) -> str:
    causes = "".join(
        f'<li class="{cause.level}">{escape(_sentence(cause.text))}</li>' for cause in day.causes
    )
    state = f'<span class="state">{_STATES[day.level]}</span>'
    return (
        f'<tr role="row" class="{day.level}">'
        f'<th role="rowheader" scope="row">{_day(day.day)} {state}</th>'
        f"{''.join(_cell(name, day.sums) for name in columns)}"
        f'<td role="cell" class="cause">{f"<ul>{causes}</ul>" if causes else ""}</td></tr>'
    )


def _cell(name: str, sums: Sums) -> str:
    value = getattr(sums, name)
    kind = "number"
    if name == "difference":
        kind += " difference"
        text = _signed(value)
    else:
        text = f"{value:,}"
        if name == "reported" and sums.unpinned + sums.unread:
            text += " + ?"
    if not value and name not in _ALWAYS:
        kind += " zero"
    elif name in {"unknown", "quarantined", "lost"}:
        kind += " alarm"
    label = _COLUMNS[name].lower()
    return f'<td role="cell" class="{kind}" data-label="{label}">{text}</td>'


def _apart_row(finding: UploadFinding, columns: Iterable[str]) -> str:
    reported = finding.reported or 0
    values = {"reported": f"{reported:,}", "difference": _signed(reported - finding.calls)}
    cells = "".join(
        f'<td role="cell" class="number{" difference" if name == "difference" else ""}'
        f'{"" if name in values else " zero"}" data-label="{_COLUMNS[name].lower()}">'
        f"{values.get(name, '')}</td>"
        for name in columns
    )
    days = f"{finding.first_day} to {finding.last_day}"
    return (
        f'<tr role="row" class="{finding.level} apart">'
        f'<th role="rowheader" scope="row">Upload {finding.upload}'
        f' <span class="state">{_STATES[finding.level]}</span></th>{cells}'
        f'<td role="cell" class="cause">Of {days}: {escape(finding.text)}</td></tr>'
    )


# Words


def _day(day: date) -> str:
    return f"{_WEEKDAYS[day.weekday()]} {day.isoformat()}"


_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _moment(seconds: float, frame: Frame) -> str:
    return f"{datetime.fromtimestamp(seconds, frame.days.zone):%Y-%m-%d %H:%M}"


def _signed(value: int | None) -> str:
    if value is None:
        return '<abbr title="cannot be said">?</abbr>'
    return f"+{value:,}" if value > 0 else f"−{-value:,}" if value < 0 else "0"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _with_code(text: str) -> str:
    """Escape a hint; what stands between backquotes is something to type."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:
        return "`".join(pieces)
    return "".join(
        f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces)
    )
