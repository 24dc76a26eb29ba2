"""What qlogship says about its work: structlog, set up once, on stderr.

Here live the form of a log line and the masking of secrets. What is worth saying
is decided where it happens; that the same trouble is said once, in troubles/notices.py.

An event is a past-tense verb phrase (`batch_accepted`), its facts are fields.
ERROR: data is at risk or a person must act. WARNING: it recovers by itself.
INFO: life cycle and accepted uploads. A secret never; a caller's number never
above DEBUG. One line per upload, none per record.

Import structlog only through this module. It pulls in rich when rich is there,
for tracebacks nobody asked for: 5 MiB that a service would carry for ever.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, cast

from qlogship.login_cookie import LOGIN_COOKIE

# A None in sys.modules makes `import rich` fail (the language reference, "The
# module cache"), which structlog takes as "not installed".
_KEEP_RICH_OUT = "rich" not in sys.modules
if _KEEP_RICH_OUT:
    sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if _KEEP_RICH_OUT:
        del sys.modules["rich"]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]

MASK = "********"

# sd-daemon(3): the journal takes the priority from a <N> before the line.
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

_SECRET_KEY = re.compile(
    rf"passw|passphrase|(^|_)(pass|pwd|{LOGIN_COOKIE})$|token|secret|authorization|cookie|credential",
    re.IGNORECASE,
)
# `password_file` names a place, `token_expires` a time.
_HARMLESS_KEY = re.compile(r"_(file|path|expires|age)$", re.IGNORECASE)
# A header, a cookie or an address quoted inside a text.
_SECRET_IN_TEXT = re.compile(
    rf"(?P<label>\bbearer\s+(?=\S{{8}})|authorization:\s*basic\s+|\b{LOGIN_COOKIE}=|://[^/\s:@]*:(?=[^/\s@]*@))"
    r"[^\s;,\"'@]+",
    re.IGNORECASE,
)
_PLAIN_VALUE = re.compile(r"[^\s\"=\\]+")
_BLANK = re.compile(r"[ \t\r\n]")
_HOW_DEEP = 6


def configure(
    level: Level,
    format: Format,  # noqa: A002 -- the name of the setting
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str],
) -> None:
    """Send log lines of this level and above to `stream` (default: stderr of the moment).

    "auto" is a readable line with its priority when the stream is the journal,
    console on a terminal, JSON elsewhere; JOURNAL_STREAM and NO_COLOR are what
    `environ` is asked for. Whatever the standard library's
    loggers say (httpx, watchdog) comes through here too, from WARNING on. May be
    called again; the last call counts.
    """
    chosen = _choose(format, stream or sys.stderr, environ)
    least = logging.getLevelNamesMapping()[level.upper()]
    lines = _Lines(stream)
    named: list[Processor] = [structlog.processors.add_log_level]
    if chosen != "journal":
        # The journal stamps lines itself.
        named.append(structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"))
    shown: list[Processor] = [
        structlog.processors.format_exc_info,
        _mask,
        *_rendering(chosen, stream or sys.stderr, environ),
    ]
    structlog.configure(
        processors=[*named, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*named, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
        )
    )
    lines.setLevel(max(logging.WARNING, least))
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Lines)]:
        root.removeHandler(handler)
    root.addHandler(lines)


def get_logger(**facts: object) -> FilteringBoundLogger:
    """Return a logger whose lines all carry these facts.

    Before `configure` is called, warnings and errors go to stderr.
    """
    if not structlog.is_configured():
        configure("warning", "console", environ={})
    return cast("FilteringBoundLogger", structlog.get_logger(**facts))


class _Lines(logging.Handler):
    """Writes lines to a stream, or to whatever stderr is at the moment.

    Those of structlog come as text, those of the standard library's loggers as
    records. A line that cannot be written is dropped: a full disk or a closed pipe
    behind stderr must not stop the service. Each line is one write, so lines of
    two threads do not mix.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def msg(self, line: str) -> None:
        stream = self._stream or sys.stderr
        with suppress(OSError, ValueError):
            stream.write(f"{line}\n")
            stream.flush()

    debug = info = warning = error = critical = msg

    def emit(self, record: logging.LogRecord) -> None:
        self.msg(self.format(record))


def _choose(
    wanted: Format, stream: TextIO, environ: Mapping[str, str]
) -> Literal["journal", "console", "json"]:
    """Return the form of a line.

    $JOURNAL_STREAM is inherited by children that write elsewhere, so device and
    inode are compared (systemd.exec(5)).
    """
    if wanted != "auto":
        return wanted
    with suppress(OSError, ValueError):
        status = os.fstat(stream.fileno())
        if environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}":
            return "journal"
    return "console" if _is_terminal(stream) else "json"


def _is_terminal(stream: TextIO) -> bool:
    return not stream.closed and stream.isatty()


def _rendering(
    chosen: Literal["journal", "console", "json"], stream: TextIO, environ: Mapping[str, str]
) -> list[Processor]:
    if chosen == "json":
        return [structlog.processors.JSONRenderer(default=str)]
    if chosen == "journal":
        return [_journal_line]
    console = structlog.dev.ConsoleRenderer(
        colors=_is_terminal(stream) and not environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
        timestamp_key="time",
    )
    return [_harmless, console]


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what is named like a secret, is a SecretStr, or looks like one inside a text."""
    return {key: _masked(key, value, _HOW_DEEP) for key, value in event.items()}


def _masked(key: str, value: object, depth: int) -> object:
    if hasattr(value, "get_secret_value"):
        return MASK
    if value is not None and _SECRET_KEY.search(key) and not _HARMLESS_KEY.search(key):
        return MASK
    if isinstance(value, str):
        return _SECRET_IN_TEXT.sub(rf"\g<label>{MASK}", value)
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        return {name: _masked(str(name), item, depth - 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item, depth - 1) for item in value]
    return value


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, which a terminal would obey.

    A traceback keeps its lines, and a text with blanks is escaped by the
    renderer, which puts it in quotes.
    """
    for key, value in event.items():
        if isinstance(value, str) and (key == "event" or not _BLANK.search(value)):
            event[key] = _escaped(value)
        elif key == "exception" and isinstance(value, str):
            event[key] = "\n".join(map(_escaped, value.split("\n")))
    return event


def _escaped(text: str) -> str:
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _journal_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render `<priority>event key=value ...` on one line."""
    level, name = str(event.pop("level", "info")), str(event.pop("event", ""))
    facts = "".join(f" {key}={_value(value)}" for key, value in event.items())
    return f"<{_PRIORITIES.get(level, 6)}>{_escaped(name)}{facts}"


def _value(value: object) -> str:
    text = str(value)
    if _PLAIN_VALUE.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=False)
