"""How a command shows what it found.

Here live results on stdout (text, a table, JSON) and errors on stderr: what
happened, and what to type next. With --json an error is a result too and goes
to stdout. Nothing here decides anything, and nothing here imports rich.

Names in JSON are a contract: they are added to, never renamed.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from qlogship.atomic_file import open_stream
from qlogship.errors import QlogshipError, SettingsError
from qlogship.terminal.visible import Decoder, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import TextIO

    from qlogship.errors import Fault

# With less room than this, lines are left to the terminal.
_NARROWEST: Final = 20
_PIECE: Final = re.compile(r"[^\s`]*`[^`]*`[^\s`]*|\S+")


class ResultLost(QlogshipError):
    """The result could not be written to stdout."""


def prepare() -> None:
    """Let no locale spoil a result: what stdout cannot encode is escaped."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_text(text: str) -> None:
    """Print a result. On a terminal, control characters in it are escaped; see `visible`."""
    _write(f"{text}\n")


def print_styled(text: str) -> None:
    """Print a result with escape sequences of our own; what is foreign in it is printable."""
    with writing():
        sys.stdout.write(f"{text}\n")


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """Print a result for programs: one JSON document.

    Everything beyond ASCII is escaped, so that no locale and no file name with
    broken bytes can spoil it. Values that JSON does not know become text.
    """
    _write(f"{json.dumps(value, indent=2, allow_nan=False, default=_as_json)}\n")


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
) -> None:
    """Print rows under headings, one line each; `right` names the columns of numbers."""
    to_the_right = set(right)
    lines = [list(headings), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if heading in to_the_right else cell.ljust(width)
            for cell, width, heading in zip(line, widths, headings, strict=True)
        ]
        _write("  ".join(cells).rstrip() + "\n")


@contextmanager
def stdout_of_bytes() -> Iterator[BinaryIO]:
    """Lend stdout for a result of bytes. A terminal is shown them with what is foreign escaped.

    Writing raises BrokenPipeError when nobody reads any more.
    """
    sys.stdout.flush()
    if sys.stdout.isatty():
        yield from _shown_on(sys.stdout)
    else:
        yield sys.stdout.buffer


@contextmanager
def device_of_bytes(path: Path) -> Iterator[BinaryIO]:
    """Lend a pipe or a device for a result of bytes, and a terminal as `stdout_of_bytes` does."""
    with os.fdopen(open_stream(path), "wb") as device:
        if not device.isatty():
            yield device
            return
        with io.TextIOWrapper(device, "utf-8", "backslashreplace", write_through=True) as terminal:
            yield from _shown_on(terminal)


def _shown_on(terminal: TextIO) -> Iterator[BinaryIO]:
    shown = _OnTerminal(terminal)
    yield cast("BinaryIO", shown)
    shown.finish()


class _OnTerminal(io.RawIOBase):
    """Takes bytes and writes them to a terminal, made visible."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal
        self._decoder = Decoder()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 -- anything with bytes in it, as RawIOBase has it
        self._terminal.write(self._decoder.decode(bytes(data)))
        return len(data)

    def finish(self) -> None:
        self._terminal.write(self._decoder.decode(b"", final=True))
        self._terminal.flush()


def stop_writing() -> None:
    """Let the program end in peace although nobody reads what it wrote, as in `| head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_note(text: str) -> None:
    """Say something on the side: talk goes to stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def end_line() -> None:
    """Go to a new line on a terminal, which shows ^C where somebody pressed it."""
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def print_warnings(warnings: Iterable[Fault]) -> None:
    """Say what works and should be looked at."""
    for warning in warnings:
        sys.stderr.write("\n".join(["warning:", *_fault_lines(warning)]) + "\n")


def print_error(error: QlogshipError, *, as_json: bool = False) -> None:
    """Say what happened and what to type next."""
    if as_json:
        print_json(error_as_json(error))
        return
    width = width_of(sys.stderr)
    lines = folded(printable(error.message), first="error: ", width=width)
    if isinstance(error, SettingsError):
        for fault in error.faults:
            lines += _fault_lines(fault)
    if error.hint:
        lines += folded(printable(error.hint), first="hint: ", width=width)
    sys.stderr.write("\n".join(lines) + "\n")


def error_as_json(error: QlogshipError) -> dict[str, object]:
    """Return an error as every command with --json shows it."""
    shown: dict[str, object] = {
        "ok": False,
        "error": {
            "kind": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
        },
    }
    if isinstance(error, SettingsError):
        shown["faults"] = faults_as_json(error.faults)
    return shown


def faults_as_json(faults: Iterable[Fault]) -> list[dict[str, str]]:
    """Return faults or warnings of the settings as JSON shows them."""
    return [asdict(fault) for fault in faults]


def printable(text: str) -> str:
    """Escape control characters, so that foreign text cannot command a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def width_of(stream: TextIO) -> int:
    """Return the columns of the terminal that a stream leads to; 0 for anything else."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        return 0


def folded(text: str, *, first: str, width: int) -> list[str]:
    """Return the lines that show a text behind `first`, on so many columns; 0: one line.

    Later lines begin below the text. What stands in `backticks` is typed by somebody
    and stays in one piece, as does any word that is longer than a line.
    """
    room = width - len(first)
    if len(text) <= room or room < _NARROWEST:
        return [first + text]
    lines = [""]
    for piece in _PIECE.findall(text):
        if lines[-1] and len(lines[-1]) + 1 + len(piece) > room:
            lines.append("")
        lines[-1] += f" {piece}" if lines[-1] else piece
    return [first + lines[0], *(" " * len(first) + line for line in lines[1:])]


def flush() -> None:
    """See to it that all results have left; call it when a command ends.

    A reader that went away, as in `| head`, is nobody's fault and is passed over.
    """
    try:
        with writing():
            sys.stdout.flush()
    except BrokenPipeError:
        stop_writing()
    except ResultLost:
        stop_writing()  # Python flushes once more when it ends; let that succeed
        raise


@contextmanager
def writing() -> Iterator[None]:
    """Turn what keeps a result from stdout into `ResultLost`, but for BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ResultLost(
            f"the result cannot be written: {error.strerror}",
            hint="Look at what stdout leads to; is its disk full?",
        ) from None


def _write(text: str) -> None:
    with writing():
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def _fault_lines(fault: Fault) -> list[str]:
    return [
        f"  {printable(fault.place)}",
        f"    {printable(fault.problem)}",
        f"    -> {printable(fault.remedy)}",
    ]


def _as_json(value: object) -> object:
    return list(value) if isinstance(value, Sequence | set | frozenset) else str(value)
