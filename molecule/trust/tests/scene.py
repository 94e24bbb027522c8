# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from one root to another, and what clients' own programs find in their stores."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE, Play, play

HERE = "molecule/trust"
INVENTORY = ("-i", str(Path(__file__).parents[1] / "inventory"))
HOSTS = ("ca1", "web1", "web2", "client1")
TARGETS = ["web1.corp.example:443", "web2.corp.example:443"]
LAB = f"localhost,ca2,{','.join(HOSTS)}"
RECORD = STATE / "pki"
RECEIPT = "/var/lib/trustanchor/receipt.json"
KAFKA = "storepass:file /etc/kafka/truststore.password"
NSS = "certutil -L -d sql:/home/ada/.pki/nssdb"
POLICY = "/etc/firefox/policies/policies.json"
INSTALLED = f'import json; print(*json.load(open("{POLICY}"))["policies"]["Certificates"]["Install"])'
# Every store of client1, by the program that its users read it with. Each prints SHA-256 fingerprints or PEM.
STORES = {
    "system bundle": "cat /etc/ssl/certs/ca-certificates.crt",
    "system directory": "find -L /etc/ssl/certs -name '*.[0-9]' -type f -exec cat {} +",
    "java": "keytool -list -keystore /etc/ssl/certs/java/cacerts -storepass changeit",
    "vendor's java": "keytool -list -keystore /opt/vendor-jdk/lib/security/cacerts -storepass changeit",
    "kafka p12": f"keytool -list -keystore /etc/kafka/truststore.p12 -{KAFKA}",
    "kafka jks": f"keytool -list -keystore /etc/kafka/truststore.jks -{KAFKA}",
    "nss": f"{NSS} | awk '/C,,/ {{print $1}}' | xargs -rn1 {NSS} -a -n",
    "firefox": f"python3 -c '{INSTALLED}' | xargs cat",
    "chromium": "cat /etc/chromium/policies/managed/trustanchor.json",
    "docker": "cat /etc/docker/certs.d/registry.corp.example:5000/*.crt",
    "containerd": "cat $(grep -o '/etc[^\"]*pem' /etc/containerd/certs.d/registry.corp.example/hosts.toml)",
    "step": "cat /root/.step/certs/root_ca.crt",
    "file": "cat /etc/ssl/service-roots.pem",
    "node": "cat $(sed -n 's/NODE_EXTRA_CA_CERTS=//p' /etc/environment.d/50-trustanchor.conf)",
}
COMMON = ("system bundle", "system directory", "java", "node")


def run(*playbooks: str, limit: str = LAB, check: bool = False, **variables: Any) -> Play:
    """Run playbooks that must succeed."""
    found = play(*playbooks, limit=limit, variables=variables, check=check, arguments=INVENTORY)
    assert found.rc == 0, found.output
    return found


def change(**variables: Any) -> Play:
    """Change the trust manifest, and sign it."""
    given = {f"trust_{name}": value for name, value in variables.items()}
    return play("playbooks/change_trust.yml", limit=LAB, variables=given, arguments=INVENTORY)


def accepted(**variables: Any) -> None:
    """A change that must be accepted."""
    done = change(**variables)
    assert done.rc == 0, done.output


def refused(**variables: Any) -> str:
    """Why a change is refused."""
    done = change(**variables)
    assert done.rc != 0, done.output
    return " ".join(done.output.split())


def roll_out() -> dict[str, Any]:
    """Push to all hosts; the report, which must be complete, and on which hosts the run changed something."""
    done = run("playbooks/rollout_trust.yml")
    report: dict[str, Any] = json.loads((RECORD / f"rollouts/{sequence():06d}.json").read_text())
    assert report["complete"], report
    return {**report, "changed": [host for host in HOSTS if done.hosts[host]["changed"]]}


def sequence() -> int:
    """Of the record's manifest."""
    return parse_manifest((RECORD / "trust.yml").read_bytes(), "trust.yml").sequence


def serve(*, root: str, ca: str) -> None:
    """Have both services enrol at another CA, one after the other."""
    for host in ("web1", "web2"):
        run(
            f"{HERE}/certificates.yml",
            limit=host,
            service_certificate_root_name=root,
            service_certificate_ca_url=f"https://{ca}.corp.example",
        )


def ceremony(roots: int, **variables: str) -> None:
    """Hold the ceremony with which the record has so many roots."""
    (RECORD / f"requests/manifest{roots}.csr").write_bytes((RECORD / "requests/manifest1.csr").read_bytes())
    for name in ("plan_ceremony", "ceremony"):
        run(f"playbooks/{name}.yml", limit="localhost,ceremony1", trust_roots=roots, **variables)


def holds(host: str, store: str, root: str) -> bool:
    """Whether a store has a root, as the program that reads it says."""
    pem = estate.root("pki", root)
    digest = estate.root_sha256(pem).upper()
    colons = ":".join(digest[at : at + 2] for at in range(0, 64, 2))
    body = "".join(pem.splitlines()[1:-1])
    said = hosts.output(host, STORES[store])
    return colons in said or body in re.sub(r"\s", "", said)


def where(root: str, client: str = "client1") -> dict[str, list[str]]:
    """Host to its stores that have a root."""
    stores = dict.fromkeys(HOSTS, COMMON) | {client: tuple(STORES)}
    return {host: [store for store in listed if holds(host, store, root)] for host, listed in stores.items()}


def everywhere(client: str = "client1") -> dict[str, list[str]]:
    """What `where` says of a root that every store has."""
    return {host: list(COMMON) for host in HOSTS} | {client: list(STORES)}


def receipt(host: str) -> dict[str, Any]:
    """What the agent of a host left last."""
    found: dict[str, Any] = json.loads(hosts.output(host, f"cat {RECEIPT}"))
    return found


def await_receipts(names: tuple[str, ...], condition: Callable[[dict[str, Any]], bool], what: str) -> None:
    """Wait until the agents of hosts say so."""
    for name in names:
        hosts.await_true(lambda name=name: condition(receipt(name)), 60, f"{name}: {what}")  # type: ignore[misc]
