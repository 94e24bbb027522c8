# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a test sees it: its hosts, its public record, its CA."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence

from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import hostnames
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dev.inventory import hosts

from .play import STATE

CA_URL = "https://ca.corp.example"


def address(name: str) -> str:
    """The address of a host on the lab's network."""
    found = hosts()[name].address
    assert found is not None, f"{name} has no network"
    return found


def root(record: str = "pki", name: str = "r1") -> str:
    """A root certificate of the public record, PEM."""
    return (STATE / record / "roots" / f"{name}.crt").read_text()


def root_sha256(pem: str = "") -> str:
    """Fingerprint of a root (default: the first one of the record), lower-case hex."""
    return certificates.fingerprint(certificates.load_certificate((pem or root()).encode(), "the root"))


def client(where: str = "ca1", url: str = CA_URL, root_pem: str = "") -> Client:
    """A client of a CA host that trusts its root only."""
    return Client(url, root_pem or root(), address(where))


def secret(name: str) -> bytes:
    """A secret of the lab, decrypted in memory."""
    vault = VaultLib([("default", VaultSecret((STATE / "vault-password").read_bytes()))])
    found: bytes = vault.decrypt((STATE / name).read_bytes())
    return found


def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The private key of ``enrolment``, the provisioner that enrols services, or of ``manifest``, which signs them."""
    return tokens.load_key(secret(f"{name}.key").decode())


def enrolment_key() -> ec.EllipticCurvePrivateKey:
    """The private key of the provisioner that enrols services."""
    return private_key("enrolment")


def request(names: Sequence[str]) -> tuple[ec.EllipticCurvePrivateKey, str, bytes]:
    """A new key with its request for these DNS names and addresses, as hosts make it.

    Returns:
        Key, request in PEM, SHA-256 of the request's DER.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = hostnames.common_name(names)
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = csr.public_bytes(serialization.Encoding.PEM).decode()
    return key, pem, hashlib.sha256(csr.public_bytes(serialization.Encoding.DER)).digest()


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if hostnames.is_address(name) else x509.DNSName(name)


def issue(
    ca: Client,
    names: Sequence[str],
    provisioner: str = "enrolment",
    key: ec.EllipticCurvePrivateKey | None = None,
) -> list[x509.Certificate]:
    """Have a certificate signed with a one-time token.

    Returns:
        The chain, leaf first.

    Raises:
        TrustAnchorError: the CA refused.
    """
    _key, pem, digest = request(names)
    token = tokens.mint(
        key or enrolment_key(), provisioner, f"{ca.url}/1.0/sign", names, root_sha256(ca.root_pem), digest
    )
    return certificates.load_bundle("".join(ca.sign(pem, token)).encode(), "the chain")
