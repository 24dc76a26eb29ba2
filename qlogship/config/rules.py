"""What settings must satisfy together, though each value alone is fine.

Here live the rules between settings, as functions over settings that exist. A
rule says nothing about a value that is at fault by itself (`refused`, as
"section.key") and was put back to its default: one cause, one fault.
"""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.config.model import is_clear_text
from qlogship.config.wording import as_toml
from qlogship.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from qlogship.config.model import Settings

    # From a section and a key to where the setting comes from.
    Place = Callable[[str, str], str]

CLEAR_TEXT: Final = "http:// sends the password and the calls in clear text"

# What was given of "email" and "password", to the key where the rest is missed.
_INCOMPLETE: Final = {
    frozenset[str](): (
        "",
        "there is neither an e-mail with a password nor a token",
        "Set email and password_file, or token_file.",
    ),
    frozenset({"email"}): (
        "email",
        "there is an e-mail without a password",
        (
            "Name a file that holds the password in password_file, or give the unit the "
            "systemd credential qlogship-password (which only the service itself can see)."
        ),
    ),
    frozenset({"password"}): (
        "password_file",
        "there is a password without an e-mail",
        "Set email to the address of the Team administrator.",
    ),
}


def credentials(given: AbstractSet[str], place: Place) -> Iterator[Fault]:
    """Ask for e-mail and password, or for a token, and not for both.

    `given` holds those of "email", "password" and "token" that somebody set, rightly
    or wrongly.
    """
    if "token" in given and (others := sorted(given - {"token"})):
        yield Fault(
            place("dashboard", "token_file"),
            f"there is a token besides the {' and the '.join(others)}",
            "Keep one of them: email and password_file, or token_file.",
        )
    elif missed := _INCOMPLETE.get(frozenset(given)):
        key, problem, remedy = missed
        yield Fault(place("dashboard", key), problem, remedy)


def values(settings: Settings, refused: AbstractSet[str], place: Place) -> Iterator[Fault]:
    """Yield a fault for each pair of settings that contradict each other."""
    path, directory = settings.source.path, settings.state.directory
    if refused.isdisjoint({"source.path", "state.directory"}) and _is_inside(path, directory):
        yield Fault(
            place("source", "path"),
            f"{path} is in the state directory {directory}",
            "Name the file that Asterisk writes, or another [state] directory.",
        )
    settle, hold = settings.batch.settle, settings.batch.hold
    if refused.isdisjoint({"batch.settle", "batch.hold"}) and hold < settle:
        yield Fault(
            place("batch", "hold"),
            f"hold ({as_toml(hold)}) is less than settle ({as_toml(settle)})",
            "Give hold some hours, such as 43_200.0.",
        )
    shared, on_unknown = settings.dashboard.shared, settings.delivery.on_unknown
    if refused.isdisjoint({"dashboard.shared", "delivery.on_unknown"}) and (
        shared and on_unknown == "resync"
    ):
        yield Fault(
            place("delivery", "on_unknown"),
            f'on_unknown = "resync" clears the dashboard, and {place("dashboard", "shared")} says'
            " that others upload to it, too",
            'Set on_unknown to "resend" or "hold"; or take `shared = true` out of [dashboard].',
        )

    keep = settings.state.keep
    if refused.isdisjoint({"state.keep", "delivery.on_unknown"}) and (
        keep is not None and on_unknown == "resync"
    ):
        yield Fault(
            place("delivery", "on_unknown"),
            f'on_unknown = "resync" clears the dashboard, and {place("state", "keep")} lets the'
            " archive forget what only the dashboard has then",
            'Set on_unknown to "resend" or "hold"; or take `keep` out of [state].',
        )


def state_of_unit(settings: Settings, directories: str, place: Place) -> Iterator[Fault]:
    """Refuse a state directory that nobody chose, in a unit that has another one.

    `directories` is what systemd says in STATE_DIRECTORY, separated by colons. A
    second instance would take the state of the first; a person's `qlogship status`
    would look there, too, so the settings must name it.
    """
    first = directories.partition(":")[0]
    default = str(settings.state.directory)
    if first and default not in directories.split(":"):
        yield Fault(
            place("state", "directory"),
            f"this unit keeps its state in {first}, and the settings leave it at {default}",
            f"Write `directory = {as_toml(first)}` into [state].",
        )


def clear_text(settings: Settings, refused: AbstractSet[str], place: Place) -> Iterator[Fault]:
    """Say so when the password and the calls would go to another machine unencrypted."""
    if "dashboard.url" in refused or not is_clear_text(settings.dashboard.url):
        return
    remedy = "Use https://"
    if not settings.dashboard.allow_http:
        remedy += "; or, if you control the whole network path, set `allow_http = true`"
    yield Fault(place("dashboard", "url"), CLEAR_TEXT, f"{remedy}.")


def _is_inside(path: Path, directory: Path) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(os.path.normpath(directory))
