"""Downloads over real HTTP into real files, from a far end that follows a script."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from qlogship.dashboard import EmailPassword, GivenToken, TeamDashboard
from qlogship.dashboard.destination import part_name
from qlogship.dashboard.reports import REPORT_MAX
from qlogship.errors import (
    AnswerTooLarge,
    CredentialsRefused,
    DashboardRefused,
    DashboardUnreachable,
    FileNotWritten,
    QlogshipError,
)
from tests.support.scripted import PATIENCE, FarEnd, hang, head, login, raw, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scripted import Peer, Step

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = datetime(2026, 11, 2, tzinfo=UTC)
REPORT = b"time;agent\n" + b"2026-11-01T00:00:00;Anna\n" * 40_000
CSV: dict[str, Any] = {"Content_Type": "text/csv"}
ACCOUNT = EmailPassword("admin@company.ru", "admin-s3cret")


def download(
    to: str | Path | BinaryIO,
    *steps: Step,
    timeout: float = PATIENCE,
    download_timeout: float = PATIENCE,
    download_max: int = REPORT_MAX,
) -> int:
    """Download the agents' status log from a far end that does this."""
    with (
        FarEnd(*steps) as far,
        TeamDashboard(
            url=far.url,
            credentials=GivenToken("tok.en"),
            timeout=timeout,
            download_timeout=download_timeout,
            download_max=download_max,
        ) as dashboard,
    ):
        return dashboard.agent_status_log(since=SINCE, until=UNTIL, format="csv", to=to)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> Step:
    """Answer in chunks; without an end the connection is cut."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return raw(head(200, Transfer_Encoding="chunked", **CSV) + body + end)


def entries(directory: Path) -> list[str]:
    """Return the names in a directory."""
    return sorted(entry.name for entry in directory.iterdir())


def endless(body: bytes) -> Step:
    """Answer without a length and without chunks, and close the connection."""
    return raw(head(200, Connection="close", **CSV) + body)


# What works


def test_a_report_is_a_file_with_its_bytes(tmp_path: Path) -> None:
    """By length or by chunks, to a path or to its name; nothing else is left behind."""
    assert download(tmp_path / "one.csv", reply(REPORT, **CSV)) == len(REPORT)
    two = str(tmp_path / "two.csv")
    assert download(two, chunked(REPORT[:5], REPORT[5:])) == len(REPORT)

    assert (tmp_path / "one.csv").read_bytes() == REPORT
    assert (tmp_path / "two.csv").read_bytes() == REPORT
    assert entries(tmp_path) == ["one.csv", "two.csv"]


def test_a_report_that_does_not_say_its_end_must_look_whole(tmp_path: Path) -> None:
    """Where the connection's end is all there is, a last line without an end is a cut."""
    assert download(tmp_path / "whole.csv", endless(REPORT)) == len(REPORT)
    with pytest.raises(DashboardUnreachable, match="looks cut"):
        download(tmp_path / "cut.csv", endless(REPORT[:-3]))
    assert entries(tmp_path) == ["whole.csv"]


def test_the_token_travels_as_a_cookie(tmp_path: Path) -> None:
    """And only so, as on the vendor's page."""
    with (
        FarEnd(reply(REPORT, **CSV)) as far,
        TeamDashboard(url=far.url, credentials=GivenToken("tok.en")) as dashboard,
    ):
        dashboard.call_log(since=SINCE, until=UNTIL, utc_offset=0, to=tmp_path / "calls")

    (request,) = far.requests
    assert request.headers["cookie"] == "jwt=tok.en"
    assert "authorization" not in request.headers
    assert "content-length" not in request.headers


