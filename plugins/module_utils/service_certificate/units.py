# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer and the service that renew a certificate. Standard library only."""

from __future__ import annotations

from ..host.timed_program import TimedProgram
from ..text.configuration import fill
from . import program
from .settings import Settings

_SERVICE = """{mark:block}[Unit]
Description=Renew the certificate {name:unit_text} when it is due
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={program:unit_path} {name:unit_word}
TimeoutStartSec=180
UMask=0077
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
{sandbox:block}ReadWritePaths={directory:unit_paths}{metrics:block}
ProtectHome=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""


def timed(wanted: Settings, calendar: str, delay: int) -> TimedProgram:
    """The renewer and its units.

    Args:
        wanted: settings of the certificate.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    metrics = [fill(" {path:optional_paths}", {"path": [path]}) for path in (wanted.metrics_directory,) if path]
    return TimedProgram(
        name=f"service-certificate-{wanted.name}",
        program="renew-certificate",
        entry=program,
        service=_SERVICE,
        description=f"Look every now and then whether the certificate {wanted.name} is due",
        calendar=calendar,
        delay=delay,
        values={"name": wanted.name, "directory": [wanted.directory], "metrics": metrics},
    )
