"""Since when records wait that could leave: what is over has waited, what is open has not."""

from __future__ import annotations

import pytest

from qlogship.shipping.lag import waiting_since

NOON = 1_795_411_800


def lines(*rows: tuple[int, str]) -> bytes:
    """Return records, each at some seconds after noon."""
    return "".join(f"{NOON + seconds}|{rest}\n" for seconds, rest in rows).encode()


ENTERS = (0, "1.1|sales|NONE|ENTERQUEUE||1|1")
CONNECTS = (60, "1.1|sales|Ann|CONNECT|60|9.9|1")
ENDS = (7_200, "1.1|sales|Ann|COMPLETEAGENT|60|7140|1")
LOGIN = (90, "NONE|NONE|Ann|AGENTLOGIN|-")


def test_a_call_waits_since_it_was_over() -> None:
    """A call of two hours that has just ended has not waited for two hours."""
    assert waiting_since(lines(ENTERS, CONNECTS, ENDS)) == NOON + 7_200


def test_an_open_call_does_not_wait() -> None:
    """What is held back may not leave, so it does not wait."""
    assert waiting_since(lines(ENTERS, CONNECTS)) is None


def test_a_record_of_no_call_waits_since_it_was_written() -> None:
    """A login between the lines of an open call could leave at once."""
    assert waiting_since(lines(ENTERS, CONNECTS, LOGIN)) == NOON + 90


def test_a_call_that_was_held_before() -> None:
    """That a call is open is known from the records that were kept back."""
    assert waiting_since(lines(CONNECTS), held=lines(ENTERS)) is None
    assert waiting_since(lines(CONNECTS, ENDS), held=lines(ENTERS)) == NOON + 7_200


def test_the_oldest_counts() -> None:
    """Of several that wait, the one that could have left first."""
    other = (30, "2.1|sales|NONE|ABANDON|1|1|30")
    assert waiting_since(lines(ENTERS, other, CONNECTS, LOGIN, ENDS)) == NOON + 30


@pytest.mark.parametrize("text", [b"", b"no record\n", b"\n", b"|||||\n"])
def test_what_has_no_time(text: bytes) -> None:
    """A line without a time tells nothing, and hides nothing."""
    assert waiting_since(text) is None
    assert waiting_since(text + lines(LOGIN) + text) == NOON + 90
