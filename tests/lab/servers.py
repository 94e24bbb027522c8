# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away TLS servers on the lab's hosts; keys are made in memory and stay there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from cryptography.hazmat.primitives import serialization

from . import estate, hosts


def issue(ca: Client, names: Sequence[str], provisioner: str = "enrolment") -> tuple[str, str]:
    """Have a CA of the lab sign a certificate for a new key.

    Returns:
        The chain, leaf first, and the key, both PEM.
    """
    key, request, digest = estate.request(names)
    audience, root = f"{ca.url}/1.0/sign", estate.root_sha256(ca.root_pem)
    token = tokens.mint(estate.enrolment_key(), provisioner, audience, names, root, digest)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return "".join(ca.sign(request, token)), pem.decode()


@contextmanager
def serve(host: str, port: int, chain: str, key: str) -> Iterator[str]:
    """A server on a host.

    Args:
        host: where it listens.
        port: on all addresses.
        chain: what it sends, leaf first, PEM.
        key: of the leaf, PEM; it travels by standard input.

    Yields:
        ``host:port`` by the name of the host in the lab's DNS.
    """
    running = hosts.start(host, "tls_server", {"port": port, "chain": chain, "key": key})
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line and json.loads(line) == "ready", f"no server on {host}:{port}: {line}"
        yield f"{host}.corp.example:{port}"
    finally:
        running.communicate()
