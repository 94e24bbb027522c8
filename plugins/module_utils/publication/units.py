# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program, its timer and its service, which look at what is published. Standard library only."""

from __future__ import annotations

from .. import errors, schema
from ..host import commands, files
from ..host.files import Directory, File
from ..host.program import name_of, pack
from ..host.units import MARK, SANDBOX, timer
from ..trust import root
from ..trust.manifest import signed
from ..x509 import fingerprints
from . import artifacts, program, url, watch

PROGRAM = "/usr/local/lib/trustanchor/watch-publication"
SERVICE = "trustanchor-publication-watch.service"
TIMER = "trustanchor-publication-watch.timer"
# What the program consists of; imported here, so that Ansible sends it along.
_PARTS = (errors, schema, commands, files, root, signed, fingerprints, artifacts, url, watch)
_MODULES = [name_of(part) for part in _PARTS]
_ENTRY = name_of(program)

# It reads from nginx of this host alone, so no other address is reachable for it.
_SERVICE = """{mark}[Unit]
Description=Look whether CRLs, certificates and the trust manifest that are published expire soon
After=nginx.service time-sync.target
StartLimitIntervalSec=0
{on_failure}
[Service]
Type=oneshot
ExecStart={program}
TimeoutStartSec=180
UMask=0022
CapabilityBoundingSet=CAP_DAC_OVERRIDE
{sandbox}{writable}ProtectHome=yes
ProtectProc=invisible
MemoryDenyWriteExecute=yes
IPAddressAllow=localhost
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX AF_INET
SystemCallFilter=~@resources
"""


def wanted_files(watched: watch.Watch, calendar: str, alert_unit: str) -> list[File | Directory]:
    """The program, what it looks at, and the units.

    Args:
        watched: what it looks at.
        calendar: systemd.time(7) calendar event.
        alert_unit: started when it finds something (``OnFailure=``); may be empty.
    """
    # At its first run the directory may be missing; then /var is not writable either, and the play makes it.
    writable = f"ReadWritePaths=-{watched.metrics_directory}\n" if watched.metrics_directory else ""
    on_failure = f"OnFailure={alert_unit}\n" if alert_unit else ""
    service = _SERVICE.format(mark=MARK, sandbox=SANDBOX, program=PROGRAM, writable=writable, on_failure=on_failure)
    return [
        Directory("/usr/local/lib/trustanchor"),
        File(PROGRAM, pack(_MODULES, _ENTRY), 0o755),
        Directory("/etc/trustanchor"),
        File(watch.CONFIGURATION, watched.dump()),
        File(f"/etc/systemd/system/{SERVICE}", service.encode()),
        File(
            f"/etc/systemd/system/{TIMER}", timer("Look every now and then at what is published", calendar, 30).encode()
        ),
    ]
