"""What setup leaves to other commands: `qlogship destination` and `qlogship resync`.

They are run as a person would type them, on the same terminal, so that there is one way
to do what they do: they say what they will do and ask before they clear a dashboard.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.errors import ExitCode
from qlogship.installation.places import DEFAULT_PATH
from qlogship.installation.program import this_program
from qlogship.setup.dialogue import Proof
from qlogship.terminal import output

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.shipping.belonging import Decision


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A command of qlogship that does the rest, and what it does in a few words."""

    what: str
    words: tuple[str, ...]
    does: str

    def typed(self, config: Path) -> str:
        """Return what a person types."""
        where = () if config == DEFAULT_PATH else ("-c", str(config))
        return shlex.join(("qlogship", *self.words, *where))


def deciding(decision: Decision, *, clear: bool) -> FollowUp:
    """Return the command that carries out a decision about the destination."""
    words = ("destination", decision.option, *(("--clear",) if clear else ()))
    return FollowUp("destination", words, f"decides: {decision.words}")


DECIDING = FollowUp("destination", ("destination",), "shows the three decisions")
CLEARING = FollowUp("resync", ("resync",), "clears the dashboard and uploads everything")


def carry_out(
    follow_up: FollowUp, config: Path, *, options: tuple[str, ...] = (), asks: bool, quiet: bool
) -> Proof:
    """Run the command; return what came of it.

    `options` are more of them. With `asks` it asks on this terminal before it clears
    anything, else nothing is asked; with `quiet` its result is not shown.
    """
    output.flush()
    more = (*options, *(() if asks else ("--yes",)), *(("--json",) if quiet else ()))
    done = subprocess.run(  # noqa: S603 -- this program
        [*this_program(), *follow_up.words, *more, "-c", str(config)],
        check=False,
        stdin=None if asks else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
    )
    typed = follow_up.typed(config)
    if done.returncode == ExitCode.DONE:
        return Proof(follow_up.what, True, f"`{typed}` was carried out")
    return Proof(
        follow_up.what,
        False,
        f"`{typed}` ended with code {done.returncode}; what it is to do is not done",
        f"Type `{typed}`: it {follow_up.does}.",
    )


def left_to_type(follow_up: FollowUp, config: Path, *, before: str) -> Proof:
    """Return that the command is still to be typed, when what is in `before` was done."""
    typed = follow_up.typed(config)
    return Proof(
        follow_up.what,
        None,
        "the dashboard is not cleared yet, so calls that others uploaded may be counted twice",
        f"{before}, then type `{typed}`: it {follow_up.does}.",
    )


def left_to_decide(config: Path) -> Proof:
    """Return that nothing is sent as long as nobody has decided about the ledger."""
    return Proof(
        DECIDING.what,
        None,
        "calls are archived, and nothing is sent to this dashboard until somebody decides",
        f"Type `{DECIDING.typed(config)}`: it {DECIDING.does}.",
    )


def print_proof(proof: Proof) -> None:
    """Say what came of it, as a result."""
    output.print_text(f"{proof.detail[:1].upper()}{proof.detail[1:]}.")
    if proof.hint:
        for line in output.folded(proof.hint, first="", width=output.width_of(sys.stdout)):
            output.print_text(line)
