"""The demo's screen: a snapshot goes in, a picture comes out. The only import of rich.

The colours are of middling lightness, so that they can be read on a dark and on
a light ground; where there are only sixteen, rich takes the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from qlogship.demo.snapshot import ROTATION, DemoPhase
from qlogship.queue_log.events import AGENT_EVENTS, CONNECT, ENTERQUEUE, TERMINAL_EVENTS
from qlogship.terminal.output import printable
from qlogship.wording import count, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from qlogship.demo.snapshot import CentreSnapshot, DemoSnapshot
    from qlogship.demo.verdict import DemoVerdict
    from qlogship.sandbox.storage import Summary
    from qlogship.sandbox.tally import QueueTally
    from qlogship.shipping.ledger import Upload

_SIDE_BY_SIDE: Final = 76
"""Columns from which service and dashboard stand beside each other."""

_ACCENT: Final = "color(32)"
_ANSWERED: Final = "color(35)"
_ABANDONED: Final = "color(167)"
_OTHER: Final = "color(172)"
_AGENTS: Final = "color(133)"
_BAR: Final = "▆"

_FATES: Final = {"answered": _ANSWERED, "abandoned": _ABANDONED, "other": _OTHER}
_EVENTS: Final = {
    **dict.fromkeys(TERMINAL_EVENTS, f"bold {_OTHER}"),
    **dict.fromkeys((*AGENT_EVENTS, b"CONFIGRELOAD"), _AGENTS),
    **dict.fromkeys((CONNECT, b"COMPLETECALLER", b"COMPLETEAGENT"), f"bold {_ANSWERED}"),
    b"ABANDON": f"bold {_ABANDONED}",
    ENTERQUEUE: f"bold {_ACCENT}",
}
_STATES: Final = {
    "accepted": ("✓", _ANSWERED),
    "prepared": ("…", _OTHER),
    "unknown": ("?", f"bold {_ABANDONED}"),
    "rejected": ("✗", f"bold {_ABANDONED}"),
    "split": ("÷", _OTHER),
    "dropped": ("✗", _OTHER),
}


class Screen:
    """Show snapshots on a terminal, as long as the `with` block lasts; then it is as it was."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def draw(self, snapshot: DemoSnapshot) -> None:
        """Show a snapshot."""
        width, height = self._console.size
        self._live.update(picture(snapshot, width=width, height=height), refresh=True)

    def conclude(self, verdict: DemoVerdict) -> None:
        """Say what came of it, once the screen is as it was."""
        *figures, conclusion = verdict.lines()
        for line in figures:
            self._console.print(line)
        self._console.print(conclusion, style=f"bold {_ANSWERED if verdict.exact else _ABANDONED}")


def console() -> Console:
    """Return the terminal on stdout."""
    return Console(highlight=False)


