# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's program, its settings, and the timer and the service that run it. Standard library only."""

from __future__ import annotations

import os

from ... import errors, schema
from ...host import accounts, commands, files, locks, systemd
from ...host.files import Directory, File
from ...host.program import name_of, pack
from ...host.units import MARK, SANDBOX, timer
from ...service_certificate import settings as service_settings
from ...text import times
from ...x509 import fingerprints
from .. import pem
from ..host import convergence, effective, leaves, push, receipt, report, state
from ..manifest import signed
from ..stores import base, cache, debian, declaration, discovery, environment, java, jks, managed, nss
from . import acceptance, cycle, fetch, program, settings
from .settings import Settings

PROGRAM = "/usr/local/lib/trustanchor/trust-agent"
NAME = "trustanchor-trust-agent"
# What the agent consists of; imported here, so that Ansible sends it along.
_PARTS = (
    *(errors, schema, accounts, commands, files, locks, systemd, times, service_settings, fingerprints),
    *(convergence, declaration, discovery, effective, leaves, pem, push, receipt, report, signed, state),
    *(base, cache, debian, environment, java, jks, managed, nss),
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

# The system's store with what its hooks write, and the places of what is always ours.
_ALWAYS = (
    *("/etc/ssl/certs", debian.SOURCE, "/var/lib/ca-certificates-java", "/var/lib/dpkg"),
    *("/etc/trustanchor", state.DIRECTORY, "/etc/profile.d", "/etc/environment.d", "/etc/systemd/system.conf.d"),
)
_DISCOVERED = ("/usr/lib/jvm", "/opt", "/usr/local", "/home", "/root")
_BROWSERS = {"firefox": "/etc/firefox", "chromium": "/etc/chromium", "chrome": "/etc/opt/chrome"}
_HOMES = ("/home/", "/root/", "/run/user/")


def unit_files(wanted: Settings, calendar: str, delay: int) -> list[File | Directory]:
    """Everything that the agent is on a host.

    Args:
        wanted: its settings.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    writable = _writable(wanted)
    at_home = wanted.stores.discover or any(f"{path}/".startswith(_HOMES) for path in writable)
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


def _writable(wanted: Settings) -> list[str]:
    """The directories in which the agent replaces files."""
    stores, places = wanted.stores, list(_ALWAYS)
    if stores.discover:
        places += [*_DISCOVERED, *(store.path for store in discovery.nss_databases(cache.Cache()))]
    places += [os.path.dirname(entry["path"]) for entry in (*stores.keystores, *stores.files)]
    places += [entry["path"] for entry in (*stores.nss_databases, *stores.step_paths)]
    places += ["/etc/docker"] if stores.docker_registries else []
    places += ["/etc/containerd"] if stores.containerd_registries else []
    places += [_BROWSERS[name] for name in stores.browsers]
    return list(dict.fromkeys([*places, *([wanted.metrics_directory] if wanted.metrics_directory else [])]))
