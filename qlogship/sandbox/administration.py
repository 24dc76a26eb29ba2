"""Making, removing and listing users, each as it goes when nothing goes wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from qlogship.sandbox import faults
from qlogship.sandbox.operations import BadRequest, Operation, Premises
from qlogship.sandbox.people import SORTS
from qlogship.sandbox.replies import as_json

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response


class _JsonOperation(Operation):
    """An operation whose request is a JSON document."""

    def __init__(self, premises: Premises) -> None:
        super().__init__(premises)
        self._wish: object = None

    async def _read(self, request: Request) -> None:
        body = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise BadRequest("Content-Type: application/json is expected", 415)
        try:
            self._wish = json.loads(body)
            # Half a letter can be written in JSON, and is nothing that can be kept.
            json.dumps(self._wish, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise BadRequest("the body is no JSON") from None


class CreateUser(_JsonOperation):
    """A user in, the id of it out."""

    name = faults.CREATE_USER

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Keep the user, unless there is one with this e-mail address."""
        return as_json(await asyncio.to_thread(self.premises.people.add, self._wish))


class DeleteUsers(_JsonOperation):
    """A list of ids in."""

    name = faults.DELETE_USERS

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Remove those who are there."""
        await asyncio.to_thread(self.premises.people.remove, self._wish)
        return as_json({"status": "ok"})


class ListUsers(Operation):
    """An order and a page in, users out."""

    name = faults.LIST_USERS

    def __init__(self, premises: Premises) -> None:
        super().__init__(premises)
        self._sort = "id"
        self._descending = True
        self._size: int | None = None
        self._number = 1

    async def carry_out(self, answer: str, form: str | None = None) -> Response:  # noqa: ARG002
        """Tell the page, and how many there are."""
        people, count = await asyncio.to_thread(
            self.premises.people.page,
            sort=self._sort,
            descending=self._descending,
            size=self._size,
            number=self._number,
        )
        return as_json({"totalCount": count, "users": [person.listed for person in people]})

    async def _read(self, request: Request) -> None:
        query = request.query_params
        self._sort = choice(query, "sortColumn", tuple(SORTS), "id")
        self._descending = choice(query, "sortDirection", ("asc", "desc"), "desc") == "desc"
        size = _whole(query, "pageSize", 20)
        self._number = _whole(query, "pageNumber", 1)
        everybody = choice(query, "allUsers", ("true", "false"), "false") == "true"
        self._size = None if everybody else size


def choice(query: QueryParams, name: str, choices: tuple[str, ...], default: str) -> str:
    """Return a parameter that has a few values only; raises BadRequest."""
    value = query.get(name, default)
    if value not in choices:
        raise BadRequest(f"{name}: one of {', '.join(choices)} is expected")
    return value


def _whole(query: QueryParams, name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and int(value[:9]) > 0 and len(value) <= 9):
        raise BadRequest(f"{name}: a whole number above 0 is expected")
    return int(value)
