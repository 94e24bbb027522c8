# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program, its timer and its service, which look at what is published. Standard library only."""

from __future__ import annotations

from ..host.files import Directory, File
from ..host.timed_program import TimedProgram
from ..text.configuration import fill
from . import program, watch

# It asks as clients do, by each address of the published name, and DNS before that; so no address is denied to it.
_SERVICE = """{mark:block}[Unit]
Description=Look whether CRLs, certificates and the trust manifest that are published expire soon
After=nginx.service time-sync.target
StartLimitIntervalSec=0
{on_failure:block}
[Service]
Type=oneshot
ExecStart={program:unit_path}
TimeoutStartSec=180
UMask=0022
CapabilityBoundingSet=CAP_DAC_OVERRIDE
{sandbox:block}{writable:block}ProtectHome=yes
ProtectProc=invisible
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallFilter=~@resources
"""


def settings_files(watched: watch.Watch) -> list[File | Directory]:
    """What tells the program what it looks at."""
    return [Directory("/etc/trustanchor"), File(watch.CONFIGURATION, watched.dump())]


def timed(watched: watch.Watch, calendar: str, alert_unit: str) -> TimedProgram:
    """The program and its units.

    Args:
        watched: what it looks at.
        calendar: systemd.time(7) calendar event.
        alert_unit: started when it finds something (``OnFailure=``); may be empty.
    """
    # At its first run the directory may be missing; then /var is not writable either, and the play makes it.
    metrics = watched.metrics_directory
    writable = [fill("ReadWritePaths={paths:optional_paths}\n", {"paths": [path]}) for path in (metrics,) if path]
    on_failure = [fill("OnFailure={unit:unit_name}\n", {"unit": unit}) for unit in (alert_unit,) if unit]
    return TimedProgram(
        name="trustanchor-publication-watch",
        program="watch-publication",
        entry=program,
        service=_SERVICE,
        description="Look every now and then at what is published",
        calendar=calendar,
        delay=30,
        values={"writable": writable, "on_failure": on_failure},
    )
