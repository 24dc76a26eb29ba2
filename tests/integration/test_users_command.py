"""`qlogship users` against the sandbox: what is shown, what is asked, what is refused."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from qlogship.cli.app import main
from qlogship.errors import ExitCode
from qlogship.users.csv_file.configuration import INCLUDES
from tests.support import agents
from tests.support.installation import EMAIL, Installation
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@dataclass
class Desk:
    """A dashboard and somebody who types commands."""

    dashboard: Sandbox
    installation: Installation
    capture: pytest.CaptureFixture[str]

    def users(self, *arguments: object) -> Said:
        """Run a command below `qlogship users`."""
        self.capture.readouterr()
        config = str(self.installation.config)
        code = main(["users", *map(str, arguments), "--config", config])
        return Said(code, *self.capture.readouterr())

    def json(self, *arguments: object, code: int = ExitCode.DONE) -> Any:  # noqa: ANN401
        """Return what a command prints with --json."""
        said = self.users(*arguments, "--json")
        assert said.code == code, said
        return json.loads(said.out)

    def file(self, *rows: str) -> Path:
        """Write a file of users."""
        path = self.installation.directory / "agents.csv"
        path.write_text("\n".join([agents.HEADER, *rows, ""]))
        path.chmod(0o600)
        return path

    def emails(self) -> list[str]:
        """Return the addresses that are there, the administrator left out."""
        return [one.email for one in self.dashboard.people() if one.email != EMAIL]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """Return a desk at a dashboard without users."""
    with Sandbox() as sandbox:
        yield Desk(sandbox, Installation(tmp_path, sandbox.url), capsys)


ANN = ("--name", "Ann", "--surname", "Lee", "--email", "ann@example.com")


# list


def test_list(desk: Desk) -> None:
    """Everybody is shown in the order that is asked for, as a table and as JSON."""
    desk.users("import", desk.file(agents.row(1, name="Zoe"), agents.row(2, name="Abe")))
    table = desk.users("list").out.splitlines()
    assert table[0].split() == [
        "id",
        "name",
        "surname",
        "e-mail",
        "state",
        "role",
        "teams",
        "softphone",
    ]
    assert [line.split()[0] for line in table[1:]] == ["1", "2", "3"]
    rows = desk.json("list", "--sort", "name", "--descending")
    assert [row["name"] for row in rows] == ["Zoe", "Team", "Abe"]
    assert rows[0] == {
        "id": 2,
        "name": "Zoe",
        "surname": "Doe 1",
        "email": "user1@example.com",
        "state": "active.unconfirm",
        "role": "EMPLOYEE",
        "groups": ["Team 1"],
        "sfversion": "",
    }


def test_list_pages_and_filters(desk: Desk) -> None:
    """The dashboard cuts pages; addresses, roles, states and teams are looked for here."""
    rows = [agents.row(n, groupsIn=str(n % 2 + 1)) for n in range(1, 8)]
    desk.users("import", desk.file(*rows, agents.row(8, role="MANAGER")))

    def ids(*options: str) -> list[int]:
        return [row["id"] for row in desk.json("list", *options)]

    assert ids("--page", "2", "--page-size", "3") == [4, 5, 6]
    assert ids("--page-size", "2", "--descending") == [9, 8]
    assert ids("--role", "manager") == [9]
    assert ids("--state", "active") == [1]
    assert ids("--email", "USER7@") == [8]
    assert ids("--group", "team 2") == [2, 4, 6, 8]
    said = desk.users("list", "--role", "RESTRICTED_ADMIN")
    assert (said.out, said.err) == ("No users.\n", "0 users shown, of 9.\n")
    assert desk.users("list", "--sort", "age").code == ExitCode.USAGE
    assert desk.users("list", "--csv", "--json").code == ExitCode.USAGE


def test_list_csv(desk: Desk) -> None:
    """CSV is quoted where it must be, and a cell that looks like a formula is made harmless."""
    formula = '=HYPERLINK(""http://example.com"";""x"")'
    desk.users(
        "import",
        desk.file(
            agents.row(1, name='"a;b ""c"""', groupsIn="1,2"),
            agents.row(2, name=f'"{formula}"', surname="@x"),
        ),
    )
    table = list(csv.DictReader(io.StringIO(desk.users("list", "--csv").out), delimiter=";"))
    assert list(table[0]) == [
        "id",
        "name",
        "surname",
        "email",
        "state",
        "role",
        "groups",
        "sfversion",
    ]
    assert (table[1]["name"], table[1]["groups"]) == ('a;b "c"', "Team 1,Team 2")
    assert table[2]["name"].startswith("'=HYPERLINK")
    assert table[2]["surname"] == "'@x"


