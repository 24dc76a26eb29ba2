"""The steps in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.boot import forget_steps, intruder_steps, neighbour_steps, package_steps, service_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.boot.trial import Trial

STEPS: Final[tuple[Callable[[Trial], None], ...]] = (
    package_steps.install,
    package_steps.first_calls,
    service_steps.exposure,
    package_steps.sound,
    service_steps.live,
    service_steps.failures_begin,
    service_steps.rotation,
    service_steps.rotation_compressed,
    service_steps.killed,
    service_steps.watchdog,
    service_steps.growing_delay,
    service_steps.instances,
    forget_steps.forgotten,
    intruder_steps.walls,
    intruder_steps.walls_of_the_running_service,
    intruder_steps.new_instance,
    service_steps.instance_without_state,
    neighbour_steps.planted_links,
    neighbour_steps.planted_state,
    service_steps.reboot,
    service_steps.power_cut,
    service_steps.password_of_root,
    service_steps.encrypted_password,
    service_steps.token,
    service_steps.metrics,
    package_steps.upgrade,
    package_steps.remove,
    package_steps.install_again,
    package_steps.purge,
)
