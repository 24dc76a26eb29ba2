"""The dashboard's own logs, derived from what was uploaded; pure.

The vendor does not say which columns its files have, so these are the emulator's
own: enough to see that a file is the right one, for the right time and zone.
What was uploaded twice counts once here; lines are put into the order of their
times.

The agents' status log has a row for each change: `Time (UTC)`, `Agent`, `Queue`,
`Status`, `Reason`. The call log has a row for each time that a call entered a queue:
`Time`, `Queue`, `Caller`, `Result`, `Agent`, `Wait (s)`, `Talk (s)`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from qlogship.queue_log.events import CONNECT, ENTERQUEUE, TERMINAL_EVENTS
from qlogship.queue_log.records import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qlogship.queue_log.records import Record

# Which event leaves an agent in which state; those at the phone are told by calls.
_STATUSES = {
    b"ADDMEMBER": "available",
    b"AGENTLOGIN": "available",
    b"AGENTCALLBACKLOGIN": "available",
    b"REMOVEMEMBER": "offline",
    b"AGENTLOGOFF": "offline",
    b"AGENTCALLBACKLOGOFF": "offline",
    b"PAUSE": "paused",
    b"PAUSEALL": "paused",
    b"UNPAUSE": "available",
    b"UNPAUSEALL": "available",
    CONNECT: "talking",
    b"COMPLETEAGENT": "available",
    b"COMPLETECALLER": "available",
    b"BLINDTRANSFER": "available",
    b"ATTENDEDTRANSFER": "available",
    b"TRANSFER": "available",
}
_WITH_REASON = frozenset({b"PAUSE", b"PAUSEALL", b"UNPAUSE", b"UNPAUSEALL"})
STATUS_HEADER = ("Time (UTC)", "Agent", "Queue", "Status", "Reason")

_CALL_HEADERS = {
    "en": ("Time", "Queue", "Caller", "Result", "Agent", "Wait (s)", "Talk (s)"),
    "ru": ("Время", "Очередь", "Номер", "Результат", "Агент", "Ожидание (с)", "Разговор (с)"),
}
_RESULTS = {
    "en": {"answered": "answered", "abandoned": "abandoned", "left": "left", "open": "open"},
    "ru": {"answered": "отвечен", "abandoned": "потерян", "left": "ушёл", "open": "не завершён"},
}
LANGUAGES = tuple(_CALL_HEADERS)

Row = tuple[str, ...]


def status_rows(bodies: Iterable[bytes], since: float, until: float) -> list[Row]:
    """Return the header and the changes of agents' states from `since` until `until`."""
    rows: list[Row] = [STATUS_HEADER]
    for record in _records(bodies):
        status = _STATUSES.get(record.event)
        if status is None or not since <= record.time < until:
            continue
        reason = record.data.partition(b"|")[0] if record.event in _WITH_REASON else b""
        rows.append(
            (
                _moment(record.time, UTC),
                _text(record.agent),
                "" if record.queue == b"NONE" else _text(record.queue),
                status,
                _text(reason),
            )
        )
    return rows


def call_rows(
    bodies: Iterable[bytes], since: float, until: float, *, offset: int, lang: str
) -> list[Row]:
    """Return the header and the calls that came in from `since` until `until`.

    Times are shown in the zone `offset` minutes from UTC, words in `lang`.
    """
    zone = timezone(timedelta(minutes=offset))
    results = _RESULTS[lang]
    rows: list[Row] = [_CALL_HEADERS[lang]]
    rows.extend(
        (
            _moment(leg.time, zone),
            leg.queue,
            leg.caller,
            results[leg.result],
            leg.agent,
            leg.wait,
            leg.talk,
        )
        for leg in _legs(_records(bodies))
        if since <= leg.time < until
    )
    return rows


def as_text(rows: Iterable[Row], *, separator: str) -> bytes:
    """Return rows as CSV (RFC 4180) in UTF-8, with another separator if need be."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


@dataclass(slots=True)
class _Leg:
    time: int
    queue: str
    caller: str
    result: str = "open"
    agent: str = ""
    wait: str = ""
    talk: str = ""


def _legs(records: Iterable[Record]) -> list[_Leg]:
    """Put the records of each passage through a queue together."""
    legs: list[_Leg] = []
    last: dict[bytes, _Leg] = {}
    for record in records:
        fields = record.data.split(b"|")
        if record.event == ENTERQUEUE:
            caller = _text(fields[1]) if len(fields) > 1 else ""
            last[record.callid] = _Leg(record.time, _text(record.queue), caller)
            legs.append(last[record.callid])
            continue
        leg = last.get(record.callid)
        if leg is None:
            continue
        if record.event == CONNECT:
            leg.result, leg.agent, leg.wait = "answered", _text(record.agent), _text(fields[0])
        elif record.event in {b"COMPLETEAGENT", b"COMPLETECALLER"} and len(fields) > 1:
            leg.talk = _text(fields[1])
        elif record.event in TERMINAL_EVENTS and leg.result == "open":
            leg.result = "abandoned" if record.event == b"ABANDON" else "left"
            leg.wait = _text(fields[2]) if len(fields) > 2 else ""
    return legs


def _records(bodies: Iterable[bytes]) -> Iterator[Record]:
    """Yield the records in the order of their times, each line once."""
    lines = dict.fromkeys(line for body in bodies for line in body.split(b"\n"))
    found = [record for record in map(parse, lines) if record is not None]
    yield from sorted(found, key=lambda record: record.time)


def _moment(seconds: int, zone: timezone) -> str:
    return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").rstrip("\r")
