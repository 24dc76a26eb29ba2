"""What every Team Dashboard does with users, as far as this program relies on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard import EmailPassword, GivenToken, Role, TeamDashboard
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import CredentialsRefused, DashboardRefused
from tests.conformance.conftest import DOMAIN, missing_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.dashboard import NewUser, User
    from tests.conformance.conftest import Place

    Draft = Callable[[], NewUser]


def found(dashboard: TeamDashboard, email: str) -> list[User]:
    """Return the users with an e-mail address."""
    return [user for user in dashboard.all_users() if user.email == email]


def test_the_administrator_is_let_in(dashboard: TeamDashboard) -> None:
    """And gets a token."""
    assert dashboard.log_in().verdict is Verdict.ACCEPTED


def test_a_stranger_is_refused(place: Place) -> None:
    """With an answer that is told from any other trouble.

    The administrator's own address is not tried: a tenant may count wrong passwords.
    """
    with place.client(EmailPassword(f"nobody@{DOMAIN}", "no-such-password")) as client:
        assert client.log_in().verdict is Verdict.UNAUTHORIZED


def test_a_real_tenant_is_tried_too() -> None:
    """It is when one is named in the environment; see conftest.py."""
    missing = missing_names()
    if missing:
        pytest.skip(f"no real tenant is named: {', '.join(missing)} not set")


def test_a_wrong_token_is_refused(place: Place) -> None:
    """Nobody else's list of users is shown."""
    with (
        TeamDashboard(
            url=place.url, credentials=GivenToken("not.a.token"), ca_file=place.ca_file
        ) as client,
        pytest.raises(CredentialsRefused),
    ):
        client.all_users()


def test_a_new_user_is_listed_under_the_id_that_was_told(
    dashboard: TeamDashboard, draft: Draft
) -> None:
    """With the fields that were sent, and as one who never logged in."""
    wish = replace(draft(), config='{% include "Default" %}\n')
    number = dashboard.create_user(wish)

    (user,) = found(dashboard, wish.email)
    assert user.id == number
    assert (user.name, user.surname) == (wish.name, wish.surname)
    assert user.role == Role.EMPLOYEE
    assert user.state == "active.unconfirm"
    assert len(user.groups) == 1


def test_a_supervisor_may_have_teams(place: Place, dashboard: TeamDashboard, draft: Draft) -> None:
    """manageGroups is taken."""
    wish = replace(draft(), role=Role.MANAGER, manage_groups=(place.group,))
    dashboard.create_user(wish)

    (user,) = found(dashboard, wish.email)
    assert user.role == Role.MANAGER


def test_letters_of_any_script_come_back(dashboard: TeamDashboard, draft: Draft) -> None:
    """Names are text, not ASCII."""
    wish = draft()
    wish = replace(wish, surname=f"Константинопольская-Łódź 'X' \"Y\" {wish.name}")
    dashboard.create_user(wish)

    (user,) = found(dashboard, wish.email)
    assert user.surname == wish.surname


def test_an_email_is_taken_once(dashboard: TeamDashboard, draft: Draft) -> None:
    """A second user with it is refused, and is not made: an import relies on it."""
    wish = draft()
    dashboard.create_user(wish)

    with pytest.raises(DashboardRefused):
        dashboard.create_user(wish)
    assert len(found(dashboard, wish.email)) == 1


def test_a_removed_user_is_gone(dashboard: TeamDashboard, draft: Draft) -> None:
    """From the list, at once, and nobody else with it."""
    one, other = draft(), draft()
    number = dashboard.create_user(one)
    dashboard.create_user(other)
    dashboard.delete_users([number])

    assert found(dashboard, one.email) == []
    assert len(found(dashboard, other.email)) == 1


def test_several_users_are_removed_at_once(dashboard: TeamDashboard, draft: Draft) -> None:
    """The body is a list."""
    wishes = [draft(), draft()]
    dashboard.delete_users([dashboard.create_user(wish) for wish in wishes])
    assert [found(dashboard, wish.email) for wish in wishes] == [[], []]


def test_pages_and_the_whole_list_agree(dashboard: TeamDashboard, draft: Draft) -> None:
    """The same users, page by page and at once."""
    for _ in range(3):
        dashboard.create_user(draft())
    everybody = dashboard.all_users()
    size = max(2, len(everybody) // 5)

    assert sorted(user.id for user in dashboard.list_users(page_size=size)) == sorted(
        user.id for user in everybody
    )


def test_a_page_has_the_size_that_was_asked_for_and_the_count_of_all(
    dashboard: TeamDashboard, draft: Draft
) -> None:
    """Pages are numbered from 1, and the one behind the last is empty."""
    for _ in range(3):
        dashboard.create_user(draft())
    everybody = dashboard.all_users()
    first, second, beyond = (
        dashboard.users_page(page_size=2, page_number=number) for number in (1, 2, 1_000_000)
    )

    assert first.total == len(everybody)
    assert len(first.users) == 2
    assert {user.id for user in first.users}.isdisjoint(user.id for user in second.users)
    assert beyond.users == ()


def test_ids_are_sorted_both_ways(dashboard: TeamDashboard, draft: Draft) -> None:
    """Descending unless otherwise wished for."""
    for _ in range(3):
        dashboard.create_user(draft())
    ids = [user.id for user in dashboard.all_users(sort="id")]

    assert ids == sorted(ids, reverse=True)
    assert [user.id for user in dashboard.all_users(sort="id", descending=False)] == sorted(ids)


@pytest.mark.parametrize(
    "sort", ["id", "name", "surname", "email", "groups", "roles", "states", "sfversion"]
)
def test_every_column_can_be_sorted_by(dashboard: TeamDashboard, sort: str) -> None:
    """The order of texts is the dashboard's own; nobody is lost by it."""
    everybody = {user.id for user in dashboard.all_users()}
    assert {user.id for user in dashboard.all_users(sort=sort, descending=False)} == everybody
