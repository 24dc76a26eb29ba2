"""Users over real HTTP, against a far end that follows a script."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard import EmailPassword, GivenToken, NewUser, Role, TeamDashboard
from qlogship.errors import (
    AnswerTooLarge,
    CredentialsRefused,
    DashboardRefused,
    DashboardUnreachable,
    ExitCode,
    InvalidUser,
    OutcomeUnknown,
    QlogshipError,
    UsageError,
)
from tests.support.scripted import PATIENCE, FarEnd, hang, head, login, raw, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.scripted import Peer, Step

ACCOUNT = EmailPassword("admin@company.ru", "admin-s3cret")
JOHN = NewUser(
    uses_softphone=True,
    name="John",
    surname="Doe",
    email="user@company.com",
    password="user-s3cret",
    role=Role.EMPLOYEE,
    groups=(1, 2),
    config='login = "sip101"\nSipPassword = "sip-s3cret"',
)


@contextlib.contextmanager
def dashboard_with(
    *steps: Step, timeout: float = PATIENCE
) -> Iterator[tuple[TeamDashboard, FarEnd]]:
    """Bring up a far end that does this, and a client that has a token for it."""
    with (
        FarEnd(*steps) as far,
        TeamDashboard(url=far.url, credentials=GivenToken("tok.en"), timeout=timeout) as dashboard,
    ):
        yield dashboard, far


def create(dashboard: TeamDashboard) -> object:
    """Ask for John."""
    return dashboard.create_user(JOHN)


def delete(dashboard: TeamDashboard) -> object:
    """Ask for two users to be removed."""
    dashboard.delete_users([2, 4])
    return None


def list_all(dashboard: TeamDashboard) -> object:
    """Ask for all users."""
    return dashboard.all_users()


def page(*ids: int, total: int | None) -> Step:
    """Answer with a page of users."""
    body: dict[str, object] = {"users": [{"id": number} for number in ids]}
    if total is not None:
        body["totalCount"] = total
    return reply(json.dumps(body), Content_Type="application/json")


def ids_listed(*pages: Step, page_size: int = 2) -> tuple[list[int], int]:
    """Return the ids that come out of a listing, and how many pages were asked for."""
    with dashboard_with(*pages) as (dashboard, far):
        found = [user.id for user in dashboard.list_users(page_size=page_size)]
        return found, len(far.requests)


# What is asked


def test_the_id_of_the_new_user_comes_back() -> None:
    """One request, with the token as Bearer, and the number that the dashboard tells."""
    with dashboard_with(reply("17")) as (dashboard, far):
        assert dashboard.create_user(JOHN) == 17

    (request,) = far.requests
    assert request.line == "POST /api/settings/users/save HTTP/1.1"
    assert request.headers["authorization"] == "Bearer tok.en"
    assert json.loads(request.body)["email"] == "user@company.com"


def test_a_user_beyond_the_limits_is_not_sent() -> None:
    """All faults come at once, before there is any request, and without the password."""
    wrong = NewUser(
        uses_softphone=True,
        name="",
        surname="",
        email="user@company.com",
        password="s3cre",
        role=Role.EMPLOYEE,
        groups=(),
    )
    with dashboard_with() as (dashboard, far):
        with pytest.raises(InvalidUser) as caught:
            dashboard.create_user(wrong)
        with pytest.raises(UsageError):
            dashboard.delete_users([])
        with pytest.raises(UsageError):
            list(dashboard.list_users(sort="role"))
        assert far.connections == 0

    assert [field for field, _ in caught.value.faults] == ["name", "surname", "password", "groups"]
    assert caught.value.exit_code is ExitCode.USAGE
    assert "s3cre" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_renewed_once(status: int) -> None:
    """The request is repeated with the new token: it had not been let in."""
    steps = [login("one"), reply("", status=status), login("two"), reply("5")]
    with FarEnd(*steps) as far:
        with TeamDashboard(url=far.url, credentials=ACCOUNT, timeout=PATIENCE) as dashboard:
            assert dashboard.create_user(JOHN) == 5
        tokens = [request.headers.get("authorization") for request in far.requests]

    assert tokens == [None, "Bearer one", None, "Bearer two"]


# What goes wrong


@pytest.mark.parametrize("wish", [create, delete, list_all])
@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429, 500, 503])
def test_an_error_is_a_refusal_with_its_status(
    wish: Callable[[TeamDashboard], object], status: int
) -> None:
    """Also 500: the dashboard says so when there is such an e-mail address already."""
    answer = reply('{"error": "no way"}', status=status, Retry_After="7")
    with dashboard_with(answer) as (dashboard, far):
        with pytest.raises(DashboardRefused) as caught:
            wish(dashboard)
        assert len(far.requests) == 1

    assert caught.value.status == status
    assert caught.value.answer == '{"error": "no way"}'
    assert caught.value.retry_after == 7.0
    assert "no way" in str(caught.value)


@pytest.mark.parametrize(
    "step",
    [
        raw(b""),
        raw(head(200, Content_Length=10) + b"1"),
        raw(b"HTTP/1.1 2"),
        reply("", status=502),
        reply("", status=504),
        reply("<!doctype html><title>Log in</title>", Content_Type="text/html"),
        reply("42", status=600),
    ],
)
def test_a_change_without_a_proof_is_unknown(step: Step) -> None:
    """The caller looks it up; it is never asked for again by itself."""
    with dashboard_with(step, reply("18")) as (dashboard, far):
        with pytest.raises(OutcomeUnknown) as caught:
            dashboard.create_user(JOHN)
        assert len(far.requests) == 1

    assert caught.value.exit_code is ExitCode.IN_DOUBT


@pytest.mark.parametrize(
    "step", [raw(b""), raw(head(200, Content_Length=10) + b"1"), reply("", status=504)]
)
def test_a_deletion_without_an_answer_is_unknown(step: Step) -> None:
    """It may have happened."""
    with dashboard_with(step) as (dashboard, _), pytest.raises(OutcomeUnknown):
        dashboard.delete_users([2])


@pytest.mark.parametrize("answer", ["", "ok", "[]", '{"status": "ok"}', "null"])
def test_any_success_is_a_deletion(answer: str) -> None:
    """The vendor does not say what is answered."""
    with dashboard_with(reply(answer)) as (dashboard, _):
        dashboard.delete_users([2])


def test_a_word_that_is_called_html_is_a_deletion() -> None:
    """Some servers call every word so."""
    with dashboard_with(reply("OK", Content_Type="text/html; charset=utf-8")) as (dashboard, _):
        dashboard.delete_users([2])


def test_a_success_that_speaks_of_a_failure_is_unknown() -> None:
    """Whatever it means, it is no proof."""
    with (
        dashboard_with(reply('{"success": false}'), reply('{"error": "duplicate", "id": 7}')) as (
            dashboard,
            _,
        ),
    ):
        with pytest.raises(OutcomeUnknown, match="failure"):
            dashboard.delete_users([2])
        with pytest.raises(OutcomeUnknown, match="failure"):
            dashboard.create_user(JOHN)


def test_a_page_for_a_browser_is_no_deletion() -> None:
    """A login page with 200 is not the dashboard's word."""
    with (
        dashboard_with(reply("<html><form>", Content_Type="text/html")) as (dashboard, _),
        pytest.raises(OutcomeUnknown, match="web page"),
    ):
        dashboard.delete_users([2])


