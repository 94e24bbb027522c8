# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The publication host as clients see it, and records in which something is to come or wrong."""

from __future__ import annotations

import copy
import datetime as dt
import http.client
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import introduction
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lab import estate, hosts
from lab.play import STATE, Play, play

HOST = "pki.corp.example"
RECORD = STATE / "pki"
PUBLISH = "playbooks/publish.yml"
TASK = "Publish the record, and watch it"
DIRECTORY = "/var/lib/trustanchor/publication"
PUBLISHED_RECORD = "/var/lib/trustanchor/publication-record.json"
CONFIGURATION = "/etc/nginx/conf.d/trustanchor-publication.conf"
SERVICE = "trustanchor-publication-watch.service"
TIMER = "trustanchor-publication-watch.timer"
METRICS = "/var/lib/prometheus/node-exporter/trustanchor_publication.prom"
_INVENTORY = ("-i", str(Path(__file__).resolve().parents[1] / "inventory"))
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Answer:
    """What a client gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """One request from outside of the host."""
    connection = http.client.HTTPConnection(estate.address("web1"), 80, timeout=30)
    try:
        connection.request(method, path, headers={"Host": HOST, **(headers or {})})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


def publish(record: Path = RECORD, check: bool = False, **variables: Any) -> Play:
    """Run the playbook that publishes; the inventory vouches for the root whose key is at hand, too."""
    anchors = yaml.safe_load((STATE / "anchors.yml").read_text())
    scratch = record / "roots/t1.crt"
    if scratch.exists():
        anchors.append({"name": "t1", "sha256": estate.root_sha256(scratch.read_text()), "reason": "a test made it"})
    if not (record / "trust.yml").exists():  # a host that has published a manifest refuses a record without one
        hosts.run("web1", f"rm -f {PUBLISHED_RECORD}")
    given = {"ca_publication_record": str(record), "pki_anchors": anchors, **variables}
    return play(PUBLISH, limit="web1", variables=given, check=check, arguments=_INVENTORY)


def published(record: Path = RECORD, **variables: Any) -> dict[str, Any]:
    """Run it; it must succeed. Its one result."""
    done = publish(record, **variables)
    assert done.rc == 0, done.output
    return done.result(TASK, "web1")


def restore() -> None:
    """Publish what was declared, although it is older than what a test has published."""
    hosts.run("web1", f"rm -f {DIRECTORY}/trust.p7m {PUBLISHED_RECORD}")
    published()


def watch() -> tuple[bool, str]:
    """Let the watch look once.

    Returns:
        Whether it was content, and what it said.
    """
    began = hosts.output("web1", "date +%s.%N")
    done = hosts.run("web1", f"systemctl start {SERVICE}", check=False)
    said = hosts.output("web1", f"journalctl --unit {SERVICE} --since @{began} --output cat --no-pager")
    return done.returncode == 0, said


def metrics() -> dict[str, dict[str, float]]:
    """Name of each metric, to its values by artifact."""
    found: dict[str, dict[str, float]] = {}
    pattern = re.compile(r'^trustanchor_publication_(\w+)\{artifact="([^"]+)",kind="\w+"\} (\d+)$', re.MULTILINE)
    for name, artifact, value in pattern.findall(hosts.output("web1", f"cat {METRICS}")):
        found.setdefault(name, {})[artifact] = float(value)
    return found


def revoke_one() -> int:
    """Have a certificate issued, and revoke it with its own key. Its serial number."""
    ca = estate.client()
    names = ["revoked.corp.example"]
    key, request, digest = estate.request(names)
    token = tokens.mint(
        estate.enrolment_key(), "enrolment", f"{ca.url}/1.0/sign", names, estate.root_sha256(ca.root_pem), digest
    )
    leaf, *rest = ca.sign(request, token)
    serial = x509.load_pem_x509_certificate(leaf.encode()).serial_number
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with tempfile.TemporaryDirectory() as directory:
        chain, private = Path(directory, "chain.pem"), Path(directory, "key.pem")
        chain.write_text("".join([leaf, *rest]))
        private.write_bytes(key.private_bytes(*pem))
        owner = Client(ca.url, ca.root_pem, ca.address, certificate=str(chain), key=str(private))
        owner.request("POST", "/1.0/revoke", json.dumps({"serial": str(serial), "passive": True}).encode())
    return serial


class Record:
    """A copy of the lab's record with a further root, whose key is at hand; without a trust manifest."""

    def __init__(self, path: Path) -> None:
        shutil.copytree(RECORD, path)
        for name in ("trust.yml", "trust.p7m"):
            (path / name).unlink()
        self.path, self.now = path, dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Scratch Root")])
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        root = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - DAY)
            .not_valid_after(self.now + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False, **usage),
                critical=True,
            )
            .sign(self.key, hashes.SHA384())
        )
        (path / "roots/t1.crt").write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.write_crl(1)

    def copy(self, path: Path) -> Record:
        """The same record elsewhere, to be spoilt."""
        shutil.copytree(self.path, path)
        found = copy.copy(self)
        found.path = path
        return found

    def write_crl(
        self,
        number: int,
        left: dt.timedelta = 300 * DAY,
        key: ec.EllipticCurvePrivateKey | None = None,
        revoked: int = 0,
    ) -> bytes:
        """Its CRL, in DER."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(self.now - 30 * DAY)
            .next_update(self.now + left)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for serial in range(1, revoked + 1):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self.now).build()
            builder = builder.add_revoked_certificate(entry)
        der = builder.sign(key or self.key, hashes.SHA384()).public_bytes(serialization.Encoding.DER)
        (self.path / "crls/t1.crl").write_bytes(der)
        return der

    def write_intermediate(self, name: str) -> None:
        """An intermediate of that name below its root."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Scratch Intermediate")]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - DAY)
            .not_valid_after(self.now + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA384())
        )
        (self.path / f"intermediates/{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def sign_manifest(record: Path, valid: dt.timedelta) -> bytes:
    """Sign the trust manifest of a record for a while."""
    key = estate.private_key("manifest")
    now = dt.datetime.now(dt.UTC)
    check = introduction.find(str(record), yaml.safe_load((STATE / "anchors.yml").read_text()))
    signed = signing.plan(str(record), key, now, signing.Span(valid, valid), check).sign(key)
    (record / "trust.p7m").write_bytes(signed)
    return signed
