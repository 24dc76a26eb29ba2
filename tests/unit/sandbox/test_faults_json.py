"""The fault script's JSON form."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.sandbox import faults, faults_json
from qlogship.sandbox.faults import ACTIONS, Script, Step
from qlogship.sandbox.faults_json import FaultScriptError

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
        faults_json.parse(steps)
    return caught.value.problems


def test_every_action() -> None:
    """Every action can be written down, and comes back the same through JSON."""
    script = faults_json.parse(EVERY)
    assert {step.action.name for step in script.steps} == set(ACTIONS)
    assert faults_json.parse(json.loads(json.dumps(faults_json.dump(script)))) == script


def test_defaults() -> None:
    """What is left out: once, at an upload; a step that looks into the file stands for ever."""
    script = faults_json.parse([{"do": "lose_reply"}, {"do": "too_large", "limit": 5}])
    assert script == Script(
        (Step("upload", 1, faults.LoseReply()), Step("upload", None, faults.TooLarge(5)))
    )


def test_bytes() -> None:
    """Bytes to look for may be given as bytes, or as text in UTF-8."""
    given_bytes = faults_json.parse([{"do": "refuse_containing", "text": b"\xd0"}])
    assert given_bytes.steps[0].action == faults.RefuseContaining(b"\xd0")
    assert faults_json.parse(faults_json.dump(given_bytes)) == given_bytes


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
                inner | st.sampled_from(sorted(ACTIONS)),
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_anything(steps: object) -> None:
    """Whatever JSON can say is read or refused, never anything else."""
    with suppress(FaultScriptError):
        script = faults_json.parse(steps)
        assert faults_json.parse(faults_json.dump(script)) == script
