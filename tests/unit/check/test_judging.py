"""The judging of facts that no test machine can be brought into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.check.facts.access import Opening, SourceFacts, UserFacts
from qlogship.check.facts.asterisk import AsteriskFacts, HeldFile, Process
from qlogship.check.facts.network import NetworkFacts
from qlogship.check.facts.rotation import NamedOwner, RotationFacts
from qlogship.check.facts.settings import SecretFile, SettingsFacts
from qlogship.check.facts.state import DiskFacts, StateFacts
from qlogship.check.facts.unit import UnitFacts
from qlogship.check.findings import Finding, Level, exit_code, in_order
from qlogship.check.judging import (
    access,
    asterisk,
    clock,
    ledger,
    network,
    rotation,
    settings,
    state,
    unit,
)
from qlogship.check.logrotate.stanza import Ownership, RotationOptions, Stanza
from qlogship.config import Settings
from qlogship.dashboard.certificate import Certificate
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.reach import Reach, Refusal, Stage
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import ExitCode
from qlogship.installation.asterisk_conf import Directories, Logger
from qlogship.installation.files import File
from qlogship.installation.grants import Grant
from qlogship.installation.identity import Account, Barrier
from qlogship.installation.places import unit_of
from qlogship.state.figures import Figures
from qlogship.troubles.rows import Trouble
from qlogship.verdict.assessment import assess
from qlogship.verdict.facts import Amount, Facts, Kind
from tests.support.figures import figures_with

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW: Final = 1_795_411_800.0
LOG: Final = Path("/var/log/asterisk/queue_log")
URL: Final = "https://company.softphone.pro"
DAY: Final = 86_400.0
SERVICE: Final = Account("qlogship", 998, frozenset({998, 120}))
ASTERISK: Final = Account("asterisk", 115, frozenset({120}))
SOURCE: Final = SourceFacts(LOG, LOG, exists=True, key=(1, 2), readable=True)
MIB: Final = 1024 * 1024


def ids(findings: Iterable[Finding]) -> list[str]:
    """Return what is not in order, by id."""
    return [one.id for one in findings if one.level is not Level.OK]


def asterisk_with(*processes: Process, said: Logger | None = None) -> AsteriskFacts:
    """Return these processes, configured like this."""
    return AsteriskFacts(processes, Path("/etc/asterisk"), Directories(), said or Logger(), None)


def process(*files: HeldFile, seen: bool = True, elsewhere: bool = False) -> Process:
    """Return a process that holds these files."""
    return Process(42, ASTERISK, files if seen else None, None, elsewhere)


def held(path: str | Path, key: tuple[int, int] = (1, 9), *, deleted: bool = False) -> HeldFile:
    """Return a file that is open."""
    return HeldFile(5, str(path), key, deleted)


BARRED: Final = Barrier(LOG, f"qlogship may not read {LOG}", denied=True)
LISTS: Final = Grant("qlogship", LOG.parent, "asterisk")
GROUP: Final = replace(LISTS, group="asterisk", why_group="there are no access lists")


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        (Opening(LISTS), "Run `qlogship setup --grant`: access lists let qlogship"),
        (Opening(GROUP), "Run `qlogship setup --grant`, then restart the service: qlogship joins"),
        (Opening(refused="it is a file of root"), "setup would not open it: it is a file of root."),
    ],
)
def test_what_opens_the_queue_log(opening: Opening, said: str) -> None:
    """A hint sends to setup, which judges the file again; it names nothing to be opened by hand."""
    facts = replace(SOURCE, readable=False, barrier=BARRED, opening=opening)
    (finding,) = access.judge_source(facts, explained=False)
    assert (finding.id, finding.level) == ("source.unreadable", Level.PROBLEM)
    assert said in finding.hint
    for word in ("setfacl", "usermod", "chmod", "chown", "chgrp"):
        assert word not in finding.hint
    (other,) = access.judge_source(facts, explained=False, settings=Path("/etc/qlogship/a b.toml"))
    assert opening.grant is None or "--grant --config '/etc/qlogship/a b.toml'`" in other.hint


def test_a_group_that_need_not_be() -> None:
    """Membership in the group of Asterisk's user is doubtful where a list would do."""
    wide = replace(SOURCE, opening=Opening(LISTS, group="asterisk"))
    assert ids(access.judge_source(wide, explained=False)) == ["user.wide-group"]
    assert ids(access.judge_source(replace(SOURCE, opening=Opening(GROUP)), explained=False)) == []


