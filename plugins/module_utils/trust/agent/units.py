# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's program, its settings, and the timer and the service that run it. Standard library only."""

from __future__ import annotations

import os

from ... import errors, schema
from ...host import accounts, commands, files, systemd
from ...host.files import Directory, File
from ...host.program import name_of, pack
from ...host.units import MARK, SANDBOX, timer
from ...service_certificate import settings as service_settings
from ...x509 import fingerprints
from .. import pem, root
from ..host import convergence, effective, leaves, push, receipt, report, state
from ..manifest import signed
from ..stores import (
    base,
    browsers,
    cache,
    container_registries,
    containerd,
    debian,
    declaration,
    docker,
    environment,
    java,
    jks,
    json_settings,
    kind,
    managed,
    nss,
    pem_file,
    private_roots,
    registry,
    step,
)
from . import acceptance, cycle, fetch, program, settings
from .settings import AgentSettings

PROGRAM = "/usr/local/lib/trustanchor/trust-agent"
NAME = "trustanchor-trust-agent"
# What the agent consists of; imported here, so that Ansible sends it along.
_PARTS = (
    *(errors, schema, accounts, commands, files, systemd, service_settings, fingerprints),
    *(convergence, declaration, effective, leaves, pem, push, receipt, report, root, signed, state),
    *(base, browsers, cache, containerd, debian, docker, environment, java, jks, json_settings, kind, managed, nss),
    *(pem_file, private_roots, container_registries, registry, step),
    *(acceptance, cycle, fetch, settings),
)
_MODULES = [name_of(part) for part in _PARTS]
_ENTRY = name_of(program)

# CAP_SYS_PTRACE: to see which libraries the processes of others have loaded. CAP_SETUID, CAP_SETGID: to work in a
# user's database as that user. CAP_KILL: to end what a user has stopped there. Not MemoryDenyWriteExecute=: keytool is
# a Java program.
_SERVICE = """{mark}[Unit]
Description=Keep the trust stores of this host as the signed trust manifest says
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={program}
TimeoutStartSec=600
UMask=0022
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_SETUID CAP_SETGID CAP_SYS_PTRACE CAP_KILL
{sandbox}ReadWritePaths={writable}
ProtectHome={protect_home}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""

_HOMES = ("/home/", "/root/", "/run/user/")


def unit_files(wanted: AgentSettings, calendar: str, delay: int) -> list[File | Directory]:
    """Everything that the agent is on a host.

    Args:
        wanted: its settings.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    writable = _writable(wanted)
    at_home = any(f"{path}/".startswith(_HOMES) for path in writable)
    service = _SERVICE.format(
        mark=MARK,
        sandbox=SANDBOX,
        program=PROGRAM,
        writable=" ".join(f"-{path}" for path in writable),
        protect_home="no" if at_home else "yes",
    )
    looks = timer("Look for a new trust manifest, and whether somebody changed a trust store", calendar, delay)
    return [
        Directory(os.path.dirname(settings.PATH)),
        Directory(os.path.dirname(PROGRAM)),
        File(settings.PATH, wanted.dump()),
        File(PROGRAM, pack(_MODULES, _ENTRY), 0o755),
        File(f"/etc/systemd/system/{NAME}.service", service.encode()),
        File(f"/etc/systemd/system/{NAME}.timer", looks.encode()),
    ]


def _writable(wanted: AgentSettings) -> list[str]:
    """The directories in which the agent replaces files."""
    metrics = [wanted.metrics_directory] if wanted.metrics_directory else []
    paths = [*wanted.stores.host_paths(), state.DIRECTORY, *wanted.stores.writable_paths(), *metrics]
    return list(dict.fromkeys(paths))
