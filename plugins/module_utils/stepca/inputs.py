# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about a CA that can be found wrong on the controller, before any host is touched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import TrustAnchorError
from ..text import hostnames
from ..x509 import certificates
from ..x509.chains import check_chain, check_served
from ..x509.fingerprints import normalise_fingerprint
from ..x509.name_constraints import permits, permits_name
from . import notices, unit, validation
from .config import CANARY, compose
from .layout import Layout

_PLACEHOLDER_JWK = {"kty": "EC", "crv": "P-256", "x": "", "y": "", "kid": ""}


@dataclass(frozen=True)
class Inputs:
    """What the operator declared.

    Args:
        settings: ca.json in step-ca's own form.
        root_pem: root certificate.
        root_sha256: its declared fingerprint.
        intermediate_pem: intermediate certificate (a bundle: signer first); empty: not signed yet.
        client_networks: see `unit.UnitSettings`.
    """

    settings: Mapping[str, Any]
    root_pem: str
    root_sha256: str
    intermediate_pem: str
    client_networks: Sequence[str] = ()


def check(inputs: Inputs, at: dt.datetime, planning: bool = False) -> dict[str, Any]:
    """Check all inputs.

    Args:
        inputs: what was declared.
        at: the time at which certificates must be valid (aware).
        planning: only a plan is wanted, so an intermediate that is not signed yet is not a fault.

    Returns:
        Facts for the host's part: ports, and the SHA-256 of the intermediate's public key (empty: not signed yet).

    Raises:
        TrustAnchorError: the first thing that is wrong.
    """
    config = _check_settings(inputs)
    root = _check_root(inputs, at)
    names = [str(name) for name in config["dnsNames"]]
    ports = unit.listen_ports(config)
    if planning and not inputs.intermediate_pem.strip():
        _check_names(names, [root])
        _check_common_name(config, [root])
        _check_people(config, [root])
        return {"ports": ports, "key_sha256": ""}
    signer = _check_intermediate(inputs, root, at)
    _check_key_usage(signer, bool((config.get("crl") or {}).get("enabled")))
    _check_purposes(signer)
    _check_names(names, [root, signer])
    _check_common_name(config, [root, signer])
    _check_people(config, [root, signer])
    return {"ports": ports, "key_sha256": certificates.spki_sha256(signer.public_key())}


def warnings(inputs: Inputs, at: dt.datetime) -> list[str]:
    """What somebody has to do about good inputs; see `notices.due`.

    Args:
        inputs: what `check` found good.
        at: present time, aware.
    """
    root = certificates.load_certificate(inputs.root_pem.encode(), "the root certificate")
    signed = inputs.intermediate_pem.strip()
    bundle = certificates.load_bundle(signed.encode(), "the intermediate certificate") if signed else []
    return notices.due(root, bundle, inputs.settings, at)


def _check_settings(inputs: Inputs) -> dict[str, Any]:
    validation.check_declared(inputs.settings)
    declared = inputs.settings.get("authority", {}).get("provisioners", [])
    if any(provisioner["name"] == CANARY for provisioner in declared):
        raise TrustAnchorError(
            f"a provisioner is called '{CANARY}'",
            "that name is taken by the role's own check",
            "Choose another name",
        )
    config = compose(inputs.settings, _PLACEHOLDER_JWK, Layout())
    validation.check(config)
    unit.render(config, unit.UnitSettings(inputs.client_networks), Layout())
    for provisioner in declared:
        _check_oidc(provisioner)
    return config


def _check_oidc(provisioner: Mapping[str, Any]) -> None:
    """Google's ID tokens have no claim ``groups``, so nobody would ever be let in."""
    if (
        provisioner["type"] == "OIDC"
        and provisioner.get("groups")
        and "accounts.google.com" in provisioner["configurationEndpoint"]
    ):
        raise TrustAnchorError(
            f"provisioner {provisioner['name']}: 'groups' cannot work with Google",
            "Google's ID tokens carry no claim of that name",
            "Use 'domains', or an identity provider that sends groups",
        )


def _check_root(inputs: Inputs, at: dt.datetime) -> x509.Certificate:
    root = certificates.load_certificate(inputs.root_pem.encode(), "the root certificate")
    declared = normalise_fingerprint(inputs.root_sha256)
    found = certificates.fingerprint(root)
    if found != declared:
        raise TrustAnchorError(
            f"the root certificate {root.subject.rfc4514_string()} has fingerprint {found}",
            f"{declared} is declared",
            "Compare with the ceremony's record: either the file or the declaration is not the one you trust",
        )
    check_chain(root, [], root, at)
    _check_key_usage(root, signs_crls=False)
    return root


