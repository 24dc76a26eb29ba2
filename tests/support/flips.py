"""A state directory with something of everything, and single bits of it that flip."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import StateError
from qlogship.queue_log.records import entered_calls
from qlogship.reconcile.days import Days
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.state.reader import Reader
from qlogship.state.requests import ask_for_resync
from tests.support.books import ZONE, enter, whole
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

NOW: Final = 1_795_500_000.0
FILES: Final = ("qlogship.db", "qlogship.db-wal")
OPTIONS: Final[dict[str, Any]] = {
    "batch": {"linger": 0.0, "settle": 1.0, "max_bytes": 20_000},
    "delivery": {"on_unknown": "hold"},
}


@dataclass
class Collector:
    """A far end that keeps what it gets, for tests that look at the very bytes."""

    bodies: list[bytes] = field(default_factory=list)
    dead: bool = False
    lost: set[int] = field(default_factory=set)

    def upload(self, _filename: str, body: bytes) -> Outcome:
        """Take a body, unless there is something to be said against it."""
        if self.dead:
            return outcome(Verdict.UNREACHABLE)
        if b"refuse-me" in body:
            return outcome(Verdict.REFUSED)
        self.bodies.append(body)
        if len(self.bodies) in self.lost:
            return outcome(Verdict.UNKNOWN)
        return outcome(Verdict.ACCEPTED, calls=len(entered_calls(body)))

    def clear(self) -> Outcome:
        """Forget everything."""
        self.bodies.clear()
        return outcome(Verdict.ACCEPTED)


def outcome(verdict: Verdict, *, calls: int | None = None) -> Outcome:
    """Return what came back, in short."""
    return Outcome(verdict, calls, None, 200 if calls is not None else None, str(verdict), "")


def make_state(directory: Path) -> None:
    """Lead a service through all that leaves a trace, and copy its files while it runs.

    There are packed chunks and a live tail, calls that are held, and uploads that were
    accepted, lost, refused, split and never sent.
    """
    log, life = directory / "log", directory / "life"
    clock, far = Clock(NOW), Collector(lost={3, 20})
    (life / "log").mkdir(parents=True)
    with SteppedService(life, clock, upload=far.upload, clear=far.clear, **OPTIONS) as service:
        begin = int(NOW) - 90_000
        names = ["refuse-me" if n == 700 else str(n) for n in range(1_900)]
        text = b"".join(
            whole(f"{begin + n * 40}.{name}", begin + n * 40) for n, name in enumerate(names)
        )
        service.path.write_bytes(text)
        service.live(30)
        at = int(NOW)
        with service.path.open("ab") as file:
            for n in range(40):
                clock.reach(at + n * 60)
                callid = f"{at + n * 60}.{'refuse-me' if n == 7 else n}"
                make = enter if n % 11 == 5 else whole
                file.write(make(callid, at + n * 60))
                file.flush()
                service.live(20)
            far.dead = True
            for n in range(40, 300):
                clock.reach(at + n * 60)
                file.write(whole(f"{at + n * 60}.{n}", at + n * 60))
                file.flush()
                service.step()
        service.live(30)
        states = {upload.state for upload in service.uploads()}
        assert states == {"accepted", "unknown", "rejected", "split", "prepared"}, states
        assert service.figures().held.lines
        (directory / "state").mkdir()
        for name in FILES:
            shutil.copy(service.state / name, directory / "state" / name)
        shutil.copytree(life / "log", log)


@dataclass(frozen=True)
class Flip:
    """One bit of one file."""

    name: str
    offset: int
    bit: int

    def carry_out(self, state: Path) -> None:
        """Turn the bit."""
        with (state / self.name).open("r+b") as file:
            file.seek(self.offset)
            byte = file.read(1)[0]
            file.seek(self.offset)
            file.write(bytes([byte ^ 1 << self.bit]))


def draw(state: Path, chance: Random) -> Flip:
    """Choose a bit of all that there are."""
    sizes = {name: (state / name).stat().st_size for name in FILES}
    place = chance.randrange(sum(sizes.values()))
    for name, size in sizes.items():
        if place < size:
            return Flip(name, place, chance.randrange(8))
        place -= size
    raise AssertionError


@dataclass
class Findings:
    """What each way to use a state directory gave, and what was said beside it."""

    results: dict[str, object] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)

    def ask(self, name: str, question: Callable[[], tuple[object, list[str]]]) -> None:
        """Put a question; an error for a person says that something is damaged."""
        try:
            result, said = question()
        except StateError as error:
            result, said = None, [error.message]
        self.results[name] = result
        if said:
            self.named[name] = "; ".join(said)


def use(place: Path, base: Path, flip: Flip | None) -> Findings:
    """Use a copy of a state directory in every way, each with the bit turned anew."""
    findings = Findings()
    for name, question in (
        ("export", _export),
        ("figures", _figures),
        ("reconcile", _reconcile),
        ("ship", _ship),
        ("resync", _resync),
    ):
        directory = place / name
        directory.mkdir(parents=True)
        shutil.copytree(base / "state", directory / "state")
        shutil.copytree(base / "log", directory / "log")
        if flip is not None:
            flip.carry_out(directory / "state")
        findings.ask(name, partial(question, directory))
    shutil.rmtree(place)
    return findings


def _said(reader: Reader) -> list[str]:
    kinds = {"archive_damaged", "state_older", "state_repaired"}
    return [trouble.message for trouble in reader.troubles() if trouble.kind in kinds]


def _export(directory: Path) -> tuple[object, list[str]]:
    lost: list[tuple[int, int]] = []
    with Reader(directory / "state") as reader:
        return b"".join(reader.text(lost.append)), [*map(str, lost), *_said(reader)]


def _figures(directory: Path) -> tuple[object, list[str]]:
    with Reader(directory / "state") as reader:
        return reader.figures(), _said(reader)


def _reconcile(directory: Path) -> tuple[object, list[str]]:
    with Reader(directory / "state") as reader:
        snapshot = take_snapshot(reader, Days(ZONE))
        return snapshot, [*(["gone"] if snapshot.gone else []), *_said(reader)]


def _ship(directory: Path) -> tuple[object, list[str]]:
    far, clock = Collector(), Clock(NOW + 30_000)
    with SteppedService(directory, clock, upload=far.upload, clear=far.clear, **OPTIONS) as service:
        with service.path.open("ab") as file:
            file.write(whole(f"{NOW + 29_000:.0f}.9", int(NOW) + 29_000))
        service.live(60)
        assert service.archived_to_the_end(), "it does not archive any more"
        return far.bodies, _told(service)


def _resync(directory: Path) -> tuple[object, list[str]]:
    far, clock = Collector(), Clock(NOW + 30_000)
    ask_for_resync(directory / "state", accepted_loss=(), at=NOW)
    with SteppedService(directory, clock, upload=far.upload, clear=far.clear, **OPTIONS) as service:
        service.live(60)
        return b"".join(far.bodies), _told(service)


def _told(service: SteppedService) -> list[str]:
    kinds = {"archive_damaged", "state_older", "resync_refused"}
    told = [message for kind, message in service.shipper.troubles.items() if kind in kinds]
    return told + [event for event, _ in service.log.lines if event == "upload_unreadable"]
