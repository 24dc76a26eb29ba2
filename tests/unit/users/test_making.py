"""Making users once: what is asked of a dashboard that fails in every way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard import NewUser, TeamDashboard, User
from qlogship.dashboard.users import UserPage
from qlogship.errors import (
    CredentialsRefused,
    DashboardRefused,
    DashboardUnreachable,
    OutcomeUnknown,
)
from qlogship.users.csv_file.reading import read_users
from qlogship.users.making import Fate, Made, Maker
from tests.support import agents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qlogship.users.csv_file.columns import FileUser


def unreachable() -> None:
    """Nobody is there."""
    raise DashboardUnreachable("no route")


def unknown() -> None:
    """The answer is lost."""
    raise OutcomeUnknown("no answer")


def refused(status: int, *, retry_after: float | None = None) -> Callable[[], None]:
    """Return what answers with a status."""

    def answer() -> None:
        raise DashboardRefused(f"answered {status}", status=status, retry_after=retry_after)

    return answer


@dataclass
class Dashboard(TeamDashboard):
    """Users in memory; `before` and `after` making one, the next of these happens.

    An address that is there is refused with the status `taken`, unless addresses are
    not kept `apart`. `counts`: how many users there are is told.
    """

    users: list[User] = field(default_factory=list)
    before: list[Callable[[], None] | None] = field(default_factory=list)
    after: list[Callable[[], None] | None] = field(default_factory=list)
    listings: list[Callable[[], None] | None] = field(default_factory=list)
    deleting: list[Callable[[], None] | None] = field(default_factory=list)
    late: list[User] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    cap: int | None = None
    counts: bool = True
    apart: bool = True
    taken: int = 500

    def users_page(
        self,
        *,
        sort: str = "id",
        descending: bool = True,
        page_size: int = 20,
        page_number: int = 1,
        all_users: bool = False,
    ) -> UserPage:
        """Return all users, or as many as `cap` allows."""
        self.log.append("list")
        happen(self.listings)
        listed = tuple(self.users)
        self.users += self.late
        self.late = []
        return UserPage(listed[: self.cap], len(listed) if self.counts else None)

    def list_users(
        self, *, sort: str = "id", descending: bool = True, page_size: int = 20
    ) -> Iterator[User]:
        """Yield all users."""
        self.log.append("pages")
        yield from self.users

    def create_user(self, user: NewUser) -> int:
        """Make a user; as the vendor does, an address that is there is an error 500."""
        self.log.append(f"create {user.email}")
        happen(self.before)
        if self.apart and user.email.lower() in (one.email.lower() for one in self.users):
            refused(self.taken)()
        self.users.append(User(id=len(self.users) + 1, email=user.email))
        happen(self.after)
        return len(self.users)

    def delete_users(self, ids: Sequence[int]) -> None:
        """Remove users."""
        self.log.append(f"delete {list(ids)}")
        self.users = [user for user in self.users if user.id not in ids]
        happen(self.deleting)

    def emails(self) -> list[str]:
        """Return the addresses that are there."""
        return [user.email for user in self.users]


def happen(script: list[Callable[[], None] | None]) -> None:
    """Let the next thing happen, if there is one."""
    thing = script.pop(0) if script else None
    if thing is not None:
        thing()


def file_of(count: int) -> tuple[FileUser, ...]:
    """Return the users of a file."""
    return read_users(agents.text(count).encode()).users


def run(dashboard: Dashboard, count: int = 3) -> dict[int, Made]:
    """Import a file; return the last result of each row."""
    maker = Maker(dashboard, sleep=lambda _: None, random=lambda: 0.5)
    return {user.row: made for user, made in maker.import_all(file_of(count))}


def fates(results: dict[int, Made]) -> list[tuple[str, int | None]]:
    """Return what became of each row, and its id."""
    return [(str(one.fate), one.id) for one in results.values()]


def test_each_is_made_once_and_the_list_is_asked_for_once() -> None:
    """When all goes well there is one listing and one request for each user."""
    dashboard = Dashboard()
    assert fates(run(dashboard)) == [("added", 1), ("added", 2), ("added", 3)]
    assert dashboard.log == ["list", *(f"create user{n}@example.com" for n in (1, 2, 3))]


def test_who_is_there_is_skipped() -> None:
    """An address that is there, in whatever capitals, is not sent."""
    dashboard = Dashboard([User(id=1, email="USER2@Example.com")])
    assert fates(run(dashboard)) == [("added", 2), ("present", 1), ("added", 3)]
    assert "create user2@example.com" not in dashboard.log


def test_again_changes_nothing() -> None:
    """A second run of the same file sends nothing."""
    dashboard = Dashboard()
    run(dashboard)
    dashboard.log.clear()
    assert {fate for fate, _ in fates(run(dashboard))} == {"present"}
    assert dashboard.log == ["list"]


@pytest.mark.parametrize("stored", [True, False])
def test_a_lost_answer_is_looked_up(*, stored: bool) -> None:
    """After a lost answer the listing decides: made already, or to be made now; never twice."""
    script: list[Callable[[], None] | None] = [None, unknown]
    dashboard = Dashboard(after=script) if stored else Dashboard(before=script)
    assert fates(run(dashboard)) == [("added", 1), ("added", 2), ("added", 3)]
    assert len(dashboard.emails()) == len(set(dashboard.emails())) == 3
    sent = dashboard.log.index("create user2@example.com")
    assert dashboard.log[sent + 1] == "list"
    assert dashboard.log.count("create user2@example.com") == (1 if stored else 2)


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_who_asks_for_patience_may_have_stored_it(status: int) -> None:
    """Before a user is sent again the listing is asked, where nothing keeps addresses apart."""
    dashboard = Dashboard(after=[None, refused(status)], apart=False)
    assert fates(run(dashboard)) == [("added", 1), ("added", 2), ("added", 3)]
    assert dashboard.emails() == [f"user{n}@example.com" for n in (1, 2, 3)]


@pytest.mark.parametrize("status", [400, 409, 422])
def test_somebody_else_was_quicker(status: int) -> None:
    """An address that is refused, and is there in the end, counts as there already."""
    dashboard = Dashboard(taken=status)

    def add() -> None:
        dashboard.users.append(User(id=50, email="user2@example.com"))

    dashboard.before = [None, add]
    assert fates(run(dashboard)) == [("added", 1), ("present", 50), ("added", 3)]


def test_a_request_that_is_late() -> None:
    """A user who appears only in the second listing after a lost answer is not made again."""
    dashboard = Dashboard(before=[unknown], late=[])

    def lose() -> None:
        dashboard.late = [User(id=77, email="user1@example.com")]
        unknown()

    dashboard.before = [lose]
    assert fates(run(dashboard, 1)) == [("added", 77)]
    assert dashboard.log == ["list", "create user1@example.com", "list", "list"]


def test_refused_ones_are_told_and_the_others_made() -> None:
    """A refusal is a result of its row; the import goes on."""
    dashboard = Dashboard(before=[None, refused(500)])
    results = run(dashboard)
    assert fates(results) == [("added", 1), ("failed", None), ("added", 2)]
    assert results[2].error is not None
    assert results[2].error.status == 500


def test_an_error_that_was_none() -> None:
    """Who is there in spite of an error 5xx is found by a listing at the end."""
    dashboard = Dashboard(after=[None, refused(500)])
    results = run(dashboard)
    assert fates(results) == [("added", 1), ("added", 2), ("added", 3)]
    assert results[2].looked_up
    assert dashboard.log.count("list") == 2


@pytest.mark.parametrize("stored", [True, False])
def test_one_user_and_an_error(*, stored: bool) -> None:
    """For a single user an error 5xx is looked up at once."""
    script: list[Callable[[], None] | None] = [refused(500)]
    dashboard = Dashboard(after=script) if stored else Dashboard(before=script)
    (one,) = file_of(1)
    made = Maker(dashboard, sleep=lambda _: None).make_one(one.user)
    assert made.fate is (Fate.ADDED if stored else Fate.FAILED)
    assert dashboard.log == ["list", "create user1@example.com", "list"]


@pytest.mark.parametrize("trouble", [unreachable, refused(503, retry_after=2.0), refused(429)])
def test_a_short_outage_is_sat_out(trouble: Callable[[], None]) -> None:
    """When nobody is there for a moment, or asks for patience, it is tried again."""
    dashboard = Dashboard(before=[None, trouble, trouble], listings=[trouble])
    assert fates(run(dashboard)) == [("added", 1), ("added", 2), ("added", 3)]
    assert len(dashboard.emails()) == 3


@pytest.mark.parametrize("trouble", [unreachable, unknown, refused(503)])
def test_a_long_outage_stops_it(trouble: Callable[[], None]) -> None:
    """After a few attempts it stops; the next run ends it right."""
    dashboard = Dashboard(before=[None, *[trouble] * 9])
    with pytest.raises(DashboardUnreachable):
        run(dashboard)
    assert dashboard.emails() == ["user1@example.com"]
    dashboard.before = []
    assert fates(run(dashboard)) == [("present", 1), ("added", 2), ("added", 3)]


def test_a_wait_that_is_too_long_is_not_sat_out() -> None:
    """A dashboard that asks for an hour is not waited for."""
    slept: list[float] = []
    dashboard = Dashboard(before=[refused(429, retry_after=3600.0)])
    maker = Maker(dashboard, sleep=slept.append, random=lambda: 0.5)
    with pytest.raises(DashboardUnreachable):
        list(maker.import_all(file_of(1)))
    assert slept == []


def test_the_wait_that_is_asked_for_is_kept() -> None:
    """Retry-After is waited for."""
    slept: list[float] = []
    dashboard = Dashboard(before=[refused(429, retry_after=7.0)])
    maker = Maker(dashboard, sleep=slept.append, random=lambda: 0.5)
    assert [made.fate for _, made in maker.import_all(file_of(1))] == [Fate.ADDED]
    assert slept == [7.0]


def test_what_concerns_everybody_stops_it() -> None:
    """Refused credentials and an address where nothing is stop the import at once."""

    def locked_out() -> None:
        raise CredentialsRefused("401")

    for trouble, kind in ((locked_out, CredentialsRefused), (refused(404), DashboardRefused)):
        dashboard = Dashboard(before=[trouble])
        with pytest.raises(kind):
            run(dashboard)
        assert len(dashboard.log) == 2


@pytest.mark.parametrize("counts", [True, False])
def test_a_listing_that_is_cut_is_read_in_pages(*, counts: bool) -> None:
    """A dashboard that may not send all users at once is asked for page after page."""
    users = [User(id=n, email=f"user{n}@example.com") for n in (1, 2, 3)]
    dashboard = Dashboard(users, cap=1, counts=counts)
    assert {fate for fate, _ in fates(run(dashboard))} == {"present"}
    assert dashboard.log == ["list", "pages"]


def test_deleting_without_an_answer() -> None:
    """A deletion whose answer is lost is looked up; only who is still there is asked for again."""
    users = [User(id=n, email=f"user{n}@example.com") for n in (1, 2, 3)]
    dashboard = Dashboard(users, deleting=[unknown])
    Maker(dashboard, sleep=lambda _: None).remove([1, 3])
    assert dashboard.log == ["delete [1, 3]", "list"]
    assert dashboard.emails() == ["user2@example.com"]
