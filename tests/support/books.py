"""States to reconcile, made with the real store: records archived, uploads decided and answered."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from qlogship.queue_log.records import entered_calls, times_from_the_end, times_in
from qlogship.shipping.batching import Batch, Composition
from qlogship.shipping.destination import Destination
from qlogship.shipping.ledger import AttemptResult
from qlogship.source.streams import Stream
from qlogship.state.store import Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from qlogship.archive.runs import Run

ZONE: Final = ZoneInfo("Europe/Berlin")
HOUR: Final = 3600


def enter(callid: str, at: int, queue: str = "support") -> bytes:
    """Return the line of a call that enters a queue."""
    return f"{at}|{callid}|{queue}|NONE|ENTERQUEUE||+4930123456|1\n".encode()


def whole(callid: str, at: int, queue: str = "support", lasts: int = 1) -> bytes:
    """Return the lines of a call that was answered."""
    return (
        enter(callid, at, queue)
        + (
            f"{at}|{callid}|{queue}|Alice Example|CONNECT|0|{callid}0|0\n"
            f"{at + lasts}|{callid}|{queue}|Alice Example|COMPLETEAGENT|0|{lasts}|1\n"
        ).encode()
    )


DESTINATION: Final = Destination("https://company.example", "a@example.com")
"""Which dashboard it was shipped to."""


class Books:
    """A state directory that is written as the service writes it."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        with self.store.transaction():
            self.store.generations.bind(DESTINATION)
        self._offsets: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def archive(self, text: bytes, *, stream: int = 1) -> Run:
        """Archive whole lines of a stream; return their run."""
        with self.store.transaction():
            begin = self._offsets.get(stream, 0)
            end = self._offsets[stream] = begin + len(text)
            self.store.cursor.save(
                Stream(stream, b"head", text[-64:], end, 1, stream, f"/log/{stream}")
            )
            first = self.store.archive.append(text, stream=stream, offset=begin)
        return first, self.store.archive.next_seq - 1

    def upload(
        self,
        *runs: Run,
        state: str = "accepted",
        reported: int | None = -1,
        at: float = 0.0,
        failed: Sequence[tuple[float, str]] = (),
        generation: int | None = None,
        detail: str = "the dashboard answered 200",
    ) -> int:
        """Decide an upload of these runs and answer it `at` a time; return its id.

        `failed` are the times of earlier attempts and what each came to. A
        `reported` of -1 stands for the number of its calls.
        """
        ledger = self.store.ledger
        text = self.store.archive.text(runs)
        calls = len(entered_calls(text))
        composition = Composition(
            runs=runs,
            bytes=len(text),
            lines=text.count(b"\n"),
            calls=calls,
            first_time=next(times_in(text), None),
            last_time=next(times_from_the_end(text), None),
            sha256=sha256(text).hexdigest(),
        )
        batch = Batch(composition, text)
        with self.store.transaction():
            upload = ledger.prepare(batch, generation=generation or ledger.generation(), at=at)
            duplicate = False
            for sent_at, verdict in failed:
                duplicate = duplicate or verdict == "unknown"
                now = "unknown" if duplicate else "prepared"
                upload = ledger.begin_attempt(upload, at=sent_at)
                result = AttemptResult(
                    now, verdict, verdict == "unknown", None, None, "no answer came", "", None
                )
                upload = ledger.end_attempt(upload, result, at=sent_at + 1)
            if state != "prepared":
                count = calls if reported == -1 else reported
                upload = ledger.begin_attempt(upload, at=at)
                result = AttemptResult(
                    state=state,
                    verdict=state if state != "rejected" else "refused",
                    is_open=state == "unknown",
                    reported_calls=count if state == "accepted" else None,
                    http_status=200 if state == "accepted" else None,
                    detail=detail,
                    answer="",
                    not_before=None,
                )
                ledger.end_attempt(upload, result, at=at + 1)
        return upload.id

    def stand(
        self, *, ahead: Sequence[Run] = (), frontier: int | None = None, held: Sequence[Run] = ()
    ) -> None:
        """Write where shipping stands; without a frontier everything has been taken."""
        end = self.store.archive.next_seq
        with self.store.transaction():
            self.store.position.save(
                ahead=ahead,
                frontier=end if frontier is None else frontier,
                held=held,
                clock=None,
                odd=0,
            )

    def damage(self, seq: int) -> Run:
        """Spoil the packed chunk that a record is in; return its run."""
        with self.store.transaction():
            return damage(self.store._db, seq)


