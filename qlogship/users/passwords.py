"""Passwords for new users: asked for, read from a file, or made.

None comes from the command line, which `ps` and the shell's history show to others.
"""

from __future__ import annotations

import secrets
import string
import sys
from getpass import getpass
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand

from qlogship.errors import FileNotUsable, UsageError
from qlogship.terminal import output
from qlogship.users.files import read_secret

if TYPE_CHECKING:
    from pathlib import Path

OTHER_WAYS: Final = (
    "Leave it out to be asked for it; or use --generate-password, or --password-file FILE."
)

_OPTION: Final = "--password"
_LENGTH: Final = 20
# Without what looks like another: 0 and O, 1, l and I.
_LETTERS: Final = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))
_SIZE_MAX: Final = 4096
_TRIES: Final = 3


class AddCommand(TyperCommand):
    """A command that explains where passwords come from when one is typed behind it.

    It does so before anything else is read, and repeats no word that stands alone, which
    may be a password, or what stands beside one that was not quoted.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 -- see cli.app
        """Refuse `--password`, with a value or without, and words that belong to no option."""
        if any(word == _OPTION or word.startswith(f"{_OPTION}=") for word in args):
            raise UsageError(
                "a password does not belong on the command line: ps and the history show it",
                hint=f"{OTHER_WAYS} Change one that you typed here and that is in use.",
            )
        ctx.allow_extra_args = True
        rest: list[str] = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise UsageError(
                "there are words that belong to no option; they may be a password, and are not"
                " repeated",
                hint="Put a value with blanks between quotes; or see `qlogship users add --help`.",
            )
        return rest


def of(who: str, *, generate: bool, file: Path | None) -> str:
    """Return the password of a new user: a made one, that in the file, or what is typed."""
    if generate:
        # About 115 bits of chance.
        return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return read_file(file) if file is not None else ask(who)


def read_file(path: Path) -> str:
    """Return the password in a file, or on stdin for `-`: one line."""
    try:
        text = read_secret(path, _SIZE_MAX).decode()
    except UnicodeDecodeError:
        text = ""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\n" in text:
        raise FileNotUsable(
            f"{path} does not hold a password: one line of text, in UTF-8",
            hint="Write the password into it, and nothing else.",
        )
    return text


def ask(who: str) -> str:
    """Ask twice for a password on the terminal, which does not show it."""
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no password, and nobody to ask for it: stdin is no terminal",
            hint="Use --generate-password, or --password-file FILE.",
        )
    for _ in range(_TRIES):
        first = getpass(f"Password for {output.printable(who)}: ", stream=sys.stderr)
        if first == getpass("The same once more: ", stream=sys.stderr):
            return first
        output.print_note("These were two different passwords.")
    raise UsageError("no password was given", hint="Run this again.")