def test_a_name_that_leads_elsewhere_and_a_configuration_without_end() -> None:
    """Both are said, whatever Asterisk has open."""
    facts = asterisk_with(process(held(LOG, (1, 2))), said=Logger(refused_name="../x"))
    found = ids(asterisk.judge(replace(facts, cut=True), SOURCE))
    assert found == ["asterisk.queue-log-name", "asterisk.conf-endless"]


def test_a_file_that_is_no_queue_log() -> None:
    """It is a problem by itself, and what the finding says names the file once."""
    facts = replace(SOURCE, foreign=f"{LOG} is not a queue_log: its first line is not a record")
    (finding,) = access.judge_source(facts, explained=False)
    assert (finding.id, finding.level) == ("source.foreign", Level.PROBLEM)
    assert "source.path" in finding.hint


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (asterisk_with(process(held("/c/queue_log", (1, 2)), elsewhere=True)), []),
        (asterisk_with(process(elsewhere=True)), ["asterisk.in-container"]),
        (asterisk_with(process(held(LOG), elsewhere=True)), ["asterisk.in-container"]),
        (asterisk_with(process(seen=False)), ["asterisk.unseen"]),
        (asterisk_with(process(seen=False), process(held(LOG, (1, 2)))), []),
        (asterisk_with(process(), process(held(f"{LOG}.1"))), ["asterisk.holds-rotated"]),
        (asterisk_with(process(held(LOG, deleted=True))), ["asterisk.holds-deleted"]),
        (asterisk_with(process(held("/x/other", deleted=True))), ["asterisk.not-open"]),
        (replace(asterisk_with(), processes_hidden=True), ["asterisk.unseen"]),
        (
            replace(asterisk_with(process(held(LOG, (1, 2)))), unread=(Path("/etc/asterisk/x"),)),
            ["asterisk.conf-unread"],
        ),
        (
            asterisk_with(process(held(LOG, (1, 2))), said=Logger(queue_log=False)),
            ["asterisk.queue-log-off"],
        ),
    ],
)
def test_asterisk(facts: AsteriskFacts, expected: list[str]) -> None:
    """What a process holds open counts, wherever it lives; what cannot be seen is not guessed."""
    assert ids(asterisk.judge(facts, SOURCE)) == expected


@pytest.mark.parametrize(
    "facts",
    [
        replace(asterisk_with(), logger=Logger(queue_log=False)),
        replace(asterisk_with(), realtime="odbc,asterisk"),
    ],
)
def test_what_counts_from_the_next_reload_on(facts: AsteriskFacts) -> None:
    """A configuration that is not in force yet is told as one that will be."""
    (later,) = asterisk.judge(replace(facts, processes=(process(held(LOG, (1, 2))),)), SOURCE)
    (now,) = asterisk.judge(facts, SOURCE)
    assert "from the next" in later.message
    assert "from the next" not in now.message


def test_a_missing_file_has_one_cause() -> None:
    """When it is known why there is no queue_log, that alone is told."""
    nothing = replace(SOURCE, exists=False, key=None)
    off = asterisk_with(process(), said=Logger(queue_log=False))
    assert asterisk.explains_missing_file(asterisk.judge(off, nothing))
    assert ids(access.judge_source(nothing, explained=True)) == []
    assert not asterisk.explains_missing_file(asterisk.judge(asterisk_with(), nothing))
    assert ids(access.judge_source(nothing, explained=False)) == ["source.missing"]


def test_settings_of_the_service_itself() -> None:
    """The service's own user may write its settings, another may not; without one nobody knows."""
    own = File(SETTINGS_FILE, uid=998, mode=0o100640, group="root")
    assert ids(settings.judge(replace(with_secret(), file=own), SERVICE)) == []
    other = replace(SERVICE, uid=997)
    assert "settings.writable" in ids(settings.judge(replace(with_secret(), file=own), other))
    assert ids(settings.judge(replace(with_secret(), file=own), None)) == []


