# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd unit of step-ca.

Based on what upstream ships (systemd/step-ca.service), tightened: the password comes as an encrypted credential, the
whole file system is read-only but for the state directory, and what the daemon does not use is taken away.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TrustAnchorError
from ..text.configuration import Rendered, fill
from .layout import Layout

NAME = "step-ca.service"
PATH = f"/etc/systemd/system/{NAME}"
PROGRAM = "/usr/bin/step-ca"

_UNIT = """# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.
[Unit]
Description=step-ca certificate authority
Documentation=https://smallstep.com/docs/step-ca
After=network-online.target time-sync.target
Wants=network-online.target
StartLimitIntervalSec=30
StartLimitBurst=3
ConditionFileNotEmpty={config:unit_path}
ConditionFileNotEmpty={password:unit_path}

[Service]
Type=notify
User={user:account}
Group={user:account}
Environment={own:unit_variables}
{environment:block}WorkingDirectory={base:unit_path}
LoadCredentialEncrypted=password:{password:unit_path}
ExecStart={program:unit_path} {config:unit_word} --password-file ${{CREDENTIALS_DIRECTORY}}/password
ExecReload=/bin/kill --signal HUP $MAINPID
Restart=on-failure
RestartSec=5
TimeoutStopSec=30
StateDirectory={state:directory_name}
StateDirectoryMode=0700
UMask=0077

{privileges:block}
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RemoveIPC=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
KeyringMode=private
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
{network:block}
[Install]
WantedBy=multi-user.target
"""

_VARIABLE = "Environment={variable:unit_variable}\n"


@dataclass(frozen=True)
class UnitSettings:
    """What an operator can decide about the unit.

    Args:
        client_networks: CIDR networks that may talk to the CA and that the CA may talk to; empty: no restriction.
        environment: variables of the daemon (HTTPS_PROXY and the like; no secrets).
    """

    client_networks: Sequence[str] = ()
    environment: Mapping[str, str] | None = None


def render(config: Mapping[str, Any], settings: UnitSettings, layout: Layout) -> bytes:
    """The unit file.

    Args:
        config: ca.json; its addresses decide whether a port below 1024 has to be opened.
        settings: the operator's decisions.
        layout: paths and account.

    Raises:
        TrustAnchorError: a client network is not a CIDR network, or a value cannot stand in a unit.
    """
    variables = sorted((settings.environment or {}).items())
    values = {
        "base": layout.base,
        "config": layout.config,
        "password": layout.password,
        "user": layout.user,
        "own": [("STEPPATH", layout.base)],
        "state": layout.state.removeprefix("/var/lib/"),
        "program": PROGRAM,
        "environment": [fill(_VARIABLE, {"variable": (name, str(value))}) for name, value in variables],
        "privileges": _privileges(config),
        "network": _network(settings.client_networks),
    }
    return fill(_UNIT, values).encode()


def port(address: str) -> int:
    """Port of a Go listen address such as ``:443`` or ``10.0.0.1:8443``.

    Raises:
        TrustAnchorError: there is none.
    """
    digits = address.rpartition(":")[2]
    if not re.fullmatch("[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
        raise TrustAnchorError(f"'{address}' is not a listen address", "a port is required", "Write for example :443")
    return int(digits)


def reachable(address: str) -> str:
    """Where a program on this host reaches a Go listen address: loopback when it listens everywhere."""
    host = address.rpartition(":")[0].strip("[]")
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 compared, not bound


def listen_ports(config: Mapping[str, Any]) -> list[int]:
    """Ports that the daemon opens."""
    addresses = [config.get(key) for key in ("address", "insecureAddress", "metricsAddress")]
    return [port(str(address)) for address in addresses if address]


def _privileges(config: Mapping[str, Any]) -> Rendered:
    """A port below 1024 needs one capability, and with it the host's user namespace."""
    if any(number < 1024 for number in listen_ports(config)):
        return fill("AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE")
    return fill("AmbientCapabilities=\nCapabilityBoundingSet=\nPrivateUsers=yes")


def _network(networks: Sequence[str]) -> list[Rendered]:
    if not networks:
        return []
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise TrustAnchorError(
                f"client network '{network}' is not a network", str(error), "Write for example 10.20.0.0/16"
            ) from error
    allowed = [fill("IPAddressAllow={network:network}\n", {"network": network}) for network in networks]
    return [fill("IPAddressDeny=any\nIPAddressAllow=localhost\n"), *allowed]
