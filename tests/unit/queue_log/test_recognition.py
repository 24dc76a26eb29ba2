"""Which text is of a queue_log, and which is of something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.queue_log.recognition import (
    ODD_BYTES,
    ODD_LINES,
    OddRun,
    first_part,
    is_foreign,
    run_before,
)

SAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "fixtures" / "samples").rglob("queue_log*")
    if path.is_file()
) + sorted((Path(__file__).parents[2] / "fixtures" / "samples").glob("*.queue_log"))

RECORD = b"1795411401|1795411401.12|support|NONE|ENTERQUEUE||79161234567|1\n"
FULL = b"[2026-11-28 04:39:34] VERBOSE[812][C-0001] pbx.c: Executing [s@q:1] Queue(...)\n"
PASSWD = b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
CSV = b"time,callid,queue\n1795411401,1795411401.12,support\n"

odd_lines = st.one_of(
    st.just(b""),
    st.just(b"\0" * 40),
    st.just(FULL[:-1]),
    st.just(b"MPLETEAGENT|1|2|1"),
    st.just(b"\xff\xfe\xd0"),
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")),
)
records = st.sampled_from(
    (
        RECORD,
        RECORD.replace(b"\n", b"\r\n"),
        b"1795411401|NONE|NONE|NONE|CONFIGRELOAD|\n",
        b"57|NONE|NONE|NONE|QUEUESTART|\n",
        b"0|1.1|q|A|CONNECT|1\r\n",
        b"\0\0\0\0" + RECORD,
        RECORD[:-1] + RECORD,
        RECORD[:-1] + b"x" * 9_000 + b"\n",
        b"1795411401|\xd0|\xff|\xd0|\xd0\n",
    )
)


def passed(text: bytes, run: OddRun = OddRun()) -> bytes:  # noqa: B008 -- it is frozen
    """Return what is not passed over of a text."""
    kept = b""
    while text:
        part = first_part(text, run)
        assert part.size > 0
        kept += b"" if part.foreign else text[: part.size]
        text, run = text[part.size :], part.run
    return kept


@pytest.mark.parametrize("path", SAMPLES, ids=str)
def test_every_sample_passes(path: Path) -> None:
    """Each queue_log that Asterisk wrote is one, from its beginning to its end."""
    text = path.read_bytes()
    assert SAMPLES
    assert not is_foreign(text, complete=True)
    assert passed(text) == text


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        FULL * 3_000,
        PASSWD,
        CSV,
        b"id|name|mail\n1|Anna|a@b.c\n2|Boris|b@b.c\n",
        b"\x7fELF\x02\x01\x01\0\0\n\0\0\xff",
        b"\xff\xfe" + RECORD.decode().encode("utf-16-le"),
        b"x" * 20_000 + b"\n",
        b"MPLETEAGENT|1|2\n",
    ],
)
def test_a_beginning_without_a_record_is_foreign(text: bytes) -> None:
    """Another log, a file of the system, a table, a binary: none has a record."""
    assert is_foreign(text)
    assert is_foreign(text, complete=True)


@pytest.mark.parametrize(
    "text",
    [b"", b"\n\n", b"\0" * 5_000, b"1795411401|1795", b"17", b"\0\0" + RECORD, b"57|NONE|NONE"],
)
def test_nothing_is_said_against_what_may_become_one(text: bytes) -> None:
    """An empty file, blanks, the hole of a power cut, a record being written: all are fine."""
    assert not is_foreign(text)
    assert not is_foreign(text, complete=True)


def test_a_torn_line_counts_when_nobody_will_finish_it() -> None:
    """A text without a newline is judged only when it is all there is."""
    assert not is_foreign(b"\x7fELF")
    assert is_foreign(b"\x7fELF", complete=True)


@pytest.mark.parametrize("complete", [False, True])
def test_the_rest_of_a_record_before_one_that_is_cut(*, complete: bool) -> None:
    """Between a truncation and a rotation may stand one end of a record, and one beginning."""
    assert not is_foreign(b"ENTERQUEUE|||1\n1795411802|1795411802.2|sales", complete=complete)
    assert is_foreign(b"ENTERQUEUE|||1\n12 of them", complete=complete)


@given(records, st.lists(odd_lines, max_size=ODD_LINES - 1))
def test_one_record_makes_a_beginning(record: bytes, odd: list[bytes]) -> None:
    """Whatever stands before it or behind it, a beginning with a record is one of a queue_log."""
    lines = b"".join(line + b"\n" for line in odd)
    assert not is_foreign(lines + record)
    assert not is_foreign(record + lines, complete=True)


@given(
    st.lists(st.tuples(st.lists(odd_lines, max_size=ODD_LINES - 1), records), max_size=6),
    st.lists(odd_lines, max_size=ODD_LINES - 1),
    st.integers(1, 400),
)
def test_odd_lines_among_records_are_kept(
    parts: list[tuple[list[bytes], bytes]], last: list[bytes], step: int
) -> None:
    """Up to 99 odd lines in a row stay, in whatever portions the text is read."""
    lines = [line for odd, record in parts for line in (*(o + b"\n" for o in odd), record)]
    lines += [line + b"\n" for line in last]
    kept, run = b"", OddRun()
    for start in range(0, len(lines), step):
        text = b"".join(lines[start : start + step])
        while text:
            part = first_part(text, run)
            assert not part.foreign
            kept, text, run = kept + text[: part.size], text[part.size :], part.run
    assert kept == b"".join(lines)


@given(st.lists(records, min_size=1, max_size=5), st.integers(ODD_LINES, 3 * ODD_LINES))
def test_a_long_run_is_passed_over_from_where_it_begins(before: list[bytes], number: int) -> None:
    """A hundred lines without a record are of something else; the records around them stay."""
    own = b"".join(before)
    assert passed(own + FULL * number) == own
    assert passed(own + FULL * number + own) == own + own


def test_a_run_that_grows_line_by_line_ends_at_the_hundredth() -> None:
    """What comes in single lines is told by what stands before it."""
    kept, run = 0, OddRun()
    for _ in range(3 * ODD_LINES):
        part = first_part(FULL, run)
        kept, run = kept + (not part.foreign), part.run
    assert kept == ODD_LINES - 1
    assert first_part(RECORD, run).run == OddRun()


def test_many_bytes_are_a_run_too() -> None:
    """A binary has few newlines; so many bytes without a record are enough."""
    assert first_part(b"x" * ODD_BYTES, OddRun()).foreign
    assert not first_part(b"x" * 100_000, OddRun()).foreign
    assert not first_part(b"\0" * 2 * ODD_BYTES, OddRun()).foreign


@given(st.lists(st.one_of(records, odd_lines.map(lambda line: line + b"\n")), max_size=30))
def test_the_run_is_found_again(lines: list[bytes]) -> None:
    """What stands before a place is read back from the text as it was counted on the way."""
    run = OddRun()
    for line in lines:
        run = first_part(line, run).run
    assert run_before(b"".join(lines), from_start=True) == run
    assert run_before(b"".join([b"torn\n", *lines]), from_start=False) == run