def test_a_lost_answer_in_time_is_unknown() -> None:
    """The deadline is that of the whole request."""
    with (
        dashboard_with(hang, timeout=0.3) as (dashboard, _),
        pytest.raises(OutcomeUnknown, match=r"not done within 0\.3 s"),
    ):
        dashboard.create_user(JOHN)


@pytest.mark.parametrize("wish", [create, delete, list_all])
def test_nobody_there_is_unreachable(wish: Callable[[TeamDashboard], object]) -> None:
    """Nothing has left, so nothing is unknown."""
    with FarEnd() as far:
        url = far.url
    with (
        TeamDashboard(url=url, credentials=GivenToken("tok.en"), timeout=PATIENCE) as dashboard,
        pytest.raises(DashboardUnreachable),
    ):
        wish(dashboard)


@pytest.mark.parametrize("wish", [create, delete, list_all])
@pytest.mark.parametrize(
    ("step", "error"),
    [
        (reply("{}", status=401), CredentialsRefused),
        (reply("{}", status=500), DashboardUnreachable),
        (raw(b""), DashboardUnreachable),
        (reply("<html>", Content_Type="text/html"), DashboardUnreachable),
    ],
)
def test_a_failed_login_refuses_nothing_and_leaves_nothing_unknown(
    step: Step, error: type[QlogshipError], wish: Callable[[TeamDashboard], object]
) -> None:
    """What was to follow was never asked."""
    with FarEnd(step) as far:
        with (
            TeamDashboard(url=far.url, credentials=ACCOUNT, timeout=PATIENCE) as dashboard,
            pytest.raises(error) as caught,
        ):
            wish(dashboard)
        assert far.paths == ["/login/api/auth"]
    assert type(caught.value) is error


