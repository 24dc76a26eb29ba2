"""The report as one HTML page: values in, HTML out; pure.

The frame and the looks are in `page.html`, beside this module; who writes the page
reads it. Whatever comes from a record or from an answer is escaped, and the page
may load nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import groupby
from string import Template
from typing import TYPE_CHECKING, Final

from qlogship import __version__
from qlogship.dashboard.verdicts import MEANINGS, Verdict
from qlogship.reconcile import chart
from qlogship.reconcile.document import text_of
from qlogship.reconcile.states import BY_NAME, HEADINGS, STATES, Severity, columns, worst
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from qlogship.reconcile.days import Days
    from qlogship.reconcile.report import Day, Outage, Report, UploadFinding

MOST: Final = 500
"""So many uploads, and so many held calls, are listed; more are counted."""

FLAT: Final = 62
"""So many days are listed as they are; more are folded by month."""

_WIDE, _NARROW = 1060, 340


@dataclass(frozen=True, slots=True)
class Frame:
    """What the page says besides the report; `now` is in epoch seconds, `template` page.html."""

    tenant: str
    now: float
    days: Days
    zone: str
    template: str


def render(report: Report, frame: Frame) -> str:
    """Return the whole page."""
    content = [
        _verdict(report),
        _tiles(report),
        _chart(report),
        _findings(report),
        _list(
            "When nothing could be delivered",
            (_outage(outage, frame) for outage in report.outages[::-1][:MOST]),
        ),
        _held(report, frame),
        _list(
            "What was learnt about the dashboard",
            (f"<li>{escape(learnt.text)}</li>" for learnt in report.learnt),
            kind="learnt",
        ),
        _days(report),
    ]
    return Template(frame.template).substitute(
        title=escape(f"Reconciliation of {frame.tenant}"),
        tenant=escape(frame.tenant),
        span=escape(_span(report)),
        now=escape(_moment(frame.now, frame)),
        zone=escape(frame.zone),
        version=escape(__version__),
        **_colours(),
        content="\n".join(filter(None, content)),
    )


def _colours() -> dict[str, str]:
    """Return the style of what the chart tells apart: its colours by day and by night."""
    shown = [state for state in STATES if state.legend]
    day, night = (
        " ".join(f"--{state.name}: {state.colours[index]};" for state in shown) for index in (0, 1)
    )
    # What is hatched has its own rules.
    names = [state.name for state in shown if state.name != "unknown"]
    keys = " ".join(f".key.{name} {{ --c: var(--{name}); }}" for name in names)
    fills = " ".join(f".chart .{name} {{ fill: var(--{name}); }}" for name in names)
    return {"day": day, "night": night, "keys": keys, "fills": fills}


def _span(report: Report) -> str:
    if not report.days:
        return "no days"
    return _from_to(report.days[0].day, report.days[-1].day)


def _verdict(report: Report) -> str:
    reasons = report.assessment.reasons
    said = [f"{escape(_sentence(remark))}" for remark in report.remarks]
    if len(reasons) > 1:
        said = [
            f"{escape(_sentence(reason.text))}. {_with_code(reason.hint)}" for reason in reasons
        ] + said
    remarks = "".join(f"<li>{one}</li>" for one in said)
    return (
        f'<section class="verdict {report.level}" aria-label="Verdict">'
        f'<span class="icon" aria-hidden="true">{report.level.icon}</span>'
        f"<div><p>{_with_code(report.verdict)}</p>{f'<ul>{remarks}</ul>' if remarks else ''}</div>"
        "</section>"
    )


def _tiles(report: Report) -> str:
    total = report.total
    off = total.get("difference")
    compared = "not every count can be compared" if off is None else "reported − archived"
    tiles = "".join(
        f'<div class="tile{look}"><h2>{name}</h2><b>{value}</b><p>{text}</p></div>'
        for name, value, text, look in (
            ("Archived", f"{total['archived']:,}", f"{total['records']:,} records", ""),
            ("Shipped", f"{total['shipped']:,}", "in accepted uploads", ""),
            ("Reported", f"{total['reported']:,}", "by the dashboard", ""),
            ("Difference", _signed(off), compared, f" {report.level}"),
        )
    )
    chips = "".join(
        f'<li class="pill {state.pill}">{value:,} {escape(state.chip)}</li>'
        for state in STATES
        if state.chip and (value := total[state.name])
    )
    row = f'<ul class="chips" aria-label="Calls by state">{chips}</ul>' if chips else ""
    return f'<section class="tiles" aria-label="Calls in all">{tiles}</section>{row}'


def _chart(report: Report) -> str:
    if not report.days:
        return ""
    whole = chart.Period(report.days[0].day, report.days[-1].day)
    for day in report.days:
        whole.add(day)
    keys = [("reported", "reported")]
    keys += [(part, text) for part, text in chart.PARTS.items() if whole.parts[part]]
    if whole.over:
        keys.append(("over", "more than archived"))
    if whole.outage:
        keys.append(("outage", "outage"))
    if any(day.level is Severity.FAULT for day in report.days):
        keys.append(("mark", "does not match"))
    if any(day.level is Severity.UNCERTAIN for day in report.days):
        keys.append(("mark doubt", "uncertain"))
    legend = "".join(f'<span class="key {kind}">{text}</span>' for kind, text in keys)
    return (
        '<section class="card"><div class="head"><h2>Calls archived, and what was reported</h2>'
        f'<div class="legend">{legend}</div></div>'
        f'<div class="wide">{chart.draw(report, width=_WIDE, name="wide")}</div>'
        f'<div class="narrow">{chart.draw(report, width=_NARROW, name="narrow")}</div></section>'
    )


# Lists


def _card(title: str, body: str) -> str:
    return f'<section class="card"><h2>{title}</h2>{body}</section>'


def _more(number: int, noun: str) -> str:
    """Return how many are not listed, if any."""
    return f'<p class="more">And {count(number - MOST, noun)} more.</p>' if number > MOST else ""


def _list(title: str, items: Iterable[str], kind: str = "findings", more: str = "") -> str:
    """Return a card with a list; nothing where there is nothing to list."""
    shown = "".join(items)
    return _card(title, f'<ul class="{kind}">{shown}</ul>{more}') if shown else ""


def _findings(report: Report) -> str:
    order = list(Severity)[::-1]
    chosen = sorted(report.findings, key=lambda finding: order.index(finding.level))[:MOST]
    more = _more(len(report.findings), "upload")
    return _list("Uploads to look at", map(_finding, chosen), more=more)


def _finding(finding: UploadFinding) -> str:
    when = ""
    if finding.first_day is not None and finding.last_day is not None:
        when = _from_to(finding.first_day, finding.last_day)
    reported = "" if finding.reported is None else f", {finding.reported:,} reported"
    facts = ", ".join(filter(None, [when, f"{count(finding.calls, 'call')}{reported}"]))
    return (
        f'<li class="{finding.level}"><div class="line"><b>Upload {finding.upload}</b>'
        f'<span class="pill {finding.level.pill}">{BY_NAME[finding.kind].upload}</span>'
        f'<span class="facts">{escape(facts)}</span></div>'
        f"<p>{escape(_sentence(finding.text))}</p>"
        f'<p class="hint">{_with_code(finding.hint)}</p></li>'
    )


def _outage(outage: Outage, frame: Frame) -> str:
    end = "now" if outage.end is None else _moment(outage.end, frame)
    why = MEANINGS[Verdict(outage.verdict)].outage
    return (
        f'<li class="note"><div class="line"><b>{_moment(outage.begin, frame)} – {end}</b>'
        f'<span class="pill warn">outage</span></div><p>{escape(_sentence(why))}</p></li>'
    )


def _held(report: Report, frame: Frame) -> str:
    if not report.held:
        return ""
    rows = "".join(
        f'<tr role="row"><td role="cell" class="callid">{escape(text_of(call.callid))}</td>'
        f'<td role="cell">{escape(text_of(call.queue)) or "–"}</td>'
        f'<td role="cell">{_moment(call.since, frame)}</td></tr>'
        for call in report.held[:MOST]
    )
    return (
        '<section class="card"><h2 id="held">Calls held back: not over yet</h2>'
        '<table class="held" role="table" aria-labelledby="held">'
        f'{_head({"Call": "", "Queue": "", "Since": ""})}<tbody role="rowgroup">{rows}</tbody>'
        f"</table>{_more(len(report.held), 'call')}</section>"
    )


# The table of days


def _days(report: Report) -> str:
    if not report.days and not report.apart:
        return ""
    shown = columns(report.total)
    head = _head({"Day": "", **dict.fromkeys(shown.values(), ' class="number"'), "Cause": ""})
    apart = "".join(_apart_row(finding, shown) for finding in report.apart)
    newest = report.days[::-1]
    if len(newest) <= FLAT:
        rows = "".join(_day_row(day, shown) for day in newest)
        body = _table(head, rows + apart, "Days")
    else:
        body = _table(head, apart, "Uploads") if apart else ""
        months = groupby(newest, key=lambda day: (day.day.year, day.day.month))
        body += "".join(
            _month(list(days), head, shown, is_open=index == 0)
            for index, (_, days) in enumerate(months)
        )
    return _card("Day by day", body)


def _head(columns: Mapping[str, str]) -> str:
    """Return the head of a table: what stands above each column, and its attributes."""
    cells = "".join(
        f'<th role="columnheader" scope="col"{attributes}>{heading}</th>'
        for heading, attributes in columns.items()
    )
    return f'<thead role="rowgroup"><tr role="row">{cells}</tr></thead>'


def _row(name: str, level: Severity, cells: Iterable[str], cause: str, kind: str = "") -> str:
    return (
        f'<tr role="row" class="{level}{kind}"><th role="rowheader" scope="row">{name}'
        f' <span class="state">{level.label}</span></th>{"".join(cells)}'
        f'<td role="cell" class="cause">{cause}</td></tr>'
    )


def _table(head: str, rows: str, label: str) -> str:
    return (
        f'<table class="days" role="table" aria-label="{label}">{head}'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )


def _month(days: Sequence[Day], head: str, shown: Iterable[str], *, is_open: bool) -> str:
    label = f"{days[0].day:%Y-%m}"
    rows = "".join(_day_row(day, shown) for day in days)
    archived = sum(day.sums["archived"] for day in days)
    level = worst(day.level for day in days)
    table = _table(head, rows, label)
    said, faults = "", 0
    for severity, words in ((Severity.FAULT, "wrong"), (Severity.UNCERTAIN, "uncertain")):
        if found := sum(day.level is severity for day in days):
            said += f'<span class="pill {severity.pill}">{count(found, "day")} {words}</span>'
            faults += found
    return (
        f'<details class="{level}"{" open" if is_open or faults else ""}><summary><b>{label}</b>'
        f'<span class="facts">{count(len(days), "day")}, {count(archived, "call")}</span>{said}'
        f"</summary>{table}</details>"
    )


def _day_row(day: Day, shown: Iterable[str]) -> str:
    causes = "".join(
        f'<li class="{cause.level}">{escape(_sentence(cause.text))}</li>' for cause in day.causes
    )
    cells = (_cell(name, day.sums) for name in shown)
    return _row(_day(day.day), day.level, cells, f"<ul>{causes}</ul>" if causes else "")


def _apart_row(finding: UploadFinding, shown: Iterable[str]) -> str:
    values = {"reported": finding.reported or 0, "difference": finding.off}
    cells = (_cell(name, values) for name in shown)
    cause = f"Of {finding.first_day} to {finding.last_day}: {escape(finding.text)}"
    return _row(f"Upload {finding.upload}", finding.level, cells, cause, " apart")


def _cell(name: str, values: Mapping[str, int]) -> str:
    """Return a cell; it is empty when there is no value, but a difference cannot be said then."""
    value, state, look = values.get(name), BY_NAME.get(name), ""
    text = "" if value is None else f"{value:,}"
    if name == "difference":
        text, look = _signed(value), " difference"
    elif value is None or (state is not None and not value):
        look = " zero"
    elif state is not None and state.severity is Severity.FAULT:
        look = " alarm"
    elif state is not None and state.severity is Severity.UNCERTAIN:
        look = " doubtful"
    if name == "reported" and values.get("unpinned", 0) + values.get("unread", 0):
        text += " + ?"
    label = HEADINGS[name].lower()
    return f'<td role="cell" class="number{look}" data-label="{label}">{text}</td>'


# Words


def _day(day: date) -> str:
    return f"{day:%a} {day}"  # nothing sets a locale, so the names are English


def _from_to(first: date, last: date) -> str:
    return _day(first) if first == last else f"{_day(first)} – {_day(last)}"


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
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))
