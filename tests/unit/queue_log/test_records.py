"""What one line says: real lines, odd ones, and lines that are no record."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import (
    Entrance,
    Record,
    entered_calls,
    entrances,
    line_times,
    parse,
    time_of,
)
from tests.fixtures.queue_log import TREES, calls_placed, sample_lines, text_of, tree_lines

CUT_NAME = "Константинопольский Константин Константи".encode() + b"\xd0"

RECORDS = {
    "an event without data": (
        b"1795411401|NONE|NONE|NONE|QUEUESTART|",
        Record(1795411401, b"NONE", b"NONE", b"NONE", b"QUEUESTART", b""),
    ),
    "data of several fields": (
        b"1795411427|1795411423.1|qna|NONE|ABANDON|1|1|4",
        Record(1795411427, b"1795411423.1", b"qna", b"NONE", b"ABANDON", b"1|1|4"),
    ),
    "a pipe in an URL": (
        b"1795411505|1795411505.57|q1|NONE|ENTERQUEUE|http://x/?a=b|c||1",
        Record(1795411505, b"1795411505.57", b"q1", b"NONE", b"ENTERQUEUE", b"http://x/?a=b|c||1"),
    ),
    "a pipe in a caller's number": (
        b"1795411513|1795411513.61|qna|NONE|ENTERQUEUE||12|34|1",
        Record(1795411513, b"1795411513.61", b"qna", b"NONE", b"ENTERQUEUE", b"|12|34|1"),
    ),
    "a pipe in the reason of a pause": (
        "1795411648|NONE|NONE|Анна|PAUSEALL|x|y".encode(),
        Record(1795411648, b"NONE", b"NONE", "Анна".encode(), b"PAUSEALL", b"x|y"),
    ),
    "the first half of a value with a newline": (
        b"1795411518|1795411518.65|q1|NONE|CUSTOM|x",
        Record(1795411518, b"1795411518.65", b"q1", b"NONE", b"CUSTOM", b"x"),
    ),
    "a name cut inside a character": (
        b"1795411522|1795411521.67|qcyr|" + CUT_NAME + b"|CONNECT|1|1795411521.68|1",
        Record(1795411522, b"1795411521.67", b"qcyr", CUT_NAME, b"CONNECT", b"1|1795411521.68|1"),
    ),
    "a name in CP1251": (
        b"1795411522|1795411521.67|q1|NONE|ENTERQUEUE||\xc2\xe8\xf2\xe0\xeb\xe8\xe9|1",
        Record(
            1795411522,
            b"1795411521.67",
            b"q1",
            b"NONE",
            b"ENTERQUEUE",
            b"|\xc2\xe8\xf2\xe0\xeb\xe8\xe9|1",
        ),
    ),
    "the longest line": (
        b"1795411522|1.2|q1|NONE|CUSTOM|" + b"x" * (8191 - 30),
        Record(1795411522, b"1.2", b"q1", b"NONE", b"CUSTOM", b"x" * (8191 - 30)),
    ),
    "an empty agent": (
        b"1795411648|NONE|q1||NOAGENT|",
        Record(1795411648, b"NONE", b"q1", b"", b"NOAGENT", b""),
    ),
    "a callid with a system's name": (
        b"1292281046|psy1-1292281041.87|5000|NONE|ENTERQUEUE||100|1",
        Record(1292281046, b"psy1-1292281041.87", b"5000", b"NONE", b"ENTERQUEUE", b"|100|1"),
    ),
    "a callid that somebody chose": (
        b"1795411724|crm-call-42-b|q1|NONE|ENTERQUEUE||79160000001|1",
        Record(1795411724, b"crm-call-42-b", b"q1", b"NONE", b"ENTERQUEUE", b"|79160000001|1"),
    ),
    "no fifth pipe": (
        b"1131234567|NONE|NONE|Agent/1141|AGENTLOGIN",
        Record(1131234567, b"NONE", b"NONE", b"Agent/1141", b"AGENTLOGIN", b""),
    ),
    "a carriage return at its end": (
        b"1795411427|1795411423.1|qna|NONE|ABANDON|1|1|4\r",
        Record(1795411427, b"1795411423.1", b"qna", b"NONE", b"ABANDON", b"1|1|4\r"),
    ),
    "a stump with a record glued to it": (
        b"1795412299|113.113|q1|x|E113|mmm1795412299|140.140|q1|x|E140|mmm",
        Record(
            1795412299, b"113.113", b"q1", b"x", b"E113", b"mmm1795412299|140.140|q1|x|E140|mmm"
        ),
    ),
    "a NUL in its data": (
        b"1795411427|1795411423.1|qna|NONE|ABANDON|1|1\0\0",
        Record(1795411427, b"1795411423.1", b"qna", b"NONE", b"ABANDON", b"1|1\0\0"),
    ),
    "a time before September 2001": (
        b"946684800|NONE|NONE|NONE|QUEUESTART|",
        Record(946684800, b"NONE", b"NONE", b"NONE", b"QUEUESTART", b""),
    ),
    "a time after November 2286": (
        b"10000000000|NONE|NONE|NONE|QUEUESTART|",
        Record(10000000000, b"NONE", b"NONE", b"NONE", b"QUEUESTART", b""),
    ),
    "nothing but a time": (b"1795411427||||", Record(1795411427, b"", b"", b"", b"", b"")),
}

NO_RECORDS = {
    "a blank line": b"",
    "a blank line of Windows": b"\r",
    "the second half of a value with a newline": b"y",
    "a stump": b"1795412299|113.113|q1",
    "a stump of a time": b"17954122",
    "a time alone": b"1795412299",
    "a line of pipes": b"||||||",
    "NULs": b"\0" * 512,
    "NULs before a record": b"\0\0\0" + b"1795411844|NONE|NONE|NONE|QUEUESTART|",
    "a byte order mark": b"\xef\xbb\xbf1795411844|NONE|NONE|NONE|QUEUESTART|",
    "too few digits": b"17954118|1.2|q1|NONE|ABANDON|1|1|4",
    "too many digits": b"179541184400|1.2|q1|NONE|ABANDON|1|1|4",
    "a stump with a whole time glued to it": b"1795411841795411844|NONE|NONE|NONE|QUEUESTART|",
    "a sign": b"+1795411844|1.2|q1|NONE|ABANDON|1|1|4",
    "a minus": b"-1795411844|1.2|q1|NONE|ABANDON|1|1|4",
    "a space": b" 1795411844|1.2|q1|NONE|ABANDON|1|1|4",
    "a space behind": b"1795411844 |1.2|q1|NONE|ABANDON|1|1|4",
    "an underscore": b"1_795_411_844|1.2|q1|NONE|ABANDON|1|1|4",
    "a fraction": b"1795411844.5|1.2|q1|NONE|ABANDON|1|1|4",
    "digits of another script": "١٧٩٥٤١١٨٤٤|1.2|q1|NONE|ABANDON|1|1|4".encode(),
    "a date": b"2026-11-23 05:30:44|1.2|q1|NONE|ABANDON|1|1|4",
    "another file's line": b"[Nov 23 05:30:44] NOTICE[123] logger.c: a|b|c|d|e",
}

_PIECES = st.lists(
    st.sampled_from(
        (b"1795411427", b"17954114", b"179541142700", b"|", b"|", b"|", b"|NONE|q1", b"1.2", b"q1",
         b"ENTERQUEUE", b"|ENTERQUEUE", b"|ENTERQUEUE|", b"NONE", b"MANAGER", b"\r", b"\0", b" ")
    )
    | st.binary(max_size=3),
    max_size=14,
).map(lambda pieces: b"".join(pieces).replace(b"\n", b""))  # fmt: skip
_NEARLY = st.builds(
    lambda time, fields: b"|".join((time, *fields)),
    st.sampled_from((b"1795411427", b"946684800", b"17954114", b"")),
    st.lists(
        st.sampled_from((b"1.2", b"A", b"NONE", b"q1", b"ENTERQUEUE", b"ENTERQUEUEX", b"")),
        max_size=7,
    ),
)
LINES = _PIECES | _NEARLY | st.binary(max_size=60).map(lambda line: line.replace(b"\n", b""))


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_cut_at_the_first_five_pipes(name: str) -> None:
    """A line with a time and four pipes is a record, and its data keeps every byte."""
    line, columns = RECORDS[name]
    assert parse(line) == columns


@pytest.mark.parametrize("name", NO_RECORDS)
def test_other_lines_are_no_records(name: str) -> None:
    """A line without a plausible time or without four pipes is no record, and no error."""
    assert parse(NO_RECORDS[name]) is None


@pytest.mark.parametrize(
    ("line", "time"),
    [
        (b"1795412299|113.113|q1", 1795412299),
        (b"1795412299|", 1795412299),
        (b"1795412299", None),
        (b"946684800|NONE|NONE|NONE|QUEUESTART|", 946684800),
        (b"10000000000|NONE|NONE|NONE|QUEUESTART|", 10000000000),
        (b"17954122|113.113|q1|x|y|", None),
        (b"179541229900|113.113|q1|x|y|", None),
        (b"+1795412299|113.113|q1|x|y|", None),
        (b"y", None),
        (b"", None),
    ],
)
def test_time_of_a_line(line: bytes, time: int | None) -> None:
    """A stump that still has its time and a pipe has a time; what has no pipe has none."""
    assert time_of(line) == time


@pytest.mark.parametrize("tree", TREES)
def test_every_line_of_the_real_logs_is_a_record(tree: str) -> None:
    """What Asterisk writes in ordinary days parses without an exception."""
    assert [line for line in tree_lines(tree) if parse(line) is None] == []


def test_the_odd_lines_of_a_real_log() -> None:
    """In the scenarios nothing but the half of a value with a newline is no record."""
    assert [line for line in sample_lines("scenarios.queue_log") if parse(line) is None] == [b"y"]


@pytest.mark.parametrize("tree", TREES)
def test_as_many_calls_as_were_placed(tree: str) -> None:
    """The callids that enter a queue are the calls that were placed."""
    assert len(entered_calls(text_of(tree_lines(tree)))) == calls_placed(tree)


@pytest.mark.parametrize(
    ("text", "callids"),
    [
        (b"", set()),
        (b"1795411423|A|q1|NONE|ENTERQUEUE||7|1\n", {b"A"}),
        (b"1795411423|A|q1|NONE|ENTERQUEUE\n", {b"A"}),
        (b"1795411423|A|q1|NONE|ENTERQUEUE", {b"A"}),
        (b"1795411423|A|q1|NONE|ENTERQUEUE|ENTERQUEUE|7|1\n", {b"A"}),
        (b"1795411423|A|q1|NONE|CUSTOM|ENTERQUEUE|7|1\n", set()),
        (b"1795411423|A|ENTERQUEUE|NONE|DID|7\n", set()),
        (b"1795411423|A|q1|ENTERQUEUE|DID|7\n", set()),
        (b"1795411423|A|q1|NONE|ENTERQUEUED|7|1\n", set()),
        (b"1795411423|A|q1|NONE|REENTERQUEUE|7|1\n", set()),
        (b"1795411423|A|q1|NONE|enterqueue|7|1\n", set()),
        (b"1795411423|NONE|q1|NONE|ENTERQUEUE||7|1\n", set()),
        (b"1795411423||q1|NONE|ENTERQUEUE||7|1\n", set()),
        (b"17954114|A|q1|NONE|ENTERQUEUE||7|1\n", set()),
        (b"y|A|q1|NONE|ENTERQUEUE||7|1\n", set()),
        (
            (
                b"1795411423|A|q1|NONE|ENTERQUEUE||7|1\n1795411423|A|q2|NONE|ENTERQUEUE||7|1\n"
                b"1795411424|B|q1|X|CONNECT|1|B2|1\n1795411424|C|q1|NONE|ENTERQUEUE||7|1\n"
            ),
            {b"A", b"C"},
        ),
    ],
)
def test_entered_calls(text: bytes, callids: set[bytes]) -> None:
    """A callid is counted when its record's event is ENTERQUEUE, wherever else the word stands."""
    assert entered_calls(text) == callids


