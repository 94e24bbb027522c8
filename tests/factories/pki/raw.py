# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away certificates that are valid now, as clients and openssl see it, or wrong on purpose.

The profiles' certificates are made by `profiled`; this makes what must be refused, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from .common import DAY, HOUR, NOW, bare, general_name, key_pem, name, new_key, pem


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
        builder = bare(name(names[0]), self.certificate.subject, key.public_key(), start, end).add_extension(
            x509.SubjectAlternativeName([general_name(text) for text in names]), critical=False
        )
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = builder.add_extension(identifier, critical=False).sign(self.key, hashes.SHA256())
        return Leaf(certificate, key, pem(certificate, *self.above))


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
    excluded_email: Sequence[str] = (),
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
        bare(name(common_name), above, key.public_key(), start, end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=crl_sign and ca, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if permitted_dns:
        trees = [x509.DNSName(tree) for tree in permitted_dns]
        excluded = [x509.RFC822Name._init_without_validation(tree) for tree in excluded_email]
        builder = builder.add_extension(x509.NameConstraints(trees, excluded or None), critical=True)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def root(common_name: str = "Test Root", **wrong: Any) -> Authority:
    """A root; arguments as `authority_certificate`."""
    key = new_key()
    return Authority(authority_certificate(common_name, key, **wrong), key)
