"""A state directory that version 0.1.0 made: the present program goes on with it.

How it was made, and what is in it, is told in tests/fixtures/make_old_state.py.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.errors import ExitCode
from qlogship.state.reader import Reader
from qlogship.state.store import Store
from tests.fixtures import queue_log

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

OLD: Final = Path(queue_log.__file__).with_name("old_state.tar.xz")
TEXTS: Final = {"verdict", "remarks", "text", "hint", "level"}
"""What is said in words, which may change."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive's contents, to be copied."""
    directory = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD) as archive:
        # Debian 12's Python 3.11.2 knows no filter yet; newer ones warn without.
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(directory)  # noqa: S202  # our own file
    return directory


@pytest.fixture
def said(unpacked: Path) -> dict[str, Any]:
    """Return what the old program said of the state."""
    found: dict[str, Any] = json.loads((unpacked / "said.json").read_text())
    return found


@pytest.fixture
def taken_over(installation: Installation, unpacked: Path) -> Installation:
    """Return an installation with a copy of the old state and of its queue_log."""
    shutil.copytree(unpacked / "log", installation.log.parent, dirs_exist_ok=True)
    shutil.copytree(unpacked / "state", installation.state)
    Store(installation.state).close()  # brings it up to date, as the service does
    installation.configure(batch={"max_bytes": 60_000})
    return installation


@pytest.fixture
def old(taken_over: Installation) -> Installation:
    """Return it when somebody has said that the settings name the dashboard it shipped to."""
    assert taken_over.call("destination", "--same").returncode == ExitCode.DONE
    return taken_over


def keys_of(found: Any, said: Any) -> Any:  # noqa: ANN401
    """Return of what is said now what the old program said, too: keys are added."""
    if isinstance(said, dict):
        return {key: keys_of(found[key], one) for key, one in said.items()}
    if isinstance(said, list) and len(said) == len(found):
        return [keys_of(now, then) for now, then in zip(found, said, strict=True)]
    return found


def as_json(old: Installation, *arguments: str) -> Any:  # noqa: ANN401
    """Return what a command prints as JSON."""
    done = old.call(*arguments, "--json", TZ="UTC")
    assert done.returncode in {ExitCode.DONE, ExitCode.IN_DOUBT}, done.stdout + done.stderr
    return json.loads(done.stdout)


def exported(old: Installation) -> bytes:
    """Return the archive's text in the order of time, as `export` writes it."""
    with Reader(old.state) as reader:
        return b"".join(reader.text())


def figures_in(found: object) -> object:
    """Return what a command printed without what it said in words."""
    if isinstance(found, dict):
        return {key: figures_in(one) for key, one in found.items() if key not in TEXTS}
    return [figures_in(one) for one in found] if isinstance(found, list) else found


def lines_of(*texts: bytes) -> list[bytes]:
    """Return the lines of texts, sorted."""
    return sorted(line for text in texts for line in text.splitlines())


def test_it_holds_what_can_be_kept(said: dict[str, Any]) -> None:
    """The state is worth testing: every state of an upload, two generations, all that waits."""
    uploads, status = said["uploads"], said["status"]
    assert {row["state"] for row in uploads if not row["superseded"]} == {
        *("prepared", "accepted", "unknown", "rejected", "split", "dropped")
    }
    assert {row["generation"] for row in uploads} == {1, 2}
    assert any(row["possible_duplicate"] for row in uploads if not row["superseded"])
    assert any(row["state"] == "accepted" and row["reported_calls"] is None for row in uploads)
    assert status["held"]["calls"]
    assert status["waiting"]["lines"]
    assert status["source"]["lag_bytes"]
    assert status["troubles"]
    assert said["reconcile"]["total"]["later"]


