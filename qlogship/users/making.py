"""Making users on the dashboard, each once, whatever becomes of the answers.

Theory of operation. Who is there is asked first, with one listing, and an e-mail
address that is there is never sent again: so an import that was killed at any
moment is simply run once more. An answer that was lost is looked up in a new
listing before anything else is sent; twice, with a pause between, because a request
that looked lost may still be at work. Who asks for patience may have stored the user
before, so that is looked up, too, before the user is sent again. What the dashboard
refuses is looked up at the end: some speak of an error (5xx) and have stored it, or
refuse an address that somebody else has brought there meanwhile.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from random import random as chance
from typing import TYPE_CHECKING, Final, TypeVar

from qlogship.dashboard.verdicts import ABSENT, MEANINGS, Verdict
from qlogship.errors import (
    AnswerTooLarge,
    DashboardRefused,
    DashboardUnreachable,
    OutcomeUnknown,
)
from qlogship.shipping.backoff import next_delay
from qlogship.users.csv_file.columns import same_email

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qlogship.dashboard import NewUser, TeamDashboard, User
    from qlogship.users.csv_file.columns import FileUser

T = TypeVar("T")

_ATTEMPTS: Final = 4
_LONGEST_WAIT: Final = 30.0
_BUSY: Final = MEANINGS[Verdict.LATER].statuses
_PAGE_SIZE: Final = 500


class Fate(StrEnum):
    """What became of a row: PRESENT was there already, FAILED was refused, NEW is not tried."""

    NEW = "new"
    ADDED = "added"
    PRESENT = "present"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one user; `id` is None when nobody told one.

    `error` is the dashboard's refusal. `looked_up`: a listing proved it, not an answer.
    """

    fate: Fate
    id: int | None
    error: DashboardRefused | None = None
    looked_up: bool = False


class Maker:
    """Makes users on a dashboard, where they are not there yet.

    Raises CredentialsRefused, and DashboardUnreachable after a few attempts; then
    nothing is lost, and the same may be asked for again.
    """

    def __init__(
        self,
        dashboard: TeamDashboard,
        *,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = chance,
    ) -> None:
        self._dashboard = dashboard
        self._sleep = sleep
        self._random = random
        self._there: dict[str, int | None] | None = None

    def everybody(self, *, sort: str = "id", descending: bool = False) -> list[User]:
        """Return all users there are now, in the order that the dashboard gives them."""
        return self._patiently(lambda: self._list(sort, descending))

    def find(self, email: str) -> Made | None:
        """Return who has this address, as far as was known at the last listing."""
        if self._there is None:
            self.everybody()
        there = self._there or {}
        key = same_email(email)
        return Made(Fate.PRESENT, there[key]) if key in there else None

    def make(self, user: NewUser) -> Made:
        """Make a user unless the address is there, and say what became of it."""
        made = self.find(user.email) or self._create(user)
        if made.fate is Fate.ADDED and self._there is not None:
            self._there[same_email(user.email)] = made.id
        return made

    def make_one(self, user: NewUser) -> Made:
        """Make a user as `make` does, and look at once whether a refusal was none."""
        made = self.make(user)
        if made.error is None:
            return made
        self.everybody()
        return self._in_spite_of(made.error, user) or made

    def import_all(self, users: Iterable[FileUser]) -> Iterator[tuple[FileUser, Made]]:
        """Make the users of a file, in its order; yield what became of each as soon as it is known.

        One may come twice: the last word counts.
        """
        refused: list[tuple[FileUser, DashboardRefused]] = []
        for one in users:
            made = self.make(one.user)
            if made.error is not None:
                refused.append((one, made.error))
            yield one, made
        if refused:
            self.everybody()
        for one, error in refused:
            found = self._in_spite_of(error, one.user)
            if found is not None:
                yield one, found

    def remove(self, ids: Sequence[int]) -> None:
        """Delete users; those whose deletion got no answer are looked up and tried again."""
        left = list(ids)
        for attempt in itertools.count(1):
            try:
                self._patiently(partial(self._dashboard.delete_users, left))
            except OutcomeUnknown as error:
                there = {user.id for user in self.everybody()}
                left = [number for number in left if number in there]
                if left and attempt == _ATTEMPTS:
                    raise _no_proof(error) from error
            else:
                return
            if not left:
                return
            self._pause(attempt)

    def _list(self, sort: str, descending: bool) -> list[User]:
        page = self._dashboard.users_page(sort=sort, descending=descending, all_users=True)
        users = list(page.users)
        if page.total is None or len(users) < page.total:
            # It may know no `allUsers`, or cap it.
            pages = self._dashboard.list_users(
                sort=sort, descending=descending, page_size=_PAGE_SIZE
            )
            users = max(users, list(pages), key=len)
        self._there = {same_email(user.email): user.id or None for user in users}
        return users

    def _create(self, user: NewUser) -> Made:
        doubted = asked = False

        def ask() -> Made:
            nonlocal asked
            if asked:
                self._list("id", False)
            found = self._found(user) if asked else None
            asked = True
            return found or Made(Fate.ADDED, self._dashboard.create_user(user))

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._patiently(ask)
            except OutcomeUnknown as error:
                doubted = True
                found = self._look_up(user, attempt)
                if found is not None:
                    return found
                if attempt == _ATTEMPTS:
                    raise _no_proof(error) from error
            except DashboardRefused as error:
                if error.status in ABSENT:  # it would be the same for every user
                    raise
                found = self._look_up(user, attempt) if doubted else None
                return found or Made(Fate.FAILED, None, error)
        raise AssertionError("unreachable")

    def _look_up(self, user: NewUser, attempt: int) -> Made | None:
        """Return the user whose making got no answer, when the listing shows it."""
        for pause in (True, False):
            self.everybody()
            found = self._found(user)
            if found is not None:
                return found
            if pause:
                self._pause(attempt)
        return None

    def _found(self, user: NewUser) -> Made | None:
        """Return the user who was sent before, when the last listing shows it."""
        found = self.find(user.email)
        return Made(Fate.ADDED, found.id, looked_up=True) if found is not None else None

    def _in_spite_of(self, error: DashboardRefused, user: NewUser) -> Made | None:
        """Return the user who was refused, when the last listing shows it.

        An error of the dashboard's own may come after the work was done; after any other one
        it was somebody else's.
        """
        return self._found(user) if error.status >= 500 else self.find(user.email)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask a few times while nobody is there, or somebody asks for patience."""
        for attempt in itertools.count(1):
            retry_after = None
            try:
                return ask()
            except AnswerTooLarge:
                raise  # it would come once more
            except DashboardUnreachable:
                if attempt == _ATTEMPTS:
                    raise
            except DashboardRefused as error:
                retry_after = error.retry_after
                if error.status not in _BUSY:
                    raise
                if attempt == _ATTEMPTS or (retry_after or 0.0) > _LONGEST_WAIT:
                    raise DashboardUnreachable(error.message, hint=error.hint) from error
            self._pause(attempt, retry_after)
        raise AssertionError("unreachable")

    def _pause(self, attempt: int, retry_after: float | None = None) -> None:
        self._sleep(next_delay(attempt, random=self._random(), retry_after=retry_after))


def _no_proof(error: OutcomeUnknown) -> DashboardUnreachable:
    return DashboardUnreachable(
        error.message, hint="Look at `qlogship users list` before you try again."
    )
