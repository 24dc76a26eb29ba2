"""The fault script: what goes wrong, at which request, how often; pure.

A script is an ordered list of steps. At each request the first step counts
that is for this operation, has times left, and whose condition holds; it is
used up by one and says what to do. When no step counts, the request is
answered as it should be.

    [{"on": "upload", "times": 2, "do": "pass"},
     {"on": "upload", "do": "lose_reply"},
     {"on": "any", "times": null, "do": "status", "status": 503}]

Every action is a small class below; its fields are the keys of its step. How
each one is carried out over a connection is told in `replies`, how a script is read
from JSON in `faults_json`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGIN = "login"
UPLOAD = "upload"
CLEAR = "clear"
CREATE_USER = "create_user"
DELETE_USERS = "delete_users"
LIST_USERS = "list_users"
AGENT_STATUS_LOG = "agent_status_log"
CALL_LOG = "call_log"
OPERATIONS = (
    LOGIN,
    UPLOAD,
    CLEAR,
    CREATE_USER,
    DELETE_USERS,
    LIST_USERS,
    AGENT_STATUS_LOG,
    CALL_LOG,
)


@dataclass(frozen=True, slots=True)
class Pass:
    """Answer as usual; `form` overrides how a count is told."""

    name: ClassVar[str] = "pass"
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status.

    `apply` does the work first; `early` answers before the body was read.
    """

    name: ClassVar[str] = "status"
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"
    apply: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True)
class Html:
    """Answer 200 with a login page, as a proxy does, or a login that has ended."""

    name: ClassVar[str] = "html"
    apply: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client to another address."""

    name: ClassVar[str] = "redirect"
    status: int = 302
    location: str = "/login/"


@dataclass(frozen=True, slots=True)
class LoseReply:
    """Do the work, then cut the connection without a byte; `reset` cuts with RST instead of FIN."""

    name: ClassVar[str] = "lose_reply"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Cut without doing the work: after the whole body, or after `after` bytes of it."""

    name: ClassVar[str] = "drop"
    after: int | None = None
    reset: bool = False


@dataclass(frozen=True, slots=True)
class HalfReply:
    """Do the work, send the headers and the first half of the body, then cut."""

    name: ClassVar[str] = "half_reply"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Trickle:
    """Do the work, send the headers, then one byte every `every` seconds without end."""

    name: ClassVar[str] = "trickle"
    every: float = 1.0


@dataclass(frozen=True, slots=True)
class Slow:
    """Do the work, then send the answer `piece` bytes at a time, one every `every` seconds."""

    name: ClassVar[str] = "slow"
    piece: int = 1024
    every: float = 0.1


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer: after the whole body, or reading no more than `after` bytes of it."""

    name: ClassVar[str] = "hang"
    after: int | None = None
    apply: bool = False


@dataclass(frozen=True, slots=True)
class ExpireTokens:
    """Make every issued token worthless, then answer accordingly."""

    name: ClassVar[str] = "expire_tokens"


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then answer as usual."""

    name: ClassVar[str] = "delay"
    seconds: float


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Answer 413 when the file has more than `limit` bytes."""

    name: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413
    limit: int


@dataclass(frozen=True, slots=True)
class RefuseContaining:
    """Answer `status` when these bytes are in the file."""

    name: ClassVar[str] = "refuse_containing"
    text: bytes
    status: int = 400


Action = (
    Pass
    | Status
    | Html
    | Redirect
    | LoseReply
    | Drop
    | HalfReply
    | Trickle
    | Slow
    | Hang
    | ExpireTokens
    | Delay
    | TooLarge
    | RefuseContaining
)
ACTIONS: dict[str, type[Action]] = {action.name: action for action in get_args(Action)}

# These look into the file. They describe what the far end is like rather than
# a mishap, so they stand for ever unless the step says otherwise.
CONDITIONAL = (TooLarge, RefuseContaining)

_APPLYING = (Pass, Delay, ExpireTokens, LoseReply, HalfReply, Trickle, Slow)
_ON_RECORD: dict[type[Action], str] = {
    LoseReply: "reply lost",
    Drop: "cut off",
    HalfReply: "half a reply",
    Trickle: "trickled reply",
    Slow: "slow reply",
    Hang: "no answer",
    Html: "login page",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: which operation, or `any`; how many times (None: for ever); what it does."""

    on: str
    times: int | None
    action: Action


@dataclass(frozen=True, slots=True)
class Script:
    """The steps that are left, in order."""

    steps: tuple[Step, ...] = ()


def looks_inside(script: Script, operation: str) -> bool:
    """Return whether the next choice for this operation needs the file to be read first."""
    for step in script.steps:
        if step.on in (operation, "any"):
            return isinstance(step.action, CONDITIONAL)
    return False


def take(script: Script, operation: str, file: bytes | None = None) -> tuple[Action, Script]:
    """Return what to do with this request, and the script that is left.

    Give the file when `looks_inside` asks for it; a condition on a file that
    was not given does not hold.
    """
    for index, step in enumerate(script.steps):
        if step.on not in (operation, "any") or not _holds(step.action, file):
            continue
        rest = list(script.steps)
        if step.times is not None:
            left = step.times - 1
            rest[index : index + 1] = [dataclasses.replace(step, times=left)] if left else []
        return step.action, Script(tuple(rest))
    return Pass(), script


def applies(action: Action) -> bool:
    """Return whether the work is done, whatever the client gets to hear of it."""
    return isinstance(action, _APPLYING) or bool(getattr(action, "apply", False))


def on_record(action: Action) -> str:
    """Return the word or two for what the client got to see."""
    return _ON_RECORD.get(type(action)) or str(getattr(action, "status", 200))


def _holds(action: Action, file: bytes | None) -> bool:
    match action:
        case TooLarge(limit=limit):
            return file is not None and len(file) > limit
        case RefuseContaining(text=text):
            return file is not None and text in file
        case _:
            return True
