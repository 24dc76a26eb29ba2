"""What the settings and the files of the secrets come to."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.installation.identity import SERVICE_USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.settings import FileFacts, SecretFile, SettingsFacts
    from qlogship.errors import Fault
    from qlogship.installation.identity import Account


def judge(facts: SettingsFacts, account: Account | None) -> Iterator[Finding]:
    """Judge settings and secrets; `account` is the service's."""
    path = facts.path
    if not facts.readable:
        yield problem(
            "settings.unseen",
            path,
            "you may not read it, so nothing can be looked at",
            "Run this as root, or as the service's user.",
        )
        return
    for fault in facts.faults:
        yield fault_finding(fault)
    for doubt in facts.warnings:
        yield warning("settings.doubt", doubt.place, doubt.problem, doubt.remedy)
    for one in (facts.directory, facts.file):
        if one.exists and _is_writable(one, account):
            yield warning(
                "settings.writable",
                one.path,
                f"others than root can change it ({stat.filemode(one.mode)}), and with it where"
                " the calls go",
                f"Run `chown root {one.path} && chmod go-w {one.path}`.",
            )
    if not facts.faults and not facts.warnings:
        yield ok("settings.sound", path, "all settings can be used")
    yield from _secrets(facts, account)


def fault_finding(fault: Fault) -> Finding:
    """Return the finding of a fault in the settings."""
    return problem("settings.fault", fault.place, fault.problem, fault.remedy)


def _is_writable(file: FileFacts, account: Account | None) -> bool:
    """Return whether somebody other than root and the service may write a file or a directory."""
    # Whose the owner is, is not known where the service's user is missing, which is said elsewhere.
    if account is not None and file.uid not in {0, account.uid}:
        return True
    if stat.S_ISDIR(file.mode) and file.mode & stat.S_ISVTX:
        return False  # as in /tmp: a file there can be replaced by its owner alone
    return bool(file.mode & stat.S_IWOTH or (file.mode & stat.S_IWGRP and file.gid != 0))


def _secrets(facts: SettingsFacts, account: Account | None) -> Iterator[Finding]:
    unsafe = False
    for one in facts.secret_files:
        for finding in _secret(one, account):
            unsafe = True
            yield finding
    said = {finding.place for finding in facts.secret_faults}
    for fault in facts.secret_faults:
        unsafe = True
        yield problem("secret.fault", fault.place, fault.problem, _remedy(fault, facts))
    if unsafe or said or facts.faults:
        return
    if not facts.secrets_seen:
        yield unknown(
            "secret.unseen",
            ", ".join(str(one.file.path) for one in facts.secret_files) or facts.path,
            "you may not read the secrets, so nobody logs in to try them",
            "Run this as root.",
        )
        return
    for one in facts.secret_files:
        reader = ""
        if one.by_unit:
            reader = ", and systemd hands it to the service"
        elif account is not None:
            reader = ", and the service can read it"
        yield ok("secret.safe", one.file.path, f"the {one.key} is kept from others{reader}")


def _remedy(fault: Fault, facts: SettingsFacts) -> str:
    """Return what to do about a secret; where none was found at all, what makes one."""
    if facts.secret_files or facts.credential is None:
        return fault.remedy
    return (
        f"Run `qlogship setup`, or write the password into {facts.credential} (mode 0600, of root)."
    )


def _secret(one: SecretFile, account: Account | None) -> Iterator[Finding]:
    file = one.file
    if not file.exists:
        return
    if one.by_unit and file.mode & (stat.S_IRWXG | stat.S_IRWXO) and not _is_own(one, account):
        # A file that is named in the settings is refused by the settings themselves.
        yield problem(
            "secret.open",
            file.path,
            f"others can read or change the {one.key} ({stat.filemode(file.mode)})",
            f"Run `chown root:root {file.path} && chmod 0600 {file.path}`.",
        )
    elif account is not None and file.uid not in {0, account.uid}:
        yield warning(
            "secret.open",
            file.path,
            f"it belongs to the user with the number {file.uid}, who can read the {one.key}",
            f"Run `chown root:{account.name} {file.path}`.",
        )
    elif _is_lent(one, account):
        yield warning(
            "secret.open",
            file.path,
            f"a group that is not the service's own can read the {one.key}",
            f"Run `chgrp {account.name if account else SERVICE_USER} {file.path}`.",
        )
    if one.barrier is not None and account is not None:
        yield problem(
            "secret.unreadable",
            file.path,
            f"the service cannot read the {one.key}: {one.barrier.problem}",
            f"Run `chgrp {account.name} {file.path} && chmod 0640 {file.path}`.",
        )


def _is_lent(one: SecretFile, account: Account | None) -> bool:
    """Return whether a strange group may read the file; that all may, the settings refuse."""
    mode = one.file.mode
    return (
        not one.by_unit
        and bool(mode & stat.S_IRGRP)
        and not mode & (stat.S_IRWXO | stat.S_IWGRP)
        and not _is_own(one, account)
    )


def _is_own(one: SecretFile, account: Account | None) -> bool:
    """Return whether the group that may read a secret is root's or the service's own alone.

    Without a user nobody can tell whose the group is, and the lack of a user is told.
    """
    file = one.file
    if file.mode & (stat.S_IRWXO | stat.S_IWGRP):
        return False
    return account is None or file.group in {"root", account.name}