@pytest.mark.parametrize(
    ("line", "callids"),
    [
        (b"1795411423|A|q1|ENTERQUEUE|ENTERQUEUE||7|1", {b"A"}),
        (
            b"1795412299|113.113|q1|x|ENTERQUEUE1795412300|140.140|q1|NONE|ENTERQUEUE||7|1",
            set(),
        ),
    ],
)
def test_entered_calls_with_the_word_twice(line: bytes, callids: set[bytes]) -> None:
    """An agent of that name, or a stump that ends in the word, changes nothing in the counting."""
    assert entered_calls(line + b"\n") == callids


@given(st.binary(max_size=80) | LINES)
def test_no_bytes_are_an_error(line: bytes) -> None:
    """Any bytes get an answer, newlines among them."""
    columns = parse(line)
    assert columns is None or columns.time >= 0
    assert time_of(line) is None or line[:9].isdigit()
    assert entered_calls(line).isdisjoint(NO_CALL)


@given(
    st.integers(100_000_000, 99_999_999_999),
    st.lists(st.binary(max_size=12).map(lambda field: field.replace(b"\n", b"")), min_size=4),
)
def test_nothing_is_lost_in_the_columns(time: int, fields: list[bytes]) -> None:
    """The columns of a record put together again are the line, but for a fifth pipe it lacks."""
    line = b"|".join((b"%d" % time, *fields))
    columns = parse(line)
    assert columns is not None
    again = b"|".join((b"%d" % columns.time, *columns[1:]))
    assert line == (again if line.count(b"|") > 4 else again.removesuffix(b"|"))


