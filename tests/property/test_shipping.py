"""Shipping under random histories of a PBX, a dashboard, crashes and full disks.

Theory of operation. The real shipper, store and follower work in a temporary
directory on a clock that only moves when it is told. The PBX writes real files
and remembers what it wrote; the dashboard lives in memory, accepts, refuses,
loses replies before and after it stored, and answers late. In some histories it
is picky: it never takes a body above a limit, nor one with certain calls in it, and
then refuses nothing else. A crash is an
exception out of one of the clocks or out of the upload, which are asked for
all over a step: the transaction under way is lost, as it is in a power cut,
and everything begins anew from what was committed.

At the end everything is left to settle, and what the dashboard holds, the
archive and the ledger are compared with what the PBX wrote.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr

from qlogship.clocks import Clocks
from qlogship.config import Settings
from qlogship.config.model import (
    BatchSettings,
    DashboardSettings,
    DeliverySettings,
    SourceSettings,
    StateSettings,
)
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import StateError
from qlogship.service.build import queue_log
from qlogship.service.shipper import Shipper
from qlogship.state.reader import Reader
from qlogship.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlogship.shipping.ledger import Upload
    from qlogship.source.follower import QueueLog

START: Final = 1_795_411_800
SETTLE: Final = 5.0
LINGER: Final = 15.0
HOLD: Final = 3_600.0
MAX_BYTES: Final = 1_500
STILL: Final = 30.0
MOST_POISON: Final = 5
MOST_WAITS: Final = 100
MOST_STEPS: Final = 300
"""Steps that may have something to do one after the other, before it is called a spin."""

OnUnknown = Literal["resend", "hold", "resync"]
UNTELLING: Final = frozenset(
    {Verdict.UNKNOWN, Verdict.LATER, Verdict.NOT_ACCEPTED, Verdict.REDIRECTED}
)
"""What may be answered though the body was stored."""
_TAKEN: Final = Verdict.ACCEPTED
MOST_UNTOLD: Final = 3
NO_CALL: Final = frozenset({b"", b"NONE", b"MANAGER", b"CLI", b"REALTIME"})

ODD_LINES: Final = (
    b"",
    b"|",
    b"no record at all",
    b"1795411900|",
    b"\xcf\xf0\xe8\xe2\xe5\xf2|\xff\xfe",
    b"1795411900|x|y\r",
    b"\0\0\0\0",
    b"1795411900|3.3|q|NONE",
    b"x" * 2_000,
)


class CrashError(Exception):
    """The power goes."""


@dataclass
class Time:
    """Clocks that stand still until told, and that can blow up when they are asked."""

    now: float = 1_000.0
    skew: float = 0.0
    fuse: int | None = None

    def monotonic(self) -> float:
        """Return the time since some moment."""
        self.burn()
        return self.now

    def wall(self) -> float:
        """Return epoch seconds, as far as this machine knows."""
        self.burn()
        return self.stamp()

    def stamp(self) -> float:
        """Return epoch seconds, without danger."""
        return START + self.now + self.skew

    def chance(self) -> float:
        """Return no chance at all."""
        return 0.5

    def burn(self) -> None:
        """Crash when the fuse is burnt down."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise CrashError


class Quiet:
    """A log that nobody reads."""

    def debug(self, *_: object, **__: object) -> None:
        """Say nothing."""

    info = warning = error = debug


# --- the PBX


@dataclass
class Call:
    """What the PBX knows of one call; `legs` are those open, as [queue, agent, entered]."""

    callid: bytes
    legs: list[tuple[bytes, bytes, float]] = field(default_factory=list)
    last: float | None = None
    excused: bool = False
    """Its records may lawfully be in two uploads."""


