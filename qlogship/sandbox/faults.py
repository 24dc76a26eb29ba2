"""The fault script: what goes wrong, at which request, how often.

A script is an ordered list of steps. At each request the first step counts
that is for this operation, has times left, and whose condition holds; it is
used up by one and says what to do. When no step counts, the request is
answered as it should be.

    [{"on": "upload", "times": 2, "do": "pass"},
     {"on": "upload", "do": "lose_reply"},
     {"on": "any", "times": null, "do": "status", "status": 503}]

Every step is a small class below; its fields are its keys in JSON, and their
descriptions say what belongs there when something else was given. How each one
is carried out over a connection is told in `replies`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from qlogship.errors import UsageError
from qlogship.sandbox.options import AnswerForm

Operation = Literal[
    "login",
    "upload",
    "clear",
    "create_user",
    "delete_users",
    "list_users",
    "agent_status_log",
    "call_log",
]
BODILESS = (204, 304)

_Flag = Annotated[bool, Field(description="true or false")]
_Line = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$", description="text on one line")]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
_Seconds = Annotated[
    float, Field(gt=0, allow_inf_nan=False, description="a number of seconds above 0")
]
_Status = Annotated[int, Field(ge=200, le=599, description="a number from 200 to 599")]
_Times = Annotated[int | None, Field(ge=1, description="a whole number above 0, or null for ever")]
_After = Annotated[int | None, Field(ge=0, description="a whole number of bytes, or null")]
_Bytes = Annotated[
    bytes,
    Field(min_length=1, description="text that is not empty"),
    BeforeValidator(
        lambda text: text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    ),
    PlainSerializer(lambda text: text.decode("utf-8", "surrogateescape")),
]


class _Step(BaseModel):
    """One step: for which operation, or `any`; how many times (None: for ever)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    works: ClassVar[bool] = False
    """Whether the work is done, whatever the client gets to hear of it."""
    seen: ClassVar[str] = ""
    """What the client got to see, in a word or two, where that is no status."""

    on: Operation | Literal["any"] = Field(
        default="upload", description=f"one of {', '.join(get_args(Operation))}, any"
    )
    times: _Times = 1


class Pass(_Step):
    """Answer as usual; `form` overrides how a count is told."""

    works = True
    do: Literal["pass"] = "pass"
    form: Annotated[AnswerForm, Field(strict=False)] | None = Field(
        default=None, description=f"one of {', '.join(AnswerForm)}"
    )


class Status(_Step):
    """Answer with this status.

    `apply` does the work first; `early` answers before the body was read.
    """

    do: Literal["status"] = "status"
    status: _Status
    headers: dict[_HeaderName, _Line] = Field(
        default={}, description="an object of header names and texts"
    )
    body: str | None = Field(default=None, description="text, or null")
    content_type: _Line = "application/json"
    apply: _Flag = False
    early: _Flag = False

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.status in BODILESS and self.body:
            raise ValueError(f"an answer {self.status} cannot have a body")
        if self.early and self.apply:
            raise ValueError('"early" and "apply" exclude each other')
        return self


class Html(_Step):
    """Answer 200 with a login page, as a proxy does, or a login that has ended."""

    seen = "login page"
    do: Literal["html"] = "html"
    apply: _Flag = False


class Redirect(_Step):
    """Send the client to another address."""

    do: Literal["redirect"] = "redirect"
    status: Literal[301, 302, 303, 307, 308] = Field(
        default=302, description="one of 301, 302, 303, 307, 308"
    )
    location: _Line = "/login/"


class LoseReply(_Step):
    """Do the work, then cut the connection without a byte; `reset` cuts with RST instead of FIN."""

    works = True
    seen = "reply lost"
    do: Literal["lose_reply"] = "lose_reply"
    reset: _Flag = False


class Drop(_Step):
    """Cut without doing the work: after the whole body, or after `after` bytes of it."""

    seen = "cut off"
    do: Literal["drop"] = "drop"
    after: _After = None
    reset: _Flag = False


class HalfReply(_Step):
    """Do the work, send the headers and the first half of the body, then cut."""

    works = True
    seen = "half a reply"
    do: Literal["half_reply"] = "half_reply"
    reset: _Flag = False


class Trickle(_Step):
    """Do the work, send the headers, then one byte every `every` seconds without end."""

    works = True
    seen = "trickled reply"
    do: Literal["trickle"] = "trickle"
    every: _Seconds = 1.0


class Slow(_Step):
    """Do the work, then send the answer `piece` bytes at a time, one every `every` seconds."""

    works = True
    seen = "slow reply"
    do: Literal["slow"] = "slow"
    piece: int = Field(default=1024, ge=1, description="a whole number of bytes above 0")
    every: _Seconds = 0.1


