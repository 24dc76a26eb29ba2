"""What the sandbox remembers; in memory, as nothing here touches the disk."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from qlogship.sandbox.database import Database
from qlogship.sandbox.options import Repeats
from qlogship.sandbox.storage import Arrival, Storage
from qlogship.sandbox.tally import QueueTally

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = b"1700000001|1.1|q|NONE|ENTERQUEUE||5|1\n1700000002|1.1|q|A|CONNECT|1|1.9|1\n"
TWO = (
    b"1700000003|1.2|q|NONE|ENTERQUEUE||6|1\n"
    b"1700000004|1.3|r|NONE|ENTERQUEUE||7|1\n"
    b"1700000005|1.3|r|NONE|ABANDON|1|1|1\n"
)


@pytest.fixture
def storage() -> Iterator[Storage]:
    """An empty storage in memory."""
    database = Database()
    yield Storage(database)
    database.close()


def _arrival(body: bytes, name: str = "queue_log") -> Arrival:
    return Arrival(1_700_000_100.5, name, body)


def test_kept(storage: Storage) -> None:
    """A kept file is on record with its digest and sizes, and its bytes come back unchanged."""
    assert storage.keep(_arrival(TWO, "x"), answer="200") == 2
    (upload,) = storage.latest(10)
    assert upload.arrived_at == 1_700_000_100.5
    assert upload.filename == "x"
    assert upload.sha256 == hashlib.sha256(TWO).hexdigest()
    assert (upload.bytes, upload.lines, upload.calls) == (len(TWO), 3, 2)
    assert upload.kept is True
    assert upload.answer == "200"
    assert storage.body(upload.id) == TWO
    assert storage.bodies() == [TWO]
    assert storage.summary().distinct_calls == 2


def test_order(storage: Storage) -> None:
    """Bodies come in order of arrival, the latest rows newest first."""
    for body in (ONE, TWO, ONE):
        storage.keep(_arrival(body), answer="200")
    assert storage.bodies() == [ONE, TWO, ONE]
    assert [upload.id for upload in storage.latest(2)] == [3, 2]


def test_counted_per_upload(storage: Storage) -> None:
    """A repeat that is kept is counted again, and the sums show it."""
    assert storage.keep(_arrival(ONE), answer="200") == 1
    assert storage.keep(_arrival(ONE), answer="200") == 1
    summary = storage.summary()
    assert (summary.uploads, summary.calls, summary.distinct_calls) == (2, 2, 1)
    assert summary.queues == (QueueTally("q", answered=2, abandoned=0, other=0),)


def test_repeat_dropped(storage: Storage) -> None:
    """A repeat that is dropped counts 0 and stores nothing, but is on record."""
    storage.keep(_arrival(ONE), answer="200", repeats=Repeats.DROP)
    assert storage.keep(_arrival(ONE), answer="200", repeats=Repeats.DROP) == 0
    assert storage.bodies() == [ONE]
    assert storage.summary().calls == 1
    repeat = storage.latest(1)[0]
    assert (repeat.kept, repeat.answer) == (False, "200, repeat")
    assert storage.body(repeat.id) is None


def test_refused(storage: Storage) -> None:
    """A refused file is on record, is not kept, and counts in no sum but its own."""
    storage.refuse(_arrival(ONE), answer="413")
    assert [upload.kept for upload in storage.latest(10)] == [False]
    assert storage.bodies() == []
    summary = storage.summary()
    assert (summary.uploads, summary.refused, summary.calls, summary.lines) == (0, 1, 0, 0)
    assert storage.keep(_arrival(ONE), answer="200", repeats=Repeats.DROP) == 1


def test_cleared(storage: Storage) -> None:
    """A clear leaves nothing, and what comes after gets a number that was never used."""
    storage.keep(_arrival(ONE), answer="200")
    storage.clear()
    assert storage.latest(10) == []
    summary = storage.summary()
    assert (summary.uploads, summary.calls, summary.bytes, summary.queue_count) == (0, 0, 0, 0)
    storage.keep(_arrival(ONE), answer="200", repeats=Repeats.DROP)
    assert [upload.id for upload in storage.latest(10)] == [2]


def test_busiest(storage: Storage) -> None:
    """The summary names the busiest queues first and counts them all."""
    storage.keep(_arrival(TWO), answer="200")
    storage.keep(_arrival(ONE), answer="200")
    summary = storage.summary(queues=1)
    assert [queue.name for queue in summary.queues] == ["q"]
    assert summary.queue_count == 2
    assert (summary.answered, summary.abandoned, summary.other) == (1, 1, 1)
    assert (summary.lines, summary.bytes) == (5, len(ONE) + len(TWO))


def test_no_body(storage: Storage) -> None:
    """An upload that never was has no bytes."""
    assert storage.body(7) is None
