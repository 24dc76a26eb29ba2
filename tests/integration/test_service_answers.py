"""What every answer of the dashboard leads to, from the file to the ledger, over real HTTP.

Each row is one line of the fault script. Time is simulated, but for the
client's own timeouts.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.arrivals import assert_lines, lines_of
from tests.support.calls import call
from tests.support.sandbox import Sandbox
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCH: Final = 1_795_411_800
MOST: Final = 3
"""Times that a body is sent while it is open what became of it."""
BATCH: Final = {"linger": 0.0, "settle": 1.0}


@dataclass(frozen=True)
class Row:
    """A fault, and what is to come of it.

    `meaning`: unknown, again, renewed (a new login mends it), rejected (until
    something else was accepted). `stores` says whether the dashboard has the file
    nevertheless.
    """

    name: str
    meaning: str
    step: dict[str, Any]
    stores: bool = False
    trouble: str = "dashboard_not_accepting"
    status: int | None = None
    waits: float = 0.0
    timeout: float = 60.0
    """Seconds of real time; short where nothing else ends the request."""


def status(code: int, **more: object) -> dict[str, Any]:
    """Return a step that answers with a status."""
    return {"do": "status", "status": code, **more}


UNKNOWN: Final = (
    Row("lost reply", "unknown", {"do": "lose_reply"}, stores=True),
    Row("lost reply, reset", "unknown", {"do": "lose_reply", "reset": True}, stores=True),
    Row("cut after the body", "unknown", {"do": "drop"}),
    Row("cut within the body", "unknown", {"do": "drop", "after": 20}),
    Row("cut within the body, reset", "unknown", {"do": "drop", "after": 20, "reset": True}),
    Row("half a reply", "unknown", {"do": "half_reply"}, stores=True, status=200),
    Row(
        "endless reply",
        "unknown",
        {"do": "trickle", "every": 0.05},
        stores=True,
        status=200,
        timeout=0.3,
    ),
    Row("silence", "unknown", {"do": "hang"}, timeout=0.3),
    Row("silence after storing", "unknown", {"do": "hang", "apply": True}, True, timeout=0.3),
    Row("500", "unknown", status(500), status=500),
    Row("500 after storing", "unknown", status(500, apply=True), stores=True, status=500),
    Row("502", "unknown", status(502), status=502),
    Row("504 after storing", "unknown", status(504, apply=True), stores=True, status=504),
    Row("501", "unknown", status(501), status=501),
    Row(
        "200 that speaks of an error",
        "unknown",
        status(200, body='{"error": "out of memory"}', apply=True),
        stores=True,
        status=200,
    ),
)
AGAIN: Final = (
    Row("408", "again", status(408), trouble="dashboard_busy", status=408),
    Row("425", "again", status(425), trouble="dashboard_busy", status=425),
    Row("503", "again", status(503), trouble="dashboard_busy", status=503),
    Row(
        "429 with Retry-After",
        "again",
        status(429, headers={"Retry-After": "40"}),
        trouble="dashboard_busy",
        status=429,
        waits=40.0,
    ),
    Row("429 without", "again", status(429), trouble="dashboard_busy", status=429),
    Row("login page", "again", {"do": "html"}, status=200),
    Row(
        "redirect",
        "again",
        {"do": "redirect", "location": "https://elsewhere.example/"},
        trouble="dashboard_redirects",
        status=302,
        waits=60.0,
    ),
    Row(
        "redirect of the method too",
        "again",
        {"do": "redirect", "status": 308, "location": "/elsewhere/"},
        trouble="dashboard_redirects",
        status=308,
        waits=60.0,
    ),
    Row(
        "404",
        "again",
        status(404),
        trouble="dashboard_refuses_everything",
        status=404,
        waits=60.0,
    ),
    Row(
        "405",
        "again",
        status(405),
        trouble="dashboard_refuses_everything",
        status=405,
        waits=60.0,
    ),
)
RENEWED: Final = (
    Row("401", "renewed", status(401), trouble="dashboard_refuses_credentials", status=401),
    Row(
        "redirect to the login page",
        "renewed",
        {"do": "redirect", "location": "/login/"},
        trouble="dashboard_redirects",
        status=302,
    ),
    Row("403", "renewed", status(403), trouble="dashboard_refuses_credentials", status=403),
    Row(
        "401 as all tokens are dead",
        "renewed",
        {"do": "expire_tokens"},
        trouble="dashboard_refuses_credentials",
        status=401,
    ),
)
REJECTED: Final = (
    Row("413", "rejected", status(413), status=413),
    Row("413 before the body", "rejected", status(413, early=True), status=413),
    Row("400", "rejected", status(400), status=400),
    Row("422", "rejected", status(422), status=422),
)
ALL: Final = (*UNKNOWN, *AGAIN, *RENEWED, *REJECTED)
# Each attempt of the others takes its whole timeout.
LASTING: Final = tuple(row for row in ALL if row.timeout > 1.0 or row.name == "silence")


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    """Return a dashboard for all tests of this module."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox) -> Sandbox:
    """Return a dashboard that holds nothing and does nothing wrong."""
    started.clear()
    return started


