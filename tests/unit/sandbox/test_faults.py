"""The fault script: which step a request meets, and the JSON form."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.sandbox import faults
from qlogship.sandbox.faults import (
    STEPS,
    Drop,
    FaultScriptError,
    Hang,
    LoseReply,
    Pass,
    Script,
    Status,
    Step,
)


def _names(script: Script, *operations: str, file: bytes | None = None) -> list[str]:
    names: list[str] = []
    for operation in operations:
        step, script = faults.take(script, operation, file)
        names.append(step.do)
    return names


def test_empty() -> None:
    """Without a script everything passes."""
    assert faults.take((), "upload") == (Pass(), ())


def test_order_and_times() -> None:
    """Steps are used up in order, each as often as it says; then everything passes."""
    script: Script = (Drop(times=2), LoseReply())
    assert _names(script, *["upload"] * 4) == ["drop", "drop", "lose_reply", "pass"]


def test_operation() -> None:
    """A step is for its own operation, and `any` is for all."""
    script: Script = (Drop(on="clear"), Hang(on="any", times=2))
    assert _names(script, "login", "clear", "upload", "upload") == ["hang", "drop", "hang", "pass"]


def test_for_ever() -> None:
    """A step without a number of times is never used up."""
    script: Script = (Status(on="any", times=None, status=503),)
    assert _names(script, *["upload"] * 5) == ["status"] * 5


def test_too_large() -> None:
    """`too_large` counts for files above its limit, and lets the others go on to later steps."""
    script: Script = (faults.TooLarge(limit=3), Drop())
    assert faults.looks_inside(script, "upload")
    assert _names(script, "upload", file=b"1234") == ["too_large"]
    assert _names(script, "upload", "upload", file=b"123") == ["drop", "pass"]


def test_refuse_containing() -> None:
    """`refuse_containing` counts for files with the bytes in them."""
    script: Script = (faults.RefuseContaining(text=b"|1.7|"),)
    assert _names(script, "upload", file=b"1|1.7|q") == ["refuse_containing"]
    assert _names(script, "upload", file=b"1|11.7|q") == ["pass"]


def test_looks_inside() -> None:
    """The file is needed only when the next step for the operation looks into it."""
    script: Script = (Drop(), faults.TooLarge(limit=3))
    assert not faults.looks_inside(script, "upload")
    _, script = faults.take(script, "upload")
    assert faults.looks_inside(script, "upload")
    assert not faults.looks_inside(script, "login")


def test_applies() -> None:
    """An action says whether the work is done behind it."""
    done: list[Step] = [
        Pass(),
        LoseReply(),
        faults.HalfReply(),
        faults.Trickle(),
        faults.Delay(seconds=1.0),
    ]
    undone: list[Step] = [
        Drop(),
        Hang(),
        Status(status=500),
        faults.Html(),
        faults.Redirect(),
        faults.TooLarge(limit=1),
    ]
    assert all(faults.applies(action) for action in done)
    assert not any(faults.applies(action) for action in undone)
    assert all(faults.applies(a) for a in (Status(status=500, apply=True), Hang(apply=True)))


def test_on_record() -> None:
    """What goes on record is the status, or words where there was no proper answer."""
    assert faults.on_record(Pass()) == "200"
    assert faults.on_record(Status(status=503)) == "503"
    assert faults.on_record(faults.TooLarge(limit=1)) == "413"
    assert faults.on_record(LoseReply()) == "reply lost"


# -- the JSON form

# One step of every action, with all that is required.
EVERY = [
    {"do": "pass", "times": 2, "form": "text"},
    {"do": "status", "status": 429, "headers": {"Retry-After": "3"}, "body": "no", "on": "login"},
    {"do": "html"},
    {"do": "redirect", "location": "https://example.com/", "status": 308},
    {"do": "lose_reply", "reset": True},
    {"do": "drop", "after": 10},
    {"do": "half_reply"},
    {"do": "trickle", "every": 0.1},
    {"on": "call_log", "do": "slow", "piece": 10, "every": 0.1},
    {"do": "hang", "on": "clear"},
    {"do": "expire_tokens", "on": "any"},
    {"do": "delay", "seconds": 1},
    {"do": "too_large", "limit": 1000},
    {"do": "refuse_containing", "text": "Пётр"},
]


def _problems(steps: object) -> tuple[str, ...]:
    with pytest.raises(FaultScriptError) as caught:
        faults.parse(steps)
    return caught.value.problems


def test_every_action() -> None:
    """Every action can be written down, and comes back the same through JSON."""
    script = faults.parse(EVERY)
    assert {step.do for step in script} == set(STEPS)
    assert faults.parse(json.loads(json.dumps(faults.dump(script)))) == script


def test_defaults() -> None:
    """What is left out: once, at an upload; a step that looks into the file stands for ever."""
    script = faults.parse([{"do": "lose_reply"}, {"do": "too_large", "limit": 5}])
    assert [(step.on, step.times) for step in script] == [("upload", 1), ("upload", None)]


def test_bytes() -> None:
    """Bytes to look for may be given as bytes, or as text in UTF-8."""
    given_bytes = faults.parse([{"do": "refuse_containing", "text": b"\xd0"}])
    assert given_bytes == (faults.RefuseContaining(text=b"\xd0"),)
    assert faults.parse(faults.dump(given_bytes)) == given_bytes


def test_all_problems_at_once() -> None:
    """Everything that is wrong is named, with the number of its step."""
    problems = _problems(
        [
            {"do": "explode"},
            {"do": "status", "status": 99, "colour": "red"},
            {"do": "delay", "on": "tea", "times": 0},
            "drop",
        ]
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "step 1",
        "step 2 (status)",
        "step 2 (status)",
        "step 3 (delay)",
        "step 3 (delay)",
        "step 3 (delay)",
        "step 4 is no object",
    ]
    assert "'explode'" in problems[0]
    assert "200 to 599" in problems[1]
    assert "'colour'" in problems[2]
    assert '"seconds" is missing' in problems[5]


@pytest.mark.parametrize("steps", [None, 7, "drop", b"drop", {"do": "drop"}])
def test_no_list(steps: object) -> None:
    """A script that is no list is refused."""
    assert _problems(steps) == ("it is no list of steps",)


@pytest.mark.parametrize(
    "step",
    [
        {"do": "status", "status": True},
        {"do": "status", "status": 204, "body": "something"},
        {"do": "status", "status": 500, "early": True, "apply": True},
        {"do": "status", "status": 500, "headers": {"X": "a\r\nb"}},
        {"do": "status", "status": 500, "headers": {"X y": "a"}},
        {"do": "redirect", "status": 200},
        {"do": "trickle", "every": 0},
        {"do": "slow", "piece": 0},
        {"do": "delay", "seconds": "1"},
        {"do": "delay", "seconds": float("inf")},
        {"do": "drop", "after": -1},
        {"do": "lose_reply", "reset": 1},
        {"do": "too_large", "limit": 5, "on": "login"},
        {"do": "refuse_containing", "text": ""},
        {"do": "pass", "form": "poem"},
        {"do": "pass", "times": 1.5},
        {"do": ["pass"]},
        {},
    ],
)
def test_refused(step: object) -> None:
    """A value that cannot be carried out is refused."""
    assert len(_problems([step])) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["do", "on", "times", "status", "text", "headers"]),
                inner | st.sampled_from(sorted(STEPS)),
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_anything(steps: object) -> None:
    """Whatever JSON can say is read or refused, never anything else."""
    with suppress(FaultScriptError):
        script = faults.parse(steps)
        assert faults.parse(faults.dump(script)) == script
