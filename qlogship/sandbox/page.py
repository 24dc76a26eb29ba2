"""The page that shows what arrived: values in, HTML out; pure.

The frame and the looks are in `page.html`, beside this module. Everything an
upload brings with it is escaped, and the page may load nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from qlogship.sandbox.tally import FATES
from qlogship.wording import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qlogship.sandbox.people import Person
    from qlogship.sandbox.storage import SandboxUpload, Summary
    from qlogship.sandbox.tally import QueueTally

# Without scripts the page reloads itself; with them only its content changes,
# so that a reader's place on the page and a selection are kept.
_SCRIPT = """
setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  try {
    const reply = await fetch("/");
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
    document.getElementById("page").replaceChildren(...fresh.getElementById("page").childNodes);
  } catch { document.querySelector(".live").textContent = "the sandbox does not answer"; }
}, 2000);
"""
_SCRIPT_DIGEST = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode("ascii")

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; connect-src 'self'; "
        f"script-src 'sha256-{_SCRIPT_DIGEST}'; base-uri 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
}

_DAY = 86_400.0
_TIMES = {None: ", always", 1: ""}
_EMPTY_PICTURE = (
    '<svg viewBox="0 0 132 76" aria-hidden="true" fill="none">'
    '<path d="M2 73h128" stroke="var(--line)" stroke-width="2"/>'
    '<rect x="14" y="47" width="18" height="26" rx="4" fill="var(--track)"/>'
    '<rect x="42" y="30" width="18" height="43" rx="4" fill="var(--track)"/>'
    '<rect x="70" y="55" width="18" height="18" rx="4" fill="var(--track)"/>'
    '<rect x="98" y="39" width="18" height="34" rx="4" fill="var(--track)"/>'
    '<path d="M14 33l37-19 37 25 30-21" stroke="var(--answered)" stroke-width="2.5"'
    ' stroke-linecap="round" stroke-linejoin="round" stroke-dasharray="1 6"/>'
    "</svg>"
)


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows; `now` is in epoch seconds, `zone` None is the machine's own.

    `people` are the newest users, `people_count` is all of them; where there is only
    the administrator, nothing is said of users.
    """

    now: float
    address: str
    email: str
    summary: Summary
    latest: tuple[SandboxUpload, ...]
    people: tuple[Person, ...] = ()
    people_count: int = 0
    faults: tuple[Mapping[str, Any], ...] = ()
    zone: tzinfo | None = None


def render(view: View) -> str:
    """Return the whole page."""
    empty = not view.latest and not view.summary.uploads
    parts = [] if empty else [_tiles(view), _queues(view.summary)]
    parts.append(_script_card(view.faults))
    parts.append(_nothing_yet(view) if empty else _uploads(view))
    parts.append(_people(view))
    return _frame().substitute(
        now=_clock_time(view.now, view), content="\n".join(filter(None, parts)), script=_SCRIPT
    )


@cache
def _frame() -> Template:
    return Template(resources.files(__package__).joinpath("page.html").read_text("utf-8"))


def _tiles(view: View) -> str:
    summary = view.summary
    again = summary.calls - summary.distinct_calls
    legs = summary.answered + summary.abandoned + summary.other
    last = (
        f"last at {_moment(view.latest[0].arrived_at, view)}"
        if view.latest
        else "none since the clear"
    )
    refused = f", {_number(summary.refused)} not taken" if summary.refused else ""
    counted = f"{_number(again)} counted more than once" if again else "each one once"
    abandoned = f"{_number(summary.abandoned)} abandoned"
    tiles = "".join(
        f'<div class="tile"><h2>{title}</h2><b>{value}</b><p{mark}>{remark}</p></div>'
        for title, value, remark, mark in (
            ("Calls counted", _number(summary.calls), counted, ' class="warn"' if again else ""),
            ("Answered", _share(summary.answered, legs), abandoned, ""),
            ("Uploads", _number(summary.uploads), last + refused, ""),
            ("Lines", _number(summary.lines), _unbroken(size(summary.bytes)), ""),
        )
    )
    return f'<section class="tiles" aria-label="Totals">{tiles}</section>'


def _queues(summary: Summary) -> str:
    if not summary.queues:
        rows = '<p class="note">No call has entered a queue in what was uploaded.</p>'
    else:
        most = max(queue.calls for queue in summary.queues)
        rows = f'<ul class="queues">{"".join(_queue(queue, most) for queue in summary.queues)}</ul>'
        hidden = summary.queue_count - len(summary.queues)
        if hidden > 0:
            rows += f'<p class="note">and {_number(hidden)} more with fewer calls</p>'
    legend = "".join(f'<span class="{fate}">{fate}</span>' for fate in FATES)
    return _card("Calls by queue", rows, legend=legend)


