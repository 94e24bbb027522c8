# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer and the service that renew a certificate. Standard library only."""

from __future__ import annotations

from ..host.files import File
from ..host.program import pack
from .settings import Settings

PROGRAM = "/usr/local/lib/trustanchor/renew-certificate"
_MODULES = [
    "errors",
    "host.commands",
    "host.files",
    "host.systemd",
    "service_certificate.lifecycle",
    "service_certificate.settings",
    "service_certificate.store",
    "stepca.api",
]

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


def name(settings: Settings, kind: str) -> str:
    """Name of the ``service`` or ``timer`` unit."""
    return f"service-certificate-{settings.name}.{kind}"


def files(settings: Settings, calendar: str, delay: int) -> list[File]:
    """The program and the units.

    Args:
        settings: of the certificate.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    metrics = f" -{settings.metrics_directory}" if settings.metrics_directory else ""
    service = _SERVICE.format(name=settings.name, program=PROGRAM, directory=settings.directory, metrics=metrics)
    timer = _TIMER.format(name=settings.name, calendar=calendar, delay=delay)
    return [
        File(PROGRAM, pack(_MODULES, "service_certificate.program"), 0o755),
        File(f"/etc/systemd/system/{name(settings, 'service')}", service.encode()),
        File(f"/etc/systemd/system/{name(settings, 'timer')}", timer.encode()),
    ]
