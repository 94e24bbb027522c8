# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the certificates and CRLs of a ceremony are to say, as typed values read from plain mappings.

The mappings come from an inventory, so they are read strictly: an unknown key is an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import TrustAnchorError
from ..schema import check_keys, read_bool, read_int, read_text, read_texts
from .constraint_set import ConstraintSet, parse_constraints

ROOT_DAYS = 7305  # 20 years
INTERMEDIATE_DAYS = 1826  # 5 years
CRL_DAYS = 365
MANIFEST_SIGNER_DAYS = 365
MANIFEST_SIGNER_DAYS_MAX = 825

# Extended key usages by the names that plans have for them (RFC 5280 section 4.2.1.12).
PURPOSES = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "time_stamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
ANY_PURPOSE = "any"  # the certificate names none: several verifiers refuse anyExtendedKeyUsage
TLS_PURPOSES = ("server_auth", "client_auth")


@dataclass(frozen=True)
class RootProfile:
    """A self-signed root."""

    subject: x509.Name
    constraints: ConstraintSet | None
    days: int = ROOT_DAYS
    path_length: int = 1
    allow_weak_root: bool = False


@dataclass(frozen=True)
class IntermediateProfile:
    """An intermediate below a root.

    Args:
        subject: None for the request's.
        constraints: None for none.
        days: validity.
        path_length: how many CAs may follow.
        crl_urls: where the issuer's CRL is.
        issuer_urls: where the issuer's certificate is.
        unconstrained: whether neither it nor its issuer needs name constraints.
        purposes: for what certificates below it are good, keys of `PURPOSES`; empty for anything.
    """

    subject: x509.Name | None
    constraints: ConstraintSet | None
    days: int
    path_length: int
    crl_urls: tuple[str, ...]
    issuer_urls: tuple[str, ...]
    unconstrained: bool = False
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CrossProfile:
    """The standby root's key and name under the primary root. All else is the standby root's own."""

    days: int
    crl_urls: tuple[str, ...]
    issuer_urls: tuple[str, ...]


@dataclass(frozen=True)
class ManifestSignerProfile:
    """A certificate, directly below a root, that signs trust manifests and nothing else."""

    subject: x509.Name
    days: int = MANIFEST_SIGNER_DAYS


@dataclass(frozen=True)
class CrlProfile:
    """A root's list of revoked CA certificates. Renewed when fewer than ``renew_before_days`` are left."""

    days: int = CRL_DAYS
    renew_before_days: int = 60


def parse_root(data: Any, where: str = "root profile") -> RootProfile:
    """A root's profile; ``where`` names it in messages.

    Raises:
        TrustAnchorError: anything unknown, missing, of the wrong type or out of range, and a root without
            name constraints that does not say ``unconstrained: true``.
    """
    data = check_keys(
        data,
        ("subject", "days", "path_length", "name_constraints", "unconstrained", "allow_weak_root"),
        where,
    )
    constraints = parse_constraints(data.get("name_constraints"), where)
    if constraints is None and not read_bool(data, "unconstrained", where):
        raise TrustAnchorError(
            f"{where} has no name constraints",
            "without them whoever holds the key can speak for every name on earth",
            "Set name_constraints.permitted_dns to your domains, or unconstrained: true",
        )
    return RootProfile(
        subject=parse_subject(read_text(data, "subject", where)),
        constraints=constraints,
        days=read_int(data, "days", where, ROOT_DAYS, 1, 9132),
        path_length=read_int(data, "path_length", where, 1, 1, 4),
        allow_weak_root=read_bool(data, "allow_weak_root", where),
    )


def parse_intermediate(data: Any, where: str = "intermediate profile") -> IntermediateProfile:
    """An intermediate's profile.

    Raises:
        TrustAnchorError: as `parse_root`; URLs that are not plain http.
    """
    known = ("subject", "days", "path_length", "name_constraints", "unconstrained", "crl_urls", "issuer_urls")
    data = check_keys(data, (*known, "extended_key_usage"), where)
    return IntermediateProfile(
        subject=parse_subject(data["subject"]) if data.get("subject") is not None else None,
        constraints=parse_constraints(data.get("name_constraints"), where),
        days=read_int(data, "days", where, INTERMEDIATE_DAYS, 1, INTERMEDIATE_DAYS),
        path_length=read_int(data, "path_length", where, 0, 0, 3),
        crl_urls=_urls(data, "crl_urls", where),
        issuer_urls=_urls(data, "issuer_urls", where),
        unconstrained=read_bool(data, "unconstrained", where),
        purposes=_purposes(data, where),
    )