def _queue(queue: QueueTally, most: int) -> str:
    name = escape(queue.name) or "(no name)"
    fates = [(fate, getattr(queue, fate)) for fate in FATES]
    told = ", ".join(f"{count} {fate}" for fate, count in fates)
    pieces = "".join(
        f'<i class="{fate}" style="flex:{count} 1 0"></i>' for fate, count in fates if count
    )
    return (
        f'<li><span class="name" title="{name}">{name}</span>'
        f'<div class="bar" role="img" aria-label="{told}" title="{told}">'
        f'<div style="width:{100 * queue.calls / most:.2f}%">{pieces}</div></div>'
        f'<span class="count">{_number(queue.calls)}</span>'
        f'<span class="rate">{_share(queue.answered, queue.calls)} answered</span></li>'
    )


def _uploads(view: View) -> str:
    if not view.latest:
        return ""
    columns = ("Time", "File", "#Lines", "#Calls", "#Size", "Answered with")
    table = _table(columns, [_upload(upload, view) for upload in view.latest])
    return _card("Latest uploads", table)


def _upload(upload: SandboxUpload, view: View) -> str:
    name = escape(upload.filename) or "(no name)"
    file = f'<a href="/sandbox/uploads/{upload.id}/body">{name}</a>' if upload.kept else name
    calls = (
        f'{_number(upload.calls)}<span class="narrow"> calls, {_number(upload.lines)} lines</span>'
    )
    return (
        f'<tr><td class="when">{_moment(upload.arrived_at, view)}</td>'
        f'<td class="file" title="{name}">{file}</td>'
        f'<td class="number">{_number(upload.lines)}</td>'
        f'<td class="number calls">{calls}</td>'
        f'<td class="number">{_unbroken(size(upload.bytes))}</td>'
        f'<td class="status"><span class="pill {_mood(upload)}">{escape(upload.answer)}</span></td>'
        "</tr>"
    )


def _people(view: View) -> str:
    if view.people_count < 2:
        return ""
    columns = ("#ID", "Name", "E-mail", "Teams", "State", "Role")
    table = _table(columns, map(_person, view.people))
    hidden = view.people_count - len(view.people)
    more = f'<p class="note">and {_number(hidden)} older ones</p>' if hidden > 0 else ""
    return _card(
        "Users", table + more, legend=f"{_number(view.people_count)} in all", kind=" people"
    )


def _person(person: Person) -> str:
    name = escape(f"{person.name} {person.surname}")
    email = escape(person.email)
    teams = escape(", ".join(person.team_names)) or "–"
    return (
        f'<tr><td class="number">{person.id}</td>'
        f'<td class="file" title="{name}">{name}</td>'
        f'<td class="email" title="{email}">{email}</td>'
        f'<td class="teams" title="{teams}">{teams}</td>'
        f'<td class="state">{escape(person.state)}</td>'
        f'<td class="status"><span class="pill mute">{escape(person.role)}</span></td></tr>'
    )


def _mood(upload: SandboxUpload) -> str:
    """Return the colour of an answer: good, kept but answered badly, not kept, or kept before."""
    if upload.kept:
        return "good" if upload.answer == "200" else "warn"
    return "mute" if upload.answer.endswith("repeat") else "bad"


def _script_card(steps: tuple[Mapping[str, Any], ...]) -> str:
    if not steps:
        return ""
    items = "".join(
        f'<li class="pill warn">{escape(step["on"])}: {escape(step["do"].replace("_", " "))}'
        + _TIMES.get(step["times"], f" × {step['times']}")
        + "</li>"
        for step in steps
    )
    return f'<section class="card"><h2>Faults to come</h2><ul class="script">{items}</ul></section>'


def _nothing_yet(view: View) -> str:
    settings = f'[dashboard]\nurl = "{view.address}"\nemail = "{view.email}"'
    return (
        f'<section class="card empty">{_EMPTY_PICTURE}<h2>Nothing has arrived yet</h2>'
        "<p>Point qlogship here. The password was printed where the sandbox was started.</p>"
        f"<pre>{escape(settings)}</pre>"
        "<p>This page shows each upload as it comes.</p></section>"
    )


def _card(title: str, content: str, *, legend: str = "", kind: str = "") -> str:
    beside = f'<div class="legend">{legend}</div>' if legend else ""
    head = f'<div class="head"><h2>{title}</h2>{beside}</div>'
    return f'<section class="card{kind}">{head}{content}</section>'


def _table(columns: Iterable[str], rows: Iterable[str]) -> str:
    """Return a table; the heading of a column of numbers begins with #."""
    head = "".join(
        f'<th class="number">{name[1:]}</th>' if name.startswith("#") else f"<th>{name}</th>"
        for name in columns
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _number(value: int) -> str:
    return _unbroken(f"{value:,}")


def _unbroken(text: str) -> str:
    """Return a number or a size with narrow blanks, which do not break, for commas and blanks."""
    return text.replace(",", "\u202f").replace(" ", "\u202f")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}\u202f%" if whole else "–"


def _moment(at: float, view: View) -> str:
    """Return the time of day, with the date when it was not within the last day."""
    if abs(view.now - at) < _DAY:
        return _clock_time(at, view)
    return datetime.fromtimestamp(at, view.zone).strftime("%Y-%m-%d %H:%M")


def _clock_time(at: float, view: View) -> str:
    return datetime.fromtimestamp(at, view.zone).strftime("%H:%M:%S")
