"""The door of the Team Dashboard: all that can be asked of it.

Here lives what each action is called and what it returns. Requests and answers are
made and read by `administration`, `reports` and `outcome`; `session` sends them.
Nothing is logged here, and no secret gets into what is returned or raised.
"""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Literal, Self

from qlogship.dashboard import administration, reports
from qlogship.dashboard.destination import destination
from qlogship.dashboard.exchange import Request
from qlogship.dashboard.failures import failure_of, too_large, unclear
from qlogship.dashboard.outcome import Outcome, judge
from qlogship.dashboard.session import Session, refuses_token
from qlogship.errors import InvalidUser
from qlogship.wording import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from qlogship.dashboard import users
    from qlogship.dashboard.auth import Credentials

UPLOAD_PATH = "/api/reports/asterisk/upload"
CLEAR_PATH = "/api/reports/asterisk/clear"

# A page may show nothing new because users were added in front while the pages were
# read. So many of them in a row are another matter: page numbers mean nothing there.
_STALE_MAX = 3
# No tenant has more pages of users; a list that goes on has no end.
_PAGES_MAX = 100_000

_LISTING = "list the users"
# How many timeouts all pages of a list may take.
_LIST_TIMEOUTS = 10

# A file name between quotes, as browsers and curl put it.
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})

# How many ids fit into a sentence.
_SHOWN_MAX = 10


