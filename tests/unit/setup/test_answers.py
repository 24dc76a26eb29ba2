"""What people may answer to setup, and which settings that makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qlogship.config import Settings
from qlogship.config.model import DashboardSettings, SourceSettings, StateSettings
from qlogship.config.secret import Unfit
from qlogship.installation.places import places
from qlogship.setup.answers import (
    Answers,
    address,
    changes,
    checked,
    differences,
    first_day,
    history,
    password,
    spelt_out,
)
from qlogship.setup.present import Standing
from qlogship.shipping.belonging import EVERYTHING, FROM_NOW, SAME, Decision

CLOUD = "https://company.softphone.pro"
LOG = Path("/var/log/asterisk/queue_log")
HERE = places(None, None)
ANSWERS = Answers(CLOUD, "admin@company.ru", LOG, "all")


def settings(**dashboard: str) -> Settings:
    """Return settings that say what was answered, and what else is named."""
    said = {"url": CLOUD, "email": "admin@company.ru", "password_file": "/etc/qlogship/password"}
    return Settings(dashboard=DashboardSettings.model_validate(said | dashboard))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("company", CLOUD),
        (" Company ", CLOUD),
        ("company.softphone.pro", CLOUD),
        ("company.softphone.pro/", CLOUD),
        (f"{CLOUD}/", CLOUD),
        ("https://dashboard.example.com:8443", "https://dashboard.example.com:8443"),
        ("dashboard.example.com:8443", "https://dashboard.example.com:8443"),
        ("http://127.0.0.1:8642", "http://127.0.0.1:8642"),
        ("localhost:8080", "https://localhost:8080"),
    ],
)
def test_a_tenant_or_an_address(typed: str, meant: str) -> None:
    """One word is a tenant of the cloud, anything else a host, over TLS unless it says http."""
    assert address(typed) == meant


@pytest.mark.parametrize("typed", ["http://10.0.0.5", "http://dashboard.example.com"])
def test_clear_text_to_another_machine_is_refused(typed: str) -> None:
    """An http address of another machine is taken only with --allow-http."""
    with pytest.raises(Unfit) as caught:
        address(typed)

    assert "--allow-http" in caught.value.remedy
    assert address(typed, allow_http=True) == typed


@pytest.mark.parametrize(
    ("url", "written"), [("http://10.0.0.5", True), ("http://127.0.0.1", None), (CLOUD, None)]
)
def test_allow_http_is_written_where_it_counts(url: str, written: bool | None) -> None:  # noqa: FBT001
    """--allow-http becomes a setting for a clear text address, and leaves no trace elsewhere."""
    allowed = changes(replace(ANSWERS, url=url, allow_http=True), HERE, None)

    assert allowed.get(("dashboard", "allow_http")) == written


@pytest.mark.parametrize(
    "typed", ["", "https://", "a b", "https://x/path", "ftp://x", "https://u:p@x"]
)
def test_an_address_obeys_the_rules_of_the_settings(typed: str) -> None:
    """What the settings would refuse is refused when it is typed, with their remedy."""
    with pytest.raises(Unfit) as caught:
        address(typed)
    assert caught.value.remedy
    assert "u:p" not in caught.value.problem


@pytest.mark.parametrize("typed", ["admin", "a@b c", ""])
def test_an_email_obeys_the_rules_of_the_settings(typed: str) -> None:
    """An e-mail without an @, or with a blank, is none."""
    with pytest.raises(Unfit):
        checked("dashboard", "email", typed)


def test_a_relative_queue_log_is_refused() -> None:
    """A path depends on no directory."""
    with pytest.raises(Unfit):
        checked("source", "path", "queue_log")


@pytest.mark.parametrize(
    ("text", "meant"), [("pass word\n", "pass word"), ("p\r\n", "p"), (" p", " p")]
)
def test_one_newline_at_its_end_is_no_part_of_a_password(text: str, meant: str) -> None:
    """Blanks are, and stay."""
    assert password(text) == meant


@pytest.mark.parametrize("text", ["", "\n", "  ", "SECRET\nmore", "SECRET\0", "SECRET\udcff"])
def test_what_can_be_no_password_is_not_repeated(text: str) -> None:
    """The problem is named, never what was typed."""
    with pytest.raises(Unfit) as caught:
        password(text)
    assert "SECRET" not in caught.value.problem + caught.value.remedy


def test_all_that_is_missing_is_named_at_once() -> None:
    """Each with the option that says it."""
    options = [option.split()[0] for option in Answers().missing]
    assert options == ["--url", "--email", "--password-file"]
    assert replace(ANSWERS, password="x").missing == []


def test_first_settings_say_everything() -> None:
    """Also what is the default, so that a reader of the file sees the answers."""
    assert changes(ANSWERS, HERE, None) == {
        ("dashboard", "url"): CLOUD,
        ("dashboard", "email"): "admin@company.ru",
        ("dashboard", "password_file"): "/etc/qlogship/password",
        ("source", "path"): str(LOG),
        ("source", "history"): "all",
    }


def test_the_same_answers_change_nothing() -> None:
    """Neither what is written in the file nor what is the default is written again."""
    assert changes(ANSWERS, HERE, settings()) == {}


def test_only_what_differs_is_changed() -> None:
    """The differences name what is there now and what will be."""
    present = settings(url="https://other.softphone.pro")
    wanted = changes(ANSWERS, HERE, present)
    assert wanted == {("dashboard", "url"): CLOUD}
    assert differences(wanted, present) == [
        ("dashboard.url", '"https://other.softphone.pro"', f'"{CLOUD}"')
    ]


def test_a_token_gives_way_to_a_password() -> None:
    """The settings take one kind of credentials, so the other is taken out."""
    present = Settings(
        dashboard=DashboardSettings.model_validate({"url": CLOUD, "token_file": "/t"})
    )
    wanted = changes(ANSWERS, HERE, present)
    assert wanted["dashboard", "token_file"] is None
    assert ("dashboard.token_file", '"/t"', "not set") in differences(wanted, present)


def test_an_instance_gets_a_state_of_its_own() -> None:
    """Unless its settings name another one already."""
    north = places(None, "north")
    assert changes(ANSWERS, north, None)["state", "directory"] == "/var/lib/qlogship/north"
    assert changes(ANSWERS, north, settings())["state", "directory"] == "/var/lib/qlogship/north"
    elsewhere = Settings(
        dashboard=settings().dashboard,
        source=SourceSettings(),
        state=StateSettings(directory=Path("/srv/state")),
    )
    assert ("state", "directory") not in changes(ANSWERS, north, elsewhere)


TODAY = "2026-11-28"


@pytest.mark.parametrize("text", ["all", "current", "none", "2026-11-01", TODAY])
def test_how_far_back(text: str) -> None:
    """A word of the settings, or a day up to today."""
    assert history(text, today=TODAY) == text


@pytest.mark.parametrize("text", ["2026-11-29", "2099-01-01", "2026-02-30", "20261101", "ever", ""])
def test_no_such_day(text: str) -> None:
    """A day to come and no day are refused, each with a remedy."""
    with pytest.raises(Unfit) as caught:
        history(text, today=TODAY)
    assert caught.value.problem
    assert caught.value.remedy


def test_a_word_is_no_first_day() -> None:
    """Who is asked for the day after the last upload cannot answer "all"."""
    with pytest.raises(Unfit):
        first_day("all", today=TODAY)


@pytest.mark.parametrize(
    ("typed", "meant"), [("a", "all"), ("Cur", "current"), ("none", "none"), ("x", "x"), ("", "")]
)
def test_the_beginning_of_a_word_is_enough(typed: str, meant: str) -> None:
    """What begins none of them stays what it is, and is refused by the next check."""
    assert spelt_out(typed) == meant


def test_what_nobody_said_of_others_is_not_written() -> None:
    """A default that somebody confirmed is, so that it is not asked again."""
    said = replace(ANSWERS, shared=False, uploaded_before=False)
    wanted = changes(said, HERE, settings())
    assert wanted == {("dashboard", "shared"): False, ("source", "uploaded_before"): False}
    assert ("dashboard", "shared") not in changes(ANSWERS, HERE, settings())


def test_what_was_said_of_another_dashboard_is_taken_out() -> None:
    """The settings say nothing about earlier uploads then."""
    present = Settings(dashboard=settings().dashboard, source=SourceSettings(uploaded_before=False))
    wanted = changes(ANSWERS, HERE, present)
    assert wanted == {("source", "uploaded_before"): None}


@pytest.mark.parametrize(
    ("standing", "decision", "history", "has_text", "asked"),
    [
        (Standing(), None, "all", True, True),
        (Standing(), None, "2026-11-01", True, True),
        (Standing(), None, "none", True, False),
        (Standing(), None, "all", False, False),
        (Standing(begun=True), None, "all", False, True),
        (Standing(begun=True, cleared=True), None, "all", True, False),
        (Standing(begun=True, undecided=True), None, "all", True, False),
        (Standing(begun=True, undecided=True), EVERYTHING, "all", True, True),
        (Standing(begun=True, undecided=True), FROM_NOW, "all", True, False),
        (Standing(begun=True, undecided=True), SAME, "all", True, True),
    ],
)
def test_earlier_uploads_are_asked_about_where_they_matter(
    *, standing: Standing, decision: Decision | None, history: str, has_text: bool, asked: bool
) -> None:
    """Where something older is shipped to a dashboard that was not cleared before."""
    assert standing.asks_about_before(decision, history, has_text=has_text) is asked
