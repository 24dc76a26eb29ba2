"""Whether logrotate's stanza for the queue_log has one of the known traps.

logrotate goes by the first stanza that takes a file, so that one is judged. The
facts behind the traps are those of docs/queue_log.md.
"""

from __future__ import annotations

import stat
from posixpath import basename, dirname
from typing import TYPE_CHECKING, Final

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.check.logrotate.stanza import makes_asterisk_reopen, matches, rotated_paths
from qlogship.installation.files import File
from qlogship.installation.identity import Account, lacks
from qlogship.source.compression import SUFFIXES
from qlogship.source.rotated_names import is_rotated_name
from qlogship.wording import listed, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.rotation import RotationFacts
    from qlogship.check.logrotate.stanza import Ownership, RotationOptions

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
    if facts.stanzas:
        options, place = facts.stanzas[0].options, facts.stanzas[0].place
        findings = [*_faults(facts, options, place), *_traps(facts, options, place)]
        yield from findings
        if not findings:
            packed = ", compressed" if options.compress else ""
            told = ", Asterisk is told" if options.way == "rename" else ""
            yield ok(
                "rotation.sound",
                place,
                f"rotated by logrotate: {options.rotate} kept{packed}{told}",
            )
    elif facts.unread:
        yield unknown("rotation.unread", listed(facts.unread), "you may not read it")
    else:
        grown = f"; it is {size(facts.file.size)}, and grows" if facts.file is not None else ""
        message = f"logrotate does not rotate it{grown}"
        if facts.file is None or facts.file.size < _LARGE:
            yield ok("rotation.none", facts.path, message)
        else:
            yield warning(
                "rotation.none",
                facts.path,
                message,
                "Give it a stanza in /etc/logrotate.d; docs/check.md has one that fits.",
            )


def _faults(facts: RotationFacts, options: RotationOptions, place: str) -> Iterator[Finding]:
    """Yield what keeps logrotate itself from doing as it is told."""
    others = [one.place for one in facts.stanzas[1:]]
    if others and not any(one.options.ignore_duplicates for one in facts.stanzas):
        yield warning(
            "rotation.twice",
            listed(others),
            f"{place} takes {facts.path} already; logrotate ignores the second one and ends"
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
            place,
            f"there is no user or group {listed(unknown_names)}, so logrotate does not rotate",
            "Name the user and the group that Asterisk runs as.",
        )
    elif facts.directory is not None:
        yield from _su(facts, facts.directory, options.su, place)


def _su(
    facts: RotationFacts, directory: File, su: Ownership | None, place: str
) -> Iterator[Finding]:
    """Judge whether logrotate may rotate in this directory at all."""
    shown = f"{directory.path} ({stat.filemode(directory.mode)})"
    if su is None:
        open_to_group = directory.mode & stat.S_IWGRP and directory.gid != 0
        if open_to_group or directory.mode & stat.S_IWOTH:
            owner = facts.asterisk.name if facts.asterisk else "asterisk"
            yield warning(
                "rotation.su",
                place,
                f"others than root can write {shown}, so logrotate refuses to rotate in it",
                f"Add `su {owner} {owner}` to the stanza, with the user and the group of Asterisk.",
            )
    elif su.user is not None and facts.su.uid is not None:
        gids = frozenset() if facts.su.gid is None else frozenset({facts.su.gid})
        if lacks(Account(su.user, facts.su.uid, gids), directory, _WRITE | _SEARCH):
            yield warning(
                "rotation.su",
                place,
                f"it rotates as {su.user}, who cannot write {shown}",
                "Name a user with `su` who can, such as the owner of the directory.",
            )


def _traps(facts: RotationFacts, options: RotationOptions, place: str) -> Iterator[Finding]:
    """Yield what loses lines, or hides them from the service."""
    if options.way == "copytruncate":
        yield warning(
            "rotation.copytruncate",
            place,
            "what Asterisk writes between the copy and the truncation is lost",
            "Replace `copytruncate` by `create`, and add a postrotate script with `asterisk -rx"
            " 'logger reload'`.",
        )
    elif options.way == "rename":
        yield from _reload(facts, options, place)
        yield from _create(facts, options, place)
    yield from _archives(facts, options, place)
    if options.shred and options.compress and not options.delaycompress:
        yield warning(
            "rotation.shred",
            place,
            "`shred` overwrites the rotated file as soon as it is compressed, also when the service"
            " has not read it to its end",
            "Add `delaycompress`, or take `shred` out.",
        )
    if options.rotate == 0 or (options.maxage is not None and options.maxage < _MAXAGE_MIN):
        word = "rotate 0" if options.rotate == 0 else f"maxage {options.maxage}"
        yield warning(
            "rotation.rotate-zero",
            place,
            f"`{word}`: rotated files are removed soon; what the service has not read by then,"
            " because it was down, is lost",
            "Keep some: `rotate 14`, and a `maxage` of two weeks or none.",
        )


