"""What a person's being forgotten comes to in the booted machine.

Each step is a function of the state that those before it left; its docstring is the
rule it proves.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.boot.site import PATIENCE
from tests.boot.trial import NORTH, PLAIN
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.boot.trial import Trial

_NUMBER: Final = "79161234567"
_STATE: Final = "/var/lib/qlogship"


def forgotten(trial: Trial) -> None:
    """Root erases a number beside the running service: it is in no file of its state any more.

    The service goes on, its files stay its own, and nothing is sent again.
    """
    box, site = trial.box, trial.site
    at = int(time.time())
    site.lines_come(
        [
            b"%d|%d.9|support|NONE|ENTERQUEUE||+%s|1\n" % (at, at, _NUMBER.encode()),
            b"%d|%d.9|support|SIP/%s-01|CONNECT|0|%d.8|0\n" % (at, at, _NUMBER.encode(), at),
            b"%d|%d.9|support|SIP/%s-01|COMPLETEAGENT|0|1|1\n" % (at, at, _NUMBER.encode()),
        ]
    )
    site.all_arrive(PLAIN, NORTH)
    look = "grep", "--recursive", "--text", "--files-with-matches", _NUMBER, _STATE
    assert box.try_run(*look).returncode == 0
    for tenant in (PLAIN, NORTH):
        pid, uploads = site.pid(tenant), len(site.ledger(tenant))
        said = box.run("qlogship", "erase", "--number", f"+{_NUMBER}", "--yes", "-c", tenant.config)
        assert "masked in 3 records" in said, said
        until(lambda: _is_taken_back(trial), PATIENCE, what="the state to be taken back")
        assert site.pid(tenant) == pid
        assert site.is_active(tenant)
        assert site.ask(tenant, "status")["uploads"]["erased"] > 0
        assert len(site.ledger(tenant)) == uploads
    assert box.try_run(*look).returncode == 1, box.try_run(*look).stdout
    foreign = box.run("find", _STATE, "!", "-user", "qlogship", "-o", "-perm", "/077", "-type", "f")
    assert not foreign
    site.calls_come(2)
    site.all_arrive(PLAIN, NORTH)
    for tenant in (PLAIN, NORTH):
        assert box.try_run("qlogship", "verify", "-c", tenant.config).returncode == 0
        again = box.run("qlogship", "erase", "--number", _NUMBER, "--yes", "-c", tenant.config)
        assert "does not have this number" in again, again


def _is_taken_back(trial: Trial) -> bool:
    """Return whether each service holds its state."""
    return all(trial.site.ask(tenant, "status")["service"]["running"] for tenant in (PLAIN, NORTH))
