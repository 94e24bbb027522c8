# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof, through the CA's own interface, that it does what it is for."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..errors import TrustAnchorError
from ..host import addresses
from ..text import times
from ..x509 import certificates
from ..x509.chains import check_chain
from . import notices, tokens
from .client import Client, Unreachable
from .config import CANARY


@dataclass(frozen=True)
class Expected:
    """What a client must see.

    Args:
        config: ca.json.
        root: the root that everything must lead to.
        intermediates: the bundle of ``crt``.
    """

    config: Mapping[str, Any]
    root: x509.Certificate
    intermediates: Sequence[x509.Certificate]


def verify(client: Client, expected: Expected, canary_key: ec.EllipticCurvePrivateKey | None) -> dict[str, Any]:
    """Look behind /health.

    Args:
        client: of the CA.
        expected: what must be seen.
        canary_key: key of the canary provisioner; None: sign nothing (check mode).

    Returns:
        What was seen: intermediate, provisioners, canary certificate; and as ``notices`` what somebody should know.

    Raises:
        TrustAnchorError: the first thing that is not as it should be.
    """
    client.health()
    if (expected.config.get("crl") or {}).get("enabled"):
        client.crl()
    return {
        "intermediate": _check_intermediates(client, expected),
        "provisioners": _check_provisioners(client, expected, write=canary_key is not None),
        "canary": _sign_canary(client, expected, canary_key) if canary_key is not None else None,
        "notices": [
            *notices.due(expected.root, expected.intermediates, expected.config, times.utc_now()),
            *_check_names(client, expected),
        ],
    }


def _check_names(client: Client, expected: Expected) -> list[str]:
    """The CA by each address to which its names lead: clients come there, and not by loopback.

    Returns:
        Where nobody answers: it may be a filter that lets clients through and not this host.

    Raises:
        TrustAnchorError: something else answers at one of them.
    """
    silent = []
    for name in map(str, expected.config["dnsNames"]):
        for address in addresses.resolved(name):
            if addresses.is_internal(address):
                continue
            port = urlsplit(client.url).port
            there = replace(client, url=f"https://{_host(name)}" + (f":{port}" if port else ""), address=address)
            try:
                there.health()
            except Unreachable as error:
                silent.append(f"{name} leads to {address}, where nobody answers this host: {error}")
            except TrustAnchorError as error:
                raise TrustAnchorError(
                    f"{name} leads to {address}, and what answers there is not this CA",
                    f"{error.what}: {error.why}",
                    "Correct the name in DNS, or what listens at that address",
                ) from error
    return silent


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _check_intermediates(client: Client, expected: Expected) -> dict[str, str]:
    served = certificates.load_bundle(client.intermediates().encode(), f"{client.url}/intermediates.pem")
    wanted = [certificates.fingerprint(certificate) for certificate in expected.intermediates]
    if [certificates.fingerprint(certificate) for certificate in served] != wanted:
        raise TrustAnchorError(
            f"step-ca issues under {served[0].subject.rfc4514_string()} ({certificates.fingerprint(served[0])[:16]}…)",
            f"{wanted[0][:16]}… is installed: the reload was refused",
            "See journalctl --unit step-ca",
        )
    return certificates.describe(served[0])


def _check_provisioners(client: Client, expected: Expected, write: bool) -> dict[str, str]:
    wanted = {p["name"]: p["type"] for p in expected.config["authority"].get("provisioners") or []}
    served = {p["name"]: p for p in client.provisioners()}
    for name, provisioner in served.items():
        if provisioner.get("state") == "Uninitialized":
            raise TrustAnchorError(
                f"provisioner {name} is not initialised",
                str(provisioner.get("stateReason")),
                "Correct its settings",
            )
    if {name: str(p["type"]) for name, p in served.items()} != wanted:
        raise TrustAnchorError(
            f"step-ca offers the provisioners {sorted(served)}",
            f"{sorted(wanted)} are declared",
            "See journalctl --unit step-ca",
        )
    for name, kind in wanted.items():
        if kind == "ACME" and write:
            client.new_nonce(name)
    return wanted


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _sign_canary(client: Client, expected: Expected, canary_key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Have one certificate signed for the CA's own name, with a key that is forgotten at once."""
    name = str(expected.config["dnsNames"][0])
    key = ec.generate_private_key(ec.SECP256R1())
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    digest = hashlib.sha256(csr.public_bytes(serialization.Encoding.DER)).digest()
    root_sha256 = certificates.fingerprint(expected.root)
    token = tokens.mint(canary_key, CANARY, f"{client.url}/1.0/sign", [name], root_sha256, digest)
    pem = "".join(client.sign(csr.public_bytes(serialization.Encoding.PEM).decode(), token))
    chain = certificates.load_bundle(pem.encode(), "the canary's chain")
    check_chain(chain[0], chain[1:], expected.root, times.utc_now())
    return certificates.describe(chain[0])
