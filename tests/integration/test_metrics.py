"""The metrics as a file: what stands in it, when it is written, who may read it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qlogship import __version__
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.metrics.file import EVERY, MetricsFile
from qlogship.metrics.text import COMMON_LABEL, METRICS
from qlogship.service.shipper import POLL
from qlogship.state.database import FILE_NAME
from tests.support.arrivals import calls_in
from tests.support.calls import call
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH: Final = 1_795_411_800
BATCH: Final = {"settle": 5.0, "linger": 15.0}
PAGE: Final = Path(__file__).parents[2] / "docs" / "metrics.md"


def read(path: Path) -> dict[str, Any]:
    """Return the value of each metric, or of each of its own labels' values."""
    found: dict[str, Any] = {}
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        for sample in family.samples:
            labels = {name: text for name, text in sample.labels.items() if name != COMMON_LABEL}
            name = sample.name.removeprefix("qlogship_")
            if len(labels) == 1:
                found.setdefault(name, {})[next(iter(labels.values()))] = sample.value
            else:
                found[name] = labels or sample.value
    return found


class Centre:
    """A service that keeps metrics, its dashboard, and a clock."""

    def __init__(self, directory: Path, file: Path) -> None:
        self.file = file
        self.file.parent.mkdir(exist_ok=True)
        self.clock = Clock(EPOCH)
        self.verdict = Verdict.ACCEPTED
        self.service = SteppedService(
            directory,
            self.clock,
            upload=self._answer,
            batch=BATCH,
            metrics={"textfile": str(self.file)},
        )
        self.service.path.parent.mkdir(exist_ok=True)
        self.service.path.touch()
        self.metrics = MetricsFile(self.service.settings, self.clock.clocks())

    def _answer(self, _filename: str, body: bytes) -> Outcome:
        taken = len(calls_in(body)) - 1 if self.verdict is Verdict.ACCEPTED else None
        return Outcome(self.verdict, taken, None, 200, "why it is so", "")

    def write(self, text: bytes) -> None:
        """Append to the queue_log."""
        with self.service.path.open("ab") as file:
            file.write(text)

    def live(self, seconds: float) -> None:
        """Let the service work, as its loop does, while `seconds` go by."""
        until = self.clock.wall_now + seconds
        while True:
            wait = self.service.step()
            self.metrics.follow(self.service.shipper, self.service.store)
            if wait > 0.0:
                if self.clock.wall_now >= until:
                    return
                self.clock.advance(min(max(wait, 0.001), until - self.clock.wall_now))

    def troubles(self) -> dict[str, str]:
        """Return what is wrong by `status`: kind, message and hint."""
        rows = self.service.store.troubles.all()
        return {trouble.kind: f"{trouble.message} {trouble.hint}" for trouble in rows}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    """Return a service whose metrics go where a collector would read them."""
    centre = Centre(tmp_path, tmp_path / "collected" / "qlogship.prom")
    with centre.service:
        yield centre


def test_the_figures_are_those_of_status(centre: Centre) -> None:
    """Each figure of the ledger and the archive, and what was just written and is unread."""
    centre.write(b"not a record\n" + call(1, EPOCH) + call(3, EPOCH, ended=False))
    centre.live(60.0)
    centre.write(call(5, EPOCH + 60))
    centre.live(60.0)
    centre.write(b"half a line")
    centre.live(EVERY + POLL)
    now, figures = read(centre.file), centre.service.figures()
    assert now["up"] == 1
    assert now["info"] == {
        "version": __version__,
        "queue_log": str(centre.service.path),
        "dashboard": "http://127.0.0.1:1",
    }
    assert now["unread_bytes"] == len(b"half a line")
    assert now["archived_calls_total"] == figures.archive.calls == 3
    assert now["archived_records_total"] == figures.archive.lines == 9
    assert now["archived_bytes_total"] == figures.archive.bytes
    assert (now["odd_records_total"], now["torn_records_total"]) == (1, 0)
    assert (now["held_calls"], now["held_records"]) == (1, 2)
    assert (now["shipped_calls_total"], now["reported_calls_total"]) == (2, 0)
    assert now["shipped_records_total"] == figures.shipped.lines == 7
    assert now["uploads"]["accepted"] == 2
    states = {"accepted", "pending", "unknown", "quarantined", "superseded"}
    assert now["uploads"].keys() == states
    assert now["last_accepted_timestamp_seconds"] == figures.last_accepted_at
    assert (now["waiting_records"], now["lag_seconds"]) == (0, 0)
    assert (now["generation"], now["possible_duplicate_uploads"]) == (1, 0)
    assert now["resync_state"]["idle"] == sum(now["resync_state"].values()) == 1
    assert now["start_time_seconds"] == EPOCH
    assert "trouble" not in now


