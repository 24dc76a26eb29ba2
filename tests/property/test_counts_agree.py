"""Everything that counts calls counts the same: archive, upload, reconcile, status, sandbox."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlogship.archive.archive import Archive
from qlogship.queue_log.counting import MEMORY
from qlogship.queue_log.records import call_records, entered_calls, entering, entrances
from qlogship.reconcile.census import ArchiveCensus, RecordPlace, Shipment
from qlogship.reconcile.days import Days
from qlogship.sandbox.tally import tally_of
from qlogship.shipping.batching import Window, parts_of
from qlogship.shipping.call_waits import WaitingCalls
from qlogship.source.cursor import Cursor
from qlogship.source.streams import Stream
from qlogship.state.figures import figures
from tests.support.memory import state_in_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLES = Path(__file__).parents[1] / "fixtures" / "samples"
FILES = sorted(path for path in SAMPLES.rglob("*queue_log*") if path.is_file())
SHIPMENT = 7
LONG = b"x" * 9_000

times = st.sampled_from(
    (b"1795411401", b"1795411402", b"999999999", b"17954114010", b"57", b"1795411401\r", b" 1", b"")
)
callids = st.sampled_from(
    (
        b"1.1",
        b"1.2",
        b"2.1",
        b"",
        b"NONE",
        b"MANAGER",
        b"CLI",
        b"REALTIME",
        b"none",
        b"\xff\xd0",
        b"\0",
    )
)
queues = st.sampled_from((b"q", b"Q", b"\xd0", b"\xc4\xb0", b"NONE", b"", b"a\0b"))
events = st.sampled_from(
    (
        b"ENTERQUEUE",
        b"enterqueue",
        b"ENTERQUEUE\r",
        b"ENTERQUEUED",
        b" ENTERQUEUE",
        b"CONNECT",
        b"COMPLETEAGENT",
        b"ABANDON",
        b"QUEUESTART",
        b"PAUSE",
        b"AGENTLOGIN",
        b"DID",
        b"",
    )
)
rests = st.sampled_from(
    (b"", b"|", b"||79161234567|1", b"\r", b"|\r", b"|ENTERQUEUE", b"|1|ENTERQUEUE||1", b"|" + LONG)
)
agents = st.sampled_from((b"NONE", b"A", b"B", b"", b"x|ENTERQUEUE"))
shaped = st.tuples(times, callids, queues, agents, events, rests).map(
    lambda row: b"|".join(row[:5]) + row[5]
)
wild = st.binary(max_size=30).map(lambda data: data.replace(b"\n", b""))
lines = st.one_of(shaped, shaped, shaped, wild, st.tuples(shaped, shaped).map(b"".join))
texts = st.tuples(st.lists(lines, max_size=25), st.sampled_from((b"\n", b""))).map(
    lambda parts: b"\n".join(parts[0]) + parts[1]
)


def cut(text: bytes, number: int) -> list[bytes]:
    """Cut a text into portions of so many lines."""
    rows = text.split(b"\n")
    last = rows.pop()
    rows = [row + b"\n" for row in rows] + ([last] if last else [])
    return [b"".join(rows[at : at + number]) for at in range(0, len(rows), number)]


def in_archive(portions: Sequence[bytes]) -> tuple[int, int, bytes]:
    """Return the calls as they are counted at once, as status counts them, and the text."""
    with closing(state_in_memory()) as database:
        Cursor(database).save(Stream(1, b"", b"", 0, 1, 1, "queue_log"))
        archive = Archive(database)
        offset = 0
        for portion in portions:
            archive.append(portion, stream=1, offset=offset)
            offset += len(portion)
        archive.chunks.finish()
        end = archive.next_seq - 1
        text = archive.text([(1, end)]) if end else b""
        status = figures(database).archive.calls
        while archive.calls.count_next():
            pass
        counted = database.execute("SELECT coalesce(sum(calls), 0) FROM chunk_facts").fetchone()[0]
        archive.chunks.close()
    return counted, status, text


def in_uploads(text: bytes, *, max_bytes: int) -> tuple[int, list[bytes]]:
    """Return the calls of the uploads that a text is cut into, and their bodies."""
    window = Window(WaitingCalls(settle=5.0, hold=60.0), max_bytes=max_bytes, hold=60.0)
    if text:
        window.add(1, text)
    batches = window.cut(1_795_411_500.0, flush=True)
    for batch in batches:
        assert batch.composition.calls == len(entered_calls(batch.body))
        divided = parts_of(batch.composition.runs, batch.body, max_bytes=100)
        assert sum(part.composition.calls for part in divided) == batch.composition.calls
    return sum(batch.composition.calls for batch in batches), [batch.body for batch in batches]


def in_reconcile(text: bytes, portions: int) -> tuple[int, int]:
    """Return the calls that the census finds in the archive, and in one upload of all of it."""
    end = text.count(b"\n")
    census = ArchiveCensus(Days(UTC))
    shipment = Shipment(SHIPMENT, RecordPlace.SHIPPED, end, open_sends=1)
    census.note_upload(shipment, [(1, end)])
    first = 1
    for portion in cut(text, portions):
        census.count(first, portion)
        first += portion.count(b"\n")
    counted = census.result()
    calls = sum(tally.calls.total() for tally in counted.days.values())
    carried = next(one for one in counted.uploads if one.shipment.id == SHIPMENT)
    return calls, carried.calls


def assert_all_agree(text: bytes, *, portion: int, max_bytes: int) -> None:
    """Compare every count of the calls in one text."""
    counted, status, archived = in_archive(cut(text, portion))
    expected = len(entered_calls(archived))
    uploaded, bodies = in_uploads(archived, max_bytes=max_bytes)
    found = {
        "archive": counted,
        "status": status,
        "uploads": uploaded,
        "sandbox": sum(len(tally_of(body).calls) for body in bodies),
        "sandbox, whole": len(tally_of(text).calls),
        "searched": len(set(entering(text))),
        "entrances": len({entrance.callid for entrance in entrances(text)}),
        "cut into lines": len(
            {
                record.callid
                for record in call_records(text.split(b"\n"))
                if record.event == b"ENTERQUEUE"
            }
        ),
    }
    if archived:
        found["reconcile"], found["reconcile, upload"] = in_reconcile(archived, portion)
    assert found == dict.fromkeys(found, expected)
    assert [entrance.callid for entrance in entrances(text)] == entering(text)
    queues = tally_of(text).queues
    assert (not queues) == (expected == 0)
    assert sum(queue.calls for queue in queues) >= expected


@pytest.mark.parametrize("path", FILES, ids=str)
@pytest.mark.parametrize("portion", [7, 10_000])
def test_over_the_samples(path: Path, portion: int) -> None:
    """For what Asterisk wrote, all counts are equal."""
    assert_all_agree(path.read_bytes(), portion=portion, max_bytes=2_000)


@given(texts, st.integers(1, 9), st.sampled_from((50, 300, 1_000_000)))
@settings(max_examples=400, deadline=None)
def test_over_hostile_text(text: bytes, portion: int, max_bytes: int) -> None:
    """For any text, all counts are equal, however it is cut."""
    assert_all_agree(text, portion=portion, max_bytes=max_bytes)


@pytest.mark.parametrize("portion", [1_000, 4_999, 100_000])
def test_over_calls_that_come_back(portion: int) -> None:
    """A call that comes back when others made it forgotten is forgotten by all alike."""
    rounds = [range(MEMORY - 3_000), range(MEMORY + 2_000), range(50), range(4_000, 9_000)]
    text = b"".join(
        b"1795411401|%d.1|q|NONE|ENTERQUEUE||1|1\n" % number for part in rounds for number in part
    )
    counted, status, _ = in_archive(cut(text, portion))
    reconciled, _ = in_reconcile(text, portion)
    assert counted == status == reconciled > MEMORY + 2_000
