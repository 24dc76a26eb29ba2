"""What the settings and the files of the secrets come to."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.installation.identity import SERVICE_USER
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.settings import SecretFile, SettingsFacts
    from qlogship.errors import Fault
    from qlogship.installation.files import File
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
        if one is not None and _is_writable(one, account):
            yield warning(
                "settings.writable",
                one.path,
                f"others than root can change it ({stat.filemode(one.mode)}), and with it where"
                " the calls go",
                f"Run `chown -h root {typed(one.path)} && chmod go-w {typed(one.path)}`.",
            )
    for one in facts.authority:
        if _is_writable(one, account):
            yield problem(
                "settings.ca-writable",
                one.path,
                f"others than root can change it ({stat.filemode(one.mode)}), and with it whom the"
                " service takes for the dashboard (dashboard.ca_file)",
                f"Run `chown -h root {typed(one.path)} && chmod go-w {typed(one.path)}`,"
                " or move the certificates to /etc/qlogship/ca.pem.",
            )
    if not facts.faults and not facts.warnings:
        yield ok("settings.sound", path, "all settings can be used")
    yield from _secrets(facts, account)


def fault_finding(fault: Fault) -> Finding:
    """Return the finding of a fault in the settings."""
    return problem("settings.fault", fault.place, fault.problem, fault.remedy)


def _is_writable(file: File, account: Account | None) -> bool:
    """Return whether somebody other than root and the service may write a file or a directory."""
    # Whose the owner is, is not known where the service's user is missing, which is said elsewhere.
    if account is not None and file.uid not in {0, account.uid}:
        return True
    if stat.S_ISDIR(file.mode) and file.mode & stat.S_ISVTX:
        return False  # as in /tmp: a file there can be replaced by its owner alone
    return bool(file.mode & stat.S_IWOTH or (file.mode & stat.S_IWGRP and file.gid != 0))


def _secrets(facts: SettingsFacts, account: Account | None) -> Iterator[Finding]:
    findings = [found for one in facts.secret_files for found in _secret(one, account)]
    for fault in facts.secret_faults:
        remedy = fault.remedy
        if not facts.secret_files and facts.credential is not None:  # none was found at all
            remedy = (
                f"Run `qlogship setup`, or write the password into {facts.credential} (mode 0600,"
                " of root)."
            )
        findings.append(problem("secret.fault", fault.place, fault.problem, remedy))
    yield from findings
    if findings or facts.faults:
        return
    if not facts.secrets_seen:
        yield unknown(
            "secret.unseen",
            ", ".join(str(one.path) for one in facts.secret_files) or facts.path,
            "you may not read the secrets, so nobody logs in to try them",
        )
        return
    for one in facts.secret_files:
        reader = ""
        if one.by_unit:
            reader = ", and systemd hands it to the service"
        elif account is not None:
            reader = ", and the service can read it"
        yield ok("secret.safe", one.path, f"the {one.key} is kept from others{reader}")


def _secret(one: SecretFile, account: Account | None) -> Iterator[Finding]:
    path, file = one.path, one.file
    if file is None:
        return
    exposed = file.mode & (stat.S_IRWXO | stat.S_IWGRP)
    # Without a user nobody can tell whose the group is, and the lack of a user is told.
    own_group = account is None or file.group in {"root", account.name}
    others = stat.S_IRWXG | stat.S_IRWXO
    if one.by_unit and file.mode & others and (exposed or not own_group):
        # A file that is named in the settings is refused by the settings themselves.
        yield problem(
            "secret.open",
            path,
            f"others can read or change the {one.key} ({stat.filemode(file.mode)})",
            f"Run `chown -h root:root {typed(path)} && chmod 0600 {typed(path)}`.",
        )
    elif account is not None and file.uid not in {0, account.uid}:
        yield warning(
            "secret.open",
            path,
            f"it belongs to the user with the number {file.uid}, who can read the {one.key}",
            f"Run `chown -h root:{account.name} {typed(path)}`.",
        )
    elif not one.by_unit and file.mode & stat.S_IRGRP and not exposed and not own_group:
        # That all may read it, the settings refuse.
        yield warning(
            "secret.open",
            path,
            f"a group that is not the service's own can read the {one.key}",
            f"Run `chgrp -h {account.name if account else SERVICE_USER} {typed(path)}`.",
        )
    if one.barrier is not None and account is not None:
        yield problem(
            "secret.unreadable",
            path,
            f"the service cannot read the {one.key}: {one.barrier.problem}",
            f"Run `chgrp -h {account.name} {typed(path)} && chmod 0640 {typed(path)}`.",
        )
