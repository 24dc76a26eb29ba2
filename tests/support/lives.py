"""One life of a service that ships a queue_log: what is written, answered, decided and broken.

The shipper, the store and the files are the real ones, on a clock that only moves when it is
told; the dashboards are `tenant`s in this process, asked at once and without a network. A life
is a beginning and a list of steps, each the name of a method here and what it is given, so
that a life that went wrong can be told, repeated and made shorter.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import SecretStr

from qlogship.clocks import Clocks
from qlogship.config import Settings
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.service.build import queue_log
from qlogship.service.shipper import Shipper
from qlogship.shipping.belonging import EVERYTHING, FROM_NOW, SAME
from qlogship.shipping.destination import destination_of
from qlogship.state.destinations import carry_out
from qlogship.state.reader import Reader
from qlogship.state.store import Store
from qlogship.verdict.circumstances import Circumstances
from qlogship.verdict.quick import quick_assessment
from tests.support.life_parts import (
    ADDRESSES,
    EPOCH,
    CrashError,
    Pbx,
    Quiet,
    Time,
    Wire,
)
from tests.support.tenant import Conduct, Tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qlogship.source.follower import QueueLog
    from qlogship.verdict.assessment import Assessment
    from tests.support.tenant import Counting
_DAYS: Final = Days(UTC)
_MOST_SPINS: Final = 500
"""Steps that may have something to do one after the other."""


class Step(NamedTuple):
    """What happens: the name of a method of `Life`, and what it is given."""

    name: str
    told: Any = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a life begins. `by_hand`: to which tenants the file was uploaded before.

    `uploaded_before` is what a person says of that, the truth or nothing; `others`: another
    PBX uploads to these tenants, and a person says so.
    """

    counting: Counting = "per file"
    drops_repeats: bool = False
    on_unknown: str = "resend"
    by_hand: tuple[str, ...] = ()
    uploaded_before: bool | None = False
    others: bool = False
    max_bytes: int = 1_000
    calls: int = 3