@pytest.mark.parametrize("page", ["/login/", "https://company.ru/Login?next=/api/login"])
def test_a_way_to_the_login_page_is_a_refused_token(page: str) -> None:
    """Some dashboards send away whose token has expired, instead of saying so."""
    with (
        FarEnd(login(), reply("", status=302, Location=page), login("token-2"), reply("7")) as far,
        TeamDashboard(url=far.url, credentials=ACCOUNT) as dashboard,
    ):
        assert dashboard.create_user(JOHN) == 7
    assert far.requests[3].headers["authorization"] == "Bearer token-2"


@pytest.mark.parametrize("page", ["/settings/users", "/relogin-reports", "/users?from=/login"])
def test_a_redirect_after_a_change_leaves_it_unknown(page: str) -> None:
    """It may point to a page that shows what was done."""
    with (
        dashboard_with(reply("", status=303, Location=page)) as (dashboard, far),
        pytest.raises(OutcomeUnknown, match="303"),
    ):
        create(dashboard)
    assert len(far.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    """Whatever stands there, it is not this dashboard."""
    with dashboard_with(reply("", status=302, Location="/login/")) as (dashboard, far):
        with pytest.raises(DashboardUnreachable, match="points to /login/"):
            dashboard.all_users()
        assert len(far.requests) == 1


@pytest.mark.parametrize(
    "step",
    [
        reply("7"),
        reply("<html>", Content_Type="text/html"),
        reply('{"users": [', Content_Type="application/json"),
        raw(head(200, Content_Length=100) + b'{"users": ['),
        raw(b""),
    ],
)
def test_an_answer_without_users_is_unreachable(step: Step) -> None:
    """Half a list is none: whoever is not on it would be made a second time."""
    with dashboard_with(step) as (dashboard, _), pytest.raises(DashboardUnreachable):
        dashboard.all_users()


# Secrets


@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_secret_gets_into_an_error_or_a_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Even when the far end repeats all that it was sent, and every logger tells all it knows."""
    caplog.set_level(logging.DEBUG)

    def echo(peer: Peer) -> None:
        peer.read()
        request = peer.far.requests[-1]
        said = request.body + b" " + request.headers["authorization"].encode()
        peer.send(head(status, Content_Length=len(said)) + said)

    with (
        FarEnd(login("t0k.en"), echo) as far,
        TeamDashboard(url=far.url, credentials=ACCOUNT, timeout=PATIENCE) as dashboard,
        pytest.raises(QlogshipError) as caught,
    ):
        dashboard.create_user(JOHN)

    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    shown += caplog.text
    for secret in ("user-s3cret", "sip-s3cret", "admin-s3cret", "t0k.en"):
        assert secret not in shown


# Pages


def test_a_list_ends_with_the_count() -> None:
    """Nothing is asked for beyond the last page."""
    assert ids_listed(page(5, 4, total=3), page(3, total=3)) == ([5, 4, 3], 2)
    assert ids_listed(page(total=0)) == ([], 1)


def test_pages_are_asked_for_in_order() -> None:
    """With the size and the order that was wished for."""
    with dashboard_with(page(1, 2, total=3), page(3, total=3)) as (dashboard, far):
        list(dashboard.list_users(sort="email", descending=False, page_size=2))

    assert far.paths == [
        "/api/settings/users?sortColumn=email&sortDirection=asc"
        f"&pageSize=2&pageNumber={number}&allUsers=false"
        for number in (1, 2)
    ]


def test_pages_are_read_as_they_are_needed() -> None:
    """Who wants the first user only, costs one request."""
    with dashboard_with(page(9, 8, total=1000)) as (dashboard, far):
        assert next(dashboard.list_users(page_size=2)).id == 9
        assert len(far.requests) == 1


def test_a_list_without_a_count_ends_with_an_empty_page() -> None:
    """A short page may be one that the dashboard keeps shorter than it was asked to."""
    pages = (page(5, total=None), page(4, total=None), page(total=None))
    assert ids_listed(*pages) == ([5, 4], 3)


def test_users_who_move_between_pages_are_told_once() -> None:
    """Others came in front of them meanwhile; a page of nothing but old ones is not the end."""
    pages = (page(4, 3, total=4), page(4, 3, total=6), page(2, 1, total=6), page(total=6))
    assert ids_listed(*pages) == ([4, 3, 2, 1], 4)


def test_a_dashboard_that_knows_no_pages_makes_no_loop() -> None:
    """The same users again and again are the end, whatever the count says."""
    found, asked = ids_listed(*[page(2, 1, total=100)] * 50)
    assert found == [2, 1]
    assert asked < 10


def test_all_users_come_with_one_request() -> None:
    """The dashboard does the joining, so nobody is missed."""
    with dashboard_with(page(*range(1, 501), total=500)) as (dashboard, far):
        assert len(dashboard.all_users(sort="name", descending=False)) == 500

    (path,) = far.paths
    assert path == (
        "/api/settings/users?sortColumn=name&sortDirection=asc"
        "&pageSize=20&pageNumber=1&allUsers=true"
    )


# Connections that were kept


def test_a_question_is_repeated_on_a_connection_that_died() -> None:
    """It changes nothing, and a kept connection may be over at any moment; once, on a new one."""
    with dashboard_with(page(1, total=1), raw(b""), page(2, total=1)) as (dashboard, far):
        assert [user.id for user in dashboard.all_users()] == [1]
        assert [user.id for user in dashboard.all_users()] == [2]
        assert far.connections == 2


def test_a_question_is_not_repeated_on_a_new_connection() -> None:
    """There the fault is another one, and will be there again."""
    with dashboard_with(raw(b""), page(2, total=1)) as (dashboard, far):
        with pytest.raises(DashboardUnreachable):
            dashboard.all_users()
        assert len(far.requests) == 1


def test_a_change_is_not_repeated_on_a_connection_that_died() -> None:
    """The dashboard may have read it before it closed."""
    with dashboard_with(page(1, total=1), raw(b""), reply("5")) as (dashboard, far):
        dashboard.all_users()
        with pytest.raises(OutcomeUnknown):
            dashboard.create_user(JOHN)
        assert len(far.requests) == 2


# What a hostile dashboard may send


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("[" + "{}," * 1_000_000 + "{}]", "1,000,000 values"),
        ("[" * 600_000 + "]" * 600_000, "no list of users"),
        ("[" + "[" * 1_000_001, "1,000,000 values"),
        ('["' + "x" * 17_000_000 + '"]', "16.0 MiB"),
        ("[" + ",".join(f'{{"id":{number}}}' for number in range(100_001)) + "]", "100,000 users"),
    ],
    ids=["empty users", "deep", "deeper", "one text", "many users"],
)
def test_a_list_has_an_end(body: str, named: str) -> None:
    """More bytes, values or users than any list has are refused, with the bound."""
    with (
        dashboard_with(reply(body)) as (dashboard, _),
        pytest.raises(DashboardUnreachable, match=named) as caught,
    ):
        dashboard.all_users()

    assert isinstance(caught.value, AnswerTooLarge) == (named != "no list of users")


def pages(count: int, more: str = "") -> list[Step]:
    """Answer with so many pages of 500 users, always new ones, and no word of an end."""
    return [
        reply(
            json.dumps([{"id": number * 500 + one + 1, "name": more} for one in range(500)]),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("steps", "named"),
    [(pages(201), "100,000 users"), (pages(10, "x" * 20_000), "64.0 MiB")],
    ids=["users", "bytes"],
)
def test_pages_have_an_end(steps: list[Step], named: str) -> None:
    """Pages that bring new users for ever are refused when there are too many."""
    with (
        dashboard_with(*steps) as (dashboard, _),
        pytest.raises(AnswerTooLarge, match=named),
    ):
        list(dashboard.list_users(page_size=500))


def test_pages_are_not_waited_for_for_ever() -> None:
    """Each page in time, and no end in sight: all of them may take ten timeouts."""
    times = itertools.count(0.0, 3.0)
    with (
        FarEnd(*pages(20)) as far,
        TeamDashboard(
            url=far.url,
            credentials=GivenToken("tok.en"),
            timeout=4.0,
            clock=lambda: next(times),
        ) as dashboard,
        pytest.raises(AnswerTooLarge, match="longer than 40 s"),
    ):
        list(dashboard.list_users(page_size=500))

    assert len(far.requests) == 14