@given(LINES)
def test_time_and_columns_agree(line: bytes) -> None:
    """A record has the time that its line has; a line with a time and four pipes is a record."""
    columns = parse(line)
    time = time_of(line)
    if columns is not None:
        assert time == columns.time
    else:
        assert time is None or line.count(b"|") < 4


@given(st.lists(LINES, max_size=12))
def test_counting_and_columns_agree(lines: list[bytes]) -> None:
    """What is counted in a text are the callids of its records with ENTERQUEUE, and no others."""
    assume(all(line.count(b"|ENTERQUEUE") < 2 for line in lines))
    rows = [parse(line) for line in lines]
    entered = {row.callid for row in rows if row is not None and row.event == b"ENTERQUEUE"}
    assert entered_calls(text_of(lines)) == entered - NO_CALL


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(sample_lines("scenarios.queue_log")),
        st.sampled_from(
            [
                b"1795411800|1.1|q|NONE|ENTERQUEUE||1|1",
                b"1795411800|1.1|q|NONE|ENTERQUEUE",
                b"1795411800|NONE|q|NONE|ENTERQUEUE|",
                b"1795411800|1.2|q|NONE|X|a|ENTERQUEUE|b|ENTERQUEUE",
                b"1795411800|1.3|q|NONE|ENTERQUEUED|",
                b"|ENTERQUEUE|x|y|ENTERQUEUE|",
                b"1795411800|half",
                b"",
            ]
        ),
        st.binary(max_size=20).filter(lambda line: b"\n" not in line),
    ),
    max_size=12,
)


@given(lines=TEXTS)
def test_entrances(lines: list[bytes]) -> None:
    """Each line in which a call enters a queue is found, with what stands in it, and no other."""
    records = [(index, parse(line)) for index, line in enumerate(lines)]

    assert entrances(text_of(lines)) == [
        Entrance(index, record.time, record.callid, record.queue)
        for index, record in records
        if record is not None and record.event == b"ENTERQUEUE" and record.callid not in NO_CALL
    ]


@given(lines=TEXTS, before=st.none() | st.just(1_795_411_000))
def test_line_times(lines: list[bytes], before: int | None) -> None:
    """Each line has its own time, or that of the line before it."""
    expected: list[int | None] = []
    for line in lines:
        time = time_of(line)
        before_this = expected[-1] if expected else before
        expected.append(time if time is not None else before_this)

    assert line_times(text_of(lines), before) == expected