class Life:
    """A service and all that happens to it; `close` it."""

    def __init__(self, directory: Path, beginning: Beginning) -> None:
        self.beginning = beginning
        self.time = Time()
        self.state = directory / "state"
        self.pbx = Pbx(directory / "log" / "queue_log", self.time)
        self.tenants = {
            name: Tenant(
                counting=beginning.counting,
                drops_repeats=beginning.drops_repeats,
                clock=lambda: self.time.now,
            )
            for name in ("first", "second")
        }
        self.wire = Wire(self.tenants)
        self.by_hand: dict[str, bytes] = {}
        self.foreign: set[bytes] = set()
        """Bodies of another PBX."""
        self._changes: dict[str, dict[str, Any]] = {
            "delivery": {"on_unknown": beginning.on_unknown},
            "batch": {"max_bytes": beginning.max_bytes},
        }
        self.pbx.calls(beginning.calls)
        for name in beginning.by_hand:
            self.by_hand[name] = self.pbx.path.read_bytes()
            self.tenants[name].take(self.by_hand[name], Conduct())
        self.time.now += 100
        self._start()

    def take(self, step: Step) -> None:
        """Let something happen."""
        method = getattr(self, step.name)
        method() if step.told is None else method(step.told)

    # what the PBX does

    def calls(self, number: int) -> None:
        """So many calls come in and are answered."""
        self.pbx.calls(number)

    def enter(self) -> None:
        """A call comes in, and is not over."""
        self.pbx.enter()

    def end(self) -> None:
        """An open call is over."""
        self.pbx.end()

    def back(self) -> None:
        """A call that was over comes back, when that is no longer expected."""
        self.live(60.0)
        self.pbx.back()

    def rotate(self) -> None:
        """The queue_log is renamed, and a new one begun."""
        self.live(1.0)
        self.pbx.rotate()

    # what the dashboards do

    def answers(self, conducts: Sequence[Conduct]) -> None:
        """So is done with the next uploads."""
        self.wire.tenant.script.extend(conducts)

    def clear_fails(self, how: tuple[bool, int]) -> None:
        """So is done with the next clear."""
        self.wire.clear_fails.append(how)

    def unreachable(self, requests: int) -> None:
        """So many requests do not get through."""
        self.wire.unreachable += requests

    def catch_up(self) -> None:
        """What is stored late is stored now."""
        for tenant in self.tenants.values():
            tenant.catch_up()

    def other(self, number: int) -> None:
        """Another PBX uploads a call, if one does so in this life."""
        if self.beginning.others:
            body = b"%d|other.%d|q|a|ENTERQUEUE|\n" % (EPOCH, number)
            self.foreign.add(body)
            self.wire.tenant.take(body, Conduct())

    # what happens to the service

    def live(self, seconds: float) -> None:
        """The service works while time goes by."""
        left, spins = seconds, 0
        while spins < _MOST_SPINS:
            try:
                wait = self.shipper.step()
            except CrashError:
                self._begin_again()
                wait = 0.0
            spins += 1
            if wait == 0.0 or self.wire.busy:
                continue
            if left <= 0.0:
                return
            # Who has nothing to do looks every ten seconds; in a long time that is no news.
            passing = min(left, max(wait, seconds / 30))
            self.time.now += passing
            left -= passing
            spins = 0
        raise AssertionError("it spins")

    def crash(self, after: int) -> None:
        """The service ends amid its work, when it has asked a clock so often."""
        self.time.fuse = after
        self.live(5.0)
        self.time.fuse = None

    def crash_sending(self, when: str) -> None:
        """The service ends at its next request, before or after it came through."""
        self.wire.crash = when

    def restart(self) -> None:
        """The service stops in order and starts again."""
        with suppress(CrashError):
            self.shipper.settle_answer()
        self._begin_again()

    def settings(self, section: str, **keys: object) -> None:
        """The settings are changed, and the service takes the new ones."""
        self._changes[section] = self._changes.get(section, {}) | keys
        self.restart()

    def max_bytes(self, number: int) -> None:
        """Uploads shall be smaller or larger."""
        self.settings("batch", max_bytes=number)

    def on_unknown(self, word: str) -> None:
        """It is said anew what becomes of a lost answer."""
        self.settings("delivery", on_unknown=word)

    def address(self, to: str) -> None:
        """Another address is typed."""
        self._drop()
        self.wire.to = to
        self._start()

    def resync(self) -> None:
        """A person asks for a resync."""
        with self.store.transaction():
            self.store.resyncs.ask(reason="asked", accepted_loss=(), at=EPOCH + self.time.now)
        self.live(30.0)

    def decide(self, what: str) -> None:
        """A person who knows what the addresses lead to decides about another one."""
        if not self.shipper.undecided:
            return
        before = self.store.generations.current().destination
        known = before is not None and self._tenant_of(before.url) is self.wire.tenant
        if known and what == "everything":
            what = "same"
        elif what == "same" and not known:
            what = "everything"
        if what == "everything" and self._sent_under_another_name():
            what = "clear"
        decided = carry_out(
            self.store,
            {"same": SAME, "from-now": FROM_NOW}.get(what, EVERYTHING),
            destination_of(self.settings_now.dashboard),
            batch=self.settings_now.batch,
            clear=what == "clear",
            at=EPOCH + self.time.now,
        )
        assert decided
        self._begin_again()

    def resolve(self) -> None:
        """A person looks into the dashboard, and says of open uploads what became of them."""
        tenant = self.wire.tenant
        if self.shipper.undecided or tenant.behind:
            return
        self.restart()
        generation = self.store.ledger.generation()
        for upload in self.store.ledger.uploads():
            if upload.generation != generation or not upload.open_sends:
                continue
            body = self.store.archive.text(upload.composition.runs)
            copies = {tenant.lines[line] for line in body.split(b"\n")[:-1]}
            with self.store.transaction():
                if copies == {1} and upload.state in {"accepted", "unknown"}:
                    self.store.ledger.vouch(upload)
                elif copies == {0} and upload.state == "unknown":
                    self.store.ledger.lost(upload)
                    self.wire.told(body)
        self._begin_again()

    def said(self, *, briefly: bool = False) -> dict[str, Assessment]:
        """Return what is said of the numbers, by who says it; `briefly`, from the ledger alone."""
        told = Circumstances.of(self.settings_now)
        with self.store.transaction():
            found = {"status": quick_assessment(self.store._db, told)}
        if briefly:
            return found
        with Reader(self.state, told.destination) as reader:
            snapshot = take_snapshot(reader, _DAYS, told=told)
        report = reconcile(snapshot, _DAYS, now=EPOCH + self.time.now)
        return found | {"reconcile": report.assessment}

    def heal(self) -> None:
        """All trouble ends: whatever is asked is done and answered."""
        self.wire.crash, self.wire.unreachable, self.time.fuse = "", 0, None
        self.wire.clear_fails.clear()
        for tenant in self.tenants.values():
            tenant.script.clear()

    def close(self) -> None:
        """Let go of the files."""
        self._drop()

    def _tenant_of(self, url: str) -> Tenant:
        return self.tenants[ADDRESSES[url.removeprefix("http://").removesuffix(".example")]]

    def _sent_under_another_name(self) -> bool:
        names = {
            one.destination.url
            for one in self.store.generations.all()
            if one.destination and self._tenant_of(one.destination.url) is self.wire.tenant
        }
        return bool(names - {destination_of(self.settings_now.dashboard).url})

    def _start(self) -> None:
        told = self.beginning
        sections: dict[str, dict[str, Any]] = {
            "dashboard": {
                "url": f"http://{self.wire.to}.example",
                "email": "a@b.example",
                "password": SecretStr("secret"),
                "shared": told.others,
            },
            "source": {"path": str(self.pbx.path), "uploaded_before": told.uploaded_before},
            "state": {"directory": str(self.state)},
        }
        for name, keys in self._changes.items():
            sections[name] = sections.get(name, {}) | keys
        self.settings_now = Settings.model_validate(sections)
        clocks = Clocks(monotonic=self.time.monotonic, wall=self.time.wall, chance=lambda: 0.5)
        self.store = Store(self.state)
        self.source: QueueLog = queue_log(self.settings_now, self.store, clocks)
        self.shipper = Shipper(
            settings=self.settings_now,
            store=self.store,
            source=self.source,
            uploads=self.wire,
            clocks=clocks,
            log=Quiet(),
        )

    def _drop(self) -> None:
        self.time.fuse = None
        self.wire.forget()
        with suppress(OSError):
            self.source.close()
        self.store.close()

    def _begin_again(self) -> None:
        self._drop()
        self._start()
