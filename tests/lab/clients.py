# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every client that the product knows, on a host of the lab."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry
from dev import tools

from . import hosts
from .play import converge


@contextmanager
def installed(host: str) -> Iterator[tuple[str, ...]]:
    """All clients by name; those that no package of Debian has are there meanwhile."""
    programs = {"step": tools.packages().parent / "bin/step", "uv": Path(sys.executable).parent / "uv"}
    try:
        for name, program in programs.items():
            command = f"cat > /usr/local/bin/{name} && chmod 755 /usr/local/bin/{name}"
            subprocess.run([*hosts.SSH, host, command], input=program.read_bytes(), check=True)
        yield tuple(registry.CLIENTS)
    finally:
        hosts.run(host, f"rm -f {' '.join(f'/usr/local/bin/{name}' for name in programs)}")


def ask(
    host: str, targets: Sequence[str], clients: Sequence[str], roots: str = "", nss_databases: Sequence[str] = ()
) -> dict[str, dict[str, str]]:
    """What each client says about each target, ``ok`` or its error, as the product's proof asks it.

    Args:
        host: where the clients run.
        targets: ``host:port``.
        clients: names of the registry.
        roots: a PEM file on the host, to trust nothing else; empty for each client's own store.
        nss_databases: of NSS, in the place of root's own.

    Returns:
        Target to client to what it says. A client has several names where it was found more than once.
    """
    variables: dict[str, Any] = {
        "handshakes_targets": list(targets),
        "handshakes_clients": list(clients),
        "handshakes_roots": roots,
        "handshakes_nss_databases": list(nss_databases),
    }
    result = converge("tests/lab/handshakes.yml", limit=host, variables=variables).result("Shake hands", host)
    return {one["target"]: one["clients"] for one in result["handshakes"]}
