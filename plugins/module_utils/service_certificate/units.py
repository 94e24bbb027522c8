# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer and the service that renew a certificate. Standard library only."""

from __future__ import annotations

from .. import errors
from ..host import commands, files, systemd
from ..host.files import File
from ..host.program import pack
from ..stepca import api
from . import lifecycle, program, settings, store
from .settings import Settings

PROGRAM = "/usr/local/lib/trustanchor/renew-certificate"
# What the renewer consists of; imported here, so that Ansible sends it along.
_PARTS = (errors, commands, files, systemd, api, lifecycle, settings, store)
_MODULES = [part.__name__.rpartition(".module_utils.")[2] for part in _PARTS]
_ENTRY = program.__name__.rpartition(".module_utils.")[2]

_SERVICE = """# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.
[Unit]
Description=Renew the certificate {name} when it is due
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={program} {name}
TimeoutStartSec=180
UMask=0077
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={directory}{metrics}
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""

_TIMER = """# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.
[Unit]
Description=Look every now and then whether the certificate {name} is due

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay}
AccuracySec=1s
Persistent=yes

[Install]
WantedBy=timers.target
"""


def name(wanted: Settings, kind: str) -> str:
    """Name of the ``service`` or ``timer`` unit."""
    return f"service-certificate-{wanted.name}.{kind}"


def unit_files(wanted: Settings, calendar: str, delay: int) -> list[File]:
    """The program and the units.

    Args:
        wanted: settings of the certificate.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    metrics = f" -{wanted.metrics_directory}" if wanted.metrics_directory else ""
    service = _SERVICE.format(name=wanted.name, program=PROGRAM, directory=wanted.directory, metrics=metrics)
    timer = _TIMER.format(name=wanted.name, calendar=calendar, delay=delay)
    return [
        File(PROGRAM, pack(_MODULES, _ENTRY), 0o755),
        File(f"/etc/systemd/system/{name(wanted, 'service')}", service.encode()),
        File(f"/etc/systemd/system/{name(wanted, 'timer')}", timer.encode()),
    ]
