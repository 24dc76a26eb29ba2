"""The settings: every section and key, its type, range, default and meaning.

Here live the shape of the settings and what one value alone must satisfy.
Where values come from, and what they must satisfy together, lives in `load`.

The description, the examples and the limits of a field are the only source of
`qlogship config example`, of docs/settings.md and of the remedies in faults. A
description starts with a small letter and has no full stop: it is shown in
tables and in comments.

Types are strict: TOML has numbers and lists, so `linger = "15"` is a fault.
What the environment says is read as TOML first (see `load`).
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    SecretStr,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from qlogship.config.amounts import is_months, is_room
from qlogship.installation.places import STATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from pydantic_settings import PydanticBaseSettingsSource

ENVIRONMENT_PREFIX = "QLOGSHIP_"
PATH_VARIABLE = "QLOGSHIP_CONFIG"

# How a fault found here is told from those that pydantic words itself.
OWN_FAULT = "qlogship"

_URL_REMEDY = "Give the scheme and the host only, such as https://company.softphone.pro."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_HOURS = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)
_FIRST_YEAR = 1971
_BLANK = re.compile(r"\s")
_HOST = re.compile(r"[^\s/?#@%<>\"\\^`{|}]+")


def _refusal(problem: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError(OWN_FAULT, "{problem}", {"problem": problem, "remedy": remedy})


def _address(value: str) -> str:
    """Return scheme, host and port; never repeat a part that could hold a secret."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refusal("the address cannot be read", _URL_REMEDY) from None
    if parts.scheme not in {"http", "https"} or "://" not in value:
        raise _refusal("the address does not start with https:// or http://", _URL_REMEDY)
    if "@" in parts.netloc:
        raise _refusal(
            "the address holds a user name or a password",
            "Take it out; the account belongs in email and password_file.",
        )
    if not host or not _HOST.fullmatch(host) or port == 0 or _BLANK.search(value):
        raise _refusal("the address names no host", _URL_REMEDY)
    if parts.path not in {"", "/"}:
        raise _refusal(f"the address has a path, {parts.path}", _URL_REMEDY)
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise _refusal("the address has a query or a fragment", _URL_REMEDY)
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port is not None else ''}"


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise _refusal(
            "this is no e-mail address",
            "Give the address of the Team administrator, such as admin@company.ru.",
        )
    return value


def _absolute(value: Path) -> Path:
    if "\0" in str(value):
        raise _refusal("the path holds a NUL character", "Take it out.")
    if not value.is_absolute():
        raise _refusal(
            f'"{value}" is a relative path',
            "Give the whole path, from / on; it depends on no directory then.",
        )
    return value


def _straight(value: Path) -> Path:
    value = _absolute(value)
    if ".." in value.parts:
        raise _refusal(
            f'"{value}" goes back by ..', "Give the path as it is without: see `realpath`."
        )
    return value


def _secret_path(value: Path) -> Path:
    """Refuse a relative path without repeating it: it may be the secret itself."""
    if not value.is_absolute() or "\0" in str(value):
        raise _refusal(
            "this is no absolute path",
            "Give the whole path, from / on, of a file that holds the secret.",
        )
    return value


def _absolute_glob(value: str) -> str:
    if not value.startswith("/") or "\0" in value:
        raise _refusal(f'"{value}" is a relative path', "Give the whole path, from / on.")
    return value


def _textfile(value: Path) -> Path:
    value = _absolute(value)
    if not value.name.endswith(".prom"):
        raise _refusal(
            f'the name of "{value}" does not end in .prom',
            "Let it end so, such as qlogship.prom: node_exporter reads no other file.",
        )
    return value


def _hours(value: str) -> str:
    match = _HOURS.fullmatch(value)
    if match is None or match[1] == match[2]:
        raise _refusal(f'"{value}" is no part of a day', 'Write it as "22:00-06:00".')
    return value


def _room(value: str) -> str:
    if not is_room(value):
        raise _refusal(
            f'"{value}" is no size and no share of a disk',
            'Write it as "500 MiB", "2 GiB" or "5 %" (at most 90 %).',
        )
    return value


def _months(value: str) -> str:
    if not is_months(value):
        raise _refusal(f'"{value}" is no number of months', 'Write it as "24 months".')
    return value


