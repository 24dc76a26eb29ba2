"""`qlogship quarantine`, `uploads show` and `uploads --call`: looking into the ledger."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Final

import pytest

from qlogship.errors import ExitCode
from qlogship.state.store import Store
from tests.support.calls import call
from tests.support.installation import Installation, environment
from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
BAD: Final = (3, 7)


@dataclass(frozen=True)
class Shipped:
    """An installation that shipped five calls of which two are refused, and these uploads."""

    installation: Installation
    refused: list[int]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """Return an installation to look at, not to change."""
    with Sandbox() as dashboard:
        dashboard.script(
            [
                {"do": "refuse_containing", "text": f"{NOON}.{number}|", "status": 422}
                for number in BAD
            ]
        )
        installation = Installation(tmp_path_factory.mktemp("shipped"), dashboard.url)
        installation.write(b"".join(call(number, NOON) for number in (1, 3, 5, 7, 9)))
        assert installation.once("--flush").returncode == ExitCode.IN_DOUBT
    rows = [upload for upload in installation.ledger() if upload.state == "rejected"]
    return Shipped(installation, sorted(upload.id for upload in rows))


@pytest.fixture
def refused(installation: Installation, shipped: Shipped) -> list[int]:
    """Return the quarantined uploads of a copy of it, whose dashboard refuses nothing."""
    for folder in ("log", "state"):
        original = shipped.installation.directory / folder
        shutil.copytree(original, installation.directory / folder, dirs_exist_ok=True)
    assert installation.call("destination", "--same").returncode == ExitCode.DONE
    return shipped.refused


def as_json(installation: Installation, *arguments: str, code: int = ExitCode.DONE) -> Any:  # noqa: ANN401
    """Return what a command prints with --json."""
    done = installation.call(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_nothing_is_quarantined(installation: Installation) -> None:
    """Before the first start, and as long as all is well, there is nothing to list."""
    done = installation.call("quarantine", "list")
    assert (done.returncode, done.stdout) == (ExitCode.DONE, "Nothing is quarantined.\n")
    done = installation.call("quarantine", "drop", "1", "--yes")
    assert done.returncode == ExitCode.USAGE
    assert "there is no upload 1" in done.stderr
    assert installation.call("uploads", "show", "1").returncode == ExitCode.USAGE
    assert "no record of call 1.1" in installation.call("uploads", "--call", "1.1").stdout


def test_list(shipped: Shipped) -> None:
    """Each quarantined upload, how much is in it, and why, in the dashboard's words; code 3."""
    installation, refused = shipped.installation, shipped.refused
    rows = as_json(installation, "quarantine", "list", code=ExitCode.IN_DOUBT)
    assert [row["id"] for row in rows] == refused
    assert [(row["calls"], row["lines"], row["state"]) for row in rows] == [(1, 3, "rejected")] * 2
    done = installation.call("quarantine", "list")
    assert done.returncode == ExitCode.IN_DOUBT
    assert done.stdout.count("the dashboard answered 422") == 2
    assert done.stdout.count("something in it that is not accepted") == 2


def test_show(shipped: Shipped) -> None:
    """What is in a quarantined upload, to the byte, and every attempt."""
    installation, refused = shipped.installation, shipped.refused
    found = as_json(installation, "quarantine", "show", str(refused[0]))
    assert found == as_json(installation, "uploads", "show", str(refused[0]))
    assert found["callids"] == [f"{NOON}.3"]
    (place,) = found["files"]
    text = installation.log.read_bytes()
    assert text[place["start"] : place["end"]] == call(3, NOON)
    assert (place["path"], place["lines"]) == (str(installation.log), 3)
    assert found["first_record"] + "\n" == call(3, NOON).decode().splitlines(keepends=True)[0]
    assert {attempt["http_status"] for attempt in found["history"]} == {422}
    assert len(found["history"]) == found["attempts"]
    whole = as_json(installation, "uploads", "show", "1")
    assert (whole["state"], whole["parent"], whole["calls"]) == ("split", None, 5)
    assert whole["parts"]
    shown = installation.call("quarantine", "show", str(refused[0])).stdout
    assert f"{installation.log}, bytes {place['start']:,} to {place['end']:,}" in shown
    assert f"{NOON}.3" in shown
    assert "refused; the dashboard answered 422" in shown
    other = installation.call("quarantine", "show", "1")
    assert other.returncode == ExitCode.USAGE
    assert "it is split" in other.stderr
    assert "quarantine list" in other.stderr