def test_an_outage(centre: Centre) -> None:
    """What waits grows in records and in seconds, the trouble is there at once, then all ends."""
    centre.verdict = Verdict.UNREACHABLE
    centre.write(call(1, EPOCH))
    centre.live(600.0)
    now = read(centre.file)
    assert now["waiting_records"] == 3
    assert 560.0 <= now["lag_seconds"] <= 590.0
    assert now["uploads"]["pending"] == 1
    assert now["trouble"] == {"dashboard_unreachable": 1}
    centre.verdict = Verdict.ACCEPTED
    centre.live(60.0)
    now = read(centre.file)
    assert (now["waiting_records"], now["lag_seconds"]) == (0, 0)
    assert "trouble" not in now


def test_what_is_not_known_is_not_there(centre: Centre) -> None:
    """No acceptance yet, and a queue_log that is not there: no zero that says otherwise."""
    centre.live(1.0)
    assert "last_accepted_timestamp_seconds" not in read(centre.file)
    assert read(centre.file)["unread_bytes"] == 0
    centre.service.path.unlink()
    centre.live(EVERY + POLL)
    now = read(centre.file)
    assert "unread_bytes" not in now
    assert now["trouble"] == {"source": 1}


def test_calls_are_left_out_until_they_are_counted(centre: Centre) -> None:
    """A counter that went back would look like thousands of new calls."""
    text = b"".join(call(number, EPOCH - 90_000 + number) for number in range(1, 9_001, 2))
    centre.write(text)
    centre.service.step()
    assert not centre.service.store.archive.calls.all_counted
    centre.metrics.follow(centre.service.shipper, centre.service.store)
    assert "archived_calls_total" not in read(centre.file)
    assert read(centre.file)["archived_records_total"] == 13_500
    centre.live(EVERY + POLL)
    assert read(centre.file)["archived_calls_total"] == 4_500


def test_troubles_with_files_have_one_series(centre: Centre) -> None:
    """Several damaged files are counted under one kind, without their names."""
    notices = centre.service.shipper.notices
    for name in ("file /log/a.gz", "file /log/b.gz", "source"):
        notices.begin(name, "it is damaged", "Mend it.")
    centre.metrics.follow(centre.service.shipper, centre.service.store)
    assert read(centre.file)["trouble"] == {"file": 2, "source": 1}


def test_how_often_it_is_written(centre: Centre) -> None:
    """Every 15 seconds at most, at least once a minute when nothing happens, at once in trouble."""
    written: list[float] = []
    for _ in range(300):
        centre.live(1.0)
        stamp = read(centre.file)["last_step_timestamp_seconds"]
        if not written or stamp != written[-1]:
            written.append(stamp)
    gaps = [later - earlier for earlier, later in pairwise(written)]
    assert min(gaps) >= EVERY
    assert max(gaps) <= EVERY + POLL
    centre.verdict = Verdict.UNREACHABLE
    centre.write(call(1, EPOCH + 300))
    while "dashboard_unreachable" not in centre.service.shipper.troubles:
        centre.live(0.5)
    centre.live(1.0)
    assert read(centre.file)["trouble"] == {"dashboard_unreachable": 1}


def test_everybody_may_read_it(centre: Centre) -> None:
    """node_exporter is another user, and the service's umask lets nobody read."""
    before = os.umask(0o077)
    try:
        centre.live(1.0)
        centre.live(EVERY)
    finally:
        os.umask(before)
    assert centre.file.stat().st_mode & 0o777 == 0o644


def test_it_is_replaced_whole(centre: Centre) -> None:
    """Whoever reads while it is written reads the old one; nothing else ends in .prom."""
    leftover = centre.file.with_name(".qlogship.prom.new")
    leftover.write_text("of a service that was killed")
    centre.live(1.0)
    with centre.file.open() as reader:
        centre.live(EVERY + POLL)
        assert centre.file.stat().st_ino != os.fstat(reader.fileno()).st_ino
        assert reader.read().count("qlogship_up{") == 1
    assert list(centre.file.parent.iterdir()) == [centre.file]


def test_a_directory_that_is_missing(centre: Centre) -> None:
    """It is said once and shown by status, all is shipped meanwhile, and it heals by itself."""
    centre.live(1.0)
    shutil.rmtree(centre.file.parent)
    centre.write(call(1, EPOCH))
    centre.live(100.0)
    assert list(centre.troubles()) == ["metrics"]
    assert str(centre.file) in centre.troubles()["metrics"]
    assert os.strerror(errno.ENOENT) in centre.troubles()["metrics"]
    assert "metrics.textfile" in centre.troubles()["metrics"]
    assert centre.service.log.count("trouble_began") == 1
    assert centre.service.figures().shipped.calls == 1
    centre.file.parent.mkdir()
    while not centre.file.exists():
        centre.live(1.0)
    assert read(centre.file)["up"] == 1
    assert "trouble" not in read(centre.file)
    centre.live(POLL)
    assert centre.troubles() == {}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_directory_that_the_unit_protects(centre: Centre) -> None:
    """Where everything is read-only to the service, the unit's setting is named that helps."""
    directory = str(centre.file.parent)
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "qlogship-test", directory]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        centre.live(EVERY + 2 * POLL)
    finally:
        subprocess.run(["umount", directory], check=True)
    assert os.strerror(errno.EROFS) in centre.troubles()["metrics"]
    assert "ReadWritePaths=" in centre.troubles()["metrics"]