def test_its_destination_is_asked_for_once(
    taken_over: Installation, said: dict[str, Any], dashboard: Sandbox
) -> None:
    """The old program did not write down where it shipped to: nothing is sent until one says it."""
    for _ in range(2):
        done = taken_over.once("--flush")
        assert done.returncode == ExitCode.IN_DOUBT
        assert "0.1.0" in done.stderr
    status = taken_over.status()
    assert status["destination"]["undecided"] is True
    assert status["calls"] == {"shipped": 0, "reported": 0}
    assert status["waiting"]["lines"] == status["archive"]["lines"]
    assert status["archive"]["lines"] > said["status"]["archive"]["lines"]
    assert all(row["elsewhere"] for row in as_json(taken_over, "uploads"))
    assert dashboard.bodies() == []
    assert taken_over.call("destination", "--same").returncode == ExitCode.DONE
    assert as_json(taken_over, "destination")["undecided"] is False
    assert taken_over.status()["calls"] == said["status"]["calls"]
    taken_over.once("--flush")
    assert dashboard.bodies()
    assert as_json(taken_over, "destination")["undecided"] is False


def test_the_figures_are_the_same(old: Installation, said: dict[str, Any]) -> None:
    """Every command says of it what the old program said, to the last figure."""
    status = as_json(old, "status")
    assert status["source"].pop("path") == str(old.log)
    del said["status"]["source"]["path"]
    assert keys_of(status, said["status"]) == said["status"]
    assert keys_of(as_json(old, "uploads"), said["uploads"]) == said["uploads"]
    found = as_json(old, "reconcile", "--past", "--tz", "UTC")
    assert figures_in(keys_of(found, said["reconcile"])) == figures_in(said["reconcile"])
    assert keys_of(as_json(old, "resync", "--dry-run"), said["plan"]) == said["plan"]


def test_the_text_is_the_same(old: Installation, said: dict[str, Any]) -> None:
    """The archive comes out byte for byte."""
    text = exported(old)
    assert {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()} == said["export"]


def test_it_goes_on(old: Installation, said: dict[str, Any], dashboard: Sandbox) -> None:
    """The queue_log is followed from where the old program was; all that waits is delivered."""
    before = exported(old)
    unread = old.log.read_bytes()[-said["status"]["source"]["lag_bytes"] :]
    done = old.once("--flush")
    assert done.returncode == ExitCode.IN_DOUBT, done.stderr  # one is in quarantine
    assert exported(old) == before + unread
    status = old.status()
    assert status["source"]["lag_bytes"] == 0
    assert status["uploads"]["pending"] == status["uploads"]["unknown"] == 0
    assert status["waiting"]["lines"] == status["held"]["lines"] == 0
    assert status["troubles"] == []
    assert status["generation"] == 2
    waited = said["status"]["waiting"]["lines"] + said["status"]["held"]["lines"]
    waited += sum(row["lines"] for row in said["uploads"] if row["state"] == "unknown")
    new = status["lines"]["shipped"] - said["status"]["lines"]["shipped"]
    arrived = lines_of(*dashboard.bodies())
    assert len(arrived) == new
    assert new == waited + unread.count(b"\n")
    assert set(unread.splitlines()) <= set(arrived)


def test_a_resync_brings_everything(old: Installation, dashboard: Sandbox) -> None:
    """What was sent, refused, dropped, lost, imported or not read yet: all is there, once."""
    assert old.call("resync", "--yes").returncode == ExitCode.DONE
    old.once("--flush")
    assert lines_of(*dashboard.bodies()) == lines_of(exported(old))
    assert old.status()["generation"] == 3


def test_a_resync_that_was_asked_for_is_done(
    old: Installation, unpacked: Path, dashboard: Sandbox
) -> None:
    """A resync that the old program only wrote down is led to its end."""
    shutil.rmtree(old.state)
    shutil.copytree(unpacked / "asked", old.state)
    Store(old.state).close()
    assert old.call("destination", "--same").returncode == ExitCode.DONE
    assert old.status()["resync"]["state"] == "asked"
    assert old.once("--flush").returncode == ExitCode.DONE
    assert old.status()["resync"]["state"] == "idle"
    assert lines_of(*dashboard.bodies()) == lines_of(exported(old))