class Centre:
    """A queue_log into which a call can be put at any moment."""

    def __init__(self, service: SteppedService) -> None:
        self._service = service
        self.text = b""
        self._number = 0
        service.path.parent.mkdir(exist_ok=True)

    def call(self) -> bytes:
        """Write one whole call; return its lines."""
        self._number += 2
        lines = call(self._number, int(self._service.clock.wall_now))
        with self._service.path.open("ab") as file:
            file.write(lines)
        self.text += lines
        return lines


@pytest.fixture(params=["resend", "hold"])
def on_unknown(request: pytest.FixtureRequest) -> str:
    """Return both ways to treat a lost reply."""
    return str(request.param)


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)
def test_a_fault_that_happens_once(
    row: Row, on_unknown: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    """The ledger says what became of the upload, and the next one goes its way."""
    sandbox.script([{"on": "upload", **row.step}])
    with SteppedService(
        tmp_path,
        Clock(EPOCH),
        url=sandbox.url,
        batch=BATCH,
        dashboard={"timeout": row.timeout},
        delivery={"on_unknown": on_unknown},
    ) as service:
        centre = Centre(service)
        first = centre.call()
        service.live(180.0)
        second = centre.call()
        service.live(20.0)
        one, two = service.uploads()
        assert two.state == "accepted"
        assert two.attempts == 1
        bodies = sandbox.bodies()
        assert second in bodies
        assert one.composition.lines == 3
        match row.meaning:
            case "unknown" if on_unknown == "resend":
                assert (one.state, one.attempts, one.possible_duplicate) == ("accepted", 2, True)
                assert bodies[:-1] == [first] * (2 if row.stores else 1)
            case "unknown":
                assert (one.state, one.attempts) == ("unknown", 1)
                assert one.answer.http_status == row.status
                assert one.answer.detail
                assert bodies[:-1] == [first] * (1 if row.stores else 0)
            case "again":
                # Whoever says 404 or 405 has no place for it; the others need not know.
                doubt = row.status not in {404, 405}
                assert (one.state, one.attempts, one.possible_duplicate) == ("accepted", 2, doubt)
                assert bodies[:-1] == [first]
                assert one.answer.answered_at is not None
                assert one.answer.answered_at - one.prepared_at >= row.waits
            case "renewed":
                assert (one.state, one.attempts, one.possible_duplicate) == ("accepted", 1, False)
                assert bodies[:-1] == [first]
            case _:
                # What was taken behind it speaks for the dashboard: so it had one more chance.
                assert (one.state, one.attempts, one.possible_duplicate) == ("accepted", 2, False)
                assert bodies == [second, first]
        assert service.archived() == centre.text
        assert service.store.troubles.all() == []


@pytest.mark.parametrize("row", LASTING, ids=lambda row: row.name)
def test_a_fault_that_lasts(row: Row, on_unknown: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """It is said once and shown in the status; when it ends, all that waited is shipped.

    But for what was sent three times meanwhile: that is set aside, and the rest goes on.
    """
    sandbox.script([{"on": "upload", "times": None, **row.step}])
    with SteppedService(
        tmp_path,
        Clock(EPOCH),
        url=sandbox.url,
        batch=BATCH,
        dashboard={"timeout": row.timeout},
        delivery={"on_unknown": on_unknown},
    ) as service:
        centre = Centre(service)
        for _ in range(3):
            centre.call()
            service.live(20.0)
        troubles = [trouble.kind for trouble in service.store.troubles.all()]
        assert service.archived() == centre.text
        if row.meaning == "rejected":
            assert troubles == []
            assert [upload.state for upload in service.uploads()] == ["rejected"] * 3
            assert service.figures().uploads.quarantined == 3
        else:
            assert troubles == [row.trouble]
            assert service.log.count("trouble_began") == 1
            assert all(upload.state in {"prepared", "unknown"} for upload in service.uploads())
        sandbox.script([])
        service.live(120.0)
        last = centre.call()
        service.live(60.0)
        assert service.store.troubles.all() == []
        uploads = service.uploads()
        states = {upload.state for upload in uploads}
        bodies = sandbox.bodies()
        if row.meaning == "rejected":
            *first, last_text = lines_to_bodies(centre.text)
            assert bodies == [last_text, *first]
            assert states == {"accepted"}
        elif row.meaning == "unknown" and on_unknown == "hold":
            assert bodies[-1] == last
            assert [upload.state for upload in uploads] == ["unknown"] * 3 + ["accepted"]
            assert bodies == (lines_to_bodies(centre.text) if row.stores else [last])
        else:
            assert bodies[-1] == last
            assert states <= {"accepted", "unknown"}
            texts = {one.id: service.store.archive.text(one.composition.runs) for one in uploads}
            for upload in uploads:
                copies = bodies.count(texts[upload.id])
                if upload.state == "unknown":
                    assert (upload.open_sends, copies) == (MOST, MOST if row.stores else 0)
                else:
                    assert upload.open_sends < MOST
                    assert copies == 1 + (upload.open_sends if row.stores else 0)
            aside = [texts[one.id] for one in uploads if one.state == "unknown" and not row.stores]
            there = [*lines_of(b"".join(set(bodies))), *lines_of(b"".join(aside))]
            assert_lines(there, lines_of(centre.text))
            tells = row.meaning == "renewed" or row.status in {404, 405}
            assert any(upload.open_sends for upload in uploads) != tells
            sent = [upload.id for upload in uploads]
            assert sent == sorted(sent)
        assert service.attempts <= 40


@pytest.mark.parametrize("code", [400, 401, 404, 405, 409, 410, 413, 415])
def test_a_clear_that_a_person_must_mend_is_tried_slowly(
    code: int, tmp_path: Path, sandbox: Sandbox
) -> None:
    """An answer about the address, the account or the form waits a minute, as for an upload."""
    sandbox.script([{"on": "clear", "times": None, **status(code)}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        Centre(service).call()
        service.live(20.0)
        with service.store.transaction():
            service.store.resyncs.ask(reason="asked", accepted_loss=(), at=EPOCH)
        service.live(55.0)
        assert service.shipper.clear_failures == 1
        assert "dashboard_not_cleared" in service.shipper.troubles
        sandbox.script([])
        service.live(30.0)
        assert service.store.resyncs.open() is None
        assert service.store.troubles.all() == []


def test_each_resync_proves_the_archive_anew(tmp_path: Path, sandbox: Sandbox) -> None:
    """What was proved for one resync is no proof for the next: its chunk may be damaged since."""
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        centre = Centre(service)
        centre.call()
        service.live(20.0)

        def resync() -> str:
            with service.store.transaction():
                row = service.store.resyncs.ask(reason="asked", accepted_loss=(), at=EPOCH)
            service.live(60.0)
            found = service.store.resyncs.get(row.id)
            assert found is not None
            return str(found.phase)

        assert resync() == "done"
        assert sandbox.bodies() == [centre.text]
        with closing(sqlite3.connect(service.state / "qlogship.db")) as database:
            database.execute("UPDATE chunk SET data = x'0a'")
            database.commit()
        assert resync() == "refused"
        assert sandbox.bodies() == [centre.text]


def lines_to_bodies(text: bytes) -> list[bytes]:
    """Return the uploads of calls that each had one of their own."""
    lines = lines_of(text)
    return [b"".join(lines[place : place + 3]) for place in range(0, len(lines), 3)]


@pytest.mark.parametrize("form", ["empty", "no-count", "text", "object", "number"])
def test_an_acceptance_in_any_form(form: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """An accepted upload is never sent again, whether its count can be read or not."""
    sandbox.script([{"on": "upload", "times": None, "do": "pass", "form": form}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        centre = Centre(service)
        for _ in range(3):
            centre.call()
            service.live(30.0)
        counted = form not in {"empty", "no-count"}
        assert sandbox.bodies() == lines_to_bodies(centre.text)
        for upload in service.uploads():
            assert (upload.state, upload.attempts) == ("accepted", 1)
            assert upload.answer.reported_calls == (1 if counted else None)
        kinds = [trouble.kind for trouble in service.store.troubles.all()]
        assert kinds == ([] if counted else ["count_unreadable"])
        assert service.log.count("trouble_began") == (0 if counted else 1)


def test_a_file_the_dashboard_never_takes_is_kept(tmp_path: Path, sandbox: Sandbox) -> None:
    """What is refused for good stays in the archive, with the reason, and stops nothing.

    For good means: once more, after something else was accepted.
    """
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        centre = Centre(service)
        bad = centre.call()
        sandbox.script([{"do": "refuse_containing", "text": bad[:30], "status": 400}])
        service.live(30.0)
        good = centre.call()
        service.live(30.0)
        service.restart()
        service.live(600.0)
        refused, taken = service.uploads()
        assert (refused.state, refused.answer.http_status, refused.attempts) == ("rejected", 400, 2)
        assert "something in it that is not accepted" in (refused.answer.text or "")
        assert taken.state == "accepted"
        assert sandbox.bodies() == [good]
        assert service.archived() == bad + good
        assert service.store.archive.text(refused.composition.runs) == bad


def test_no_login_for_ever_is_slow_and_quarantines_nothing(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """With a wrong password attempts grow rare, and all waits for the right one.

    More would lock the account.
    """
    with SteppedService(
        tmp_path, Clock(EPOCH), url=sandbox.url, password="wrong", batch=BATCH
    ) as service:
        centre = Centre(service)
        centre.call()
        service.live(3600.0)
        logins = [seen for seen in sandbox.requests() if seen.path == "/login/api/auth"]
        assert 5 <= len(logins) <= 10
        assert all(upload.state == "prepared" for upload in service.uploads())
        (trouble,) = service.store.troubles.all()
        assert trouble.kind == "dashboard_refuses_credentials"
        assert service.log.count("trouble_began") == 1
        assert sandbox.arrivals() == []


def test_what_was_held_as_unknown_is_marked_when_it_is_sent_after_all(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Whoever changes on_unknown from hold to resend sends uploads that may have arrived."""
    sandbox.script([{"on": "upload", "do": "lose_reply"}])
    with SteppedService(
        tmp_path,
        Clock(EPOCH),
        url=sandbox.url,
        batch=BATCH,
        delivery={"on_unknown": "hold"},
    ) as service:
        lines = Centre(service).call()
        service.live(60.0)
        (upload,) = service.uploads()
        assert upload.state == "unknown"
        service.restart(delivery={"on_unknown": "resend"})
        service.live(60.0)
        (upload,) = service.uploads()
        assert (upload.state, upload.attempts) == ("accepted", 2)
        assert sandbox.bodies() == [lines] * 2
        assert upload.possible_duplicate
