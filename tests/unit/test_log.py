"""What qlogship says about its work: the form of a line, masks, and saying things once."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from pydantic import SecretStr

from qlogship import log
from qlogship.login_cookie import LOGIN_COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Put the set-up of all loggers back after each test."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Stderr(io.StringIO):
    """A stream that has the number of stderr."""

    def fileno(self) -> int:
        """Return the number."""
        return 2


def configured(
    level: log.Level = "debug",
    form: log.Format = "json",
    *,
    stream: io.StringIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> io.StringIO:
    """Set logging up and return the stream that lines go to."""
    stream = stream or io.StringIO()
    log.configure(level, form, stream=stream, environ=environ or {})
    return stream


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the JSON objects in a stream, one a line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(text: str) -> None:
    """Raise an error with this text."""
    raise ValueError(text)


# Forms


def test_json_line() -> None:
    """In JSON a line is one object with event, level, time and facts."""
    stream = configured()

    log.get_logger(part="shipper").info("batch_accepted", batch=12, reason='a "b"\nc')

    (line,) = lines_of(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("time"))
    assert line == {
        "event": "batch_accepted",
        "level": "info",
        "part": "shipper",
        "batch": 12,
        "reason": 'a "b"\nc',
    }


def test_console_on_a_terminal_has_colours() -> None:
    """On a terminal auto means console, in colours."""
    stream = configured(form="auto", stream=Terminal())

    log.get_logger().info("batch_accepted", batch=12)

    assert "batch_accepted" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_no_color() -> None:
    """NO_COLOR takes the colours away."""
    stream = configured(form="auto", stream=Terminal(), environ={"NO_COLOR": "1"})

    log.get_logger().info("batch_accepted", batch=12)

    assert re.fullmatch(r"\S+ \[info +\] batch_accepted +batch=12\n", stream.getvalue())


def test_console_elsewhere_has_no_colours() -> None:
    """Console that goes to no terminal has no colours."""
    stream = configured(form="console")

    log.get_logger().info("batch_accepted", batch=12)

    assert "\x1b" not in stream.getvalue()


def test_auto_elsewhere_is_json() -> None:
    """Where there is neither a terminal nor the journal, auto means JSON."""
    stream = configured(form="auto")

    log.get_logger().info("batch_accepted")

    assert lines_of(stream)[0]["event"] == "batch_accepted"


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)]
)
def test_journal_line(level: log.Level, priority: int) -> None:
    """In the journal a line is plain, with the priority that sd-daemon(3) asks for, no time."""
    status = os.fstat(2)
    journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    stream = configured(form="auto", stream=Stderr(), environ=journal)

    say = getattr(log.get_logger(), level)
    say("batch_accepted", batch=12, reason='a "b"\nc', path="/x", empty="", none=None)

    assert stream.getvalue() == (
        f'<{priority}>batch_accepted batch=12 reason="a \\"b\\"\\nc" path=/x empty="" none=None\n'
    )


def test_journal_of_somebody_else() -> None:
    """A stream that is not the one of JOURNAL_STREAM is not the journal."""
    stream = configured(form="auto", environ={"JOURNAL_STREAM": "1:2"})

    log.get_logger().info("batch_accepted")

    assert lines_of(stream)


def test_traceback_is_part_of_the_line() -> None:
    """A traceback is a field of the line it belongs to."""
    stream = configured()

    try:
        fail("boom")
    except ValueError:
        log.get_logger().exception("step_failed")

    (line,) = lines_of(stream)
    assert line["level"] == "error"
    assert line["exception"].splitlines()[-1] == "ValueError: boom"


def test_control_characters() -> None:
    """Foreign text cannot command the terminal or start a new line."""
    stream = configured(form="console")

    log.get_logger().info("answer_\x1b[2Jread", plain="a\x1b[2Jb", blanks="a \x1b[2J\nb")

    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_traceback_cannot_command_the_terminal() -> None:
    """What an error repeats of foreign text is escaped; the lines of the traceback stay."""
    stream = configured(form="console")

    try:
        fail("a \x1b[2J b")
    except ValueError:
        log.get_logger().exception("step_failed")

    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("\nValueError: a \\x1b[2J b")


# Levels and streams


def test_levels() -> None:
    """Lines below the level are not shown."""
    stream = configured("warning")
    logger = log.get_logger()

    logger.info("batch_accepted")
    logger.warning("dashboard_unreachable")

    assert [line["event"] for line in lines_of(stream)] == ["dashboard_unreachable"]


def test_last_set_up_counts() -> None:
    """Logging can be set up again, also for loggers that exist; nothing is said twice."""
    first = configured()
    logger = log.get_logger()
    logger.info("first_said")
    second = configured("error")

    logger.info("second_said")
    logger.error("third_said")
    logging.getLogger("httpx").error("fourth said")

    assert [line["event"] for line in lines_of(first)] == ["first_said"]
    assert [line["event"] for line in lines_of(second)] == ["third_said", "fourth said"]


def test_standard_loggers_come_through() -> None:
    """The standard library's loggers come through from WARNING on, in the same form."""
    stream = configured("debug")

    logging.getLogger("httpx").info("not %s", "shown")
    logging.getLogger("httpx").warning("shown %s", "once")
    try:
        fail(f"Bearer {SECRET}")
    except ValueError:
        logging.getLogger("watchdog").exception("observer died")

    first, second = lines_of(stream)
    assert (first["event"], first["level"], first["logger"]) == ("shown once", "warning", "httpx")
    assert second["exception"].endswith("ValueError: Bearer ********")