# add


def test_add_with_a_made_password(desk: Desk) -> None:
    """A made password is strong and shown once, on stdout; the user gets the vendor's includes."""
    said = desk.users(
        "add", *ANN, "--role", "MANAGER", "--groups", "[2,4]", "--manage-groups", "7",
        "--generate-password",
    )  # fmt: skip
    assert said.code == ExitCode.DONE
    first, second = said.out.splitlines()
    assert first == "Added user ann@example.com with ID 2"
    password = second.removeprefix("Password: ")
    assert len(password) == 20
    assert password not in said.err
    ann = desk.dashboard.people()[1]
    assert (ann.role, ann.teams, ann.managed, ann.softphone) == ("MANAGER", (2, 4), (7,), True)
    assert ann.config == INCLUDES
    found = desk.json(
        "add", *ANN[:-1], "bo@example.com", "--role", "EMPLOYEE", "--groups", "1",
        "--generate-password",
    )  # fmt: skip
    assert (found["ok"], found["id"], found["email"]) == (True, 3, "bo@example.com")
    assert len(found["password"]) == 20
    assert found["password"] != password


def test_add_with_a_password_file(desk: Desk) -> None:
    """The one line of a file is the password; it is shown nowhere."""
    secret = desk.installation.directory / "secret"
    secret.touch(0o600)
    secret.write_text("hush-hush\n")
    template = desk.installation.directory / "template"
    template.write_text("for @name@ <@email@>\nlogin @siplogin@\n")
    said = desk.users(
        "add", *ANN, "--role", "EMPLOYEE", "--groups", "1", "--password-file", secret,
        "--config-template", template,
    )  # fmt: skip
    assert said == Said(ExitCode.DONE, "Added user ann@example.com with ID 2\n", "")
    assert desk.dashboard.people()[1].config == "for Ann <ann@example.com>"
    for text in ("", "\n", "one\ntwo\n"):
        secret.write_text(text)
        said = desk.users(
            "add",
            *ANN[:-1],
            "x@y",
            "--role",
            "EMPLOYEE",
            "--groups",
            "1",
            "--password-file",
            secret,
        )
        assert said.code == ExitCode.FAILED
        assert "one line" in said.err


def test_add_sends_a_configuration_as_it_is(desk: Desk) -> None:
    """A configuration in a file is not touched; without Softphone.Pro there is none."""
    file = desk.installation.directory / "config"
    file.write_text('@name@\n{% include "Default" %}\n')
    more = ("--role", "EMPLOYEE", "--groups", "1", "--generate-password")
    assert desk.users("add", *ANN, *more, "--config-file", file).code == ExitCode.DONE
    assert desk.users("add", *ANN[:-1], "b@c", *more, "--no-softphone").code == ExitCode.DONE
    assert [one.config for one in desk.dashboard.people()[1:]] == [file.read_text(), ""]
    assert [one.softphone for one in desk.dashboard.people()[1:]] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--password", "hush-1234"], "--generate-password"),
        (["--password=hush-1234", "hush-5678"], "--password-file"),
        (["--password"], "history"),
        (["--generate-password", "hush-1234"], "not repeated"),
        (["--role", "ADMIN"], "role"),
        (["--role", "BOSS"], "RESTRICTED_ADMIN"),
        (["--groups", "x"], "--groups"),
        (["--groups", ""], "groups"),
        (["--email", "nobody"], "email"),
        (["--manage-groups", "1"], "supervise"),
        (["--generate-password", "--password-file", "x"], "exclude"),
        (["--config-file", "x", "--config-template", "y"], "exclude"),
        ([], "--password-file"),
    ],
)
def test_add_refuses(desk: Desk, arguments: list[str], word: str) -> None:
    """What is wrong is said before anything is sent; a password on the command line is not said."""
    said = desk.users("add", *ANN, "--role", "EMPLOYEE", "--groups", "1", *arguments)
    assert said.code == ExitCode.USAGE
    assert word in said.err
    assert "hush" not in said.out + said.err
    assert desk.emails() == []


def test_add_twice(desk: Desk) -> None:
    """An address that somebody has is an error that names who; capitals make no other address."""
    more = ("--role", "EMPLOYEE", "--groups", "1", "--generate-password")
    desk.users("add", *ANN, *more)
    said = desk.users("add", *ANN[:-1], "ANN@example.com", *more)
    assert (said.code, said.out) == (ExitCode.FAILED, "")
    assert "already, with ID 2" in said.err


