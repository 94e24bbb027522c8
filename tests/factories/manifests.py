# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signers of trust manifests, right and wrong ones, and what they sign."""

from __future__ import annotations

import datetime as dt

from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from factories import pki


def signer(
    authority: pki.Authority,
    start: dt.datetime = pki.NOW - 2 * pki.DAY,
    end: dt.datetime = pki.NOW + 365 * pki.DAY,
    purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ca: bool = False,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> pki.Leaf:
    """A manifest signer directly below an authority, as a ceremony makes it; or one that is for something else."""
    key = key or pki.new_key()
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign"),
            *("crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.name("Manifest Signer"))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    certificate = builder.sign(authority.key, hashes.SHA256())
    return pki.Leaf(certificate, key, pki.pem(certificate, *authority.above))


def sign(manifest: SignedManifest, by: pki.Leaf) -> bytes:
    """The signed form, whoever signs."""
    builder = (
        pkcs7.PKCS7SignatureBuilder().set_data(manifest.to_json()).add_signer(by.certificate, by.key, hashes.SHA256())
    )
    for certificate in x509.load_pem_x509_certificates(by.chain.encode())[1:]:
        builder = builder.add_certificate(certificate)
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities])