def test_a_directory_in_the_place_of_the_file(centre: Centre) -> None:
    """What cannot be replaced is named, and nothing is left beside it."""
    centre.file.mkdir()
    centre.live(EVERY + 2 * POLL)
    assert str(centre.file) in centre.troubles()["metrics"]
    assert list(centre.file.parent.iterdir()) == [centre.file]


def test_settings_without_a_file(centre: Centre) -> None:
    """A file that the settings name no more is removed, and so is a trouble with one."""
    centre.live(1.0)
    centre.service.restart(metrics={"textfile": None})
    centre.metrics.take(centre.service.settings)
    assert list(centre.file.parent.iterdir()) == []
    centre.service.restart(metrics={"textfile": str(centre.file.parent / "no" / "such.prom")})
    centre.metrics.take(centre.service.settings)
    centre.live(EVERY + POLL)
    assert list(centre.troubles()) == ["metrics"]
    centre.service.restart(metrics={"textfile": None})
    centre.metrics.take(centre.service.settings)
    centre.live(2 * POLL)
    assert centre.troubles() == {}


def test_after_a_stop(centre: Centre) -> None:
    """It stays with the last figures, and says that the service does not run."""
    centre.write(call(1, EPOCH))
    centre.live(60.0)
    centre.metrics.stop()
    now = read(centre.file)
    assert (now["up"], now["shipped_calls_total"]) == (0, 1)
    assert centre.file.stat().st_mode & 0o777 == 0o644


def test_while_the_state_directory_is_lent(centre: Centre) -> None:
    """The file stays fresh; what cannot be known is left out, what was known stays."""
    centre.write(call(1, EPOCH))
    centre.live(60.0)
    centre.clock.advance(EVERY)
    centre.metrics.repeat()
    now = read(centre.file)
    assert now["last_step_timestamp_seconds"] == centre.clock.wall_now
    assert (now["up"], now["shipped_calls_total"]) == (1, 1)
    assert "unread_bytes" not in now


def test_while_the_state_directory_cannot_be_written(centre: Centre) -> None:
    """The trouble is there at once, though it can be written down nowhere else."""
    centre.live(60.0)
    centre.clock.advance(2.0)
    centre.metrics.repeat(centre.service.store)
    assert read(centre.file)["trouble"] == {"state": 1}
    assert "unread_bytes" not in read(centre.file)
    centre.clock.advance(2.0)
    centre.metrics.follow(centre.service.shipper, centre.service.store)
    assert "trouble" not in read(centre.file)


def test_figures_that_cannot_be_read(centre: Centre) -> None:
    """A database that is damaged where only the figures look stops nothing here."""
    centre.live(1.0)
    connection = centre.service.store._db
    connection.execute("ALTER TABLE resync RENAME COLUMN cleared_at TO gone")
    connection.execute("ALTER TABLE resync RENAME COLUMN ended_at TO away")
    centre.clock.advance(EVERY)
    centre.metrics.follow(centre.service.shipper, centre.service.store)
    kinds = centre.service.shipper.troubles
    assert FILE_NAME in kinds["metrics"] or str(centre.service.state) in kinds["metrics"]


def test_two_services_in_one_directory(tmp_path: Path) -> None:
    """No series of one has the name and the labels of one of the other."""
    series = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        centre = Centre(tmp_path / name, tmp_path / "collected" / f"{name}.prom")
        with centre.service:
            centre.live(1.0)
        series += re.findall(r"^qlogship_\w+\{.*\}", centre.file.read_text(), re.MULTILINE)
    assert len(series) > len(METRICS)
    assert len(set(series)) == len(series)


def test_the_manual_names_every_metric_and_no_other() -> None:
    """docs/metrics.md and the catalogue agree: name, type, and labels."""
    rows = re.findall(
        r"^\| `(qlogship_\w+)`((?:, `\w+`)*) \| (gauge|counter) \|",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, labels, kind in rows
    }
    assert len(documented) == len(rows)
    assert documented == {metric.name: (metric.type, metric.labels) for metric in METRICS}
    mentioned = set(re.findall(r"\bqlogship_\w+", PAGE.read_text(encoding="utf-8")))
    assert mentioned <= documented.keys()