def test_add_when_the_answer_is_lost(desk: Desk) -> None:
    """The user is looked up, told with the ID, and made once."""
    desk.dashboard.script([{"on": "create_user", "times": 1, "do": "lose_reply"}])
    found = desk.json("add", *ANN, "--role", "EMPLOYEE", "--groups", "1", "--generate-password")
    assert found["id"] == 2
    assert desk.emails() == ["ann@example.com"]


# delete


def test_delete(desk: Desk) -> None:
    """Those who are named by number or address are deleted, each told."""
    desk.users("import", desk.file(*map(agents.row, range(1, 5))))
    said = desk.users("delete", 2, 3, 2, "--email", "USER4@example.com", "--yes")
    assert said.code == ExitCode.DONE
    assert [line.split(",")[0] for line in said.out.splitlines()] == [
        "Deleted user 2",
        "Deleted user 3",
        "Deleted user 5",
    ]
    assert desk.emails() == ["user3@example.com"]
    assert [row["id"] for row in desk.json("delete", 4, "--yes")["deleted"]] == [4]


def test_delete_in_the_vendors_spelling(desk: Desk) -> None:
    """IDs may be written as in the vendor's example."""
    desk.users("import", desk.file(*map(agents.row, range(1, 5))))
    assert desk.users("delete", "[2,3]", "4, 5", "--yes").code == ExitCode.DONE
    assert desk.emails() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["nobody is named"]),
        ([2, 98, 99, "--email", "x@y", "--yes"], ["user 98", "user 99", "x@y", "nobody was"]),
        ([2, 1, "--yes"], ["logs in with", "--own-account"]),
        (["--email", EMAIL.upper(), "--yes"], ["logs in with"]),
        ([2], ["--yes"]),
        ([0, "--yes"], ["'0' is no ID", "nobody was"]),
        (["2_0", "--yes"], ["'2_0' is no ID"]),
        (["2,", "--yes"], ["'' is no ID"]),
    ],
)
def test_delete_refuses(desk: Desk, arguments: list[object], words: list[str]) -> None:
    """One who is not there, qlogship's own account, nobody to ask: then nobody is deleted."""
    desk.users("import", desk.file(agents.row(1)))
    said = desk.users("delete", *arguments)
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert all(word in said.err for word in words)
    assert len(desk.dashboard.people()) == 2


def test_delete_when_the_answer_is_lost(desk: Desk) -> None:
    """The listing proves that they are gone."""
    desk.users("import", desk.file(agents.row(1)))
    desk.dashboard.script([{"on": "delete_users", "times": 1, "do": "lose_reply"}])
    assert desk.users("delete", 2, "--yes").code == ExitCode.DONE
    assert desk.emails() == []


# import


def test_import_in_the_vendors_words(desk: Desk) -> None:
    """Each row is told as the vendor's script does; the others go on after an error."""
    desk.dashboard.script(
        [
            {"on": "create_user", "times": 1, "do": "pass"},
            {"on": "create_user", "times": 1, "do": "status", "status": 500},
        ]
    )
    path = desk.file(*map(agents.row, (1, 2, 3)))
    said = desk.users("import", path)
    assert said.code == ExitCode.FAILED
    assert said.out.splitlines() == [
        "Successfully added user #1 from csv with ID 2",
        "Error adding user #2 from csv, got error 500 from Team Dashboard.",
        "Successfully added user #3 from csv with ID 3",
    ]
    assert "2 users added, 0 already there, 1 failed." in said.err
    again = desk.json("import", path)
    assert [(row["row"], row["result"], row["id"]) for row in again["rows"]] == [
        (1, "present", 2),
        (2, "added", 4),
        (3, "present", 3),
    ]
    assert (again["added"], again["present"], again["failed"]) == (1, 2, 0)


def test_import_rehearsed(desk: Desk) -> None:
    """--dry-run says who would be added and who is there, and adds nobody."""
    desk.users("import", desk.file(agents.row(2)))
    path = desk.file(agents.row(1), agents.row(2))
    said = desk.users("import", path, "--dry-run")
    assert said.out.splitlines() == [
        "Would add user #1 from csv, user1@example.com",
        "Skipped user #2 from csv, user2@example.com is already there with ID 2",
    ]
    found = desk.json("import", path, "--dry-run")
    assert (found["new"], found["present"], found["dry_run"]) == (1, 1, True)
    assert desk.emails() == ["user2@example.com"]


