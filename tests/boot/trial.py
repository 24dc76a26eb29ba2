"""What the steps share: the box, the tenants, and what several of them do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.boot.site import EMAIL, LOG, PASSWORD, PATIENCE, Tenant
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path
    from threading import Thread

    from tests.boot.box import Box
    from tests.boot.site import Site

PLAIN: Final = Tenant("", 8642)
NORTH: Final = Tenant("north", 8643)
SOUTH: Final = Tenant("south", 8644)


@dataclass
class Trial:
    """What the steps share."""

    box: Box
    site: Site
    package: Path
    newer: Path
    sandbox: Path
    figures: dict[str, float] = field(default_factory=dict)
    mended: Thread | None = None
    mended_after: float | None = None


def install_package(box: Box, package: Path) -> None:
    """Install a package by apt, which finds no other place to take anything from."""
    box.path("/root").joinpath(package.name).write_bytes(package.read_bytes())
    box.run("apt-get", "install", "--quiet", "--yes", f"/root/{package.name}")


def mode_of(box: Box, path: str) -> str:
    """Return mode, owner and group of a file, as `640 root:qlogship`."""
    return box.run("stat", "--format=%a %U:%G", path).strip()


def install_file(box: Box, path: str, owner: str, mode: str, text: bytes) -> None:
    """Write a file with this owner and mode, whatever stood there."""
    box.run("tee", path, text=text.decode())
    box.run("chown", owner, path)
    box.run("chmod", mode, path)


def set_up(site: Site, tenant: Tenant, *, start: bool = True, log: str = LOG) -> str:
    """Set up in one command, as a script does."""
    box = site.box
    install_file(box, "/root/answer", "root:root", "0600", f"{PASSWORD}\n".encode())
    return box.run(
        *("qlogship", "setup", "--url", tenant.url, "--email", EMAIL),
        *("--password-file", "/root/answer", "--source", log, "--history", "all"),
        *("--never-uploaded", "--not-shared"),
        *(("--instance", tenant.name) if tenant.name else ()),
        *("--enable" if start else "--no-enable", "--grant", "--yes"),
    )


def set_state(site: Site, tenant: Tenant, directory: str) -> None:
    """Change where the settings say that the state is."""
    command = f's,^directory = .*,directory = "{directory}",'
    site.box.run("sed", "--in-place", command, tenant.config)


def hurry(site: Site, tenant: Tenant) -> None:
    """Let calls travel soon after they end, by a reload."""
    settings = site.box.run("cat", tenant.config)
    if "\n[batch]\n" not in settings:
        settings += "\n[batch]\n"
    settings = settings.replace("\n[batch]\n", "\n[batch]\nlinger = 0.5\nsettle = 0.5\n", 1)
    install_file(site.box, tenant.config, "root:qlogship", "0640", settings.encode())
    if site.is_active(tenant):
        site.box.run("systemctl", "reload", tenant.unit)
        until(lambda: "settings_reloaded" in site.journal(tenant.unit), PATIENCE, what="a reload")


def wait_for_restart(site: Site, tenant: Tenant, pid: int) -> None:
    """Wait until systemd has started another process than this one."""
    until(
        lambda: site.pid(tenant) not in {0, pid} and site.is_active(tenant),
        PATIENCE,
        what=f"a new process of {tenant.unit}",
    )