class Pbx:
    """Write a queue_log as Asterisk does, and remember every byte."""

    def __init__(self, path: Path, time: Time) -> None:
        self.path = path
        self._time = time
        self.texts: list[bytearray] = [bytearray()]
        self._file: int | None = None
        self._rest: tuple[bytes, Callable[[], None]] | None = None
        self._number = 0
        self.calls: list[Call] = []
        self.excused: set[bytes] = set()
        """Calls that died, and may lawfully be in two uploads."""
        self.jumped = 0.0
        self.renamed = False
        self._torn: Counter[bytes] = Counter()
        self._rotations = 0
        self.copied = False
        self._open()
        self._say(b"NONE", b"NONE", b"NONE", b"QUEUESTART")

    # what is there

    @property
    def between_lines(self) -> bool:
        """Whether the last line is whole."""
        return self._rest is None

    @property
    def may_rotate(self) -> bool:
        """Whether the order of files can be told: it is that of the first times in them."""
        return not self.renamed and not self.jumped

    @property
    def torn(self) -> Counter[bytes]:
        """Lines that were rotated away unfinished, with the newline they get."""
        found: Counter[bytes] = Counter()
        for text in self.texts[:-1]:
            rest = bytes(text[text.rfind(b"\n") + 1 :])
            if rest:
                found[rest + b"\n"] += 1
        return found

    @property
    def whole_text(self) -> bytes:
        """All whole lines ever written, in order."""
        return b"".join(bytes(text[: text.rfind(b"\n") + 1]) for text in self.texts)

    @property
    def open_calls(self) -> list[Call]:
        """Calls with a leg that did not end."""
        return [call for call in self.calls if call.legs]

    def has_calls(self) -> bool:
        """Return whether the live file can be told from others by what stands in it."""
        return b"|ENTERQUEUE|" in self.texts[-1]

    # calls

    def enter(self, call: Call, queue: bytes) -> None:
        """A caller enters a queue."""

        def effect() -> None:
            call.legs.append((queue, b"", self._time.now))

        self._of(call, queue, b"NONE", b"ENTERQUEUE", effect)

    def connect(self, call: Call, agent: bytes) -> None:
        """An agent answers the leg that waits longest."""
        queue, _, entered = leg = next(leg for leg in call.legs if not leg[1])

        def effect() -> None:
            if leg in call.legs:
                call.legs[call.legs.index(leg)] = (queue, agent, entered)

        self._of(call, queue, agent, b"CONNECT", effect)

    def ring(self, call: Call) -> None:
        """An agent does not answer."""
        self._of(call, call.legs[0][0], b"Agent/9", b"RINGNOANSWER", lambda: None)

    def end(self, call: Call) -> None:
        """The oldest leg ends, one way or the other."""
        leg = call.legs[0]
        queue, agent, _ = leg

        def effect() -> None:
            if leg in call.legs:
                call.legs.remove(leg)

        if agent:
            self._of(call, queue, agent, b"COMPLETEAGENT", effect)
        else:
            self._of(call, queue, b"NONE", b"ABANDON", effect)

    def _of(
        self, call: Call, queue: bytes, agent: bytes, event: bytes, effect: Callable[[], None]
    ) -> None:
        now = self._time.now
        silent = not call.legs and call.last is not None and now - call.last > SETTLE - 1.01
        too_old = call.legs and now - call.legs[0][2] + self.jumped > HOLD - 2
        if too_old or silent or (call.last is not None and not call.legs and self.jumped):
            call.excused = True
        call.last = now
        self._say(call.callid, queue, agent, event, effect=effect)

    # lines

    def other(self, event: bytes) -> None:
        """Something that belongs to no call."""
        self._say(b"NONE", b"q1", b"Agent/1", event)

    def odd(self, line: bytes) -> None:
        """Somebody writes something that is no record."""
        self._finish()
        self._write(line + b"\n")

    def begin_line(self, callid: bytes, share: float) -> None:
        """Begin a line, and leave it unfinished for now."""
        self._finish()
        line = self._line(callid, b"q1", b"Agent/1", b"CUSTOM")
        cut = max(1, int(len(line) * share))
        cut = min(cut, len(line) - 1)
        self._write(line[:cut])
        self._rest = line[cut:], lambda: None

    def _say(
        self,
        callid: bytes,
        queue: bytes,
        agent: bytes,
        event: bytes,
        *,
        effect: Callable[[], None] = lambda: None,
    ) -> None:
        self._finish()
        self._write(self._line(callid, queue, agent, event))
        effect()

    def _line(self, callid: bytes, queue: bytes, agent: bytes, event: bytes) -> bytes:
        self._number += 1
        stamp = b"%d" % self._time.stamp()
        data = b"" if event in {b"QUEUESTART", b"CONFIGRELOAD"} else b"n%d" % self._number
        return b"|".join((stamp, callid, queue, agent, event, data)) + b"\n"

    def _finish(self) -> None:
        if self._rest is not None:
            (rest, effect), self._rest = self._rest, None
            self._write(rest)
            effect()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._open()
        assert self._file is not None
        os.write(self._file, data)
        self._stamp(self._file)
        self.texts[-1] += data

    def _open(self) -> None:
        fresh = not self.path.exists()
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        if fresh:
            self._stamp(self._file)

    def _stamp(self, file: int | Path) -> None:
        at = int(self._time.stamp() * 1e9)
        os.utime(file, ns=(at, at))

    # rotation

    def rename(self, strategy: str, *, torn: bool = False) -> None:
        """Rename the live file; Asterisk goes on writing to it until `reload`."""
        self._rotations += 1
        if not torn:
            self._finish()
        if strategy == "rotate":
            numbers = sorted(
                (int(file.suffix[1:]) for file in self._rotated() if len(file.suffix) < 4),
                reverse=True,
            )
            for number in numbers:
                self._named(number).rename(self._named(number + 1))
            self.path.rename(self._named(0))
        elif strategy == "sequential":
            number = 200
            while self._named(number).exists():
                number += 1
            self.path.rename(self._named(number))
        else:
            self.path.rename(self._named(int(self._time.stamp()) * 100 + self._rotations))
        self.renamed = True

    def reload(self) -> None:
        """Close the file and open the path again, as after a rotation."""
        self._finish()
        self.close()
        if self.renamed:
            self.texts.append(bytearray())
            self.renamed = False
        self._say(b"NONE", b"NONE", b"NONE", b"CONFIGRELOAD")

    def copytruncate(self) -> None:
        """Copy the live file and truncate it, while Asterisk holds it open."""
        self._rotations += 1
        copy = self._named(int(self._time.stamp()) * 100 + self._rotations)
        shutil.copyfile(self.path, copy)
        self._stamp(copy)
        os.truncate(self.path, 0)
        self._stamp(self.path)
        self.texts.append(bytearray())

    def kill(self) -> None:
        """Asterisk dies; what it was writing stays unfinished, and no call lives on."""
        self._rest = None
        self.close()
        if self.renamed:
            self.texts.append(bytearray())
            self.renamed = False
        self.excused |= {call.callid for call in self.calls if call.excused}
        self.calls.clear()
        self._say(b"NONE", b"NONE", b"NONE", b"QUEUESTART")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _rotated(self) -> list[Path]:
        return [file for file in self.path.parent.iterdir() if file != self.path]

    def _named(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


# --- the dashboard


@dataclass
class Arrivals:
    """What the far end holds, and what it was offered, by the ledger's number."""

    stored: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    bodies: dict[int, bytes] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    untold: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """How often each was sent without an answer that tells its fate."""
    limit: int | None = None
    poison: set[bytes] = field(default_factory=set)


class FarEnd:
    """The dashboard of one run of the service, in place of the uploading thread."""

    def __init__(self, directory: Path, arrivals: Arrivals, time: Time) -> None:
        self._directory = directory
        self._arrivals = arrivals
        self._time = time
        self._answer: Outcome | None = None
        self._under_way: int | None = None
        self.mood = Verdict.ACCEPTED
        self.stores_lost = False
        self.lets_in = True
        """Whether a login works while the mood is another one."""
        self.counts = True
        self.late = False
        self.crashes = ""
        self.clear_mood: Verdict | None = None
        """How the next clears end; None as uploads do. With it, the crash waits for an upload."""

    @property
    def busy(self) -> bool:
        """Whether an upload was submitted and not forgotten."""
        return self._answer is not None

    def submit(self, filename: str, body: bytes) -> None:
        """Take an upload, which the ledger must have announced; store it or not."""
        assert not self.busy, "two uploads at a time"
        assert filename == "queue_log"
        upload = self._announced(body)
        self._arrivals.order.append(upload.id)
        self._arrivals.untold[upload.id] += 1
        self._under_way = upload.id
        known = self._arrivals.bodies.setdefault(upload.id, body)
        assert known == body, f"upload {upload.id} changed"
        if self.crashes == "before":
            self.crashes = ""
            raise CrashError
        verdict = self._verdict(body)
        if verdict is Verdict.ACCEPTED or (verdict in UNTELLING and self.stores_lost):
            self._arrivals.stored[upload.id] += 1
        if self.crashes == "after":
            self.crashes = ""
            raise CrashError
        self._answer = Outcome(
            verdict=verdict,
            reported_calls=entered(body) if verdict is Verdict.ACCEPTED and self.counts else None,
            retry_after=7.0 if verdict is Verdict.LATER else None,
            http_status=None,
            detail=f"the far end is in the mood {verdict}",
            answer="",
        )

    def submit_clear(self) -> None:
        """Forget all that was stored, which the store must have announced; or do not."""
        assert not self.busy, "a clear beside an upload"
        with Reader(self._directory) as reader:
            assert reader.figures().resync == "clearing"
        mood = self.clear_mood or self.mood
        crashes = "" if self.clear_mood else self.crashes
        if crashes == "before":
            self.crashes = ""
            raise CrashError
        if mood is Verdict.ACCEPTED or (mood is Verdict.UNKNOWN and self.stores_lost):
            self._arrivals.stored.clear()
        if crashes == "after":
            self.crashes = ""
            raise CrashError
        self._answer = Outcome(
            verdict=mood,
            reported_calls=None,
            retry_after=7.0 if mood is Verdict.LATER else None,
            http_status=None,
            detail=f"the far end is in the mood {mood}",
            answer="",
        )

    def submit_probe(self) -> None:
        """Let somebody in, or not; a login stores nothing."""
        assert not self.busy, "a login beside an upload"
        verdict = Verdict.ACCEPTED if self.lets_in else self.mood
        if verdict in {Verdict.UNKNOWN, Verdict.TOO_BIG, Verdict.REFUSED, Verdict.NOT_THERE}:
            verdict = Verdict.NOT_ACCEPTED
        self._answer = Outcome(
            verdict=verdict,
            reported_calls=None,
            retry_after=None,
            http_status=None,
            detail=f"login: the far end is in the mood {verdict}",
            answer="",
            sent=False,
        )

    def _verdict(self, body: bytes) -> Verdict:
        """Say what comes of a body: what the mood is, unless the far end is picky about it."""
        if self.mood not in {Verdict.ACCEPTED, Verdict.UNKNOWN}:
            return self.mood
        if self._arrivals.limit is not None and len(body) > self._arrivals.limit:
            return Verdict.TOO_BIG
        if self._arrivals.poison & set(entering(body)):
            return Verdict.REFUSED
        return self.mood

    def outcome(self) -> Outcome | None:
        """Return the outcome when it is there, again and again."""
        return None if self.late else self._answer

    def forget(self) -> None:
        """Be ready for the next upload: what came of this one is written down."""
        answer = self._answer
        if self._under_way is not None and answer is not None:
            counted = answer.reported_calls is not None
            if answer.verdict not in UNTELLING and (counted or answer.verdict is not _TAKEN):
                self._arrivals.untold[self._under_way] -= 1
        self.lose()

    def lose(self) -> None:
        """Forget what was under way; nobody heard the answer."""
        self._answer = self._under_way = None

    def _announced(self, body: bytes) -> Upload:
        """Return the upload that the ledger, as others can read it, says is under way."""
        with Reader(self._directory) as reader:
            assert reader._db is not None
            numbers = [
                number
                for (number,) in reader._db.execute(
                    "SELECT upload FROM attempt WHERE verdict IS NULL"
                )
            ]
            assert len(numbers) == 1, "an upload that the ledger does not announce"
            (upload,) = (row for row in reader.uploads() if row.id == numbers[0])
        assert upload.state in {"prepared", "unknown"}
        assert upload.composition.sha256 == sha256(body).hexdigest()
        assert upload.composition.bytes == len(body)
        assert upload.composition.lines == body.count(b"\n")
        return upload


def fields(line: bytes) -> list[bytes] | None:
    """Cut a line into columns, as the dashboard would; None when it is no record."""
    row = line.split(b"|")
    if len(row) < 5 or not row[0].isdigit() or not 9 <= len(row[0]) <= 11:
        return None
    return row


def entered(text: bytes) -> int:
    """Count the callids that enter a queue."""
    return len(set(entering(text)))


def entering(text: bytes) -> Iterator[bytes]:
    """Yield the callid of each record that enters a queue."""
    for line in text.split(b"\n"):
        row = fields(line)
        if row is not None and row[4] == b"ENTERQUEUE" and row[1] not in NO_CALL:
            yield row[1]


# --- the machine


class Shipping(RuleBasedStateMachine):
    """Random lives of a PBX and the service that ships its queue_log."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="qlogship-shipping-"))
        self.time = Time()
        logs = self.place / "log"
        logs.mkdir()
        self.pbx = Pbx(logs / "queue_log", self.time)
        self.arrivals = Arrivals()
        self.accepted: dict[int, Upload] = {}
        self.on_unknown: OnUnknown = "resend"
        self.changed_mind = False
        self.pages: int | None = None
        self.store: Store | None = None
        self.number = 0
        self.unseen = False
        """Whether the file was rotated since the service looked last."""
        self.picky = False
        self.doubted = False
        """Whether the far end ever seemed to refuse everything."""

    @initialize(
        on_unknown=st.sampled_from(["resend", "hold"]),
        picky=st.booleans(),
        limit=st.sampled_from([None, 350, 700]),
    )
    def first_start(self, on_unknown: OnUnknown, *, picky: bool, limit: int | None) -> None:
        """Begin with one or the other setting, and a picky dashboard or one with moods."""
        self.on_unknown = on_unknown
        self.picky = picky
        self.arrivals.limit = limit if picky else None
        self.far_end = FarEnd(self.place / "state", self.arrivals, self.time)
        self.start()

    # the service

    def start(self) -> None:
        """Put a shipper together from what was committed."""
        logs = self.pbx.path
        settings = Settings(
            dashboard=DashboardSettings(
                url="http://127.0.0.1:1", email="a@b.example", password=SecretStr("secret")
            ),
            source=SourceSettings(path=logs),
            # Smaller than anybody may set them, so that little is enough to fill a batch.
            batch=BatchSettings.model_construct(
                linger=LINGER, max_bytes=MAX_BYTES, settle=SETTLE, hold=HOLD
            ),
            delivery=self.delivery(),
            state=StateSettings(directory=self.place / "state"),
        )
        clocks = Clocks(monotonic=self.time.monotonic, wall=self.time.wall, chance=self.time.chance)
        self.store = Store(settings.state.directory)
        if self.pages is not None:
            self.store._db.execute(f"PRAGMA max_page_count = {self.pages}")
        self.source: QueueLog = queue_log(settings, self.store, clocks)
        self.shipper = Shipper(
            settings=settings,
            store=self.store,
            source=self.source,
            uploads=self.far_end,
            clocks=clocks,
            log=Quiet(),
        )

    def delivery(self) -> DeliverySettings:
        """Return what is to become of a lost answer."""
        return DeliverySettings(on_unknown=self.on_unknown)

    def stop(self) -> None:
        """Drop everything that is in memory."""
        self.time.fuse = None
        if self.store is not None:
            # A clock that blows up may leave one file in two places.
            with suppress(OSError):
                self.source.close()
            self.store.close()
            self.store = None

    def restart(self) -> None:
        """Begin anew; nobody hears the answer to the upload under way."""
        self.far_end.lose()
        self.far_end.crashes = ""
        self.reopen()

    def reopen(self) -> None:
        """Make a new shipper from what was committed, also where that can be written only now."""
        self.stop()
        try:
            self.start()
        except StateError:
            self.pages = None
            self.stop()
            self.start()

    def step(self) -> float:
        """Do one step; whatever ends the service is followed by a new start."""
        self.unseen = False
        try:
            wait = self.shipper.step()
            self.doubted |= "dashboard_refuses_everything" in self.shipper.troubles
            return wait
        except CrashError:
            self.restart()
        except StateError:
            self.reopen()
            return 5.0  # as long as the service waits before it opens the database anew
        return 0.5

    def live(self, seconds: float) -> None:
        """Let the service work for some time."""
        end = self.time.now + seconds
        busy = 0
        while True:
            wait = self.step()
            self.time.now += 1e-6  # a step takes some time
            busy = busy + 1 if wait == 0.0 else 0
            assert busy < MOST_STEPS, "it spins"
            if wait > 0.0:
                if self.time.now >= end:
                    return
                self.time.now = min(end, self.time.now + max(wait, 0.001))

    # rules: the PBX

    @rule(count=st.integers(1, 3), queue=st.sampled_from([b"q1", b"Q2"]))
    def calls_enter(self, count: int, queue: bytes) -> None:
        """Callers come in."""
        for _ in range(count):
            self.number += 1
            call = Call(b"%d.%d" % (START + self.number, self.number))
            self.pbx.calls.append(call)
            self.pbx.enter(call, queue)

    @precondition(lambda self: any(call.legs for call in self.pbx.calls))
    @rule(data=st.data(), what=st.sampled_from(["ring", "connect", "end", "enter"]))
    def a_call_goes_on(self, data: st.DataObject, what: str) -> None:
        """Something happens to a call that is open."""
        call = data.draw(st.sampled_from(self.pbx.open_calls), label="call")
        if what == "ring":
            self.pbx.ring(call)
        elif what == "enter":
            self.pbx.enter(call, b"q3")
        elif what == "connect" and any(not leg[1] for leg in call.legs):
            self.pbx.connect(call, b"Agent/%d" % (self.number % 7))
        else:
            self.pbx.end(call)

    @rule(count=st.integers(1, 12))
    def whole_calls(self, count: int) -> None:
        """Some calls happen from beginning to end, one into the other."""
        calls = []
        for _ in range(count):
            self.number += 1
            calls.append(Call(b"%d.%d" % (START + self.number, self.number)))
        self.pbx.calls += calls
        for call in calls:
            self.pbx.enter(call, b"q1")
        for call in calls:
            self.pbx.connect(call, b"Agent/%s" % call.callid)
        for call in calls[::-1]:
            self.pbx.end(call)

    @precondition(lambda self: self.picky and len(self.arrivals.poison) < MOST_POISON)
    @rule(company=st.integers(0, 4))
    def a_call_that_is_never_taken(self, company: int) -> None:
        """A call happens that the far end refuses, among others."""
        self.arrivals.poison.add(b"%d.%d" % (START + self.number + 1, self.number + 1))
        self.whole_calls(1 + company)

    @precondition(lambda self: self.pbx.calls)
    @rule(data=st.data())
    def a_call_comes_back(self, data: st.DataObject) -> None:
        """A call enters a queue, perhaps after it had left one."""
        call = data.draw(st.sampled_from(self.pbx.calls[-6:]), label="call")
        self.pbx.enter(call, b"q1")

    @rule(event=st.sampled_from([b"PAUSE", b"UNPAUSE", b"CUSTOM"]))
    def something_else(self, event: bytes) -> None:
        """An agent's event."""
        self.pbx.other(event)

    @rule(line=st.sampled_from(ODD_LINES))
    def odd_line(self, line: bytes) -> None:
        """What is no record."""
        self.pbx.odd(line)

    @precondition(lambda self: not self.pbx.renamed)
    @rule(share=st.floats(0, 1))
    def half_a_line(self, share: float) -> None:
        """A line is begun."""
        self.pbx.begin_line(b"NONE", share)

    @precondition(lambda self: self.pbx.may_rotate)
    @rule(strategy=st.sampled_from(["rotate", "sequential", "timestamp"]), reloads=st.booleans())
    def rename(self, strategy: str, *, reloads: bool) -> None:
        """The file is rotated; Asterisk may be told at once, or later."""
        if self.unseen:
            self.live(0.0)  # two rotations between two looks: see `rotations_while_down`
        self.unseen = True
        self.pbx.rename(strategy)
        if reloads:
            self.time.now += 1
            self.pbx.reload()
        self.shipper.scan()

    @precondition(lambda self: self.pbx.may_rotate)
    @rule(
        strategy=st.sampled_from(["rotate", "sequential", "timestamp"]),
        times=st.integers(1, 3),
        queue=st.sampled_from([b"q1", b"q4"]),
    )
    def rotations_while_down(self, strategy: str, times: int, queue: bytes) -> None:
        """The file is rotated again and again while the service is down."""
        self.stop()
        for _ in range(times):
            self.calls_enter(1, queue)
            self.pbx.rename(strategy)
            self.time.now += 1
            self.pbx.reload()
        self.restart()

    @rule()
    def reload(self) -> None:
        """Asterisk opens its file anew."""
        self.time.now += 1
        self.pbx.reload()
        self.shipper.scan()

    @precondition(
        lambda self: (
            not self.pbx.renamed
            and self.pbx.between_lines
            and self.pbx.has_calls()
            and self.pages is None
        )
    )
    @rule()
    def copytruncate(self) -> None:
        """The file is copied and truncated, while nobody writes."""
        # What was read of it must tell it from others, and the copy must be seen to come:
        # see the known limits of following.
        self.live(0.0)
        self.pbx.copytruncate()
        self.shipper.scan()
        self.unseen = True
        self.time.now += 1

    @precondition(lambda self: self.pbx.may_rotate and b"\n" in self.pbx.texts[-1])
    @rule(share=st.floats(0, 1))
    def asterisk_dies_within_a_line_and_its_file_is_rotated(self, share: float) -> None:
        """A line stays unfinished for ever."""
        if self.unseen:
            self.live(0.0)
        self.unseen = True
        self.pbx.begin_line(b"NONE", share)
        self.pbx.rename("rotate", torn=True)
        self.time.now += 1
        self.pbx.kill()
        self.shipper.scan()

    @rule()
    def asterisk_dies(self) -> None:
        """Asterisk is killed and starts anew."""
        self.time.now += 1
        self.pbx.kill()
        self.shipper.scan()

    # rules: time and trouble; what happens to names is seen at once, as inotify tells it

    @rule(seconds=st.sampled_from([0.3, 1.0, 4.0, 6.0, 11.0, 16.0, 32.0, 300.0]))
    def time_passes_unused(self, seconds: float) -> None:
        """Time goes by while the service does nothing."""
        self.time.now += seconds

    @rule(seconds=st.sampled_from([0.0, 0.3, 4.0, 16.0, 64.0, 700.0]))
    def service_lives(self, seconds: float) -> None:
        """The service works."""
        self.live(seconds)

    @rule()
    def one_step(self) -> None:
        """The service does one step."""
        self.step()

    @rule()
    def stop_and_start(self) -> None:
        """The service is stopped in order, and started."""
        with suppress(CrashError, StateError):
            self.shipper.settle_answer()
        self.restart()

    @rule(fuse=st.integers(0, 25), steps=st.integers(1, 3))
    def crash_in_a_step(self, fuse: int, steps: int) -> None:
        """The service dies somewhere in a step, or after it."""
        self.time.fuse = fuse
        for _ in range(steps):
            self.step()
        self.restart()

    @rule(when=st.sampled_from(["before", "after"]))
    def crash_at_the_next_upload(self, when: str) -> None:
        """The service dies when an attempt is on record, before or after the bytes left."""
        self.far_end.crashes = when

    @rule(
        mood=st.sampled_from([Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.UNKNOWN, *Verdict]),
        stores_lost=st.booleans(),
        counts=st.booleans(),
        late=st.booleans(),
        lets_in=st.booleans(),
    )
    def mood(
        self, mood: Verdict, *, stores_lost: bool, counts: bool, late: bool, lets_in: bool
    ) -> None:
        """The far end changes its mood."""
        far_end = self.far_end
        if self.picky and mood in {Verdict.TOO_BIG, Verdict.REFUSED, Verdict.NOT_THERE}:
            mood = Verdict.LATER
        far_end.mood, far_end.stores_lost = mood, stores_lost
        far_end.counts, far_end.late, far_end.lets_in = counts, late, lets_in

    @rule(
        mood=st.sampled_from(sorted(UNTELLING)),
        stores_lost=st.booleans(),
        crash=st.sampled_from(["", "before", "after"]),
        seconds=st.sampled_from([10.0, 100.0, 1_000.0]),
    )
    def hard_times(self, mood: Verdict, crash: str, seconds: float, *, stores_lost: bool) -> None:
        """For some time every upload is answered so, though logins work, or is cut off."""
        self.whole_calls(1)
        self.live(SETTLE + LINGER)
        for _ in range(5):
            self.far_end.mood, self.far_end.stores_lost = mood, stores_lost
            self.far_end.lets_in, self.far_end.late = True, False
            self.far_end.crashes = crash
            self.live(seconds)
            crash = {"before": "after", "after": "", "": ""}[crash]

    @precondition(lambda self: self.far_end.late)
    @rule()
    def answer(self) -> None:
        """The answer that was waited for comes."""
        self.far_end.late = False
        self.step()

    @precondition(lambda self: not self.pbx.renamed)
    @rule(seconds=st.sampled_from([-200.0, -3.0, 3.0, 200.0]))
    def clock_jumps(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.time.skew += seconds
        self.pbx.jumped += abs(seconds)

    @precondition(lambda self: self.pages is None)
    @rule(spare=st.integers(0, 3))
    def disk_fills(self, spare: int) -> None:
        """The state directory has no more room."""
        assert self.store is not None
        (pages,) = self.store._db.execute("PRAGMA page_count").fetchone()
        self.pages = pages + spare
        self.store._db.execute(f"PRAGMA max_page_count = {self.pages}")

    @precondition(lambda self: self.pages is not None)
    @rule()
    def disk_is_freed(self) -> None:
        """There is room again."""
        self.pages = None
        self.restart()

    @precondition(lambda self: self.on_unknown == "resend")
    @rule()
    def operator_wants_to_decide(self) -> None:
        """From now on an unknown outcome waits for a person."""
        self.on_unknown = "hold"
        self.restart()

    # what holds always

    @invariant()
    def accepted_is_final(self) -> None:
        """What was accepted never changes, and nothing accepted is missing at the far end."""
        if self.store is None:
            return
        for upload in self.store.ledger.uploads():
            if upload.id in self.accepted:
                assert upload == self.accepted[upload.id]
            elif upload.state == "accepted":
                self.accepted[upload.id] = upload

    @invariant()
    def nothing_is_sent_a_fourth_time(self) -> None:
        """No body, nor the part of one, is sent on when three answers left its fate open."""
        if self.store is None:
            return
        untold: dict[int, int] = {}
        for upload in self.store.ledger.uploads()[::-1]:
            before = untold[upload.parent] if upload.parent is not None else 0
            untold[upload.id] = before + self.arrivals.untold[upload.id]
            assert untold[upload.id] <= MOST_UNTOLD, f"{upload} was sent too often"

    # the end

    def teardown(self) -> None:
        """Let everything settle; compare."""
        try:
            if self.store is not None:
                self.settle()
                self.compare()
        finally:
            self.stop()
            self.pbx.close()
            shutil.rmtree(self.place)

    def settle(self) -> None:
        """End all trouble, and give time for what is over to be shipped."""
        self.heal()
        # A retry may be due in five minutes, and each upload may be waited for.
        self.live(2 * STILL + SETTLE + LINGER)
        self.send_all()
        self.live(2 * STILL + SETTLE + LINGER)

    def heal(self) -> None:
        """End all trouble."""
        self.time.fuse = None
        self.far_end.mood, self.far_end.late = Verdict.ACCEPTED, False
        self.far_end.counts, self.far_end.crashes = True, ""
        self.far_end.lets_in = True
        if self.pages is not None:
            self.pages = None
            self.restart()
        self.time.now += 1
        self.pbx.reload()
        self.shipper.scan()

    def send_all(self) -> None:
        """Give time until every upload that is decided has been answered for good."""
        for _ in range(MOST_WAITS):
            if not self.shipper.waiting:
                return
            self.live(600)
            self.time.now += 1
        raise AssertionError(f"it never ends: {self.shipper.troubles}")

    def compare(self) -> None:
        """Compare what was written, what was archived, what is in the ledger and what arrived."""
        assert self.store is not None
        archived = self.archived()
        place = self.places(archived)
        self.prompt(archived, place)
        self.time.now += HOLD + 2 + self.pbx.jumped
        self.live(STILL + SETTLE + LINGER)
        self.send_all()
        assert self.shipper.idle
        assert self.archived() == archived
        place = self.places(archived)
        assert set(place) == set(range(1, len(archived) + 1))
        self.whole(archived, place)
        self.ledger(archived)

    def archived(self) -> list[bytes]:
        """Return every record of the archive; it must be what the PBX wrote."""
        assert self.store is not None
        last = self.store.archive.next_seq - 1
        text = self.store.archive.text([(1, last)]) if last else b""
        lines = _lines(text)
        torn = self.pbx.torn
        assert Counter(lines) == Counter(_lines(self.pbx.whole_text)) + torn
        in_order = [line for line in lines if line not in torn]
        assert in_order == [line for line in _lines(self.pbx.whole_text) if line not in torn]
        return lines

    def places(self, archived: list[bytes]) -> dict[int, int]:
        """Return the upload of each record that is in one; none may be in two."""
        assert self.store is not None
        place: dict[int, int] = {}
        for upload in self.store.ledger.uploads():
            if upload.state == "split":
                self.parts(upload)
                continue
            body = b""
            for first, last in upload.composition.runs:
                for seq in range(first, last + 1):
                    assert seq not in place, f"record {seq} is in two uploads"
                    place[seq] = upload.id
                    body += archived[seq - 1]
            assert sha256(body).hexdigest() == upload.composition.sha256
        return place

    def parts(self, upload: Upload) -> None:
        """The parts of an upload hold its records, each once."""
        assert self.store is not None
        parts = [one for one in self.store.ledger.uploads() if one.parent == upload.id]
        assert len(parts) > 1
        records = sorted(
            seq
            for part in parts
            for first, last in part.composition.runs
            for seq in range(first, last + 1)
        )
        whole = (range(first, last + 1) for first, last in upload.composition.runs)
        assert records == sorted(seq for numbers in whole for seq in numbers)
        assert all(part.generation == upload.generation for part in parts)

    def prompt(self, archived: list[bytes], place: dict[int, int]) -> None:
        """What is over has been shipped, and what is open is held back."""
        still_open = {call.callid for call in self.pbx.calls if call.legs}
        lenient = {
            call.callid
            for call in self.pbx.calls
            if call.excused or (call.legs and self.near_hold(call))
        }
        for seq, line in enumerate(archived, start=1):
            row = fields(line)
            callid = row[1] if row is not None else b""
            if callid in lenient | self.pbx.excused:
                continue
            if callid in still_open:
                assert seq not in place, f"{line!r} left while its call was open"
            else:
                assert seq in place, f"{line!r} is held though its call is over"

    def near_hold(self, call: Call) -> bool:
        """Return whether an open call is so old that it may be let go."""
        return self.time.now - call.legs[0][2] + self.pbx.jumped > HOLD - 2

    def whole(self, archived: list[bytes], place: dict[int, int]) -> None:
        """The records of a call are in one upload, unless there is an excuse."""
        excused = {call.callid for call in self.pbx.calls if call.excused} | self.pbx.excused
        uploads = defaultdict(set)
        for seq, line in enumerate(archived, start=1):
            row = fields(line)
            if row is not None:
                uploads[row[1]].add(place[seq])
        for callid in set(entering(b"".join(archived))) - excused:
            assert len(uploads[callid]) == 1, f"call {callid!r} is in {uploads[callid]}"

    def ledger(self, archived: list[bytes]) -> None:
        """The ledger says what became of each upload, and its sums are right."""
        assert self.store is not None
        uploads = self.store.ledger.uploads()
        lineage: dict[int, list[int]] = {}
        for upload in uploads[::-1]:
            above = lineage[upload.parent] if upload.parent is not None else []
            lineage[upload.id] = [*above, upload.id]
        stored = self.arrivals.stored
        for upload in uploads:
            if upload.state == "accepted":
                assert stored[upload.id] >= 1, f"{upload} never arrived"
            copies = sum(stored[number] for number in lineage[upload.id])
            told = 1 if upload.state == "accepted" else 0
            assert copies <= upload.open_sends + told, f"{upload} arrived {copies} times"
            if upload.state == "rejected" and self.picky:
                self.rightly_refused(upload)
            assert upload.state != "prepared"
            if upload.state == "unknown":
                assert self.on_unknown == "hold" or upload.open_sends >= MOST_UNTOLD
        firsts = [lineage[number] for number in dict.fromkeys(self.arrivals.order)]
        assert self.doubted or firsts == sorted(firsts), "uploads overtook each other"
        assert not (self.doubted and self.picky), "the far end was blamed for a few calls"
        with Reader(self.place / "state") as reader:
            figures = reader.figures()
        accepted = [upload for upload in uploads if upload.state == "accepted"]
        assert figures.archive.lines == len(archived)
        assert figures.archive.bytes == sum(map(len, archived))
        assert figures.archive.calls == entered(b"".join(archived))
        assert figures.archive.torn_lines == self.pbx.torn.total()
        assert figures.held.lines == figures.held.calls == figures.uploads.pending == 0
        assert figures.uploads.accepted == len(accepted)
        assert figures.shipped.lines == sum(upload.composition.lines for upload in accepted)
        assert figures.shipped.lines == sum(
            self.arrivals.bodies[upload.id].count(b"\n") for upload in accepted
        )
        assert figures.archive.odd_lines == sum(fields(line[:-1]) is None for line in archived)
        assert figures.uploads.quarantined == sum(upload.state == "rejected" for upload in uploads)

    def rightly_refused(self, upload: Upload) -> None:
        """What a picky far end left in quarantine is one call, or record, that it never takes."""
        assert self.store is not None
        text = self.store.archive.text(upload.composition.runs)
        owners = {row[1] if row else b"" for row in map(fields, text.split(b"\n")[:-1])}
        assert len(owners) == 1
        if not owners & self.arrivals.poison:
            assert self.arrivals.limit is not None
            assert len(text) > self.arrivals.limit


def _lines(text: bytes) -> list[bytes]:
    """Cut text into lines, each with its newline."""
    return [line + b"\n" for line in text.split(b"\n")[:-1]]


def test_nothing_is_lost_and_nothing_is_sent_twice_without_a_word() -> None:
    """Whatever happens, each record is shipped, whole calls together, and the ledger is right."""
    run_state_machine_as_test(
        Shipping,
        settings=hypothesis_settings(
            hypothesis_settings(),
            stateful_step_count=40,
            report_multiple_bugs=False,
            max_examples=hypothesis_settings().max_examples * 3 // 5,
        ),
    )
