"""Which bytes of a record are a number that is erased, and which never are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.erase.numbers import Numbers, masked
from qlogship.errors import UsageError
from qlogship.queue_log.records import parse

NUMBER = "79161234567"
STARS = "*" * 11
AT = "1795411824|1795411824.12|sales|"


def after(line: str, *spelled: str) -> str:
    """Return a line after these numbers, or the usual one, were erased."""
    numbers = Numbers(spelled or [NUMBER])
    data = line.encode()
    return masked(data, numbers.in_line(data)).decode()


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("NONE|ENTERQUEUE||79161234567|1", f"NONE|ENTERQUEUE||{STARS}|1"),
        ("NONE|ENTERQUEUE||+79161234567|1", f"NONE|ENTERQUEUE||+{STARS}|1"),
        ("NONE|ENTERQUEUE||0079161234567|1", f"NONE|ENTERQUEUE||00{STARS}|1"),
        ("NONE|ENTERQUEUE|http://a/?n=%2B79161234567||1", f"NONE|ENTERQUEUE|http://a/?n=%2B{STARS}||1"),
        ("NONE|ENTERQUEUE|http://a/?n=%2079161234567||1", f"NONE|ENTERQUEUE|http://a/?n=%20{STARS}||1"),
        ("NONE|ENTERQUEUE|http://a/?n=%200079161234567||1", f"NONE|ENTERQUEUE|http://a/?n=%2000{STARS}||1"),
        ("NONE|ENTERQUEUE|http://a/?n=%252079161234567||1", f"NONE|ENTERQUEUE|http://a/?n=%2520{STARS}||1"),
        ("SIP/79161234567-0001|CONNECT|1|1.2|1", f"SIP/{STARS}-0001|CONNECT|1|1.2|1"),
        ("Local/79161234567@out/n|RINGNOANSWER|0", f"Local/{STARS}@out/n|RINGNOANSWER|0"),
        ("a|BLINDTRANSFER|79161234567|ctx|1|2|3", f"a|BLINDTRANSFER|{STARS}|ctx|1|2|3"),
        (
            "a|ATTENDEDTRANSFER|LINK|SIP/79161234567-1|SIP/2-1|1|2|3",
            f"a|ATTENDEDTRANSFER|LINK|SIP/{STARS}-1|SIP/2-1|1|2|3",
        ),
        ("NONE|DID|79161234567", f"NONE|DID|{STARS}"),
        ("NONE|CUSTOM|back: tel:79161234567, twice", f"NONE|CUSTOM|back: tel:{STARS}, twice"),
    ],
)  # fmt: skip
def test_it_is_found_alone_and_as_a_part(before: str, expected: str) -> None:
    """A number is masked as a column and within one, whatever stands around it but digits."""
    assert after(AT + before) == AT + expected


@pytest.mark.parametrize(
    "line",
    [
        AT + "NONE|ENTERQUEUE||179161234567|1",
        AT + "NONE|ENTERQUEUE||791612345678|1",
        AT + "NONE|ENTERQUEUE||9161234567|1",
        "79161234567|crm-79161234567-2|sales|NONE|ENTERQUEUE||1|1",
    ],
)
def test_another_number_is_another(line: str) -> None:
    """Digits within a longer number are not it; time and callid stay, whatever they hold."""
    assert after(line) == line


def test_a_callid_that_holds_it_is_told_of() -> None:
    """Digits in the time or the callid are told from those that are masked."""
    numbers = Numbers([NUMBER])
    callid = b"crm-79161234567"
    assert numbers.in_key(b"1795411824|%s|q|NONE|ENTERQUEUE||1|1" % callid) == {callid}
    assert numbers.in_key(b"79161234567|1|q|NONE|X|1") == {NUMBER.encode()}
    assert not numbers.in_key(b"1795411824|1.1|q|NONE|ENTERQUEUE||79161234567|1")
    assert numbers.left_in(b"1795411824|79161234567|q|NONE|X|179161234567") == [b"179161234567"]


@pytest.mark.parametrize(
    "line",
    [
        AT + "a|COMPLETEAGENT|120|120|120",
        AT + "a|COMPLETECALLER|120|120|120",
        AT + "a|CONNECT|120|1795411824.120|120",
        AT + "NONE|ABANDON|120|120|120",
        AT + "NONE|EXITWITHKEY|1|120|120|120",
        AT + "NONE|ENTERQUEUE||7|120",
        AT + "a|RINGNOANSWER|120",
        AT + "a|BLINDTRANSFER|7|ctx|120|120|120",
        AT + "a|ATTENDEDTRANSFER|LINK|SIP/7-1|SIP/8-2|120|120|120",
        AT + "a|ATTENDEDTRANSFER|BRIDGE|abc|120|120|120",
    ],
)
def test_counts_and_times_stay(line: str) -> None:
    """A short number is not found in an event's positions and seconds, nor in unique ids."""
    assert after(line, "120") == line