def test_a_queue_log_that_may_not_be_looked_at() -> None:
    """Who may not look says so, and nothing else about it."""
    hidden = replace(SOURCE, key=None, readable=None)
    assert ids(access.judge_source(hidden, explained=False)) == ["source.unseen"]


def test_groups_of_a_running_service() -> None:
    """Groups that were joined after the start count from the next start on."""
    user = UserFacts("qlogship", SERVICE, ("asterisk", "qlogship"), ("asterisk",))
    (finding,) = access.judge_user(user, unit="qlogship@east.service")
    assert (finding.id, finding.level) == ("user.stale-groups", Level.WARNING)
    assert "systemctl restart qlogship@east.service" in finding.hint


@pytest.mark.parametrize(
    ("free", "free_inodes", "growth", "expected"),
    [
        (900 * MIB, 10_000, None, []),
        (900 * MIB, 10_000, 20 * MIB, []),
        (900 * MIB, 10_000, 40 * MIB, ["disk.state-low"]),
        (400 * MIB, 10_000, None, ["disk.state-low"]),
        (900 * MIB, 10, None, ["disk.state-low"]),
        (900 * MIB, 0, None, ["disk.state-full"]),
        (40 * MIB, 10_000, None, ["disk.state-full"]),
    ],
)
def test_disk(free: int, free_inodes: int, growth: float | None, expected: list[str]) -> None:
    """The room is judged by what is free, and by how long it lasts at the archive's pace."""
    disk = DiskFacts(Path("/var"), 1, 10_000 * MIB, free, 100_000, free_inodes)
    assert ids(state.judge_disks(disk, disk, growth)) == expected


@pytest.mark.parametrize(("growth", "words"), [(20 * MIB, "enough for 450 days"), (1, "years")])
def test_a_forecast_ends_where_nobody_can_look(growth: float, words: str) -> None:
    """So many days are no figure any more."""
    disk = DiskFacts(Path("/var"), 1, 10_000 * MIB, 9_000 * MIB, 0, 0)
    (found,) = state.judge_disks(disk, disk, growth)
    assert found.message.endswith(words)


@pytest.mark.parametrize(
    ("free", "level", "words"),
    [
        (300, Level.PROBLEM, "below 400.0 MiB (state.reserve) nothing more is archived"),
        (800, Level.WARNING, "enough for 20 days; below 400.0 MiB (state.reserve) nothing"),
        (2_400, Level.OK, "400.0 MiB of it not for the archive (state.reserve), enough for 100"),
    ],
)
def test_the_reserve_of_a_disk(free: int, level: Level, words: str) -> None:
    """What is left for others counts as taken: the forecast ends at it, and so does the archive."""
    disk = DiskFacts(Path("/var"), 1, 10_000 * MIB, free * MIB, 0, 0, reserve=400 * MIB)
    (found,) = state.judge_disks(disk, None, 20 * MIB)
    assert found.level is level
    assert words in found.message


def test_disk_without_inodes() -> None:
    """A file system that counts no inodes has no lack of them."""
    disk = DiskFacts(Path("/var"), 1, 10_000 * MIB, 900 * MIB, 0, 0)
    assert ids(state.judge_disks(disk, None, None)) == []


@pytest.mark.parametrize(
    ("free", "expected"),
    [(900, []), (400, ["disk.source-low"]), (40, ["disk.source-full"])],
)
def test_the_disk_of_the_queue_log(free: int, expected: list[str]) -> None:
    """A disk of its own is judged by itself."""
    own = DiskFacts(Path("/var/lib"), 1, 10_000 * MIB, 900 * MIB, 0, 0)
    logs = DiskFacts(Path("/var/log"), 2, 10_000 * MIB, free * MIB, 0, 0)
    assert ids(state.judge_disks(own, logs, None)) == expected


SHIPPED: Final = figures_with(archive={"lines": 9}, shipped={"calls": 3})
OWN_STATE: Final = File(Path("/var/lib/qlogship"), 998, mode=0o40700)
STATE: Final = StateFacts(OWN_STATE.path, OWN_STATE, figures=SHIPPED, holder=7)