_HISTORY = ("all", "current", "none")
_HISTORY_REMEDY = 'Give "all", "current" or "none", or the first day to upload: "2026-11-01".'


def _history(value: object) -> object:
    """Take one of the words, or a day, as text or as TOML writes a date."""
    if isinstance(value, str) and value in _HISTORY:
        return value
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise _refusal("this is none of the choices and no day", _HISTORY_REMEDY)
    text = str(value)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != day.isoformat():
        problem = f'"{text}" is none of the choices and no day of the calendar'
        raise _refusal(problem, _HISTORY_REMEDY)
    if day.year < _FIRST_YEAR:
        raise _refusal(f'"{text}" is before {_FIRST_YEAR}, as no record is', _HISTORY_REMEDY)
    return text


# A path is given as text, which strict pydantic would refuse.
_File = Annotated[Path, Field(strict=False), AfterValidator(_absolute)]
_SecretFile = Annotated[Path, Field(strict=False), AfterValidator(_secret_path)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class DashboardSettings(_Section):
    """The far end, and how to log in there."""

    url: Annotated[str, AfterValidator(_address)] = Field(
        description="the address of the Team Dashboard: scheme and host, no path",
        examples=["https://company.softphone.pro"],
    )
    email: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None,
        description="the e-mail address of the Team administrator",
        examples=["admin@company.ru"],
    )
    password_file: _SecretFile | None = Field(
        default=None,
        description="a file that holds the password and that others cannot read (mode 0640 or "
        "0600); instead of it, the systemd credential `qlogship-password`",
        examples=["/etc/qlogship/password"],
    )
    token_file: _SecretFile | None = Field(
        default=None,
        description="a file that holds a token, instead of e-mail and password; instead of it, "
        "the systemd credential `qlogship-token`",
        examples=["/etc/qlogship/token"],
    )
    ca_file: _File | None = Field(
        default=None,
        description="certificates (PEM) to trust besides the system's",
        examples=["/etc/qlogship/ca.pem"],
    )
    allow_http: bool = Field(
        default=False,
        description="whether an address with http:// may lead to another machine: the password "
        "and the calls are readable on the whole way",
    )
    timeout: float = Field(
        default=60.0, ge=0.1, le=3600.0, description="seconds for one whole request"
    )
    shared: bool = Field(
        default=False,
        description="whether others upload queue_logs to this dashboard, too",
    )
    password: InstanceOf[SecretStr] | None = Field(
        default=None, description="the password of the Team administrator"
    )
    token: InstanceOf[SecretStr] | None = Field(
        default=None, description="a token, instead of e-mail and password"
    )


class SourceSettings(_Section):
    """The queue_log."""

    path: Annotated[Path, Field(strict=False), AfterValidator(_straight)] = Field(
        default=Path("/var/log/asterisk/queue_log"), description="the file that Asterisk writes"
    )
    history: Annotated[str, BeforeValidator(_history)] = Field(
        default="all",
        description="what the first start takes: the file and its rotated ones, the file alone, "
        "or only what comes from then on (all, current, none); or a day: all is archived, and "
        "uploaded is what is from that day on",
    )
    uploaded_before: bool | None = Field(
        default=None,
        description="whether this queue_log was uploaded to this dashboard before qlogship, by "
        "other means; unset: nobody has said",
        examples=[False],
    )
    archives: Annotated[
        tuple[Annotated[str, AfterValidator(_absolute_glob)], ...], Field(strict=False)
    ] = Field(
        default=(),
        description="more places where rotated files go (logrotate's olddir), as glob patterns",
        examples=[["/var/log/asterisk/old/queue_log*"]],
    )

    @property
    def since(self) -> int | None:
        """When the first day of `history` begins here, in epoch seconds; None when it is no day."""
        if self.history in _HISTORY:
            return None
        return int(datetime.combine(date.fromisoformat(self.history), time()).timestamp())


