"""The list of states: what can become of calls and uploads is said everywhere."""

from __future__ import annotations

import re

import pytest

from qlogship.reconcile import chart
from qlogship.reconcile.census import RecordPlace
from qlogship.reconcile.report import SUMS
from qlogship.reconcile.states import (
    ALWAYS,
    BEHIND,
    BY_NAME,
    STATES,
    Severity,
    State,
    certainty,
    columns,
    worst,
)
from qlogship.reconcile.writing import template
from qlogship.verdict.facts import Kind
from qlogship.verdict.reasons import REASONS

OF_CALLS = [state for state in STATES if state.name in BEHIND]
IN_CHART = [state for state in STATES if state.legend]
# A record that was shipped is no news, and one whose upload is prepared waits.
TOLD_OTHERWISE = {"shipped", "prepared"}


def test_names_are_given_once() -> None:
    """A name stands for one state."""
    assert len(BY_NAME) == len(STATES)


def test_every_place_of_a_record_is_a_state() -> None:
    """Whatever became of a record has a column and a sum."""
    assert {str(place) for place in RecordPlace} - TOLD_OTHERWISE == {
        state.name for state in OF_CALLS
    }
    assert sorted(BEHIND) == sorted(state.name for state in OF_CALLS)


def test_every_sum_is_shown() -> None:
    """No sum of the report is left out: it has a column, or is said in words or in the chart."""
    # Beside shipped, beside lost, and in words alone.
    of_others = {"sent", "lost_records", "vouched"}
    names = set(SUMS) - of_others

    assert names == {*ALWAYS, *(state.name for state in (*OF_CALLS, *IN_CHART))}


@pytest.mark.parametrize("state", OF_CALLS, ids=lambda state: state.name)
def test_calls_of_a_state_are_said(state: State) -> None:
    """A sum beside the columns, a cause of the day, a remark unless it is a fault."""
    assert state.chip
    total = dict.fromkeys(SUMS, 0) | {state.name: 1}
    assert columns(total) == ALWAYS | {state.name: BEHIND[state.name]}
    if state.name != "superseded":  # no part of the balance
        assert state.cause
        assert bool(state.remark) == (state.severity is Severity.NOTE)


@pytest.mark.parametrize("state", IN_CHART, ids=lambda state: state.name)
def test_the_chart_has_a_colour_for_it(state: State) -> None:
    """By day and by night; hatched is what has a rule of its own on the page."""
    assert chart.PARTS[state.name] == state.legend
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in state.colours)


def test_colours_are_said_once() -> None:
    """The page takes the colours of states from the list, and has none of its own for them."""
    assert not [state.name for state in IN_CHART if f"--{state.name}: " in template()]


def test_what_is_bad_is_a_reason() -> None:
    """A state that is bad is a kind of reason of the verdict, and as bad there."""
    names = {"repeated": "doubles", "unread": "no_count", "missing": "damaged"}
    for state in STATES:
        if state.severity in {Severity.UNCERTAIN, Severity.FAULT}:
            row = REASONS[Kind(names.get(state.name, state.name))]
            assert certainty(state.severity) is row.level


@pytest.mark.parametrize(
    ("found", "is_worst"),
    [
        ([], Severity.GOOD),
        ([Severity.NOTE, Severity.GOOD], Severity.NOTE),
        ([Severity.FAULT, Severity.NOTE], Severity.FAULT),
    ],
)
def test_the_worst(found: list[Severity], is_worst: Severity) -> None:
    """One fault among many is a fault; nothing is nothing bad."""
    assert worst(found) is is_worst
    assert all(one.sign and one.style and one.icon and one.label and one.pill for one in Severity)