class TeamDashboard:
    """A Team Dashboard at `url`, used by one thread.

    `timeout` bounds each whole request in seconds, from the first look-up to the
    last byte of the answer; an action takes up to four of them, when its token is
    refused. A report may take `download_timeout`, but stand still for no longer than
    `timeout`, and have `download_max` bytes; all pages of a list may take ten timeouts.
    `ca_file` holds certificates (PEM) to trust besides the system's. Only `abort` may be
    called from another thread.

    Raises SettingsError when `url` or `ca_file` cannot be used. What is asked of
    users and reports raises CredentialsRefused and DashboardUnreachable when it
    cannot be asked, DashboardRefused when the answer is an error.
    """

    def __init__(
        self,
        *,
        url: str,
        credentials: Credentials,
        timeout: float = 60.0,
        download_timeout: float = 3600.0,
        download_max: int = reports.REPORT_MAX,
        ca_file: Path | None = None,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_clock = wall_clock
        self._clock = clock
        self._list_timeout = _LIST_TIMEOUTS * timeout
        self._download_max = download_max
        # The same for every upload: nobody who writes into the body knows it.
        self._boundary = secrets.token_hex(16)
        self._session = Session(
            url=url,
            credentials=credentials,
            timeout=timeout,
            download_timeout=download_timeout,
            ca_file=ca_file,
            wall_clock=wall_clock,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def log_in(self) -> Outcome:
        """Get a new token, whether or not there is one, and say how that went.

        A token from a file is read, which asks nothing of the dashboard.
        """
        return self._session.log_in()

    def abort(self) -> None:
        """End the request under way within a second, and refuse all later ones.

        There is no way back: an abort that came between two requests would
        otherwise be lost on the second.
        """
        self._session.abort()

    def close(self) -> None:
        """Close the connection. The client is of no use afterwards."""
        self._session.close()

    # The queue_log

    def upload(self, filename: str, body: bytes) -> Outcome:
        """Send the records of one batch as a queue_log; say what became of them.

        `filename` is what the dashboard is told the file is called.
        """
        quoted = filename.translate(_QUOTED)
        head = (
            f"--{self._boundary}\r\n"
            f'Content-Disposition: form-data; name="logs"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{self._boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        content = (head, body, tail)
        return self._outcome(
            Request(method="POST", path=UPLOAD_PATH, headers=headers, content=content)
        )

    def clear(self) -> Outcome:
        """Remove all uploaded queue_log data of the tenant, whoever uploaded it."""
        return self._outcome(Request(method="POST", path=CLEAR_PATH))

    # Users

    def create_user(self, user: users.NewUser) -> int:
        """Make a user and return the id.

        Raises InvalidUser, with all faults at once and before anything is sent, and
        OutcomeUnknown when the user may have been made and no id was told: then
        `list_users` shows it.
        """
        faults = user.faults()
        if faults:
            raise InvalidUser(user.email.strip() or "without an e-mail address", faults)
        action = f"create the user {user.email}"
        body = self._answer(administration.save_request(user), action, changes=True)
        number = administration.read_id(body)
        if number is None:
            raise unclear(action, "the answer tells no id of a new user", changes=True)
        return number

    def delete_users(self, ids: Sequence[int]) -> None:
        """Remove users, all with one request.

        Raises UsageError when an id can be none, and OutcomeUnknown when no answer
        says whether they are gone.
        """
        request = administration.delete_request(ids)
        shown = ", ".join(map(str, ids[:_SHOWN_MAX])) + (", …" if len(ids) > _SHOWN_MAX else "")
        action = f"delete the {'user' if len(ids) == 1 else 'users'} {shown}"
        self._answer(request, action, changes=True)

    def list_users(
        self, *, sort: str = "id", descending: bool = True, page_size: int = 20
    ) -> Iterator[users.User]:
        """Yield all users, page by page, each once.

        Users who come or go meanwhile move the others from page to page: then one
        can be missed. `all_users` has them all at one moment.
        """
        seen: set[object] = set()
        stale = length = 0
        seconds = 0.0
        for number in itertools.count(1):
            asked_at = self._clock()
            page, more = self._page(
                sort=sort, descending=descending, page_size=page_size, page_number=number
            )
            seconds += self._clock() - asked_at
            length += more
            known = len(seen)
            for user in page.users:
                identity = user.id or user
                if identity not in seen:
                    seen.add(identity)
                    yield user
            self._check_list(len(seen), length, seconds)
            stale = 0 if len(seen) > known else stale + 1
            whole = page.total is not None and len(seen) >= page.total
            if not page.users or whole or stale == _STALE_MAX or number == _PAGES_MAX:
                return

    def all_users(self, *, sort: str = "id", descending: bool = True) -> list[users.User]:
        """Return all users, with one request."""
        return list(self.users_page(sort=sort, descending=descending, all_users=True).users)

    def users_page(
        self,
        *,
        sort: str = "id",
        descending: bool = True,
        page_size: int = 20,
        page_number: int = 1,
        all_users: bool = False,
    ) -> users.UserPage:
        """Return one page of users, the first one is 1; with `all_users` all of them.

        The defaults are the dashboard's. Raises UsageError for what it cannot sort by.
        """
        page, _ = self._page(
            sort=sort,
            descending=descending,
            page_size=page_size,
            page_number=page_number,
            all_users=all_users,
        )
        return page

    def _page(
        self,
        *,
        sort: str,
        descending: bool,
        page_size: int,
        page_number: int,
        all_users: bool = False,
    ) -> tuple[users.UserPage, int]:
        """Return a page of users, and how many bytes it took."""
        request = administration.list_request(
            sort=sort,
            descending=descending,
            page_size=page_size,
            page_number=page_number,
            all_users=all_users,
        )
        body = self._answer(request, _LISTING, changes=False)
        if problem := administration.excess(body):
            raise too_large(_LISTING, problem)
        page = administration.read_page(body)
        if page is None:
            raise unclear(_LISTING, "the answer is no list of users", changes=False)
        self._check_list(len(page.users), len(body), 0.0)
        return page, len(body)

    def _check_list(self, count: int, length: int, seconds: float) -> None:
        """Raise AnswerTooLarge for a list that has no end."""
        if count > administration.USERS_MAX:
            problem = f"the list has more than {administration.USERS_MAX:,} users"
        elif length > administration.LIST_MAX_OF_ALL_PAGES:
            problem = f"the list is longer than {size(administration.LIST_MAX_OF_ALL_PAGES)}"
        elif seconds > self._list_timeout:
            problem = f"its pages took longer than {self._list_timeout:g} s"
        else:
            return
        raise too_large(_LISTING, problem)

    # Reports

    def agent_status_log(
        self,
        *,
        since: datetime,
        until: datetime,
        format: Literal["csv", "tsv"] | None = None,  # noqa: A002 -- the vendor's word
        to: str | Path | BinaryIO,
        progress: reports.Progress | None = None,
    ) -> int:
        """Download the agents' status log from `since` until `until`; return its bytes.

        A file gets its name when it is whole. `progress` is told the bytes so far, and
        how many there will be, or None. Raises UsageError for times without a zone and
        for formats that there are not, FileNotWritten when `to` cannot be written.
        """
        request = reports.status_log_request(since=since, until=until, wanted=format)
        return self._download(request, "download the agents' status log", format, to, progress)

    def call_log(
        self,
        *,
        since: datetime,
        until: datetime,
        utc_offset: int,
        lang: Literal["en", "ru"] | None = None,
        format: Literal["csv", "xlsx"] | None = None,  # noqa: A002 -- the vendor's word
        to: str | Path | BinaryIO,
        progress: reports.Progress | None = None,
    ) -> int:
        """Download the call log from `since` until `until`; return its bytes.

        `utc_offset`, in minutes, is the zone of the times in the file. Without a format
        the dashboard sends xlsx, without a language English. All else is as with
        `agent_status_log`.
        """
        request = reports.call_log_request(
            since=since, until=until, utc_offset=utc_offset, lang=lang, wanted=format
        )
        return self._download(request, "download the call log", format, to, progress)

    def _download(
        self,
        request: Request,
        action: str,
        wanted: str | None,
        to: str | Path | BinaryIO,
        progress: reports.Progress | None,
    ) -> int:
        with destination(to) as out:
            sink = reports.ReportFilter(
                out, reports.kind_of(wanted), progress, most=self._download_max
            )
            try:
                reply = self._session.ask(request, sink)
                failure = failure_of(reply, action=action, changes=False, now=self._wall_clock())
                if failure is not None:
                    raise failure
                sink.finish()
            except reports.TooLong as problem:
                raise too_large(action, str(problem)) from problem
            except reports.NoReport as problem:
                raise unclear(action, str(problem), changes=False) from problem
        return sink.count

    def _outcome(self, request: Request) -> Outcome:
        reply = self._session.ask(request)
        if reply.login is not None:
            return reply.login
        outcome = judge(reply.answer, now=self._wall_clock())
        # Who is pointed to the login page was not let in, whatever the status is.
        return replace(outcome, sent=outcome.sent and not refuses_token(reply.answer))

    def _answer(self, request: Request, action: str, *, changes: bool) -> bytes:
        """Return the body of a good answer; raise what any other one stands for."""
        reply = self._session.ask(request)
        failure = failure_of(reply, action=action, changes=changes, now=self._wall_clock())
        if failure is not None:
            raise failure
        return reply.body