class BatchSettings(_Section):
    """What goes into one upload, and when."""

    linger: float = Field(
        default=15.0,
        ge=0.0,
        le=86_400.0,
        description="seconds a finished call waits at most for company",
    )
    max_bytes: int = Field(
        default=900_000, ge=1_000, le=100_000_000, description="bytes in the body of one upload"
    )
    settle: float = Field(
        default=5.0,
        ge=0.0,
        le=3600.0,
        description="seconds without a new line before a finished call counts as settled",
    )
    hold: float = Field(
        default=43_200.0,
        ge=0.0,
        le=2_592_000.0,
        description="seconds an unfinished call is held back at most",
    )


class DeliverySettings(_Section):
    """What happens when the answer to an upload was lost."""

    on_unknown: Literal["resend", "hold", "resync"] = Field(
        default="resend",
        description="send the upload again, which may count calls twice; wait for a person; or "
        "clear the dashboard and ship everything again",
    )
    resync_every: float = Field(
        default=86_400.0,
        ge=600.0,
        le=31_536_000.0,
        description="with resync: seconds between two that qlogship begins by itself, at least",
    )
    resync_hours: Annotated[str, AfterValidator(_hours)] | None = Field(
        default=None,
        description="with resync: the hours, in local time, in which qlogship may begin one by "
        "itself; else at any time",
        examples=["22:00-06:00"],
    )

    @property
    def resync_window(self) -> tuple[float, float] | None:
        """The hours of the day in which a resync may begin: the first, and the end."""
        match = _HOURS.fullmatch(self.resync_hours or "")
        if match is None:
            return None
        begin, end = (int(time[:2]) + int(time[3:]) / 60 for time in match.groups())
        return begin, end


class StateSettings(_Section):
    """Where qlogship keeps its archive and its ledger."""

    directory: _File = Field(
        default=STATE, description="the directory of the archive and the ledger"
    )
    reserve: Annotated[str, AfterValidator(_room)] | None = Field(
        default=None,
        description="what must stay free on its file system, in KiB, MiB, GiB or per cent: below "
        "it nothing more is archived; unset: 5 %, or 500 MiB where that is less",
        examples=["2 GiB"],
    )
    keep: Annotated[str, AfterValidator(_months)] | None = Field(
        default=None,
        description="how many whole months stay in the archive, besides the present one: what is "
        "older and was accepted by the dashboard, or given up, leaves it; unset: all, for ever",
        examples=["24 months"],
    )


class LogSettings(_Section):
    """What qlogship says about its work, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least important lines to show"
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="the form of a line; auto: for people on a terminal and in the journal, "
        "JSON elsewhere",
    )


class MetricsSettings(_Section):
    """Figures for Prometheus."""

    textfile: Annotated[Path, Field(strict=False), AfterValidator(_textfile)] | None = Field(
        default=None,
        description="a file to keep figures in for the textfile collector of Prometheus' "
        "node_exporter; its name ends in .prom",
        examples=["/var/lib/prometheus/node-exporter/qlogship.prom"],
    )


class Settings(BaseSettings):
    """All settings, frozen; made by `load`, or by hand in a test."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    dashboard: DashboardSettings
    source: SourceSettings = SourceSettings()
    batch: BatchSettings = BatchSettings()
    delivery: DeliverySettings = DeliverySettings()
    state: StateSettings = StateSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the name is the library's
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **_others: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what the caller hands in and nothing ambient.

        The library's own reader of the environment passes over a mistyped
        variable without a word, stops at the first bad one, and cannot say which
        value came from where; `load` does all three.
        """
        return (init_settings,)


SECTIONS = {
    name: cast("type[BaseModel]", field.annotation) for name, field in Settings.model_fields.items()
}

# Keys that the settings file must not hold, and what goes there instead.
SECRETS: dict[str, str] = {"password": "password_file", "token": "token_file"}


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield section, key and field of every setting, secrets included, in order."""
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            yield section, key, field


def is_secret(section: str, key: str) -> bool:
    """Return whether a setting is a secret itself, which has no place in a file of settings."""
    return section == "dashboard" and key in SECRETS


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets this key."""
    return f"{ENVIRONMENT_PREFIX}{section}__{key}".upper()


def is_clear_text(url: str) -> bool:
    """Return whether what is sent to an address of the settings can be read on the way."""
    return not url.startswith("https:") and not _is_loopback(url)


def _is_loopback(url: str) -> bool:
    """Return whether an address of the settings leads to this machine and nowhere else."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
