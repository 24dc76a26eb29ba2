"""Whether Asterisk writes the queue_log that the settings name.

What a running process holds open is a fact; what its configuration says is only
an intention, since it counts from the next reload on. So the process is asked
first, and the configuration explains what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, Level, ok, problem, unknown, warning
from qlogship.source.rotated_names import is_related_name
from qlogship.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qlogship.check.facts.access import SourceFacts
    from qlogship.check.facts.asterisk import AsteriskFacts, HeldFile, Process

_RELOAD: Final = "run `asterisk -rx 'logger reload'`"


def judge(facts: AsteriskFacts, source: SourceFacts) -> Iterator[Finding]:
    """Judge Asterisk's processes and its configuration."""
    said, logger_conf = facts.logger, facts.etc / "logger.conf"
    writing = [str(one.pid) for one in facts.processes if one.writes(source.key)]
    if said is not None and not said.queue_log:
        when = "from the next reload on Asterisk writes" if writing else "Asterisk writes"
        yield problem(
            "asterisk.queue-log-off",
            logger_conf,
            f"queue_log = no in [general]: {when} no queue_log at all",
            f"Set queue_log = yes in [general]; then {_RELOAD}.",
        )
    elif facts.realtime is not None and not (said is not None and said.to_file):
        when = "from the next start on the" if writing else "the"
        yield problem(
            "asterisk.realtime-only",
            facts.etc / "extconfig.conf",
            f"queue_log goes to {facts.realtime}, and queue_log_to_file is not yes: {when} file"
            " gets nothing",
            f"Set queue_log_to_file = yes in [general] of {logger_conf}; then restart Asterisk"
            " (`core restart when convenient`).",
        )
    elif writing:
        yield ok("asterisk.writes", source.path, f"asterisk (pid {listed(writing)}) has it open")
    else:
        yield _not_written(facts, source)
    if said is not None and said.exec_after_rotate:
        yield warning(
            "asterisk.rotate-hook",
            logger_conf,
            f"exec_after_rotate runs {said.exec_after_rotate!r}; while it runs, Asterisk writes no"
            " queue events, and nothing can bring them back",
            f"Take exec_after_rotate out and let logrotate compress; then {_RELOAD}.",
        )
    if said is not None and said.refused_name:
        yield problem(
            "asterisk.queue-log-name",
            logger_conf,
            f"queue_log_name is {said.refused_name[:80]!r}, which leads out of the directory of"
            " the logs, or nowhere; it is not followed",
            f"Look who wrote that, and give a name without a / there; then {_RELOAD}.",
        )
    if facts.cut:
        yield warning(
            "asterisk.conf-endless",
            facts.etc,
            "its files include each other, or many or large ones; the rest was not read",
            "Look at the #include lines of asterisk.conf, logger.conf and extconfig.conf.",
        )
    if facts.unread:
        yield unknown(
            "asterisk.conf-unread",
            listed(facts.unread),
            "you may not read it, or it is no regular file",
            "Look with `ls -l` what it is, and run this as root.",
        )


def explains_missing_file(findings: Iterable[Finding]) -> bool:
    """Return whether what was found about Asterisk is why there is no file."""
    return any(
        finding.level is Level.PROBLEM or finding.id == "asterisk.in-container"
        for finding in findings
    )


def _not_written(facts: AsteriskFacts, source: SourceFacts) -> Finding:
    """Return what is held instead of the file, of all processes the first that tells."""
    if not facts.processes and facts.processes_hidden:
        return unknown("asterisk.unseen", "asterisk", "the processes of others are hidden from you")
    if not facts.processes:
        return warning(
            "asterisk.not-running",
            "asterisk",
            "no process of this name runs here: nothing new comes into the queue_log",
            "Start Asterisk; if it runs on another machine, run qlogship there.",
        )
    for process in facts.processes:
        for one in process.files or ():
            finding = _instead(process, one, source)
            if finding is not None:
                return finding
    who = f"asterisk (pid {facts.processes[0].pid})"
    contained = [one for one in facts.processes if one.elsewhere]
    if contained:
        return warning(
            "asterisk.in-container",
            f"asterisk (pid {contained[0].pid})",
            f"it runs in a container, and its queue_log is not {source.path}",
            "Mount the container's log directory on this machine, and name its queue_log in"
            " source.path.",
        )
    if any(process.files is None for process in facts.processes):
        return unknown("asterisk.unseen", who, "you may not see which files it has open")
    return problem(
        "asterisk.not-open",
        who,
        f"it runs and has no queue_log open: it could not write {source.path} after a rotation,"
        " or was told to close it",
        f"{_RELOAD.capitalize()} and look for `Unable to create queue log` in Asterisk's messages;"
        " its user must be able to write the file.",
    )


def _instead(process: Process, one: HeldFile, source: SourceFacts) -> Finding | None:
    """Judge a file that is held, and is not the queue_log."""
    who = f"asterisk (pid {process.pid})"
    directory, _, name = one.path.rpartition("/")
    beside = directory in {str(source.path.parent), str(source.real.parent)}
    own = source.path.name
    if one.deleted and beside and (name == own or is_related_name(name, own)):
        return problem(
            "asterisk.holds-deleted",
            who,
            f"it writes into a {own} that was deleted; what is in it is lost when Asterisk closes"
            " it",
            f"Run `cp /proc/{process.pid}/fd/{one.descriptor} /root/{own}.saved` and then"
            " `asterisk -rx 'logger reload'`; import the copy with `qlogship import`.",
        )
    if beside and is_related_name(name, own):
        return problem(
            "asterisk.holds-rotated",
            who,
            f"it still writes into {one.path}: the file was renamed and Asterisk was not told",
            f"{_RELOAD.capitalize()}, and let logrotate do so after each rotation (postrotate).",
        )
    if process.elsewhere or one.deleted or (name == own and not source.exists and beside):
        return None
    return problem(
        "asterisk.other-file",
        who,
        f"it writes {one.path}, and the settings name {source.path}",
        f'Set path = "{one.path}" in [source] of the settings.',
    )
