"""What may be asked of the sandbox: each class is a request, and names what is wrong with one.

Whom the dashboard takes and what it is asked for is its own affair, so the limits of
the vendor's page stand here once more. A client with a mistake in it does not get away
with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from qlogship.sandbox.replies import Refused

ADMIN = 1
"""The id of the administrator, who is there from the start."""

_Read = TypeVar("_Read")
_Sent = TypeVar("_Sent")


def read(reader: Callable[[_Sent], _Read], sent: _Sent) -> _Read:
    """Read what a client sent; raises Refused, which names the first field that is wrong."""
    try:
        return reader(sent)
    except ValidationError as error:
        # The value itself is not repeated: it may be a password.
        first = error.errors(include_input=False)[0]
        place = f"{first['loc'][0]}: " if first["loc"] else ""
        raise Refused(place + first["msg"].removeprefix("Value error, ")) from None


class _Json(BaseModel):
    model_config = ConfigDict(strict=True, alias_generator=to_camel)


class Credentials(_Json):
    """Somebody who wants in; what is no text is nobody's password."""

    login: object
    password: object


_Id = Annotated[int, Field(gt=0, le=2**63 - 1)]
_Name = Annotated[str, Field(min_length=1, max_length=256)]


class NewPerson(_Json):
    """A user to be; `groups` and `manage_groups` are ids of teams."""

    uses_softphone: bool
    name: _Name
    surname: _Name
    email: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\s@]+@[^\s@]+$")]
    password: str = Field(min_length=6, max_length=256)
    role: Literal["EMPLOYEE", "MANAGER", "RESTRICTED_ADMIN"]
    groups: list[_Id] = Field(min_length=1)
    manage_groups: list[_Id] = []
    config: str = ""

    @model_validator(mode="after")
    def _supervises(self) -> Self:
        if self.manage_groups and self.role == "EMPLOYEE":
            raise ValueError("manageGroups: an EMPLOYEE supervises nobody")
        return self


def _without_the_administrator(ids: list[int]) -> list[int]:
    if ADMIN in ids:
        raise ValueError("the administrator of the team cannot be removed")
    return ids


IDS = TypeAdapter(
    Annotated[
        list[Annotated[_Id, Field(strict=True)]],
        Field(min_length=1),
        AfterValidator(_without_the_administrator),
    ]
)
"""Users to be removed."""


class _Query(BaseModel):
    """The parameters in an address; every one is text."""

    model_config = ConfigDict(alias_generator=to_camel)


_Count = Annotated[str, Field(pattern="^[1-9][0-9]{0,8}$")]


class UserList(_Query):
    """Which users are shown, and in which order."""

    sort_column: Literal[
        "id", "name", "surname", "email", "groups", "roles", "states", "sfversion"
    ] = "id"
    sort_direction: Literal["asc", "desc"] = "desc"
    page_size: _Count = "20"
    page_number: _Count = "1"
    all_users: Literal["true", "false"] = "false"


def _moment(text: str) -> datetime:
    """Read a time that is written in the one form that the vendor's page shows."""
    moment = datetime.fromisoformat(text)
    if moment.isoformat() != text:
        raise ValueError(f"a time like {moment.isoformat()} is expected")
    return moment


class _Span(_Query):
    """A span of time."""

    since: datetime
    until: datetime

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.since > self.until:
            raise ValueError("the span ends before it begins")
        return self


class AgentStatusLog(_Span):
    """A span of time in UTC."""

    since: Annotated[NaiveDatetime, BeforeValidator(_moment)] = Field(alias="from")
    until: Annotated[NaiveDatetime, BeforeValidator(_moment)] = Field(alias="to")
    format: Literal["csv", "tsv"] = "csv"

    @property
    def sample(self) -> str:
        """Return the name of the file that is the answer."""
        return f"agents.{self.format}"


class CallLog(_Span):
    """A span of time with its zone, and the zone that times are shown in."""

    since: Annotated[AwareDatetime, BeforeValidator(_moment)] = Field(alias="dateFrom")
    until: Annotated[AwareDatetime, BeforeValidator(_moment)] = Field(alias="dateTo")
    # Minutes with a sign, up to fourteen hours: a plus that is not coded is a blank.
    local_time_zone_offset: str = Field(pattern=r"^[+-]([0-9]{1,2}|[0-7][0-9]{2}|8[0-3][0-9]|840)$")
    lang: Literal["en", "ru"] = "en"
    type_file: Literal["xlsx", "csv"] = "xlsx"

    @property
    def sample(self) -> str:
        """Return the name of the file that is the answer."""
        return f"calls.{self.type_file}"
