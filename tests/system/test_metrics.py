"""The metrics that `qlogship run` keeps, as a collector sees them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800


@pytest.fixture
def textfile(installation: Installation) -> Path:
    """Return the file that the settings name."""
    path = installation.directory / "collected" / "qlogship.prom"
    path.parent.mkdir()
    installation.configure(metrics={"textfile": str(path)})
    return path


def value(path: Path, name: str) -> float | None:
    """Return the value of a metric without labels of its own; None while there is none."""
    if not path.exists():
        return None
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        for sample in family.samples:
            if sample.name == name:
                return sample.value
    return None


def test_a_service_and_its_end(
    installation: Installation, dashboard: Sandbox, textfile: Path
) -> None:
    """It is up while it runs and down when it was stopped, with the last figures."""
    installation.write(call(1, NOON))
    with installation.start() as service:
        until(lambda: value(textfile, "qlogship_up") == 1)
        service.wait_for("batch_accepted")
        second = installation.call("run")
        assert second.returncode == ExitCode.LOCKED
        assert value(textfile, "qlogship_up") == 1
        assert service.stop() == ExitCode.DONE
    assert value(textfile, "qlogship_up") == 0
    assert value(textfile, "qlogship_shipped_calls_total") == 1
    assert textfile.stat().st_mode & 0o777 == 0o644
    installation.write(call(3, NOON))
    assert installation.once().returncode == ExitCode.DONE
    assert value(textfile, "qlogship_shipped_calls_total") == 1
    with installation.start() as service:
        until(lambda: value(textfile, "qlogship_up") == 1)
        service.kill()
    assert value(textfile, "qlogship_up") == 1


def test_a_reload(installation: Installation, dashboard: Sandbox, textfile: Path) -> None:
    """Another file, another service's view: the old one is removed, the new one is there."""
    other = textfile.with_name("other.prom")
    with installation.start() as service:
        until(textfile.exists)
        installation.configure(metrics={"textfile": str(other)})
        service.send(signal.SIGHUP)
        until(other.exists)
        assert not textfile.exists()
        assert value(other, "qlogship_up") == 1
        installation.configure(metrics={"textfile": None})
        service.send(signal.SIGHUP)
        service.wait_for("settings_reloaded", 2)
        until(lambda: list(textfile.parent.iterdir()) == [])
        assert service.stop() == ExitCode.DONE
    assert list(textfile.parent.iterdir()) == []


def test_a_file_that_cannot_be_written(
    installation: Installation, dashboard: Sandbox, textfile: Path
) -> None:
    """It is a trouble like any other: said once, shown by status; all is shipped."""
    textfile.parent.rmdir()
    installation.write(call(1, NOON))
    with installation.start() as service:
        said = service.wait_for("trouble_began")
        assert (said["kind"], said["level"]) == ("metrics", "warning")
        assert str(textfile) in said["message"]
        service.wait_for("batch_accepted")
        until(lambda: "metrics" in installation.troubles())
        assert len(service.events("trouble_began")) == 1
        assert service.stop() == ExitCode.DONE
