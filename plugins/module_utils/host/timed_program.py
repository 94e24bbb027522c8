# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of our own that a systemd timer runs: planned, installed and started here. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..text.configuration import fill, write
from . import commands, files, systemd
from .files import Directory, File
from .program import name_of, pack

DIRECTORY = "/usr/local/lib/trustanchor"
UNITS = "/etc/systemd/system"
MARK = fill("# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.\n")

# What none of our programs needs. Each unit says for itself which capabilities, networks, homes and files it does.
SANDBOX = fill("""NoNewPrivileges=yes
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
""")

# It catches up what it missed while the host was off.
_TIMER = """{mark:block}[Unit]
Description={description:unit_text}

[Timer]
OnCalendar={calendar:calendar}
RandomizedDelaySec={delay:number}
AccuracySec=1s
Persistent=yes

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class Convergence:
    """What was wrong with a timed program.

    Args:
        corrected: path to what was (or would be) corrected, see `files.converge`.
        faults: what was wrong with the timer before: any of ``not enabled``, ``not running``, ``not loaded``.
        reload: systemd has (or would have) to read the units again.
    """

    corrected: dict[str, list[str]]
    faults: tuple[str, ...]
    reload: bool

    @property
    def changed(self) -> bool:
        """Whether anything was (or would be) changed."""
        return bool(self.corrected or self.faults)


@dataclass(frozen=True)
class TimedProgram:
    """A packed program, its service and its timer.

    Args:
        name: of the two units, without ``.service``.
        program: name of its file below `DIRECTORY`.
        entry: the module whose ``main()`` it runs; what that imports is packed with it. Whoever plans this imports it,
            so Ansible sends all of it along.
        service: the service unit, a template of `configuration.fill`; ``{mark:block}``, ``{sandbox:block}`` and
            ``{program:unit_path}`` are known.
        description: of the timer.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
        values: what else the service's text names.
    """

    name: str
    program: str
    entry: ModuleType
    service: str
    description: str
    calendar: str
    delay: int
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Path of the program."""
        return f"{DIRECTORY}/{self.program}"

    @property
    def service_unit(self) -> str:
        """Name of the service unit."""
        return write("unit_name", f"{self.name}.service", "name")

    @property
    def timer_unit(self) -> str:
        """Name of the timer unit."""
        return write("unit_name", f"{self.name}.timer", "name")

    def files(self) -> list[File | Directory]:
        """The program and its units."""
        own = {"mark": MARK, "sandbox": SANDBOX, "program": self.path}
        service = fill(self.service, {**self.values, **own})
        when = {"description": self.description, "calendar": self.calendar, "delay": self.delay}
        return [
            Directory(os.path.dirname(self.path)),
            File(self.path, pack(name_of(self.entry)), 0o755),
            File(f"{UNITS}/{self.service_unit}", service.encode()),
            File(f"{UNITS}/{self.timer_unit}", fill(_TIMER, {**when, "mark": MARK}).encode()),
        ]

    def install(self, before: Iterable[File | Directory], check: bool) -> Convergence:
        """Write the files and have systemd read them; the timer is left as it is until `start`.

        Args:
            before: what the program needs, written first.
            check: only plan.
        """
        timer, service = systemd.show(self.timer_unit), systemd.show(self.service_unit)
        loaded = not (timer.needs_daemon_reload or service.needs_daemon_reload)
        states = {"not enabled": timer.enabled, "not running": timer.active, "not loaded": loaded}
        corrected = files.converge([*before, *self.files()], check)
        reload = not loaded or any(path.startswith(f"{UNITS}/") for path in corrected)
        if reload and not check:
            systemd.daemon_reload()
        return Convergence(corrected, tuple(text for text, good in states.items() if not good), reload)

    def start(self, done: Convergence) -> None:
        """Enable the timer and let it run by its units as they are now; nothing where it already does."""
        if done.reload or done.faults:
            self.enable(restart=done.reload)

    def enable(self, restart: bool) -> None:
        """Start the timer, now and at each boot.

        Args:
            restart: also one that runs: it runs by its former unit, or has to look again.
        """
        systemd.act("enable", self.timer_unit)
        systemd.act("restart" if restart else "start", self.timer_unit)

    def run_now(self) -> None:
        """Run the program once, without waiting for it."""
        commands.run(["systemctl", "--no-block", "start", self.service_unit])
