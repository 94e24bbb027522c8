# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public records in which something is wrong, made from a root of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lab.play import STATE

DAY = dt.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey
Public = ec.EllipticCurvePublicKey


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Record:
    """A record with one root whose key is at hand.

    Args:
        path: directory of the record.
        host_key: public key of the intermediate's key on the CA host.
    """

    def __init__(self, path: Path, host_key: Public) -> None:
        self.path, self.host_key = path, host_key
        self.now = dt.datetime.now(dt.UTC)
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.root = self.certificate("Test Root", self.key.public_key(), "Test Root", self.key, 1)
        self.write_root(self.root)
        self.write_intermediate(self.intermediate())

    def certificate(
        self,
        subject: str,
        public: Public,
        issuer: str,
        key: Key,
        length: int | None,
        days: tuple[int, int] = (-1, 30),
        permitted: Sequence[str] = (),
    ) -> x509.Certificate:
        """A certificate; a CA with a path length, else a leaf; valid from and until so many days from now."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + days[0] * DAY)
            .not_valid_after(self.now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(length is not None, length), critical=True)
            .add_extension(x509.KeyUsage(*[False] * 5, True, True, False, False), critical=True)
        )
        if permitted:
            trees = [x509.DNSName(one) for one in permitted]
            builder = builder.add_extension(x509.NameConstraints(trees, None), critical=True)
        return builder.sign(key, hashes.SHA384())

    def intermediate(
        self, public: Public | None = None, days: tuple[int, int] = (-1, 30), permitted: Sequence[str] = ()
    ) -> x509.Certificate:
        return self.certificate("Test Intermediate", public or self.host_key, "Test Root", self.key, 0, days, permitted)

    def write_root(self, root: x509.Certificate, sha256: str = "") -> None:
        """Write a root, and the manifest that declares it."""
        declared = {"name": "r1", "sha256": sha256 or root.fingerprint(hashes.SHA256()).hex(), "state": "trusted"}
        self._write("roots/r1.crt", root.public_bytes(serialization.Encoding.PEM))
        self._write("trust.yml", yaml.safe_dump({"version": 1, "sequence": 1, "roots": [declared]}).encode())

    def anchors(self) -> list[dict[str, str]]:
        """What an inventory says of the lab's root, and of the one that is here."""
        lab: list[dict[str, str]] = yaml.safe_load((STATE / "anchors.yml").read_text())
        sha256 = self.root.fingerprint(hashes.SHA256()).hex()
        return [*lab, {"name": "r1", "sha256": sha256, "reason": "a test made it"}]

    def write_intermediate(self, certificate: x509.Certificate) -> None:
        self._write("intermediates/ca1.crt", certificate.public_bytes(serialization.Encoding.PEM))

    def _write(self, path: str, content: bytes) -> None:
        write(self.path / path, content)


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_request(record: Path, key: Key | rsa.RSAPrivateKey) -> None:
    """Replace the request of ca1 by one for this key."""
    csr = x509.CertificateSigningRequestBuilder().subject_name(name("CA")).sign(key, hashes.SHA256())
    write(record / "requests/ca1.csr", csr.public_bytes(serialization.Encoding.PEM))


Change = Callable[[Record], None]


def another_key(record: Record) -> None:
    record.write_intermediate(record.intermediate(ec.generate_private_key(ec.SECP384R1()).public_key()))


def another_root(record: Record) -> None:
    stranger = ec.generate_private_key(ec.SECP384R1())
    record.write_intermediate(record.certificate("Test Intermediate", record.host_key, "Other Root", stranger, 0))


def expired(record: Record) -> None:
    record.write_intermediate(record.intermediate(days=(-20, -1)))


def not_yet_valid(record: Record) -> None:
    record.write_intermediate(record.intermediate(days=(1, 20)))


def other_names(record: Record) -> None:
    record.write_intermediate(record.intermediate(permitted=["example.net"]))


def no_certificate(record: Record) -> None:
    (record.path / "intermediates/ca1.crt").unlink()


def no_manifest(record: Record) -> None:
    (record.path / "trust.yml").unlink()


def no_root(record: Record) -> None:
    (record.path / "roots/r1.crt").unlink()


def wrong_fingerprint(record: Record) -> None:
    record.write_root(record.root, "00" * 32)


def leaf_as_root(record: Record) -> None:
    record.write_root(record.certificate("Leaf", record.key.public_key(), "Leaf", record.key, None))


def unknown_state(record: Record) -> None:
    manifest = record.path / "trust.yml"
    manifest.write_text(manifest.read_text().replace("state: trusted", "state: trustd"))