def test_a_refused_token_is_renewed_once(tmp_path: Path) -> None:
    """What came with the refusal gets into no file."""
    far_end = FarEnd(login("one"), reply("no", status=401), login("two"), reply(REPORT, **CSV))
    with (
        far_end as far,
        TeamDashboard(url=far.url, credentials=ACCOUNT, timeout=PATIENCE) as dashboard,
    ):
        dashboard.agent_status_log(since=SINCE, until=UNTIL, to=tmp_path / "log.csv")

    assert far.requests[3].headers["cookie"] == "jwt=two"
    assert (tmp_path / "log.csv").read_bytes() == REPORT


def test_a_stream_gets_the_bytes() -> None:
    """Whoever opened it closes it."""
    out = io.BytesIO()
    assert download(out, reply(REPORT, **CSV)) == len(REPORT)
    assert out.getvalue() == REPORT


def test_what_is_no_ordinary_file_is_written_to(tmp_path: Path) -> None:
    """A pipe stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    download(pipe, reply(REPORT, **CSV))
    reader.join(PATIENCE)

    assert got == [REPORT]
    assert entries(tmp_path) == ["pipe"]


def test_a_slow_download_may_take_longer_than_the_timeout(tmp_path: Path) -> None:
    """As long as something comes."""

    def slowly(peer: Peer) -> None:
        peer.read()
        peer.send(head(200, Content_Length=12, **CSV))
        for _ in range(6):
            peer.far.over.wait(0.1)
            peer.send(b"a\n")

    assert download(tmp_path / "log.csv", slowly, timeout=0.4) == 12


@pytest.mark.parametrize(
    "step",
    [
        reply(REPORT, **CSV),
        chunked(REPORT[:-900], REPORT[-900:]),
        endless(REPORT),
        raw(head(200, Content_Length="9" * 19, **CSV) + REPORT),
    ],
    ids=["length", "chunks", "no end", "a length beyond all"],
)
def test_a_report_has_an_end(tmp_path: Path, step: Step) -> None:
    """What is longer than a report may be is refused and leaves no file, whether it says so or not.

    One that has just that length is taken.
    """
    with pytest.raises(AnswerTooLarge, match="ask for less time"):
        download(tmp_path / "log.csv", step, download_max=len(REPORT) - 1)
    assert entries(tmp_path) == []

    taken = download(tmp_path / "log.csv", reply(REPORT, **CSV), download_max=len(REPORT))
    assert taken == len(REPORT)


# What is replaced, and what is not


def test_an_old_report_is_replaced_with_its_mode(tmp_path: Path) -> None:
    """A link stays a link to it."""
    target, link = tmp_path / "log.csv", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to("log.csv")
    download(link, reply(REPORT, **CSV))

    assert link.is_symlink()
    assert target.read_bytes() == REPORT
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_rest_of_an_interrupted_download_is_written_over(tmp_path: Path) -> None:
    """The dashboard cannot go on in the middle, so the next one starts again."""
    target = tmp_path / "log.csv"
    part_name(target).write_bytes(REPORT * 2)
    download(target, reply(REPORT, **CSV))

    assert target.read_bytes() == REPORT
    assert entries(tmp_path) == ["log.csv"]


@pytest.mark.parametrize("make", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_place_of_the_part_is_not_followed(tmp_path: Path, make: str) -> None:
    """Somebody may have laid it there, to have another file written over."""
    victim, target = tmp_path / "victim", tmp_path / "log.csv"
    victim.write_text("precious")
    getattr(part_name(target), make)(victim)
    download(target, reply(REPORT, **CSV))

    assert victim.read_text() == "precious"
    assert target.read_bytes() == REPORT
    assert entries(tmp_path) == ["log.csv", "victim"]


def test_two_downloads_to_one_file_do_not_mix(tmp_path: Path) -> None:
    """The second one is refused, before it asks for anything."""
    target = tmp_path / "log.csv"
    with part_name(target).open("wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with FarEnd() as far:
            with (
                TeamDashboard(url=far.url, credentials=ACCOUNT) as dashboard,
                pytest.raises(FileNotWritten, match="another download"),
            ):
                dashboard.agent_status_log(since=SINCE, until=UNTIL, to=target)
            assert far.connections == 0
    assert not target.exists()


# What goes wrong


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (raw(head(200, Content_Length=len(REPORT), **CSV) + REPORT[:-1]), DashboardUnreachable),
        (raw(head(200, Content_Length=100, **CSV)), DashboardUnreachable),
        (chunked(REPORT, end=b""), DashboardUnreachable),
        (chunked(REPORT, end=b"0\r\n"), DashboardUnreachable),
        (raw(head(200, **CSV) + REPORT[:-1]), DashboardUnreachable),
        (reply("<!doctype html><h1>Log in", Content_Type="text/html"), DashboardUnreachable),
        (reply("<html>" + " " * 9000, **CSV), DashboardUnreachable),
        (reply('{"error": "no"}', Content_Type="application/json"), DashboardUnreachable),
        (reply(b"PK\x03\x04...", **CSV), DashboardUnreachable),
        (reply(REPORT, status=302, Location="/login/"), DashboardUnreachable),
        (raw(b""), DashboardUnreachable),
        (reply(REPORT, status=500), DashboardRefused),
        (reply(REPORT, status=404), DashboardRefused),
        (reply(REPORT, status=401), CredentialsRefused),
    ],
)
def test_what_is_not_whole_or_no_report_gets_no_name(
    tmp_path: Path, step: Step, error: type[QlogshipError]
) -> None:
    """The report that was there stays, and no half one is left beside it."""
    (tmp_path / "log.csv").write_text("old")

    with pytest.raises(error):
        download(tmp_path / "log.csv", step)

    assert (tmp_path / "log.csv").read_text() == "old"
    assert entries(tmp_path) == ["log.csv"]


def test_a_download_that_stands_still_is_given_up(tmp_path: Path) -> None:
    """Before the first byte, and behind it."""

    def stops(peer: Peer) -> None:
        peer.read()
        peer.send(head(200, Content_Length=len(REPORT), **CSV) + REPORT[:10_000])
        peer.hang()

    for step in (hang, stops):
        with pytest.raises(DashboardUnreachable, match=r"nothing came for 0\.3 s"):
            download(tmp_path / "log.csv", step, timeout=0.3)
    assert entries(tmp_path) == []


def test_a_download_that_trickles_for_ever_is_given_up(tmp_path: Path) -> None:
    """Progress has an end too."""

    def trickle(peer: Peer) -> None:
        peer.read()
        peer.send(head(200, Transfer_Encoding="chunked", **CSV))
        peer.trickle(b"2\r\na\n\r\n")

    with pytest.raises(DashboardUnreachable, match=r"not done within 0\.5 s"):
        download(tmp_path / "log.csv", trickle, download_timeout=0.5)
    assert entries(tmp_path) == []


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    """A long download to nowhere helps nobody."""
    with (
        FarEnd() as far,
        TeamDashboard(url=far.url, credentials=GivenToken("tok.en")) as dashboard,
    ):
        for place in (tmp_path, tmp_path / "none" / "log.csv"):
            with pytest.raises(FileNotWritten, match=str(place)):
                dashboard.agent_status_log(since=SINCE, until=UNTIL, to=place)
        assert far.connections == 0


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """/dev/full is one."""
    link = tmp_path / "log.csv"
    link.symlink_to("/dev/full")
    with pytest.raises(FileNotWritten, match="No space left"):
        download(link, reply(REPORT, **CSV))


def test_no_secret_gets_into_an_error() -> None:
    """An answer may repeat the cookie."""
    with pytest.raises(DashboardRefused) as caught:
        download(io.BytesIO(), reply("jwt=tok.en is no good", status=500))
    assert "tok.en" not in str(caught.value) + caught.value.answer
    with pytest.raises(DashboardUnreachable) as unclear:
        download(io.BytesIO(), reply('{"jwt": "tok.en"}', Content_Type="application/json"))
    assert "tok.en" not in str(unclear.value)