def with_reasons(*kinds: Kind) -> StateFacts:
    """Return a state whose numbers are not right for these reasons."""
    found = dict.fromkeys(kinds, Amount(1, 5, 15, fewer=5, more=5))
    return replace(STATE, verdict=assess(Facts(records=9, there=3, found=found)))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (STATE, []),
        (replace(STATE, figures=Figures()), []),
        (with_reasons(), []),
        (with_reasons(Kind.UNKNOWN), ["ledger.unknown"]),
        (with_reasons(Kind.QUARANTINED, Kind.DOUBLES), ["ledger.quarantined", "ledger.duplicates"]),
        (with_reasons(Kind.DIFFERS, Kind.LATER), ["ledger.wrong", "ledger.uncertain"]),
        (with_reasons(Kind.SHARED), []),
        (replace(STATE, undecided="the settings name another"), ["ledger.destination"]),
        (
            replace(STATE, figures=figures_with(SHIPPED, uploads={"overcounted": 1})),
            ["ledger.another-writer"],
        ),
        (
            replace(STATE, shared=True, figures=figures_with(SHIPPED, uploads={"overcounted": 1})),
            [],
        ),
        (replace(STATE, figures=figures_with(SHIPPED, resync="shipping")), []),
        (replace(STATE, figures=figures_with(SHIPPED, waiting={"since": NOW - 800})), []),
        (
            replace(STATE, figures=figures_with(SHIPPED, waiting={"since": NOW - 1000})),
            ["ledger.lag"],
        ),
        (
            replace(
                STATE, figures=figures_with(SHIPPED, waiting={"since": NOW - 1000}), holder=None
            ),
            [],
        ),
        (replace(STATE, troubles=(Trouble("dashboard_busy", NOW, "m", "h"),)), ["ledger.trouble"]),
        (replace(STATE, troubles=(Trouble("source", NOW, "m", "h"),)), []),
        (replace(STATE, troubles=(Trouble("dashboard_busy", NOW, "m", "h"),), holder=None), []),
        (replace(STATE, figures=None), []),
    ],
)
def test_ledger(facts: StateFacts, expected: list[str]) -> None:
    """What waits too long, is refused or in doubt is told; what is told already is not."""
    assert ids(ledger.judge(facts, url=URL, now=NOW, known={"source"})) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (STATE, []),
        (replace(STATE, found=replace(OWN_STATE, uid=0)), ["state.not-writable"]),
        (replace(STATE, read_only=True), ["state.not-writable"]),
        (replace(STATE, seen=False), ["state.unseen"]),
        (replace(STATE, found=None, seen=False), ["state.unseen"]),
    ],
)
def test_state_directory(facts: StateFacts, expected: list[str]) -> None:
    """It is the service's own, and can be written."""
    assert ids(state.judge(facts, SERVICE, unit_runs=True)) == expected


REACH: Final = Reach("company.softphone.pro", 443, ("192.0.2.1",), status=200)
LEAF: Final = Certificate("company", "R11", NOW - DAY, NOW + 60 * DAY, self_issued=False)
LOGIN: Final = Outcome(Verdict.ACCEPTED, None, None, 200, "accepted", "")


def refused(why: Refusal) -> Reach:
    """Return a look that ended at a certificate."""
    return replace(
        REACH, failed=Stage.TLS, refusal=why, certificate=LEAF, status=None, problem="refused"
    )


