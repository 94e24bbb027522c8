# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the certificates and CRLs of a ceremony are to say, as typed values read from plain mappings.

The mappings come from an inventory, so they are read strictly: an unknown key is an error.
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..errors import TrustAnchorError
from ..schema import check_keys, read_bool, read_int, read_text, read_texts
from .name_constraints import Network

ROOT_DAYS = 7305  # 20 years
INTERMEDIATE_DAYS = 1826  # 5 years
CRL_DAYS = 365
MANIFEST_SIGNER_DAYS = 365
MANIFEST_SIGNER_DAYS_MAX = 825

_DNS = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)


@dataclass(frozen=True)
class ConstraintSet:
    """Name constraints: DNS domains and address ranges below which names are permitted or excluded."""

    permitted_dns: tuple[str, ...] = ()
    permitted_ip: tuple[Network, ...] = ()
    excluded_dns: tuple[str, ...] = ()
    excluded_ip: tuple[Network, ...] = ()

    def extension(self) -> x509.NameConstraints:
        """The extension (RFC 5280 section 4.2.1.10).

        Constraints bind only the types of names that they mention. So where DNS names are restricted and no
        address range is permitted, all addresses are excluded (as the CA/Browser Forum's BR ask too).
        """
        excluded_ip = self.excluded_ip
        if not self.permitted_ip and not excluded_ip:
            excluded_ip = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
        return x509.NameConstraints(
            permitted_subtrees=_general_names(self.permitted_dns, self.permitted_ip) or None,
            excluded_subtrees=_general_names(self.excluded_dns, excluded_ip) or None,
        )


def _general_names(dns: tuple[str, ...], ip: tuple[Network, ...]) -> list[x509.GeneralName]:
    return [*(x509.DNSName(name) for name in dns), *(x509.IPAddress(network) for network in ip)]


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
    """An intermediate below a root. A subject of None takes the request's."""

    subject: x509.Name | None
    constraints: ConstraintSet | None
    days: int
    path_length: int
    crl_urls: tuple[str, ...]
    issuer_urls: tuple[str, ...]
    unconstrained: bool = False


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
    constraints = _constraints(data, where)
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
    data = check_keys(data, known, where)
    return IntermediateProfile(
        subject=parse_subject(data["subject"]) if data.get("subject") is not None else None,
        constraints=_constraints(data, where),
        days=read_int(data, "days", where, INTERMEDIATE_DAYS, 1, INTERMEDIATE_DAYS),
        path_length=read_int(data, "path_length", where, 0, 0, 3),
        crl_urls=_urls(data, "crl_urls", where),
        issuer_urls=_urls(data, "issuer_urls", where),
        unconstrained=read_bool(data, "unconstrained", where),
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


def _constraints(data: Mapping[str, Any], where: str) -> ConstraintSet | None:
    if data.get("name_constraints") is None:
        return None
    where = f"{where}: name_constraints"
    known = ("permitted_dns", "permitted_ip", "excluded_dns", "excluded_ip")
    found = check_keys(data["name_constraints"], known, where)
    result = ConstraintSet(
        permitted_dns=_domains(found, "permitted_dns", where),
        permitted_ip=_networks(found, "permitted_ip", where),
        excluded_dns=_domains(found, "excluded_dns", where),
        excluded_ip=_networks(found, "excluded_ip", where),
    )
    if not result.permitted_dns:
        raise TrustAnchorError(f"{where} permits no DNS domain", "then every DNS name would be permitted")
    return result


def _domains(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = read_texts(data, key, where)
    for name in names:
        if not _DNS.fullmatch(name):
            raise TrustAnchorError(
                f"{where}: {key} has '{name}'",
                "a domain without leading dot, trailing dot or wildcard is expected",
            )
    return tuple(name.lower() for name in names)


def _networks(data: Mapping[str, Any], key: str, where: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in read_texts(data, key, where))
    except ValueError as error:
        raise TrustAnchorError(f"{where}: {key}: {error}", "address ranges such as 10.0.0.0/8 are expected") from error


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