def _reload(facts: RotationFacts, options: RotationOptions, place: str) -> Iterator[Finding]:
    told = makes_asterisk_reopen(options)
    if told is None:
        yield warning(
            "rotation.reload-unclear",
            place,
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
            place,
            "it renames the file and does not tell Asterisk, which writes on into the renamed"
            f" one{loss}",
            f"{_POSTROTATE}.",
        )


def _create(facts: RotationFacts, options: RotationOptions, place: str) -> Iterator[Finding]:
    """Judge the file that comes after the rename: who can write it, who can read it."""
    asterisk, service, directory = facts.asterisk, facts.service, facts.directory
    new = _created(facts, options)
    if new is None:
        # Asterisk makes the file at the reload, if it may.
        need = _WRITE | _SEARCH
        if directory is not None and asterisk is not None and lacks(asterisk, directory, need):
            yield problem(
                "rotation.create-owner",
                place,
                f"without `create` Asterisk must make the new file, and {asterisk.name} cannot"
                f" write {directory.path}: after the next rotation nothing is logged",
                f"Add `create 0640 {asterisk.name} {asterisk.name}` to the stanza.",
            )
        return
    user = options.create.user if options.create else None
    group = options.create.group if options.create else None
    made = f"`create` makes the new file {new.mode:04o} {user or new.uid}:{group or new.gid}"
    if asterisk is not None and lacks(asterisk, new, _WRITE):
        yield problem(
            "rotation.create-owner",
            place,
            f"{made}, which Asterisk, running as {asterisk.name}, cannot write: after the next"
            " rotation nothing is logged",
            f"Write `create 0640 {asterisk.name} {asterisk.name}` instead.",
        )
    elif (
        service is not None
        and lacks(service, new, _READ)
        and not facts.inherited & new.mode >> 3 & _READ  # the group's bits are the list's mask
    ):
        yield problem(
            "rotation.create-mode",
            place,
            f"{made}, which the service, running as {service.name}, cannot read",
            f"Write `create 0640 {user or 'asterisk'} {group or 'asterisk'}`, and run"
            " `qlogship setup --grant`.",
        )


def _created(facts: RotationFacts, options: RotationOptions) -> File | None:
    """Return owner and mode of the new file; None when logrotate makes none."""
    create, old = options.create, facts.file
    if create is None:
        return None
    uid = facts.create.uid if create.user else (old.uid if old else None)
    gid = facts.create.gid if create.group else (old.gid if old else None)
    mode = create.mode if create.mode is not None else (old.mode if old else None)
    if uid is None or gid is None or mode is None:
        return None
    return File(facts.path, uid, gid, stat.S_IMODE(mode))


def _archives(facts: RotationFacts, options: RotationOptions, place: str) -> Iterator[Finding]:
    """Judge whether the service looks for the rotated file where it goes, and knows its name."""
    paths = rotated_paths(str(facts.path), options)
    directory, own = dirname(paths[0]), facts.path.name
    if directory != dirname(facts.path) and not all(
        any(matches(pattern, path) for pattern in facts.archives) for path in paths
    ):
        yield problem(
            "rotation.olddir",
            place,
            f"rotated files go to {directory}, where the service does not look: what it had not"
            " read by then is not shipped",
            f'Add archives = ["{directory}/{own}*"] to [source] of the settings.',
        )
    strange = [name for name in map(basename, paths) if not is_rotated_name(name, own)]
    if strange:
        yield problem(
            "rotation.name",
            place,
            f"a rotated file is called {strange[0]}, which the service does not take for one: what"
            " it had not read by then is not shipped",
            "Use names such as queue_log.1, queue_log-20261123 and"
            f" {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} behind them: change dateformat,"
            " addextension or compresscmd.",
        )
