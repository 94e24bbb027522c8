# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer and the service that renew a certificate. Standard library only."""

from __future__ import annotations

from .. import errors
from ..host import commands, files, locks, systemd
from ..host.files import File
from ..host.program import name_of, pack
from ..host.units import MARK, SANDBOX, timer
from ..stepca import client
from ..text import durations, times
from . import lifecycle, program, settings, store
from .settings import Settings

PROGRAM = "/usr/local/lib/trustanchor/renew-certificate"
# What the renewer consists of; imported here, so that Ansible sends it along.
_PARTS = (errors, commands, files, locks, systemd, client, lifecycle, settings, store, durations, times)
_MODULES = [name_of(part) for part in _PARTS]
_ENTRY = name_of(program)

_SERVICE = """{mark}[Unit]
Description=Renew the certificate {name} when it is due
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={program} {name}
TimeoutStartSec=180
UMask=0077
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
{sandbox}ReadWritePaths={directory}{metrics}
ProtectHome=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
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
    service = _SERVICE.format(
        mark=MARK, sandbox=SANDBOX, name=wanted.name, program=PROGRAM, directory=wanted.directory, metrics=metrics
    )
    looks = timer(f"Look every now and then whether the certificate {wanted.name} is due", calendar, delay)
    return [
        File(PROGRAM, pack(_MODULES, _ENTRY), 0o755),
        File(f"/etc/systemd/system/{name(wanted, 'service')}", service.encode()),
        File(f"/etc/systemd/system/{name(wanted, 'timer')}", looks.encode()),
    ]
