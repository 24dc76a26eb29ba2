"""What one uploaded file holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qlogship.demo.callcentre import CallCentre
from qlogship.queue_log.records import entered_calls
from qlogship.sandbox.tally import QueueTally, tally_of


def _lines(*rows: str) -> bytes:
    return "".join(f"17000000{row}\n" for row in rows).encode()


def test_fates() -> None:
    """A call is answered when it was connected, abandoned when it was given up, else other."""
    body = _lines(
        "01|1.1|q|NONE|ENTERQUEUE||5|1",
        "02|1.2|q|NONE|ENTERQUEUE||6|2",
        "03|1.3|q|NONE|ENTERQUEUE||7|3",
        "04|1.4|q|NONE|ENTERQUEUE||8|4",
        "05|1.1|q|A|CONNECT|4|1.9|2",
        "06|1.2|q|NONE|ABANDON|1|2|4",
        "07|1.3|q|NONE|EXITWITHTIMEOUT|1|3|4",
    )
    tally = tally_of(body)
    assert tally.queues == (QueueTally("q", answered=1, abandoned=1, other=2),)
    assert tally.queues[0].calls == 4
    assert tally.calls == {b"1.1", b"1.2", b"1.3", b"1.4"}
    assert tally.lines == 7


def test_second_passage() -> None:
    """A call that entered a queue twice counts once, as answered if it was so either time."""
    body = _lines(
        "01|1.1|q|NONE|ENTERQUEUE||5|1",
        "02|1.1|q|A|CONNECT|1|1.9|1",
        "03|1.1|q|A|BLINDTRANSFER|q|x|1|1|1",
        "03|1.1|q|NONE|ENTERQUEUE||5|1",
        "09|1.1|q|NONE|ABANDON|1|1|6",
    )
    assert tally_of(body).queues == (QueueTally("q", answered=1, abandoned=0, other=0),)


def test_case_of_names() -> None:
    """Queue names that differ in case only are one queue, shown as first written."""
    body = _lines("01|1.1|Q1|NONE|ENTERQUEUE||5|1", "02|1.1|q1|A|CONNECT|1|1.9|1")
    assert tally_of(body).queues == (QueueTally("Q1", answered=1, abandoned=0, other=0),)


def test_other_file() -> None:
    """The end of a call that entered in another file counts for nothing here."""
    tally = tally_of(_lines("02|1.1|q|A|CONNECT|1|1.9|1", "03|1.1|q|A|COMPLETECALLER|1|1|1"))
    assert tally.calls == frozenset()
    assert tally.queues == ()


def test_unfinished_line() -> None:
    """A last line without its newline is a line."""
    assert tally_of(b"a\nb").lines == 2
    assert tally_of(b"a\nb\n").lines == 2
    assert tally_of(b"").lines == 0


def test_undecodable_name() -> None:
    """A queue name that is no UTF-8 is shown with replacement marks."""
    tally = tally_of(b"1700000001|1.1|\xd0|NONE|ENTERQUEUE||5|1\n")
    assert tally.queues[0].name == "\ufffd"


@given(st.binary(max_size=400))
def test_any_bytes(body: bytes) -> None:
    """Any bytes are counted without complaint, the calls as the core counts them."""
    assert tally_of(body).calls == entered_calls(body)


@given(st.integers(min_value=0, max_value=50))
def test_sums(seed: int) -> None:
    """No queue has more calls than entered, and every call is in some queue."""
    centre = CallCentre(seed=seed)
    body = bytearray()
    for _, line in centre.events():
        body += line
        if len(body) > 20_000:
            centre.close()
    tally = tally_of(bytes(body))
    assert tally.calls == entered_calls(bytes(body))
    assert all(queue.calls <= len(tally.calls) for queue in tally.queues)
    assert sum(queue.calls for queue in tally.queues) >= len(tally.calls)
