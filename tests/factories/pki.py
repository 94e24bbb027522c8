# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away certificates that are valid now, as clients and openssl see it, or wrong on purpose.

The factory of the X.509 tests makes what the profiles allow; this one makes what must be refused, too.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Any) -> str:
    """PKCS#8, not encrypted."""
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())).decode()


def load_key(pem_text: bytes) -> ec.EllipticCurvePrivateKey:
    """An EC key that was not encrypted."""
    key = load_pem_private_key(pem_text, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def pem(*certificates: x509.Certificate) -> str:
    """A bundle in this order."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def name(common_name: str) -> x509.Name:
    """A name with nothing but a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def general_name(text: str) -> x509.GeneralName:
    """A DNS name or an IP address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key and the chain that a server sends."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: str

    def write(self, directory: Path) -> tuple[str, str]:
        """Paths of chain and key in a directory."""
        chain, key = directory / "chain.pem", directory / "key.pem"
        chain.write_text(self.chain)
        key.write_text(key_pem(self.key))
        return str(chain), str(key)


@dataclass(frozen=True)
class Authority:
    """A CA certificate with its key; ``above`` are the certificates between it and the root, itself first."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> str:
        """The certificate, PEM."""
        return pem(self.certificate)

    @property
    def sha256(self) -> str:
        """Its fingerprint."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def intermediate(self, common_name: str = "Test Intermediate", **wrong: Any) -> Authority:
        """A CA below this one; arguments as `authority_certificate`."""
        key = new_key()
        certificate = authority_certificate(common_name, key, self, **wrong)
        return Authority(certificate, key, (certificate, *self.above))

    def leaf(
        self,
        *names: str,
        key: ec.EllipticCurvePrivateKey | None = None,
        start: dt.datetime = NOW - HOUR,
        end: dt.datetime = NOW + DAY,
    ) -> Leaf:
        """A certificate for DNS names and IP addresses."""
        key = key or new_key()
        builder = _builder(names[0], key, self.certificate.subject, start, end).add_extension(
            x509.SubjectAlternativeName([general_name(text) for text in names]), critical=False
        )
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = builder.add_extension(identifier, critical=False).sign(self.key, hashes.SHA256())
        return Leaf(certificate, key, pem(certificate, *self.above))


def _builder(
    common_name: str, key: Any, issuer: x509.Name, start: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def authority_certificate(
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: Authority | None = None,
    *,
    start: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + 30 * DAY,
    ca: bool = True,
    crl_sign: bool = True,
    permitted_dns: Sequence[str] = (),
) -> x509.Certificate:
    """A CA certificate, self-signed without an issuer; with what is wrong about it."""
    above = issuer.certificate.subject if issuer else name(common_name)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        _builder(common_name, key, above, start, end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=crl_sign and ca, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if permitted_dns:
        trees = [x509.DNSName(tree) for tree in permitted_dns]
        builder = builder.add_extension(x509.NameConstraints(trees, None), critical=True)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def root(common_name: str = "Test Root", **wrong: Any) -> Authority:
    """A root; arguments as `authority_certificate`."""
    key = new_key()
    return Authority(authority_certificate(common_name, key, **wrong), key)


def as_current_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every account be the one that runs the tests: accounts of a CA host do not exist here."""
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files

    monkeypatch.setattr(files, "ids", lambda _owner, _group: (os.getuid(), os.getgid()))