@pytest.mark.parametrize(
    ("reach", "login", "expected"),
    [
        (replace(REACH, certificate=LEAF), LOGIN, []),
        (refused(Refusal.EXPIRED), None, ["tls.expired"]),
        (refused(Refusal.NOT_YET_VALID), None, ["tls.not-yet-valid"]),
        (refused(Refusal.WRONG_NAME), None, ["tls.wrong-name"]),
        (refused(Refusal.SELF_SIGNED), None, ["tls.self-signed"]),
        (refused(Refusal.PRIVATE_AUTHORITY), None, ["tls.private-authority"]),
        (refused(Refusal.ALONE), None, ["tls.issuer-unknown"]),
        (refused(Refusal.OTHER), None, ["tls.refused"]),
        (replace(refused(Refusal.EXPIRED), certificate=None), None, ["tls.expired"]),
        (replace(REACH, failed=Stage.TLS, problem="no TLS"), None, ["dashboard.no-answer"]),
        (REACH, None, ["login.untried"]),
        (REACH, replace(LOGIN, verdict=Verdict.LATER), ["login.failed"]),
        (replace(REACH, status=302, location="/login/"), LOGIN, []),
        (replace(REACH, status=302, location=f"{URL}:443/login/"), LOGIN, []),
        (replace(REACH, status=301, location="http://x.example/"), LOGIN, ["dashboard.redirects"]),
    ],
)
def test_network(reach: Reach, login: Outcome | None, expected: list[str]) -> None:
    """The step that fails is named, and the one thing that is wrong with it."""
    assert ids(network.judge(NetworkFacts(URL, reach, login), now=NOW)) == expected


@pytest.mark.parametrize(
    ("ahead", "newest", "synchronised", "expected"),
    [
        (0.5, None, None, []),
        (None, None, True, []),
        (119.0, None, True, []),
        (-121.0, None, True, ["clock.differs"]),
        (None, None, None, ["clock.uncompared"]),
        (0.0, None, False, ["clock.unsynchronised"]),
        (0.0, int(NOW) + 299, True, []),
        (0.0, int(NOW) + 301, True, ["clock.behind-archive"]),
    ],
)
def test_clock(
    *, ahead: float | None, newest: int | None, synchronised: bool | None, expected: list[str]
) -> None:
    """It is compared with all there is to compare it with."""
    found = clock.judge(NOW, ahead=ahead, newest=newest, synchronised=synchronised)
    assert ids(found) == expected


def rotated(options: RotationOptions, **values: object) -> RotationFacts:
    """Return a queue_log of Asterisk's that is rotated like this."""
    facts = RotationFacts(
        LOG,
        (),
        File(LOG, 115, 120, 0o640, size=1000),
        File(LOG.parent, 115, 120, 0o755),
        stanzas=(Stanza("/etc/logrotate.d/asterisk", 3, (str(LOG),), options),),
        asterisk=ASTERISK,
        service=SERVICE,
    )
    return replace(facts, **values)  # type: ignore[arg-type]


TOLD: Final = {"postrotate": "asterisk -rx 'logger reload'"}
ALONE: Final = Account("qlogship", 998, frozenset({998}))
ROOTS: Final = NamedOwner(0, 0)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (rotated(RotationOptions(rotate=9, scripts=TOLD)), []),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o640, "root", "root")),
                create=ROOTS,
            ),
            ["rotation.create-owner"],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o666, "root", "root")),
                create=ROOTS,
            ),
            [],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o640, "root", "root")),
                create=ROOTS,
                asterisk=Account("root", 0, frozenset({0})),
            ),
            ["rotation.create-mode"],
        ),
        (rotated(RotationOptions(rotate=9, scripts=TOLD, create=Ownership())), []),
        (
            rotated(RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o600))),
            ["rotation.create-mode"],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o640)),
                service=ALONE,
                inherited=4,
            ),
            [],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o600)),
                service=ALONE,
                inherited=4,
            ),
            ["rotation.create-mode"],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o640)),
                service=ALONE,
                inherited=0,
            ),
            ["rotation.create-mode"],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD), directory=File(LOG.parent, 0, 0, 0o755)
            ),
            ["rotation.create-owner"],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, create=Ownership(0o640)),
                directory=File(LOG.parent, 115, 120, 0o775),
            ),
            ["rotation.su"],
        ),
        (
            rotated(
                RotationOptions(rotate=9, scripts=TOLD, su=Ownership(None, "adm", "adm")),
                su=NamedOwner(3, 4),
            ),
            ["rotation.su"],
        ),
        (
            rotated(RotationOptions(), stanzas=(), unread=(Path("/etc/logrotate.d/x"),)),
            ["rotation.unread"],
        ),
        (rotated(RotationOptions(), stanzas=()), []),
    ],
)
def test_rotation(facts: RotationFacts, expected: list[str]) -> None:
    """Who writes and who reads the file that comes after a rotation is worked out."""
    assert ids(rotation.judge(facts)) == expected