def test_a_short_number_is_found_where_a_number_stands() -> None:
    """Where an event has a caller or an agent, a short number is masked."""
    assert after(AT + "SIP/120|CONNECT|120|1.2|3", "120") == AT + "SIP/***|CONNECT|120|1.2|3"
    assert after(AT + "NONE|ENTERQUEUE||120|120", "120") == AT + "NONE|ENTERQUEUE||***|120"


def test_the_caller_behind_a_pipe_in_a_url_is_found() -> None:
    """A pipe in ENTERQUEUE's URL puts the caller where the position stands: no position."""
    line = AT + "NONE|ENTERQUEUE|http://a/?b=c|d|1234567|1"
    assert after(line, "1234567") == AT + "NONE|ENTERQUEUE|http://a/?b=c|d|*******|1"


@pytest.mark.parametrize("spelled", ["+7 (916) 123-45-67", "0079161234567", " 79161234567 "])
def test_it_may_be_typed_as_people_write_it(spelled: str) -> None:
    """Plus, zeros and what people put between digits are no part of the number."""
    assert after(AT + "NONE|ENTERQUEUE||+79161234567|1", spelled).endswith(f"||+{STARS}|1")


def test_a_spelling_is_found_as_it_was_typed() -> None:
    """A number that is written with spaces is found so, too, when it is asked for so."""
    line = AT + "NONE|CUSTOM|call +7 916 123-45-67 back"
    assert after(line, "+7 916 123-45-67") == AT + f"NONE|CUSTOM|call +{'*' * 15} back"


@pytest.mark.parametrize("spelled", ["", "12", "alice", "7916|123", "1" * 21, "+", "٣٤٥٦"])
def test_what_is_no_number_is_refused(spelled: str) -> None:
    """Three to twenty digits are a number, nothing else."""
    with pytest.raises(UsageError):
        Numbers([spelled])


def test_a_line_that_is_no_record_is_masked_anywhere() -> None:
    """In a line without a time nothing has a meaning that would keep a number."""
    assert after("rest of a value 79161234567") == f"rest of a value {STARS}"
    assert after("xx|79161234567|q") == f"xx|{STARS}|q"
    assert after("79161234567|1") == f"{STARS}|1"
    assert after("1795411824|crm-79161234567|q|NONE") == f"1795411824|crm-{STARS}|q|NONE"


def test_a_piece_that_is_cut_off_in_it() -> None:
    """Of a piece of text, a number's part at either end is masked, from three digits on."""
    numbers = Numbers([NUMBER])
    text = b"34567|1\n1795411824|1.1|q|NONE|ENTERQUEUE||7916"
    assert masked(text, numbers.in_piece(text)) == (
        b"*****|1\n1795411824|1.1|q|NONE|ENTERQUEUE||****"
    )


def test_a_piece_that_begins_in_a_line() -> None:
    """What stands where a time or a callid would is none in a line that is cut off."""
    numbers = Numbers([NUMBER])
    text = b"79161234567|79161234567|q|NONE|X|1\n1795411824|1.79161234567|q|NONE|X|1\n"
    assert masked(text, numbers.in_piece(text)).count(STARS.encode()) == 2
    assert numbers.in_piece(text, begins=True) == []


def test_words_are_masked() -> None:
    """What a dashboard answered may hold any bytes; the number in it is masked."""
    assert Numbers([NUMBER]).masked_words("bad caller '+79161234567' \udcff") == (
        f"bad caller '+{STARS}' \udcff"
    )


@given(
    st.lists(
        st.sampled_from(["|", NUMBER, "1795411824", ".", "x", "CONNECT", "ENTERQUEUE", "9", "\\"]),
        max_size=30,
    ).map("".join)
)
def test_nothing_else_changes(text: str) -> None:
    """Whatever a line holds: length, columns, time and callid are as before."""
    line = text.encode()
    result = masked(line, Numbers([NUMBER, "120"]).in_line(line))
    assert len(result) == len(line)
    assert [len(column) for column in result.split(b"|")] == [
        len(column) for column in line.split(b"|")
    ]
    before, now = parse(line), parse(result)
    assert (before is None) == (now is None)
    if before is not None and now is not None:
        assert (before.time, before.callid) == (now.time, now.callid)