def _check_intermediate(inputs: Inputs, root: x509.Certificate, at: dt.datetime) -> x509.Certificate:
    if not inputs.intermediate_pem.strip():
        raise TrustAnchorError(
            "this CA has no intermediate certificate yet",
            "the public record holds none for it",
            "Run trustanchor.private_ca.request_intermediate, then trustanchor.private_ca.ceremony, then this again",
        )
    bundle = certificates.load_bundle(inputs.intermediate_pem.encode(), "the intermediate certificate")
    if not certificates.is_ca(bundle[0]):
        raise TrustAnchorError(
            f"the intermediate certificate {bundle[0].subject.rfc4514_string()} is not a CA certificate"
        )
    check_chain(bundle[0], bundle[1:], root, at)
    check_served(bundle, "the intermediate certificate's file")
    return bundle[0]


def _check_key_usage(authority: x509.Certificate, signs_crls: bool) -> None:
    """RFC 5280 section 4.2.1.3; step-ca does not start when it cannot sign the CRL that is enabled."""
    usage = certificates.extension(authority, x509.KeyUsage)
    for allowed, name in (
        (usage and usage.key_cert_sign, "keyCertSign"),
        ((usage and usage.crl_sign) or not signs_crls, "cRLSign"),
    ):
        if not allowed:
            raise TrustAnchorError(
                f"the CA certificate {authority.subject.rfc4514_string()} lacks the key usage {name}",
                "clients or step-ca itself would refuse it",
                "Have it made again with the profiles of the role root_ceremony",
            )


def _check_names(names: Sequence[str], chain: Sequence[x509.Certificate]) -> None:
    """step-ca does not start when the chain forbids its own names (authority/tls.go GetTLSCertificate)."""
    for name in names:
        if why := hostnames.why_unreadable(name.strip("[]").lower()):
            raise TrustAnchorError(f"the CA's own name '{name}' is not one that all clients read", why)
    for certificate in chain:
        for name in names:
            if not permits(certificate, name):
                raise TrustAnchorError(
                    f"the name constraints of {certificate.subject.rfc4514_string()} exclude the CA's own name {name}",
                    "step-ca makes its own server certificate under them and would not start",
                    "Remove the name from step_ca_dns_names, or have the certificate signed with wider constraints",
                )


def _check_common_name(config: Mapping[str, Any], chain: Sequence[x509.Certificate]) -> None:
    """OpenSSL and GnuTLS read the common name of a certificate without DNS names as one, below name constraints."""
    if any(not hostnames.is_address(str(name)) for name in config["dnsNames"]):
        return
    common_name = config.get("commonName", "Step Online CA")
    for certificate in chain:
        if certificates.extension(certificate, x509.NameConstraints) is None:
            continue
        readable = hostnames.is_host(common_name) and not hostnames.is_address(common_name)
        if not readable or not permits(certificate, common_name):
            raise TrustAnchorError(
                f"the CA has no DNS name, and '{common_name}' as common name of its server certificate",
                f"clients of GnuTLS and OpenSSL read it as a DNS name, which the name constraints of"
                f" {certificate.subject.rfc4514_string()} do not permit",
                "Give it a DNS name in step_ca_dns_names, or a permitted one as commonName in step_ca_extra_settings",
            )


def _check_purposes(signer: x509.Certificate) -> None:
    """Verifiers take an issuer's extended key usage for a limit of what is below it; step-ca's own is a server's."""
    purposes = certificates.extension(signer, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.SERVER_AUTH not in purposes:
        raise TrustAnchorError(
            f"the extended key usage of {signer.subject.rfc4514_string()} lacks serverAuth",
            "clients would refuse the CA's own server certificate, and every service's",
            "Have it signed with server_auth in extended_key_usage",
        )


def _check_people(config: Mapping[str, Any], chain: Sequence[x509.Certificate]) -> None:
    """step-ca refuses to sign what the chain forbids, and its template for OIDC carries a mailbox and a URI."""
    for provisioner in config["authority"]["provisioners"]:
        if provisioner["type"] != "OIDC" or (provisioner.get("options") or {}).get("x509"):
            continue
        for name in _names_of_people(provisioner):
            for certificate in chain:
                _require_permitted(certificate, name, provisioner["name"])


def _names_of_people(provisioner: Mapping[str, Any]) -> list[x509.GeneralName]:
    """One name of each sort that its certificates carry, as far as the declaration shows."""
    host = urlsplit(provisioner["configurationEndpoint"]).hostname or ""
    mailboxes = [x509.RFC822Name(f"somebody@{domain}") for domain in provisioner.get("domains") or []]
    return [x509.UniformResourceIdentifier(f"https://{host}/"), *mailboxes]


def _require_permitted(certificate: x509.Certificate, name: x509.GeneralName, provisioner: str) -> None:
    if not permits_name(certificate, name):
        raise TrustAnchorError(
            f"provisioner {provisioner}: the name constraints of {certificate.subject.rfc4514_string()} exclude"
            f" '{name.value}'",
            "each of its certificates carries a person's e-mail address and a URI of the identity provider, so step-ca"
            " would refuse to sign any",
            "Permit them (permitted_email, permitted_uri) in an intermediate that is to be signed and its root, or give"
            " the provisioner a template without them",
        )
