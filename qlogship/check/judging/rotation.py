"""Whether logrotate's stanza for the queue_log has one of the known traps.

logrotate goes by the first stanza that takes a file, so that one is judged. The
facts behind the traps are those of docs/queue_log.md.
"""

from __future__ import annotations

import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from qlogship.check.facts.rotation import Place
from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.check.logrotate.stanza import makes_asterisk_reopen, matches, rotated_paths
from qlogship.check.words import listed
from qlogship.installation.identity import Account, Step, lacks
from qlogship.source.compression import SUFFIXES
from qlogship.source.rotated_names import is_rotated_name
from qlogship.terminal.output import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.rotation import RotationFacts
    from qlogship.check.logrotate.stanza import Options, Stanza

_READ, _WRITE, _SEARCH = 4, 2, 1

# A queue_log of this size takes a busy call centre a year or two.
_LARGE: Final = 256 * 1024 * 1024

# Rotated files that live shorter than this are gone after a weekend without service.
_MAXAGE_MIN: Final = 3

_POSTROTATE: Final = (
    "Add `postrotate`, `/usr/sbin/asterisk -rx 'logger reload'` and `endscript`, a line each, to"
    " the stanza"
)


def judge(facts: RotationFacts) -> Iterator[Finding]:
    """Judge how the queue_log is rotated."""
    if not facts.stanzas:
        yield _none(facts)
        return
    stanza, *others = facts.stanzas
    findings = [*_faults(facts, stanza, others), *_traps(facts, stanza)]
    yield from findings
    if not findings:
        yield ok("rotation.sound", stanza.place, _summary(stanza.options))


def _none(facts: RotationFacts) -> Finding:
    if facts.unread:
        return unknown(
            "rotation.unread", listed(facts.unread), "you may not read it", "Run this as root."
        )
    grown = f"; it is {size(facts.size)}, and grows" if facts.file is not None else ""
    message = f"logrotate does not rotate it{grown}"
    if facts.size < _LARGE:
        return ok("rotation.none", facts.path, message)
    return warning(
        "rotation.none",
        facts.path,
        message,
        "Give it a stanza in /etc/logrotate.d; docs/check.md has one that fits.",
    )


def _faults(facts: RotationFacts, stanza: Stanza, others: list[Stanza]) -> Iterator[Finding]:
    """Yield what keeps logrotate itself from doing as it is told."""
    if others and not any(one.options.ignore_duplicates for one in facts.stanzas):
        yield warning(
            "rotation.twice",
            listed([one.place for one in others]),
            f"{stanza.place} takes {facts.path} already; logrotate ignores the second one and ends"
            " with an error each time",
            "Take the name out of one of them.",
        )
    if facts.complaints:
        yield warning(
            "rotation.faulty",
            listed([one.rpartition(": ")[0] for one in facts.complaints]),
            f"logrotate does not understand this: {facts.complaints[0].rpartition(': ')[2]}",
            "Mend it and run `logrotate --debug /etc/logrotate.conf`.",
        )
    unknown_names = (*facts.create.unknown, *facts.su.unknown)
    if unknown_names:
        yield warning(
            "rotation.faulty",
            stanza.place,
            f"there is no user or group {listed(unknown_names)}, so logrotate does not rotate",
            "Name the user and the group that Asterisk runs as.",
        )
    elif (trouble := _su(facts, stanza)) is not None:
        yield trouble


def _su(facts: RotationFacts, stanza: Stanza) -> Finding | None:
    """Return whether logrotate may rotate in this directory at all."""
    directory, su = facts.directory, stanza.options.su
    if directory is None:
        return None
    open_to_group = directory.mode & stat.S_IWGRP and directory.gid != 0
    if su is None:
        if not open_to_group and not directory.mode & stat.S_IWOTH:
            return None
        owner = facts.asterisk.name if facts.asterisk else "asterisk"
        return warning(
            "rotation.su",
            stanza.place,
            f"others than root can write {directory.path} ({stat.filemode(directory.mode)}), so"
            " logrotate refuses to rotate in it",
            f"Add `su {owner} {owner}` to the stanza, with the user and the group of Asterisk.",
        )
    if su.user is None or facts.su.uid in {0, None}:
        return None
    groups = frozenset() if facts.su.gid is None else frozenset({facts.su.gid})
    account = Account(su.user, facts.su.uid or 0, groups)
    if lacks(account, _step(directory, _WRITE | _SEARCH)):
        return warning(
            "rotation.su",
            stanza.place,
            f"it rotates as {su.user}, who cannot write {directory.path}"
            f" ({stat.filemode(directory.mode)})",
            "Name a user with `su` who can, such as the owner of the directory.",
        )
    return None


def _traps(facts: RotationFacts, stanza: Stanza) -> Iterator[Finding]:
    """Yield what loses lines, or hides them from the service."""
    options = stanza.options
    if options.way == "copytruncate":
        yield warning(
            "rotation.copytruncate",
            stanza.place,
            "what Asterisk writes between the copy and the truncation is lost",
            "Replace `copytruncate` by `create`, and add a postrotate script with `asterisk -rx"
            " 'logger reload'`.",
        )
    elif options.way == "rename":
        yield from _reload(facts, stanza)
        yield from _create(facts, stanza)
    yield from _archives(facts, stanza)
    if options.shred and options.compress and not options.delaycompress:
        yield warning(
            "rotation.shred",
            stanza.place,
            "`shred` overwrites the rotated file as soon as it is compressed, also when the service"
            " has not read it to its end",
            "Add `delaycompress`, or take `shred` out.",
        )
    if options.rotate == 0 or (options.maxage is not None and options.maxage < _MAXAGE_MIN):
        word = "rotate 0" if options.rotate == 0 else f"maxage {options.maxage}"
        yield warning(
            "rotation.rotate-zero",
            stanza.place,
            f"`{word}`: rotated files are removed soon; what the service has not read by then,"
            " because it was down, is lost",
            "Keep some: `rotate 14`, and a `maxage` of two weeks or none.",
        )