class Hang(_Step):
    """Never answer: after the whole body, or reading no more than `after` bytes of it."""

    seen = "no answer"
    do: Literal["hang"] = "hang"
    after: _After = None
    apply: _Flag = False


class ExpireTokens(_Step):
    """Make every issued token worthless, then answer accordingly."""

    works = True
    do: Literal["expire_tokens"] = "expire_tokens"


class Delay(_Step):
    """Wait, then answer as usual."""

    works = True
    do: Literal["delay"] = "delay"
    seconds: _Seconds


class _LooksInside(_Step):
    """A step for the files it does not like.

    It describes what the far end is like rather than a mishap, so it stands for
    ever unless it says otherwise.
    """

    on: Literal["upload"] = Field(
        default="upload", description="upload, because it looks into the file"
    )
    times: _Times = None


class TooLarge(_LooksInside):
    """Answer 413 when the file has more than `limit` bytes."""

    status: ClassVar[int] = 413
    do: Literal["too_large"] = "too_large"
    limit: int = Field(ge=0, description="a whole number of bytes")


class RefuseContaining(_LooksInside):
    """Answer `status` when these bytes are in the file; `text` may be bytes here."""

    do: Literal["refuse_containing"] = "refuse_containing"
    text: _Bytes
    status: _Status = 400


_Any = (
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
Step = Annotated[_Any, Field(discriminator="do")]
Script = tuple[Step, ...]
STEPS: dict[str, type[Step]] = {kind.model_fields["do"].default: kind for kind in get_args(_Any)}
_READER: TypeAdapter[Step] = TypeAdapter(Step)


# --- what a request meets


def looks_inside(script: Script, operation: str) -> bool:
    """Return whether the next choice for this operation needs the file to be read first."""
    for step in script:
        if step.on in (operation, "any"):
            return isinstance(step, _LooksInside)
    return False


def take(script: Script, operation: str, file: bytes | None = None) -> tuple[Step, Script]:
    """Return what to do with this request, and the script that is left.

    Give the file when `looks_inside` asks for it; a condition on a file that
    was not given does not hold.
    """
    for index, step in enumerate(script):
        if step.on not in (operation, "any") or not _holds(step, file):
            continue
        if step.times is None:
            return step, script
        left = (step.model_copy(update={"times": step.times - 1}),) if step.times > 1 else ()
        return step, (*script[:index], *left, *script[index + 1 :])
    return Pass(), script


def applies(step: Step) -> bool:
    """Return whether the work is done, whatever the client gets to hear of it."""
    return step.works or bool(getattr(step, "apply", False))


def on_record(step: Step) -> str:
    """Return the word or two for what the client got to see."""
    return step.seen or str(getattr(step, "status", 200))


def _holds(step: Step, file: bytes | None) -> bool:
    match step:
        case TooLarge(limit=limit):
            return file is not None and len(file) > limit
        case RefuseContaining(text=text):
            return file is not None and text in file
        case _:
            return True


# --- the JSON form


class FaultScriptError(UsageError):
    """The fault script cannot be used; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            "the fault script cannot be used: " + "; ".join(problems),
            hint='Write a list of steps, such as [{"on": "upload", "do": "lose_reply"}].',
        )
        self.problems = tuple(problems)


def parse(steps: object) -> Script:
    """Read a script from its JSON form, a list of objects.

    Raises FaultScriptError, which lists everything that is wrong.
    """
    if isinstance(steps, (str, bytes)) or not isinstance(steps, Sequence):
        raise FaultScriptError(["it is no list of steps"])
    read: list[Step] = []
    problems: dict[str, None] = {}
    for number, step in enumerate(steps, start=1):
        try:
            read.append(_READER.validate_python(step))
        except ValidationError as error:
            problems |= {_problem(number, step, found): None for found in error.errors()}
    if problems:
        raise FaultScriptError(tuple(problems))
    return tuple(read)


def dump(script: Script) -> list[dict[str, Any]]:
    """Return the JSON form of what is left; `parse` reads it back."""
    return [step.model_dump() for step in script]


def _problem(number: int, step: object, error: Mapping[str, Any]) -> str:
    """Return what pydantic found wrong with a step, in the words of a fault script."""
    if not isinstance(step, Mapping):
        return f"step {number} is no object"
    if not error["loc"]:
        return f'step {number}: "do" must be one of {", ".join(STEPS)}, not {step.get("do")!r}'
    name, *place = error["loc"]
    where = f"step {number} ({name})"
    if not place:
        return f"{where}: {error['ctx']['error']}"
    key, fields = place[0], STEPS[name].model_fields
    if key not in fields:
        return f"{where}: {key!r} is no key of this action"
    if key not in step:
        return f'{where}: "{key}" is missing'
    return f'{where}: "{key}" must be {fields[key].description}, not {step[key]!r}'
