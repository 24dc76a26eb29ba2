"""Asking on a terminal: one question at a time, on stderr, with the default shown.

Plain lines and nothing but ASCII of our own, so that a serial console and the C
locale do; a little emphasis where the terminal says that it can show it.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.terminal import output
from qlogship.terminal.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARKS: Final = {True: "ok", False: "problem", None: "warning"}
_COLOURS: Final = {True: "32", False: "31", None: "33"}
_MARGIN: Final = " " * len("  problem  ")


def can_ask() -> bool:
    """Return whether somebody is there who sees a question and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def shows_emphasis(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Return whether bold type and colours are wanted and can be shown."""
    return terminal and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved, in words. `ok` is None when it was not looked at, or is in doubt.

    `likely` says that whoever is in doubt had better go on.
    """

    what: str
    ok: bool | None
    detail: str
    hint: str = ""
    likely: bool = True


class Dialogue:
    """Questions, answers, and what is said about them.

    Without `asks` nothing is asked, nor said what a question is about; without `speaks`
    it is not said either how a proof came out. End of input counts as Ctrl-C: both
    raise KeyboardInterrupt.
    """

    def __init__(self, *, asks: bool, speaks: bool) -> None:
        self.asks = asks
        self._speaks = speaks
        self._emphasis = shows_emphasis(os.environ, terminal=sys.stderr.isatty())

    def say(self, text: str) -> None:
        """Say something to whoever is asked."""
        if self.asks:
            for line in text.split("\n"):
                output.print_note(line)

    def head(self, text: str) -> None:
        """Say what the next question is about."""
        if self.asks:
            sys.stderr.write(f"\n{self._styled(visible(text), '1')}\n")

    def mark(self, ok: bool | None, text: str, hint: str = "") -> None:
        """Say how a proof came out."""
        if not self._speaks:
            return
        width = output.width_of(sys.stderr)
        lines = output.folded(output.printable(text), first=_MARGIN, width=width)
        if hint:
            lines += output.folded(output.printable(hint), first=_MARGIN, width=width)
        mark = self._styled(_MARKS[ok].ljust(7), _COLOURS[ok])
        shown = "\n".join(lines)
        sys.stderr.write(f"  {mark}  {shown.removeprefix(_MARGIN)}\n")

    def explain(self, rows: Mapping[str, str]) -> None:
        """Say what follows from each answer: the answers, and beside each its meaning."""
        if not self.asks:
            return
        room = max(map(len, rows)) + 4
        for answer, meaning in rows.items():
            shown, width = output.printable(meaning), output.width_of(sys.stderr)
            lines = output.folded(shown, first=" " * room, width=width)
            sys.stderr.write("\n".join([f"  {answer}".ljust(room) + lines[0][room:], *lines[1:]]))
            sys.stderr.write("\n")

    def ask(self, question: str, default: str = "") -> str:
        """Ask until there is an answer; Enter takes the default, if there is one."""
        shown = f" [{output.printable(default)}]" if default else ""
        while True:
            answer = self._line(f"{question}{shown}: ").strip()
            if answer or default:
                return answer or default

    def ask_if_any(self, question: str) -> str:
        """Ask once; Enter says nothing."""
        return self._line(f"{question}: ").strip()

    def ask_hidden(self, question: str, *, optional: bool = False) -> str:
        """Ask for a secret, which is not shown; with `optional`, Enter says nothing."""
        while True:
            try:
                answer = getpass.getpass(f"{question}: ", sys.stderr)
            except EOFError:
                sys.stderr.write("\n")
                raise KeyboardInterrupt from None
            if answer or optional:
                return answer

    def choose(self, question: str, choices: tuple[str, ...], default: str) -> str:
        """Ask for one of the choices; the beginning of one is enough."""
        while True:
            answer = self.ask(question, default).lower()
            meant = [choice for choice in choices if choice.startswith(answer)]
            if len(meant) == 1:
                return meant[0]
            self.say(f"  Type one of {', '.join(choices)}.")

    def agrees(self, question: str, *, default: bool = True) -> bool:
        """Ask for yes or no; where nobody is asked, nobody agrees."""
        while self.asks:
            answer = self._line(f"{question} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
            if not answer:
                return default
            if answer in {"y", "yes", "n", "no"}:
                return answer.startswith("y")
            self.say("  Type y or n.")
        return False

    def _line(self, prompt: str) -> str:
        sys.stderr.write(output.printable(prompt))
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            sys.stderr.write("\n")
            raise KeyboardInterrupt
        return line

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._emphasis else text
