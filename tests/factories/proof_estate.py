# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of a throw-away estate with certificates as the product makes them, and all clients that ask them by name.

The hierarchy is trusted in one file that each client is given, and nowhere else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import hostnames
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import constraint_set
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from factories import pki, tls_server
from factories.pki import profiled

Limits = Mapping[str, Sequence[str]]
LIMITS: Limits = {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8", "127.0.0.0/8"]}
# One process of Python in which /etc/hosts is ours: clients read it by many ways.
_ASK = """
import json, sys
sys.path[:] = json.loads(sys.stdin.readline())
from dataclasses import asdict
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes
asked = json.loads(sys.stdin.read())
print(json.dumps([asdict(one) for one in handshakes.perform(**asked)]))
"""


@dataclass(frozen=True)
class Issuer:
    """An intermediate by the product's profiles."""

    intermediate: pki.Authority

    def leaf(self, *names: str, end: dt.datetime = pki.NOW + pki.DAY) -> pki.Leaf:
        """What step-ca makes by the role's template; a scenario has the real one make it."""
        issuer, key = self.intermediate, pki.new_key()
        common_name = hostnames.common_name(names)
        subject = pki.name(common_name) if common_name else x509.Name([])
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign"), False
        )
        certificate = (
            pki.bare(subject, issuer.certificate.subject, key.public_key(), pki.NOW - 2 * pki.DAY, end)
            .add_extension(x509.KeyUsage(True, crl_sign=False, encipher_only=False, decipher_only=False, **usage), True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
            .add_extension(x509.SubjectAlternativeName([pki.general_name(one) for one in names]), not common_name)
            .sign(issuer.key, hashes.SHA256())
        )
        return pki.Leaf(certificate, key, pki.pem(certificate, *issuer.above))


def root() -> x509.Certificate:
    """A root with name constraints; its key and name are those of `profiled`, whenever it is made."""
    return profiled.root(pki.NOW - 3 * pki.DAY, name_constraints=constraint_set.closed(LIMITS))


def below(root: x509.Certificate, limits: Limits | None) -> Issuer:
    """An intermediate as plans make it.

    Args:
        root: of `root`.
        limits: its name constraints; None for none, as intermediates were once made.
    """
    own = {} if limits is None else {"name_constraints": constraint_set.closed(limits)}
    key, purposes = pki.new_key(), ["server_auth", "client_auth"]
    signed = profiled.intermediate(root, key, pki.NOW - 3 * pki.DAY, extended_key_usage=purposes, **own)
    return Issuer(pki.Authority(signed, key, (signed,)))


@dataclass
class Estate:
    """Servers that are running, and what clients are to call them."""

    directory: Path
    targets: dict[str, str] = field(default_factory=dict)  # what it is: host:port
    hosts: list[str] = field(default_factory=lambda: ["127.0.0.1 localhost"])
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def serve(self, what: str, leaf: pki.Leaf, host: str) -> None:
        """Start a server, which clients reach as ``host``."""
        place = self.directory / f"server-{len(self.targets)}"
        place.mkdir()
        server = self._open.enter_context(tls_server.serve(leaf, place))
        server.answers["/"] = (200, b"hello")
        self.targets[what] = f"{host}:{server.port}"
        if not hostnames.is_address(host):
            self.hosts.append(f"127.0.0.1 {host}")

    def ask(
        self,
        clients: Sequence[str],
        root: x509.Certificate | None,
        binds: Mapping[Path, Path] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> dict[str, dict[str, str]]:
        """What each client says about each server.

        Args:
            clients: by name.
            root: clients trust it alone; None: what they find by themselves.
            binds: directories and files that they see in the place of others.
            environment: what they have beside.
        """
        roots, hosts = self.directory / "root.pem", self.directory / "hosts"
        hosts.write_text("\n".join([*self.hosts, ""]))
        asked = {"targets": list(self.targets.values()), "clients": list(clients), "roots": ""}
        if root is not None:
            roots.write_text(pki.pem(root))
            asked["roots"] = str(roots)
        seen = {hosts: Path("/etc/hosts"), **(binds or {})}
        script = "; ".join(f"mount --bind {shlex.quote(str(a))} {shlex.quote(str(b))}" for a, b in seen.items())
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", f'{script}; exec "$@"', "sh"]
        done = subprocess.run(
            [*command, sys.executable, "-c", _ASK],
            input=f"{json.dumps(sys.path)}\n{json.dumps(asked)}",
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **(environment or {})},
        )
        results: list[dict[str, Any]] = json.loads(done.stdout)
        by_target = {one["target"]: one["clients"] for one in results}
        return {what: by_target[target] for what, target in self.targets.items()}


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Estate]:
    """An estate without servers yet; they end with it."""
    estate = Estate(directory)
    with estate._open:
        yield estate