def parse_cross(data: Any, where: str = "cross-certificate profile") -> CrossProfile:
    """A cross-certificate's profile.

    Raises:
        TrustAnchorError: as `parse_intermediate`.
    """
    data = check_keys(data, ("days", "crl_urls", "issuer_urls"), where)
    return CrossProfile(
        days=read_int(data, "days", where, INTERMEDIATE_DAYS, 1, INTERMEDIATE_DAYS),
        crl_urls=_urls(data, "crl_urls", where),
        issuer_urls=_urls(data, "issuer_urls", where),
    )


def parse_manifest_signer(data: Any, where: str = "manifest signer profile") -> ManifestSignerProfile:
    """A manifest signer's profile.

    Raises:
        TrustAnchorError: as `parse_root`; more than 825 days.
    """
    data = check_keys(data, ("subject", "days"), where)
    return ManifestSignerProfile(
        subject=parse_subject(read_text(data, "subject", where)),
        days=read_int(data, "days", where, MANIFEST_SIGNER_DAYS, 1, MANIFEST_SIGNER_DAYS_MAX),
    )


def parse_crl(data: Any) -> CrlProfile:
    """A CRL's profile.

    Raises:
        TrustAnchorError: as `parse_root`; a renewal window that is not shorter than the validity.
    """
    where = "CRL profile"
    data = check_keys(data, ("days", "renew_before_days"), where)
    days = read_int(data, "days", where, CRL_DAYS, 1, CRL_DAYS)
    return CrlProfile(days, read_int(data, "renew_before_days", where, min(60, days // 4), 0, days - 1))


def parse_subject(text: Any) -> x509.Name:
    """A distinguished name in the form of RFC 4514, such as ``CN=Example Root R1,O=Example``.

    Raises:
        TrustAnchorError: it cannot be parsed, has no common name, or has characters that a terminal does not
            show as they are.
    """
    try:
        # A country of the wrong length is a warning in some versions of cryptography, an error in others.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            name = x509.Name.from_rfc4514_string(text)
    except (ValueError, TypeError, UserWarning) as error:
        raise TrustAnchorError(
            f"{text!r} is not a distinguished name",
            str(error),
            "Write it like 'CN=Example Root R1,O=Example,C=CH'",
        ) from error
    if not name.get_attributes_for_oid(NameOID.COMMON_NAME):
        raise TrustAnchorError(f"the subject '{text}' has no CN", "tools show CAs by their common name")
    if not all(str(one.value).isprintable() for one in name):
        raise TrustAnchorError(f"the subject {text!r} has characters that cannot be shown", "people compare subjects")
    return name


def _purposes(data: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The purposes that are named; none where it is not said, as in plans of former ceremonies, and for ANY_PURPOSE."""
    names = read_texts(data, "extended_key_usage", where)
    if names == (ANY_PURPOSE,):
        return ()
    for name in names:
        if name not in PURPOSES or names.count(name) > 1:
            raise TrustAnchorError(
                f"{where}: extended_key_usage has '{name}'",
                f"known, each once: {', '.join(PURPOSES)}; or {ANY_PURPOSE} alone",
            )
    return names


def _urls(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    urls = read_texts(data, key, where)
    for url in urls:
        check_http_url(url, f"{where}: {key}")
    return urls


def check_http_url(url: str, where: str) -> None:
    """Refuse what is not plain http: https would need the very chain that is checked (RFC 5280 section 8).

    Raises:
        TrustAnchorError: another scheme, no host, characters outside of ASCII.
    """
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url
        good = parts.scheme == "http" and bool(parts.hostname) and plain
    except ValueError:
        good = False
    if not good:
        raise TrustAnchorError(f"{where} has '{url}'", "a plain http URL is expected (RFC 5280 section 8)")