def test_which_uploads_carried_a_call(shipped: Shipped) -> None:
    """The whole, its parts and what came of each; of a call that was taken, too."""
    installation, refused = shipped.installation, shipped.refused
    rows = as_json(installation, "uploads", "--call", f"{NOON}.3")
    assert (rows[0]["id"], rows[0]["state"]) == (refused[0], "rejected")
    assert {row["state"] for row in rows[1:]} == {"split"}
    assert {row["records"] for row in rows} == {3}
    (accepted,) = (
        row
        for row in as_json(installation, "uploads", "--call", f"{NOON}.5")
        if row["state"] == "accepted"
    )
    assert accepted["parent"] is not None
    shown = installation.call("uploads", "--call", f"{NOON}.3").stdout
    assert "3 of 3" in shown
    assert as_json(installation, "uploads", "--call", "12.12") == []
    for wrong in (["--call", "NONE"], ["--json", "show", "1"]):
        assert installation.call("uploads", *wrong).returncode == ExitCode.USAGE


def test_drop(installation: Installation, refused: list[int]) -> None:
    """A dropped upload is no longer counted or sent, and stays in the ledger and the archive."""
    (row,) = as_json(
        installation, "quarantine", "drop", str(refused[0]), "--yes", code=ExitCode.IN_DOUBT
    )
    assert (row["id"], row["state"]) == (refused[0], "dropped")
    assert installation.figures().uploads.quarantined == 1
    done = installation.call("quarantine", "drop", str(refused[1]), "--yes")
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert "1 call, 3 records" in done.stdout
    assert installation.once().returncode == ExitCode.DONE
    assert installation.figures().shipped.calls == 3
    assert installation.figures().archive.calls == 5
    states = [row["state"] for row in as_json(installation, "uploads")]
    assert states.count("dropped") == 2
    again = installation.call("quarantine", "resend", str(refused[0]), "--yes")
    assert again.returncode == ExitCode.USAGE
    assert "it is dropped" in again.stderr


def test_resend(installation: Installation, refused: list[int], dashboard: Sandbox) -> None:
    """Resent uploads go out again as they were, with their attempts on record."""
    before = {number: as_json(installation, "uploads", "show", str(number)) for number in refused}
    rows = as_json(installation, "quarantine", "resend", *map(str, refused), "--yes")
    assert [row["state"] for row in rows] == ["prepared"] * 2
    assert installation.once().returncode == ExitCode.DONE
    assert dashboard.bodies()[-2:] == [call(number, NOON) for number in BAD]
    for number, found in before.items():
        now = as_json(installation, "uploads", "show", str(number))
        assert (now["state"], now["sha256"]) == ("accepted", found["sha256"])
        assert now["history"][:-1] == found["history"]


def test_all_or_none(shipped: Shipped) -> None:
    """One number that is wrong, and nothing is changed; all that are wrong are named."""
    installation, refused = shipped.installation, shipped.refused
    done = installation.call("quarantine", "drop", str(refused[0]), "1", "99", "--yes")
    assert done.returncode == ExitCode.USAGE
    assert "upload 1 is not quarantined, it is split" in done.stderr
    assert "there is no upload 99" in done.stderr
    assert installation.figures().uploads.quarantined == 2


def test_superseded(installation: Installation, refused: list[int]) -> None:
    """What a resync left behind is marked, and cannot be resent."""
    store = Store(installation.state)
    try:
        with store.transaction():
            store._db.execute("UPDATE shipping SET generation = 2")
    finally:
        store.close()
    rows = as_json(installation, "uploads")
    assert {row["superseded"] for row in rows} == {True}
    assert "superseded" in installation.call("uploads").stdout
    assert as_json(installation, "quarantine", "list") == []
    done = installation.call("quarantine", "resend", str(refused[0]), "--yes")
    assert done.returncode == ExitCode.USAGE
    assert "superseded by a resync" in done.stderr


def test_nobody_to_ask(shipped: Shipped) -> None:
    """Without a terminal and without --yes nothing is changed."""
    installation, refused = shipped.installation, shipped.refused
    for fate in ("resend", "drop"):
        done = installation.call("quarantine", fate, str(refused[0]))
        assert done.returncode == ExitCode.USAGE
        assert "--yes" in done.stderr
    assert installation.figures().uploads.quarantined == 2


@pytest.mark.parametrize(("answer", "left"), [("y\n", 1), ("n\n", 2)])
def test_asking(installation: Installation, refused: list[int], answer: str, left: int) -> None:
    """On a terminal it says what it is about, and asks; the result alone is on stdout."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        done = subprocess.run(
            installation.command("quarantine", "drop", str(refused[0])),
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == (ExitCode.IN_DOUBT if left == 1 else ExitCode.FAILED)
    assert "1 call, 3 records" in done.stderr
    assert "for good?" in done.stderr
    assert ("is dropped" in done.stdout) == (left == 1)
    assert installation.figures().uploads.quarantined == left