def damage(connection: sqlite3.Connection, seq: int) -> Run:
    """Turn one byte in the middle of the packed chunk with this record; return its run."""
    first, lines, packed, data = connection.execute(
        "SELECT first_seq, lines, packed, data FROM chunk WHERE first_seq <= ?"
        " ORDER BY first_seq DESC LIMIT 1",
        (seq,),
    ).fetchone()
    assert packed, "what is not packed has no checksum"
    middle = len(data) // 2
    spoilt = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
    connection.execute("UPDATE chunk SET data = ? WHERE first_seq = ?", (spoilt, first))
    return first, first + lines - 1


def epoch(day: date, hour: float = 0.0) -> int:
    """Return a local time of the example in epoch seconds."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return int(midnight.timestamp() + hour * HOUR)


FIRST: Final = date(2026, 10, 1)
LAST: Final = date(2026, 10, 31)
UNKNOWN: Final = date(2026, 10, 8)
QUARANTINED: Final = date(2026, 10, 14)
REPEATED: Final = date(2026, 10, 17)
OUTAGE: Final = date(2026, 10, 21)


def month(directory: Path) -> None:
    """Make a month with one unknown upload, one quarantined call and one day of outage.

    On the last day some calls wait and two are held; one upload was repeated.
    """
    chance = Random(31)
    with Books(directory) as books:
        day, number = FIRST, 0
        while day <= LAST:
            busy = 50 if day.weekday() >= 5 else chance.randint(220, 320)
            for hours in range(8, 20, 2):
                share = busy * (8 + chance.randint(-2, 2) - abs(13 - hours)) // 33
                text, times = (
                    b"",
                    sorted(
                        epoch(day, hours) + chance.randrange(2 * HOUR - 600) for _ in range(share)
                    ),
                )
                for at in times:
                    number += 1
                    queue = chance.choice(("sales", "support", "support", "billing"))
                    text += whole(f"{at}.{number * 7}", at, queue, chance.randint(30, 500))
                _ship(books, text, day, hours)
            day += timedelta(days=1)
        frontier = books.store.archive.next_seq
        late = b"".join(whole(f"{epoch(LAST, 20)}.{n}", epoch(LAST, 20) + n * 60) for n in range(9))
        opened = enter(f"{epoch(LAST, 19.4):d}.98001", epoch(LAST, 19.4), "sales")
        odd = enter(f"{epoch(LAST, 19.6):d}.98107", epoch(LAST, 19.6), "a <b>bold</b> queue")
        held = books.archive(opened + odd)
        books.archive(late)
        books.stand(frontier=frontier + 2, held=[held])


def _ship(books: Books, text: bytes, day: date, hours: int) -> None:
    """Ship two hours of calls as the day wants it."""
    first, last = books.archive(text)
    at = epoch(day, hours + 2)
    if day == OUTAGE:
        over = epoch(day, 22.6)
        tries = [(epoch(day, 8.2 + n / 2), "unreachable") for n in range(29)] if hours == 8 else ()
        books.upload((first, last), at=over + hours, failed=tries)
    elif day == UNKNOWN and hours == 12:
        lost = "the request was sent, and no answer came: the connection was reset"
        books.upload((first, last), state="unknown", at=at, detail=lost)
    elif day == QUARANTINED and hours == 10:
        refused = "the dashboard answered 400: <invalid caller id>"
        books.upload((first, first + 2), state="rejected", at=at, detail=refused)
        books.upload((first + 3, last), at=at)
    elif day == REPEATED and hours == 14:
        books.upload((first, last), at=at + 40, failed=[(at, "unknown")])
    else:
        books.upload((first, last), at=at)