SETTINGS_FILE: Final = Path("/etc/qlogship/qlogship.toml")
WHOLE: Final = Settings.model_validate({"dashboard": {"url": URL}})


def with_secret(**values: object) -> SettingsFacts:
    """Return sound settings with the file of one secret."""
    own = File(SETTINGS_FILE, mode=0o100640, group="qlogship")
    directory = File(SETTINGS_FILE.parent, mode=0o40755)
    file = replace(own, path=Path("/etc/qlogship/password"), **values)  # type: ignore[arg-type]
    secret = SecretFile("password", file.path, file, by_unit=False)
    return SettingsFacts(
        SETTINGS_FILE,
        replace(own, group="root"),
        directory,
        settings=WHOLE,
        secret_files=(secret,),
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (with_secret(), []),
        (with_secret(group="root"), []),
        (with_secret(group="asterisk"), ["secret.open"]),
        (with_secret(uid=4242, mode=0o100600), ["secret.open"]),
        (with_secret(group="asterisk", mode=0o100600), []),
        (replace(with_secret(), secrets_seen=False), ["secret.unseen"]),
        (replace(with_secret(), readable=False), ["settings.unseen"]),
    ],
)
def test_secrets(facts: SettingsFacts, expected: list[str]) -> None:
    """A secret is for root and the service; who may not look says so."""
    assert ids(settings.judge(facts, SERVICE)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/etc/qlogship/qlogship.toml", "qlogship.service"),
        ("/etc/qlogship/east.toml", "qlogship@east.service"),
        ("/etc/qlogship/east.toml.bak", None),
        ("/home/me/qlogship.toml", None),
    ],
)
def test_the_unit_of_a_settings_file(name: str, expected: str | None) -> None:
    """Each settings file of the package's directory has a unit of its own."""
    assert unit_of(Path(name), Path("/etc/qlogship")) == expected


@pytest.mark.parametrize(
    ("facts", "holder", "expected"),
    [
        (UnitFacts(), None, ["unit.unseen"]),
        (UnitFacts("qlogship.service"), 7, []),
        (UnitFacts("qlogship.service"), None, ["unit.unseen"]),
        (UnitFacts("qlogship.service", load="not-found"), 7, ["unit.not-installed"]),
        (
            UnitFacts("qlogship.service", load="loaded", active="inactive"),
            None,
            ["unit.not-running"],
        ),
    ],
)
def test_unit(facts: UnitFacts, holder: int | None, expected: list[str]) -> None:
    """Where systemd says nothing, whoever holds the state directory tells that it runs."""
    found = unit.judge(
        facts, settings=SETTINGS_FILE, program=Path("/usr/bin/qlogship"), holder=holder
    )
    assert ids(found) == expected


def finding(id_: str, level: Level = Level.PROBLEM) -> Finding:
    """Return a finding of which only these count."""
    return Finding(id_, level, "x", "y")


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], ExitCode.DONE),
        ([finding("settings.fault", Level.WARNING), finding("login.untried", Level.UNKNOWN)], 0),
        ([finding("unit.failed")], ExitCode.FAILED),
        ([finding("unit.failed"), finding("asterisk.not-open")], ExitCode.SOURCE),
        ([finding("rotation.olddir"), finding("tls.expired")], ExitCode.UNREACHABLE),
        ([finding("login.failed")], ExitCode.UNREACHABLE),
        ([finding("tls.expired"), finding("login.refused")], ExitCode.CREDENTIALS),
        ([finding("login.refused"), finding("secret.fault")], ExitCode.SETTINGS),
    ],
)
def test_exit_codes(findings: list[Finding], code: int) -> None:
    """Only problems count, and of several the one that somebody would mend first."""
    assert exit_code(findings) == code


def test_order() -> None:
    """Findings are shown in the order of their groups, and as they came within one."""
    given = [finding("ledger.lag"), finding("tls.expired"), finding("settings.fault")]
    assert [one.id for one in in_order([*given, finding("settings.doubt")])] == [
        *("settings.fault", "settings.doubt", "tls.expired", "ledger.lag"),
    ]
