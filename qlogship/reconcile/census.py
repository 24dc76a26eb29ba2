"""Counting the archive: which records and calls there are on each day, and what became of them.

Theory of operation
-------------------
The archive is passed through once, block after block, in the order of `seq`.
Beforehand every run of records is noted with its owner: the upload it is in, or
the reason why it is in none (`RecordPlace`). Runs are kept in drawers of `_DRAWER`
records, as plain numbers, so that a ledger of many small uploads costs some
twenty bytes a run. Where the records of a block are is painted into one byte for each,
the weightiest place last; what is left bare is lost. An upload's calls are kept
only from its first record to its last.

A call is a callid that enters a queue, recognised as in `counting`; its day is that of
its first entrance, its place that of the record of this entrance. An upload counts each
callid that enters a queue in it once, as the far end does; so a call that enters queues
in two uploads is sent twice.

What the figures mean for whoever reads them is the business of `reconcile`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from qlogship.queue_log.counting import RecentCalls
from qlogship.queue_log.records import entrances, is_older, line_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from qlogship.archive.runs import Run
    from qlogship.reconcile.days import Days

_DRAWER: Final = 4096


class RecordPlace(StrEnum):
    """Where a record is, as seen from the dashboard.

    SHIPPED, UNKNOWN, QUARANTINED, DROPPED: in an upload of the present
    generation, of that outcome. PREPARED: in one that was not answered yet.
    WAITING: in no upload yet. HELD: kept back, its call is not over. LATER:
    imported for the next resync. BEFORE: older than what this generation ships; a resync
    ships it, too.
    REPLACED: a piece of a record that an import brought whole. LOST: in the archive, and
    nowhere else though it should be. SUPERSEDED: in an upload of an earlier generation,
    which a clear has wiped; that says nothing about the present one.
    """

    SHIPPED = "shipped"
    UNKNOWN = "unknown"
    QUARANTINED = "quarantined"
    PREPARED = "prepared"
    DROPPED = "dropped"
    HELD = "held"
    WAITING = "waiting"
    BEFORE = "before"
    REPLACED = "replaced"
    LATER = "later"
    LOST = "lost"
    SUPERSEDED = "superseded"


# When a record is in several places, the first of these is what counts.
_RANK: Final = {place: rank for rank, place in enumerate(RecordPlace)}
_PLACES: Final = tuple(RecordPlace)
# In no upload, as they are too old for this generation.
_UNSHIPPED: Final = bytes(
    _RANK[place] for place in (RecordPlace.WAITING, RecordPlace.LATER, RecordPlace.LOST)
)


@dataclass(frozen=True, slots=True)
class Shipment:
    """What the ledger says of one upload; the last five fields as in `verdict.uploads`.

    What was refused or dropped is unknown when an attempt before may have been stored. `left`
    of its records have left the archive on purpose.
    """

    id: int
    place: RecordPlace
    lines: int
    reported_calls: int | None = None
    attempts: int = 0
    detail: str = ""
    calls: int | None = None
    again: int = 0
    open_sends: int = 0
    vouched: bool = False
    sending: bool = False
    left: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """What an upload carries, as the archive says.

    `by_day` counts its calls by the day they began, `days` are those its records
    are of, `again` counts the calls that an accepted upload carried before, by the ledger.
    `missing` is how many of its records the archive does not have.
    """

    shipment: Shipment
    by_day: dict[date, int]
    days: tuple[date, ...]
    again: int
    missing: int

    @property
    def calls(self) -> int:
        """The calls in it, as the far end counts them."""
        ledger = self.shipment.calls if self.shipment.left else None
        return sum(self.by_day.values()) if ledger is None else ledger


@dataclass(slots=True)
class DayTally:
    """The figures of one day.

    `calls` and `records` are what the archive has, by place. `sent` counts calls
    once for each accepted upload they are in; of these, `reported` were reported
    by the dashboard, `unread` are in uploads whose answer held no count, `vouched` in
    those of which a person said that they are there, and `unpinned` in uploads of several
    days whose count differs, so that it cannot be said of which day.
    """

    calls: Counter[RecordPlace] = field(default_factory=Counter)
    records: Counter[RecordPlace] = field(default_factory=Counter)
    sent: int = 0
    reported: int = 0
    unread: int = 0
    vouched: int = 0
    unpinned: int = 0
    superseded: int = 0


@dataclass(slots=True)
class Counted:
    """The result of a census. `uploads` are those that something must be said about.

    Of the accepted uploads with calls that another one had carried before, those in
    `repeats_counted` counted them anew, those in `repeats_left_out` did not. `left_calls` are
    in accepted uploads, and not in the archive any more.
    """

    days: dict[date, DayTally] = field(default_factory=lambda: defaultdict(DayTally))
    undated: int = 0
    uploads: list[Carried] = field(default_factory=list)
    repeats_counted: list[int] = field(default_factory=list)
    repeats_left_out: list[int] = field(default_factory=list)
    left_calls: int = 0


_Row = tuple[int, int, int]
"""A run and its owner: the slot of an upload, or below 0 one of the other places."""


@dataclass(slots=True)
class _Load:
    """An upload whose records are passing by."""

    callids: set[bytes] = field(default_factory=set)
    by_day: Counter[date] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)


class ArchiveCensus:
    """Note who has which records, then count block after block, then take the `result`.

    Records of before `since`, in epoch seconds, are not shipped in this generation.
    """

    def __init__(self, days: Days, *, since: int | None = None) -> None:
        self._days = days
        self._since = since
        self._drawers: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._ids = array("q")
        self._places = array("b")
        self._left = array("q")
        self._partly: dict[int, Shipment] = {}
        self._reported = array("q")
        self._notable: dict[int, Shipment] = {}
        self._passing: defaultdict[int, _Load] = defaultdict(_Load)
        self._recent: RecentCalls[date] = RecentCalls()  # the day of each call that came lately
        self._time: int | None = None
        self._result = Counted()

    def note(self, place: RecordPlace, runs: Iterable[Run]) -> None:
        """Note records that are in no upload; in two places at once, the weightier counts."""
        self._note(runs, -1 - _RANK[place])

    def note_upload(self, shipment: Shipment, runs: Sequence[Run]) -> None:
        """Note an upload and its records."""
        slot = len(self._ids)
        self._ids.append(shipment.id)
        self._places.append(_RANK[shipment.place])
        self._left.append(shipment.lines - shipment.left)
        reported = shipment.reported_calls
        self._reported.append(-1 if reported is None else reported)
        told = shipment.open_sends or shipment.again or shipment.vouched
        if shipment.left:
            self._partly[slot] = shipment
        if shipment.place is not RecordPlace.SUPERSEDED and (
            told or shipment.place is not RecordPlace.SHIPPED
        ):
            self._notable[slot] = shipment
        self._note(runs, slot)

    def note_left(self, calls: int) -> None:
        """Note the calls of an accepted upload that has left the archive and was counted right."""
        self._result.left_calls += calls

    def count(self, first_seq: int, text: bytes) -> None:
        """Count a block of records, each with its newline; blocks come in ascending order."""
        times = line_times(text, self._time)
        rows = self._among(first_seq, first_seq + len(times) - 1)
        places = self._painted(rows, first_seq, len(times))
        if self._since is not None:
            for index, time in enumerate(times):
                if places[index] in _UNSHIPPED and is_older(time, self._since):
                    places[index] = _RANK[RecordPlace.BEFORE]
        loads = [row for row in rows if row[2] >= 0]
        self._count_records(first_seq, times, places, loads)
        self._count_calls(first_seq, text, places, loads)
        for begin, end, slot in loads:
            self._left[slot] -= end - begin + 1
            if self._left[slot] == 0:
                self._pass_by(slot)

    def result(self) -> Counted:
        """Return what was counted, once all blocks are through."""
        for slot in range(len(self._ids)):
            partly = self._partly.get(slot)
            if self._left[slot] > 0 or (partly is not None and partly.left == partly.lines):
                self._pass_by(slot)
        self._result.uploads.sort(key=lambda carried: carried.shipment.id)
        return self._result

    def _note(self, runs: Iterable[Run], owner: int) -> None:
        for first, last in runs:
            begin = first
            for drawer in range(first // _DRAWER, last // _DRAWER + 1):
                end = min(last, (drawer + 1) * _DRAWER - 1)
                self._drawers[drawer].extend((begin, end, owner))
                begin = end + 1

    def _among(self, first: int, last: int) -> list[_Row]:
        """Return the runs within these records, cut to them and in their order."""
        found = []
        for drawer in range(first // _DRAWER, last // _DRAWER + 1):
            kept = iter(self._drawers.get(drawer, ()))
            found += [
                (max(begin, first), min(end, last), owner)
                for begin, end, owner in zip(kept, kept, kept, strict=True)
                if begin <= last and end >= first
            ]
        return sorted(found)

    def _place(self, owner: int) -> RecordPlace:
        return _PLACES[self._places[owner] if owner >= 0 else -1 - owner]

    def _painted(self, rows: Iterable[_Row], first: int, number: int) -> bytearray:
        """Return the rank of the place of each record of a block."""
        places = bytearray([_RANK[RecordPlace.LOST]]) * number
        ranked = [(_RANK[self._place(owner)], begin, end) for begin, end, owner in rows]
        for rank, begin, end in sorted(ranked, reverse=True):
            if _PLACES[rank] is not RecordPlace.SUPERSEDED:
                places[begin - first : end - first + 1] = bytes([rank]) * (end - begin + 1)
        return places

    def _count_records(
        self,
        first_seq: int,
        times: Sequence[int | None],
        places: bytearray,
        loads: Sequence[_Row],
    ) -> None:
        dated = [time for time in times if time is not None]
        undated = len(times) - len(dated)
        self._result.undated += undated
        if not dated:
            return
        self._time = dated[-1]
        # Only those before the very first time have none.
        parts = [(undated + a, undated + z + 1, day) for a, z, day in self._days.parts(dated)]
        for start, stop, day in parts:
            tally = self._result.days[day]
            for rank, place in enumerate(_PLACES):
                if records := places.count(rank, start, stop):
                    tally.records[place] += records
        for begin, end, slot in loads:
            self._passing[slot].days.update(
                day
                for start, stop, day in parts
                if start <= end - first_seq and stop > begin - first_seq
            )

    def _count_calls(
        self, first_seq: int, text: bytes, places: bytearray, loads: Sequence[_Row]
    ) -> None:
        seqs: list[int] = []
        calls: list[tuple[bytes, date]] = []
        for line, time, callid, _ in entrances(text):
            day = self._recent.get(callid)
            if day is None:
                day = self._days.of(time)
                self._recent.note(callid, day)
                self._result.days[day].calls[_PLACES[places[line]]] += 1
            seqs.append(first_seq + line)
            calls.append((callid, day))
        for begin, end, slot in loads:
            load = self._passing[slot]
            for callid, day in calls[bisect_left(seqs, begin) : bisect_right(seqs, end)]:
                if callid in load.callids:
                    continue
                load.callids.add(callid)
                load.by_day[day] += 1

    def _pass_by(self, slot: int) -> None:
        """Take down what an upload carried; none of its records is still to come."""
        load = self._passing.pop(slot, None) or _Load()
        missing, self._left[slot] = self._left[slot], 0
        place = self._place(slot)
        if place is RecordPlace.SUPERSEDED:
            for day, calls in load.by_day.items():
                self._result.days[day].superseded += calls
            return
        reported = self._reported[slot] if self._reported[slot] >= 0 else None
        notable = slot in self._notable or missing > 0
        shipment = self._notable.get(slot) or self._partly.get(slot)
        shipment = shipment or Shipment(self._ids[slot], place, 0, reported)
        if place is RecordPlace.SHIPPED:
            notable = self._compare(shipment, load) or notable
        if notable:
            days = tuple(sorted(load.days))
            self._result.uploads.append(
                Carried(shipment, dict(load.by_day), days, shipment.again, missing)
            )

    def _compare_rest(self, shipment: Shipment, load: _Load, reported: int | None) -> bool:
        """Do as `_compare` for an upload of which some has left: the ledger knows its calls."""
        calls, here = shipment.calls or 0, load.by_day.total()
        self._result.left_calls += max(0, calls - here)
        for day, sent in load.by_day.items():
            tally = self._result.days[day]
            tally.sent += sent
            if shipment.vouched:
                tally.vouched += sent
            elif reported is None:
                tally.unread += sent
            elif reported == calls or len(load.by_day) == 1:
                tally.reported += max(0, sent + reported - calls)
            else:
                tally.unpinned += sent
        self._note_repeats(shipment, calls, reported)
        return reported is not None and reported != calls

    def _compare(self, shipment: Shipment, load: _Load) -> bool:
        """Spread what was reported for an accepted upload; return whether it is another number."""
        calls = load.by_day.total()
        reported = None if shipment.vouched else shipment.reported_calls
        if shipment.left:
            return self._compare_rest(shipment, load, reported)
        if reported and not calls and len(load.days) == 1:
            self._result.days[min(load.days)].reported += reported
        for day, sent in load.by_day.items():
            tally = self._result.days[day]
            tally.sent += sent
            if shipment.vouched:
                tally.vouched += sent
            elif reported is None:
                tally.unread += sent
            elif reported in (calls, 0):
                tally.reported += min(sent, reported)
            elif len(load.by_day) == 1:
                tally.reported += reported
            else:
                tally.unpinned += sent
        self._note_repeats(shipment, calls, reported)
        return reported is not None and reported != calls

    def _note_repeats(self, shipment: Shipment, calls: int, reported: int | None) -> None:
        """Note whether the dashboard counted the calls anew that it had."""
        if reported is None or not shipment.again:
            return
        if reported == calls:
            self._result.repeats_counted.append(shipment.id)
        elif reported == calls - shipment.again:
            self._result.repeats_left_out.append(shipment.id)