def test_import_with_faults_asks_nothing(desk: Desk) -> None:
    """A file with faults is refused before anything is asked of the dashboard."""
    before = len(desk.dashboard.requests())
    path = desk.file(agents.row(1), agents.row(2, role="BOSS", groupsIn=""))
    for more in ((), ("--dry-run",)):
        found = desk.json("import", path, *more, code=ExitCode.FAILED)
        assert [(one["row"], one["line"], one["column"]) for one in found["faults"]] == [
            (2, 3, "role"),
            (2, 3, "groupsIn"),
        ]
    said = desk.users("import", path)
    assert (said.code, said.out) == (ExitCode.FAILED, "")
    assert "user #2, line 3, column role" in said.err
    assert len(desk.dashboard.requests()) == before


def test_import_makes_the_configuration(desk: Desk) -> None:
    """The SIP columns go into the configuration, by the default template or one's own."""
    template = desk.installation.directory / "template"
    template.write_text("sip=@siplogin@:@sippassword@\nname=@sipdisplayname@\n")
    assert "are a guess" in desk.users("import", desk.file(agents.row(1))).err
    said = desk.users("import", desk.file(agents.row(2)), "--config-template", template)
    assert "are a guess" not in said.err
    first, second = desk.dashboard.people()[1:]
    assert first.config.startswith(f"{INCLUDES}\n")
    assert "sip1" in first.config
    assert second.config == "sip=sip2:quiet-00002-quiet"
    template.write_text("@sipplogin@")
    said = desk.users("import", desk.file(agents.row(3)), "--config-template", template)
    assert said.code == ExitCode.FAILED
    assert "@sipplogin@" in said.err


def test_import_in_an_outage(desk: Desk) -> None:
    """When nobody is there it stops with 13 and says how to go on; the next run goes on."""
    path = desk.file(*map(agents.row, (1, 2, 3)))
    busy = {"status": 503, "headers": {"Retry-After": "120"}}
    desk.dashboard.script(
        [
            {"on": "create_user", "times": 1, "do": "pass"},
            {"on": "create_user", "times": None, "do": "status", **busy},
        ]
    )
    found = desk.json("import", path, code=ExitCode.UNREACHABLE)
    assert (found["ok"], found["added"], found["not_tried"]) == (False, 1, 2)
    assert "same command again" in found["error"]["hint"]
    said = desk.users("import", path)
    assert said.code == ExitCode.UNREACHABLE
    assert "1 already there" in said.err
    desk.dashboard.script([])
    assert desk.json("import", path)["added"] == 2


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_dashboard_that_repeats_passwords(desk: Desk, status: int) -> None:
    """What the dashboard says is shown without the passwords that it repeats."""
    repeats = f"no: {agents.password(1)} and {agents.sip_password(1)}"
    fault = {"status": status, "body": repeats, "headers": {"Retry-After": "99"}}
    desk.dashboard.script([{"on": "create_user", "times": None, "do": "status", **fault}])
    path = desk.file(agents.row(1))
    secret = desk.installation.directory / "secret"
    secret.touch(0o600)
    secret.write_text(agents.password(1))
    more = ("--role", "EMPLOYEE", "--groups", "1", "--password-file", secret)
    for arguments in (("import", path), ("import", path, "--json"), ("add", *ANN, *more)):
        said = desk.users(*arguments)
        assert said.code in {ExitCode.FAILED, ExitCode.UNREACHABLE}
        assert "no: ***" in said.out + said.err
        assert agents.password(1) not in said.out + said.err
        if arguments[0] == "import":
            assert "quiet" not in said.out + said.err


def test_import_with_refused_credentials(desk: Desk) -> None:
    """A password that is refused ends it with 12."""
    desk.installation.set_password("wrong-password")
    said = desk.users("import", desk.file(agents.row(1)))
    assert said.code == ExitCode.CREDENTIALS
    assert "wrong-password" not in said.out + said.err


def test_import_of_a_file_that_others_can_read(desk: Desk) -> None:
    """It is said that the passwords in it are open; what is no file is an error."""
    path = desk.file(agents.row(1))
    path.chmod(0o644)
    assert "chmod 600" in desk.users("import", path, "--dry-run").err
    missing = desk.users("import", path.with_name("missing.csv"))
    assert missing.code == ExitCode.FAILED
    assert "missing.csv cannot be read" in missing.err
    assert desk.users("import", path.parent).code == ExitCode.FAILED


def test_import_says_what_it_converted(desk: Desk) -> None:
    """A file of Excel in Windows-1251 is read, and that is said."""
    path = desk.file()
    path.write_bytes(
        f"{agents.HEADER}\r\n{agents.row(1, name='Иван', surname='Петров')}".encode("cp1251")
    )
    said = desk.users("import", path)
    assert said.code == ExitCode.DONE
    assert "cp1251" in said.err
    assert desk.dashboard.people()[1].name == "Иван"
