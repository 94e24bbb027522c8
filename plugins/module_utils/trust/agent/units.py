# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's program, its settings, and the timer and the service that run it. Standard library only."""

from __future__ import annotations

import os

from ...host.files import Directory, File
from ...host.timed_program import TimedProgram
from ..host import state
from . import program, settings
from .settings import AgentSettings

# CAP_SYS_PTRACE: to see which libraries the processes of others have loaded. CAP_SETUID, CAP_SETGID: to work in a
# user's database as that user. CAP_KILL: to end what a user has stopped there. Not MemoryDenyWriteExecute=: keytool is
# a Java program.
_SERVICE = """{mark:block}[Unit]
Description=Keep the trust stores of this host as the signed trust manifest says
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={program:unit_path}
TimeoutStartSec=600
UMask=0022
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_SETUID CAP_SETGID CAP_SYS_PTRACE CAP_KILL
{sandbox:block}ReadWritePaths={writable:optional_paths}
ProtectHome={protect_home:flag}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""

_HOMES = ("/home/", "/root/", "/run/user/")


def settings_files(wanted: AgentSettings) -> list[File | Directory]:
    """What tells the agent what to do."""
    return [Directory(os.path.dirname(settings.PATH)), File(settings.PATH, wanted.dump())]


def timed(wanted: AgentSettings, calendar: str, delay: int) -> TimedProgram:
    """The agent and its units.

    Args:
        wanted: its settings.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    writable = _writable(wanted)
    at_home = any(f"{path}/".startswith(_HOMES) for path in writable)
    return TimedProgram(
        name="trustanchor-trust-agent",
        program="trust-agent",
        entry=program,
        service=_SERVICE,
        description="Look for a new trust manifest, and whether somebody changed a trust store",
        calendar=calendar,
        delay=delay,
        values={
            "writable": writable,
            "protect_home": not at_home,
        },
    )


def _writable(wanted: AgentSettings) -> list[str]:
    """The directories in which the agent replaces files."""
    metrics = [wanted.metrics_directory] if wanted.metrics_directory else []
    paths = [*wanted.stores.host_paths(), state.DIRECTORY, *wanted.stores.writable_paths(), *metrics]
    return list(dict.fromkeys(paths))