def test_before_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Before logging is set up, warnings go to stderr, and nothing goes to stdout."""
    logger = log.get_logger()

    logger.info("batch_accepted")
    logger.warning("dashboard_unreachable")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "batch_accepted" not in captured.err
    assert "dashboard_unreachable" in captured.err


def test_stderr_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream lines go to whatever stderr is when they are said."""
    log.configure("info", "json", environ={})
    logger = log.get_logger()
    capsys.readouterr()

    logger.info("batch_accepted")

    assert json.loads(capsys.readouterr().err)["event"] == "batch_accepted"


class Broken(io.StringIO):
    """A stream whose disk is full."""

    def write(self, _text: str) -> int:
        """Fail."""
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [Broken(), io.StringIO()])
def test_unwritable_stream(stream: io.StringIO) -> None:
    """A line that cannot be written stops nobody."""
    configured(stream=stream)
    if not isinstance(stream, Broken):
        stream.close()

    log.get_logger().error("state_lost")
    logging.getLogger("httpx").error("closed")


# Secrets


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Password",
        "new_password",
        "passwd",
        "passphrase",
        "token",
        "access_token",
        "Authorization",
        "client_secret",
        "Cookie",
        "set-cookie",
        LOGIN_COOKIE,
        "credentials",
    ],
)
def test_named_like_a_secret(key: str) -> None:
    """What is named like a secret is masked, whatever it is and however deep."""
    stream = configured()

    log.get_logger().info("request_sent", **{key: SECRET}, headers={key: [SECRET]}, all=[{key: 1}])

    (line,) = lines_of(stream)
    assert line[key] == line["headers"][key] == line["all"][0][key] == "********"


@pytest.mark.parametrize("key", ["password_file", "token_file", "token_expires", "passed"])
def test_named_almost_like_a_secret(key: str) -> None:
    """The place of a secret or the age of a token is no secret."""
    stream = configured()

    log.get_logger().info("settings_loaded", **{key: "/etc/qlogship/password"})

    assert lines_of(stream)[0][key] == "/etc/qlogship/password"


@pytest.mark.parametrize("form", ["json", "console"])
def test_secret_values(form: log.Format) -> None:
    """A SecretStr is masked under any name, at any depth."""
    stream = configured(form=form)

    log.get_logger().info("loaded", value=SecretStr(SECRET), deep=({"a": [SecretStr(SECRET)]},))

    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("********") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer ********"),
        (f"authorization: basic {SECRET}=", "authorization: basic ********"),
        (
            f"Set-Cookie: {LOGIN_COOKIE}={SECRET}; Path=/",
            f"Set-Cookie: {LOGIN_COOKIE}=********; Path=/",
        ),
        (f"GET https://admin:{SECRET}@x/y", "GET https://admin:********@x/y"),
        ("https://x:8443/y was asked", "https://x:8443/y was asked"),
        ("a basic idea, the bearer of news", "a basic idea, the bearer of news"),
    ],
)
def test_secret_inside_a_text(text: str, shown: str) -> None:
    """A header, a cookie or an address inside a text loses its secret and nothing else."""
    stream = configured()

    log.get_logger().info("answer_read", text=text)

    assert lines_of(stream)[0]["text"] == shown


def test_deep_structure_ends() -> None:
    """A structure that contains itself does not hang the logger."""
    stream = configured()
    loop: list[object] = []
    loop.append(loop)

    log.get_logger().info("answer_read", loop=loop)

    assert "..." in stream.getvalue()


# What it costs


def test_rich_is_not_imported() -> None:
    """Logging does not import rich, and leaves the way to it open."""
    program = (
        "import sys, qlogship.log as log\n"
        "log.configure('info', 'console', environ={})\n"
        "log.get_logger().info('started')\n"
        "assert 'rich' not in sys.modules\n"
        "import rich\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, b"")
