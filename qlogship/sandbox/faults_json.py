"""The fault script's JSON form: reading it, with every mistake named, and writing it.

Pure. The keys of a step are `on` (one of OPERATIONS, or any; upload when left out),
`times` (null: for ever), `do` (the action's name) and the action's fields.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING
from http import HTTPStatus
from typing import Any

from qlogship.errors import UsageError
from qlogship.sandbox.faults import (
    ACTIONS,
    CONDITIONAL,
    OPERATIONS,
    UPLOAD,
    Action,
    Redirect,
    RefuseContaining,
    Script,
    Status,
    Step,
)
from qlogship.sandbox.options import AnswerForm


class FaultScriptError(UsageError):
    """The fault script cannot be used; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            "the fault script cannot be used: " + "; ".join(problems),
            hint='Write a list of steps, such as [{"on": "upload", "do": "lose_reply"}].',
        )
        self.problems = tuple(problems)


def parse(steps: object) -> Script:
    """Read a script from its JSON form, a list of objects; `text` may be bytes here.

    Raises FaultScriptError, which lists everything that is wrong.
    """
    if isinstance(steps, (str, bytes)) or not isinstance(steps, Sequence):
        raise FaultScriptError(["it is no list of steps"])
    problems: list[str] = []
    read = [_step(number, step, problems) for number, step in enumerate(steps, start=1)]
    if problems:
        raise FaultScriptError(problems)
    return Script(tuple(step for step in read if step is not None))


def dump(script: Script) -> list[dict[str, Any]]:
    """Return the JSON form of what is left; `parse` reads it back."""
    return [_dumped(step) for step in script.steps]


def _dumped(step: Step) -> dict[str, Any]:
    keys = dataclasses.asdict(step.action)
    if isinstance(step.action, RefuseContaining):
        keys["text"] = step.action.text.decode("utf-8", "surrogateescape")
    return {"on": step.on, "times": step.times, "do": step.action.name, **keys}


def _step(number: int, step: object, problems: list[str]) -> Step | None:
    """Read one step; what is wrong with it goes to `problems`."""
    if not isinstance(step, Mapping):
        problems.append(f"step {number} is no object")
        return None
    keys = dict(step)
    name = keys.pop("do", None)
    kind = ACTIONS.get(name) if isinstance(name, str) else None
    if kind is None:
        problems.append(f'step {number}: "do" must be one of {", ".join(ACTIONS)}, not {name!r}')
        return None
    where = f"step {number} ({name})"
    looks_inside = issubclass(kind, CONDITIONAL)
    on = keys.pop("on", UPLOAD)
    times = keys.pop("times", None if looks_inside else 1)
    found = [
        *_wrong_use(on, times, looks_inside=looks_inside),
        *_wrong_keys(kind, keys),
    ]
    if not found:
        if isinstance(keys.get("text"), str):
            keys["text"] = keys["text"].encode("utf-8", "surrogateescape")
        action = kind(**keys)
        found = list(_wrong_together(action))
    problems.extend(f"{where}: {problem}" for problem in found)
    return None if found else Step(on, times, action)


def _wrong_use(on: object, times: object, *, looks_inside: bool) -> Iterator[str]:
    if on not in (*OPERATIONS, "any"):
        yield f'"on" must be one of {", ".join(OPERATIONS)}, any, not {on!r}'
    elif looks_inside and on != UPLOAD:
        yield '"on" must be upload, because it looks into the file'
    if times is not None and not _is_whole(times, least=1):
        yield f'"times" must be a whole number above 0, or null for ever, not {times!r}'


def _wrong_keys(kind: type[Action], keys: Mapping[str, object]) -> Iterator[str]:
    known = {item.name: item for item in dataclasses.fields(kind)}
    for key, value in keys.items():
        if key not in known:
            yield f"{key!r} is no key of this action"
            continue
        check, wanted = _CHECKS[key]
        if not check(value):
            yield f'"{key}" must be {wanted}, not {value!r}'
    for key, item in known.items():
        optional = item.default is not MISSING or item.default_factory is not MISSING
        if key not in keys and not optional:
            yield f'"{key}" is missing'


def _wrong_together(action: Action) -> Iterator[str]:
    if isinstance(action, Status) and action.status in _BODILESS and action.body:
        yield f"an answer {action.status} cannot have a body"
    if isinstance(action, Status) and action.early and action.apply:
        yield '"early" and "apply" exclude each other'
    if isinstance(action, Redirect) and action.status not in _REDIRECTS:
        yield f'"status" must be one of {", ".join(map(str, _REDIRECTS))}, not {action.status}'


_BODILESS = (HTTPStatus.NO_CONTENT.value, HTTPStatus.NOT_MODIFIED.value)
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


def _is_whole(value: object, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599


def _is_seconds(value: object) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
    )


def _is_size(value: object) -> bool:
    return _is_whole(value, least=0)


def _is_piece(value: object) -> bool:
    return _is_whole(value, least=1)


def _is_size_or_none(value: object) -> bool:
    return value is None or _is_whole(value, least=0)


def _is_header_value(value: object) -> bool:
    return isinstance(value, str) and _HEADER_VALUE.fullmatch(value) is not None


def _is_headers(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and _HEADER_NAME.fullmatch(name) and _is_header_value(text)
        for name, text in value.items()
    )


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_search(value: object) -> bool:
    return isinstance(value, (str, bytes)) and len(value) > 0


def _is_form(value: object) -> bool:
    return value is None or value in tuple(AnswerForm)


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "after": (_is_size_or_none, "a whole number of bytes, or null"),
    "apply": (_is_flag, "true or false"),
    "body": (_is_text_or_none, "text, or null"),
    "content_type": (_is_header_value, "text on one line"),
    "early": (_is_flag, "true or false"),
    "every": (_is_seconds, "a number of seconds above 0"),
    "form": (_is_form, "one of " + ", ".join(AnswerForm)),
    "headers": (_is_headers, "an object of header names and texts"),
    "limit": (_is_size, "a whole number of bytes"),
    "location": (_is_header_value, "text on one line"),
    "piece": (_is_piece, "a whole number of bytes above 0"),
    "reset": (_is_flag, "true or false"),
    "seconds": (_is_seconds, "a number of seconds above 0"),
    "status": (_is_status, "a number from 200 to 599"),
    "text": (_is_search, "text that is not empty"),
}