def picture(snapshot: DemoSnapshot, *, width: int, height: int) -> RenderableType:
    """Return what a terminal of this size is to show."""
    body = max(height - 2, 6)
    whole = Layout()
    if width >= _SIDE_BY_SIDE:
        below = min(body // 2 + 1, 15)
        above = body - below
        floor = Layout(size=below)
        floor.split_row(
            Layout(_service(snapshot, rows=below - 2)),
            Layout(_dashboard(snapshot, rows=below - 2, width=width - width // 2 - 4)),
        )
        parts = [floor]
    else:
        below = body // 3
        above = body - 2 * below
        parts = [
            Layout(_service(snapshot, rows=below - 2), size=below),
            Layout(_dashboard(snapshot, rows=below - 2, width=width - 4), size=below),
        ]
    whole.split_column(
        Layout(_head(snapshot), size=1),
        Layout(_centre(snapshot.centre, rows=above - 2, width=width - 4), size=above),
        *parts,
        Layout(_foot(snapshot), size=1),
    )
    return whole


# --- the frame


def _head(snapshot: DemoSnapshot) -> RenderableType:
    minutes, seconds = divmod(int(snapshot.elapsed), 60)
    return _apart(
        Text.assemble((" qlogship demo ", "bold reverse")),
        Text.assemble(
            (f"{snapshot.speed:g} times as fast as in life  ", "dim"),
            (f"{minutes}:{seconds:02} ", "bold"),
        ),
    )


def _foot(snapshot: DemoSnapshot) -> RenderableType:
    open_for_calls = snapshot.phase in {DemoPhase.OPENING, DemoPhase.PLAYING}
    return _apart(
        Text(f" {snapshot.phase.value}"),
        Text.assemble(
            ("Ctrl-C", "bold"),
            f" {'closes the call centre' if open_for_calls else 'ends everything'} ",
        ),
    )


def _panel(title: str, remark: str, rows: Iterable[RenderableType]) -> Panel:
    return Panel(
        Group(*rows),
        title=Text(title, style="bold"),
        title_align="left",
        subtitle=Text(remark, style="default") if remark else None,
        subtitle_align="right",
        border_style=_ACCENT,
        padding=(0, 1),
    )


def _apart(left: Text, right: Text) -> Table:
    """Put one text to the left and one to the right of a line."""
    row = Table.grid(expand=True)
    row.add_column(no_wrap=True, ratio=1)
    row.add_column(no_wrap=True, justify="right")
    row.add_row(left, right)
    return row


def _figures(width: int, *figures: tuple[int, str, str]) -> Text:
    """Put numbers with their names in a line; a number has its style, if it is not 0."""
    parts = []
    for number, names, style in figures:
        name = names.removesuffix("s") if number == 1 else names
        parts.append(Text.assemble((f"{number:,}", style if number else "dim"), " ", name))
    return _spread(parts, width)


def _spread(parts: Sequence[Text], width: int) -> Text:
    """Put texts in a line, as far from each other as there is room."""
    for gap in ("   ", "  ", " "):
        line = Text(gap, no_wrap=True, overflow="ellipsis").join(parts)
        if line.cell_len <= width:
            break
    return line


# --- the call centre


def _centre(centre: CentreSnapshot, *, rows: int, width: int) -> Panel:
    numbers = _figures(
        width,
        (centre.going_on, "going on", f"bold {_ACCENT}"),
        (centre.entered, "entered", "bold"),
        (centre.answered, "answered", f"bold {_ANSWERED}"),
        (centre.abandoned, "abandoned", f"bold {_ABANDONED}"),
    )
    room = rows - 2
    newest = [_log_line(line) for line in centre.tail[-room:]] if room > 0 else []
    return _panel(
        "Call centre",
        f"queue_log: {count(centre.records, 'record')}, rotated {count(centre.rotations, 'time')}",
        [numbers, Text(), *newest],
    )


def _log_line(line: bytes) -> RenderableType:
    """Show a line as it is, with what matters in colour."""
    if line == ROTATION:
        return Rule("queue_log is now queue_log.0", style=_AGENTS, characters="┄")
    text = printable(line.decode("utf-8", "replace"))
    fields = text.split("|", 5)
    if len(fields) < 6:
        return Text(text, no_wrap=True, overflow="ellipsis")
    time, callid, queue, agent, event, data = fields
    bar = ("|", "dim")
    return Text.assemble(
        (time, "dim"), bar, callid, bar, (queue, "" if queue == "NONE" else _ACCENT), bar, agent,
        bar, (event, _EVENTS.get(event.encode(), "")), bar, (data, "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )  # fmt: skip


# --- the service


def _service(snapshot: DemoSnapshot, *, rows: int) -> Panel:
    service, figures = snapshot.service, snapshot.service.figures
    unread = snapshot.centre.size - figures.archive.bytes
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    to_go = (f"{size(unread)} to go", "dim") if unread > 0 else ("all of it", _ANSWERED)
    table.add_row("read", Text.assemble(size(figures.archive.bytes), " ", to_go))
    records, calls = count(figures.archive.lines, "record"), count(figures.archive.calls, "call")
    table.add_row("archived", f"{records}, {calls}")
    table.add_row("held back", f"{count(figures.held.calls, 'call')} not over yet")
    shipped, uploads = (
        count(figures.shipped.calls, "call"),
        count(figures.uploads.accepted, "upload"),
    )
    table.add_row("shipped", f"{shipped} in {uploads}")
    for trouble in service.troubles:
        table.add_row(Text("trouble", style=f"bold {_ABANDONED}"), Text(printable(trouble.message)))
    return _panel(
        "qlogship",
        f"process {service.pid}" if service.pid else "",
        [table, Text(), _uploads(service.uploads[: max(rows - table.row_count - 2, 0)])],
    )


def _uploads(uploads: Sequence[Upload]) -> Table:
    table = Table(box=None, expand=True, padding=(0, 0, 0, 1), pad_edge=False, header_style="dim")
    table.add_column("upload", no_wrap=True)
    for name in ("records", "calls", "counted", "took"):
        table.add_column(name, justify="right", no_wrap=True)
    for upload in uploads:
        mark, style = _STATES.get(upload.state, ("?", ""))
        tries = (f" ×{upload.attempts}", _OTHER) if upload.attempts > 1 else ""
        table.add_row(
            Text.assemble((mark, style), f" {upload.id}", tries),
            f"{upload.composition.lines:,}",
            f"{upload.composition.calls:,}",
            "" if upload.answer.reported_calls is None else f"{upload.answer.reported_calls:,}",
            _duration(upload),
        )
    return table


def _duration(upload: Upload) -> str:
    if upload.answer.answered_at is None or upload.state == "prepared":
        return ""
    seconds = max(0.0, upload.answer.answered_at - upload.prepared_at)
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


# --- the dashboard


def _dashboard(snapshot: DemoSnapshot, *, rows: int, width: int) -> Panel:
    summary = snapshot.summary
    again = summary.calls - summary.distinct_calls
    numbers = _figures(
        width,
        (summary.distinct_calls, "calls", f"bold {_ACCENT}"),
        *([(again, "counted again", f"bold {_ABANDONED}")] if again else []),
        (summary.uploads, "uploads", "bold"),
        (summary.lines, "records", "bold"),
    )
    # With an empty line before each, where there is room for it.
    queues = summary.queues[: max(rows - 4, 0)]
    airy = rows >= 2 * len(queues) + 3
    most = max((queue.calls for queue in queues), default=0)
    bars: list[RenderableType] = [] if airy else [Text()]
    for queue in queues:
        bars += [Text()] if airy else []
        bars.append(_bar(queue, most, width))
    return _panel("Dashboard", snapshot.url, [numbers, *bars, Text(), _legend(summary, width)])


def _legend(summary: Summary, width: int) -> Text:
    """Say what the colours stand for, with the numbers where they fit."""
    long, short = (
        _spread([Text.assemble(("■", style), " ", text) for text, style in entries], width)
        for entries in (
            [(f"{getattr(summary, fate):,} {fate}", style) for fate, style in _FATES.items()],
            _FATES.items(),
        )
    )
    return long if long.cell_len <= width else short


def _bar(queue: QueueTally, most: int, width: int) -> Text:
    """Draw a queue's calls as a bar of three colours, as long as the busiest queue allows."""
    name = f"{printable(queue.name):<9.8}"
    number = f" {queue.calls:,}"
    room = max(width - len(name) - len(number), 1)
    bar = Text(name, no_wrap=True)
    drawn = so_far = 0
    for fate, style in _FATES.items():
        so_far += getattr(queue, fate)
        end = round(so_far * room / most) if most else 0
        bar.append(_BAR * (end - drawn), style)
        drawn = end
    return bar.append(number, "bold")