def _reload(facts: RotationFacts, stanza: Stanza) -> Iterator[Finding]:
    options = stanza.options
    told = makes_asterisk_reopen(options)
    if told is None:
        yield warning(
            "rotation.reload-unclear",
            stanza.place,
            f"its script does not say in known words that Asterisk is told about the new"
            f" {facts.path.name}",
            f"{_POSTROTATE}, unless the script does that.",
        )
    elif not told:
        loss = (
            "; what it writes there after the file was compressed is lost"
            if options.compress
            else ", until something else makes it reload"
        )
        say = problem if options.compress else warning
        yield say(
            "rotation.no-reload",
            stanza.place,
            "it renames the file and does not tell Asterisk, which writes on into the renamed"
            f" one{loss}",
            f"{_POSTROTATE}.",
        )


def _create(facts: RotationFacts, stanza: Stanza) -> Iterator[Finding]:
    """Judge the file that comes after the rename: who can write it, who can read it."""
    options = stanza.options
    place = _created(facts, options)
    if place is None:
        yield from _made_by_asterisk(facts, stanza)
        return
    owner = _named(options, place)
    if facts.asterisk is not None and lacks(facts.asterisk, _step(place, _WRITE)):
        yield problem(
            "rotation.create-owner",
            stanza.place,
            f"`create` makes the new file {owner}, which Asterisk, running as"
            f" {facts.asterisk.name}, cannot write: after the next rotation nothing is logged",
            f"Write `create 0640 {facts.asterisk.name} {facts.asterisk.name}` instead.",
        )
    elif facts.service is not None and lacks(facts.service, _step(place, _READ)):
        user = options.create.user if options.create and options.create.user else "asterisk"
        yield problem(
            "rotation.create-mode",
            stanza.place,
            f"`create` makes the new file {owner}, which the service, running as"
            f" {facts.service.name}, cannot read",
            f"Write `create 0640 {user} asterisk`, with a group that {facts.service.name} is in.",
        )


def _made_by_asterisk(facts: RotationFacts, stanza: Stanza) -> Iterator[Finding]:
    """Without `create` Asterisk makes the file at the reload, if it may."""
    directory = facts.directory
    if (
        directory is not None
        and facts.asterisk is not None
        and lacks(facts.asterisk, _step(directory, _WRITE | _SEARCH))
    ):
        yield problem(
            "rotation.create-owner",
            stanza.place,
            f"without `create` Asterisk must make the new file, and {facts.asterisk.name} cannot"
            f" write {directory.path}: after the next rotation nothing is logged",
            f"Add `create 0640 {facts.asterisk.name} {facts.asterisk.name}` to the stanza.",
        )


def _created(facts: RotationFacts, options: Options) -> Place | None:
    """Return owner and mode of the new file; None when logrotate makes none."""
    if options.create is None:
        return None
    old = facts.file
    uid = facts.create.uid if options.create.user else (old.uid if old else None)
    gid = facts.create.gid if options.create.group else (old.gid if old else None)
    mode = options.create.mode if options.create.mode is not None else (old.mode if old else None)
    if uid is None or gid is None or mode is None:
        return None
    return Place(facts.path, uid, gid, stat.S_IMODE(mode))


def _archives(facts: RotationFacts, stanza: Stanza) -> Iterator[Finding]:
    """Judge whether the service looks for the rotated file where it goes, and knows its name."""
    names = rotated_paths(str(facts.path), stanza.options)
    directory = PurePosixPath(names[0]).parent
    beside = directory == PurePosixPath(facts.path).parent
    if not beside and not all(
        any(matches(pattern, name) for pattern in facts.archives) for name in names
    ):
        yield problem(
            "rotation.olddir",
            stanza.place,
            f"rotated files go to {directory}, where the service does not look: what it had not"
            " read by then is not shipped",
            f'Add archives = ["{directory}/{facts.path.name}*"] to [source] of the settings.',
        )
    strange = [name for name in names if not is_rotated_name(_name(name), facts.path.name)]
    if strange:
        yield problem(
            "rotation.name",
            stanza.place,
            f"a rotated file is called {_name(strange[0])}, which the service does not take for"
            f" one: what it had not read by then is not shipped",
            "Use names such as queue_log.1, queue_log-20261123 and"
            f" {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} behind them: change dateformat,"
            " addextension or compresscmd.",
        )


def _summary(options: Options) -> str:
    kept = f"{options.rotate} kept"
    packed = ", compressed" if options.compress else ""
    told = ", Asterisk is told" if options.way == "rename" else ""
    return f"rotated by logrotate: {kept}{packed}{told}"


def _named(options: Options, place: Place) -> str:
    create = options.create
    user = create.user if create and create.user else str(place.uid)
    group = create.group if create and create.group else str(place.gid)
    return f"{place.mode:04o} {user}:{group}"


def _step(place: Place, need: int) -> Step:
    return Step(place.path, need, place.uid, place.gid, place.mode, "")


def _name(path: str) -> str:
    return path.rpartition("/")[2]
