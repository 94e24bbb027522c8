# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A public record as a publication host gets it, for tests."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from factories import pki

URL = "http://pki.corp.example"
YEAR = 365 * pki.DAY


def crl(
    issuer: pki.Authority,
    number: int = 1,
    end: dt.datetime = pki.NOW + 300 * pki.DAY,
    key: ec.EllipticCurvePrivateKey | None = None,
    begin: dt.datetime = pki.NOW - YEAR,
) -> bytes:
    """A CRL in DER, by another key when one is given."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begin)
        .next_update(end)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    return builder.sign(key or issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def der(certificate: x509.Certificate) -> bytes:
    """A certificate in DER."""
    return certificate.public_bytes(Encoding.DER)


class Record:
    """A record with the roots r1 and s1, their CRLs, the intermediate ca1, and a trust manifest."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.roots = {name: pki.root(f"Root {name}") for name in ("r1", "s1")}
        self.intermediate = self.roots["r1"].intermediate("Intermediate 1")
        for name, root in self.roots.items():
            self.write(f"roots/{name}.crt", root.pem.encode())
            self.write(f"crls/{name}.crl", crl(root))
        self.write("intermediates/ca1.crt", self.intermediate.pem.encode())
        self.write_manifest()

    def anchors(self) -> tuple[Anchor, ...]:
        """What the inventory vouches for: both roots."""
        return tuple(Anchor(name, root.sha256, "a test made it") for name, root in self.roots.items())

    def write(self, name: str, content: bytes) -> None:
        """A file of the record."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def write_manifest(self, sequence: int = 1, **states: str | None) -> None:
        """The trust manifest; roots are trusted unless another state is given, None: not listed."""
        roots = [
            {"name": name, "sha256": root.sha256, "state": states.get(name, "trusted")}
            for name, root in self.roots.items()
            if states.get(name, "trusted") is not None
        ]
        content = {"version": 1, "id": "ab" * 16, "sequence": sequence, "roots": roots}
        self.write("trust.yml", yaml.safe_dump(content).encode())
