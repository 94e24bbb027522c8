# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and requests by the product's own profiles and builders, at a fixed time."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from . import common
from .common import DAY, FIXED_NOW, PrivateKey, bare

ROOT_KEY = common.new_key(ec.SECP384R1())

ROOT = {"subject": "CN=Test Root R1,O=Test", "name_constraints": {"permitted_dns": ["corp.example"]}}
INTERMEDIATE = {
    "crl_urls": ["http://pki.corp.example/root-r1.crl"],
    "issuer_urls": ["http://pki.corp.example/root-r1.crt"],
}


def new_key() -> ec.EllipticCurvePrivateKey:
    """A P-384 key."""
    return common.new_key(ec.SECP384R1())


def root(now: dt.datetime = FIXED_NOW, **changes: Any) -> x509.Certificate:
    """A root with ROOT_KEY."""
    profile = profiles.parse_root({**ROOT, **changes})
    builder = builders.root_builder(profile, ROOT_KEY.public_key(), builders.Issuance.fresh(now))
    return builder.sign(ROOT_KEY, hashes.SHA384())


def request(
    key: PrivateKey, subject: str = "CN=Test Intermediate", *extensions: x509.ExtensionType
) -> x509.CertificateSigningRequest:
    """A request, signed by ``key``."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name.from_rfc4514_string(subject))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA384())


def intermediate(
    issuer: x509.Certificate, key: builders.PrivateKey, now: dt.datetime = FIXED_NOW, **changes: Any
) -> x509.Certificate:
    """An intermediate below ``issuer``, which has ROOT_KEY."""
    profile = profiles.parse_intermediate({**INTERMEDIATE, **changes})
    subject = profile.subject or x509.Name.from_rfc4514_string("CN=Test Intermediate")
    moment = builders.Issuance.fresh(now)
    return builders.intermediate_builder(profile, subject, key.public_key(), issuer, moment).sign(
        ROOT_KEY, hashes.SHA384()
    )


def standby(key: builders.PrivateKey, now: dt.datetime = FIXED_NOW, **changes: Any) -> x509.Certificate:
    """A standby root with ``key``."""
    profile = profiles.parse_root({**ROOT, "subject": "CN=Test Standby Root S1,O=Test", **changes})
    builder = builders.root_builder(profile, key.public_key(), builders.Issuance.fresh(now))
    return builder.sign(key, hashes.SHA384())


def cross(standby_root: x509.Certificate, issuer: x509.Certificate, now: dt.datetime = FIXED_NOW) -> x509.Certificate:
    """A cross-certificate of the standby root below ``issuer``, which has ROOT_KEY."""
    profile = profiles.parse_cross(INTERMEDIATE)
    builder = builders.cross_builder(profile, standby_root, issuer, builders.Issuance.fresh(now))
    return builder.sign(ROOT_KEY, hashes.SHA384())


def manifest_signer(
    issuer: x509.Certificate,
    key: builders.PrivateKey,
    now: dt.datetime = FIXED_NOW,
    subject: str = "CN=Test Manifest Signer M1",
) -> x509.Certificate:
    """A manifest signer below ``issuer``, which has ROOT_KEY."""
    profile = profiles.parse_manifest_signer({"subject": subject})
    moment = builders.Issuance.fresh(now)
    return builders.manifest_signer_builder(profile, key.public_key(), issuer, moment).sign(ROOT_KEY, hashes.SHA384())


def leaf(
    issuer: x509.Certificate, key: PrivateKey, names: list[x509.GeneralName], now: dt.datetime = FIXED_NOW
) -> x509.Certificate:
    """A leaf for a day, below ``issuer``, which has ``key``."""
    builder = bare(x509.Name([]), issuer.subject, new_key().public_key(), now, now + DAY)
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=True).sign(key, hashes.SHA384())
