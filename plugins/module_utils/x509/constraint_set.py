# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name constraints as they are declared and planned, and as the extension that they make (RFC 5280 section 4.2.1.10).

Constraints bind only the types of names that they mention, so a type that is to be closed has to be mentioned. An
excluded subtree of everything has no form that verifiers agree on (OpenSSL and NSS take an empty one for nothing, Java
refuses the certificate). What all of them read is a *permitted* subtree that nobody can be in: ``invalid``, of which
there is no name (RFC 6761), and the unspecified address.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cryptography import x509

from ..errors import TrustAnchorError
from ..schema import check_keys, read_texts
from .name_constraints import (
    Network,
    dns_subtrees,
    dns_within,
    email_subtrees,
    host_within,
    ip_subtrees,
    uri_subtrees,
)

# pkilint and zlint want two labels here; what has been signed has one, and is compared byte by byte.
NOBODY = "invalid"
NO_IPV4, NO_IPV6 = "0.0.0.0/32", "::/128"
_NOBODIES = (NOBODY, NO_IPV4, NO_IPV6)
EVERY_ADDRESS = ("0.0.0.0/0", "::/0")

_LABELS = r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*"
_DNS = re.compile(_LABELS, re.IGNORECASE)
_HOST = re.compile(rf"\.?{_LABELS}", re.IGNORECASE)
_EMAIL = re.compile(rf"([a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABELS}|\.?{_LABELS})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class ConstraintSet:
    """Subtrees of names that are permitted or excluded.

    Args:
        permitted_dns: DNS domains; the domain itself and all below it.
        permitted_ip: address ranges.
        permitted_email: a mailbox, a host (mailboxes at this very host), or a domain with a leading dot (mailboxes at
            hosts below it).
        permitted_uri: hosts of URIs: a host, or a domain with a leading dot (hosts below it).
        excluded_dns: as permitted_dns; so are those that follow.
        excluded_ip: see above.
        excluded_email: see above.
        excluded_uri: see above.
    """

    permitted_dns: tuple[str, ...] = ()
    permitted_ip: tuple[Network, ...] = ()
    permitted_email: tuple[str, ...] = ()
    permitted_uri: tuple[str, ...] = ()
    excluded_dns: tuple[str, ...] = ()
    excluded_ip: tuple[Network, ...] = ()
    excluded_email: tuple[str, ...] = ()
    excluded_uri: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: x509.NameConstraints) -> ConstraintSet:
        """What an extension says. Names of types that no profile has are left out."""
        permitted, excluded = list(names.permitted_subtrees or []), list(names.excluded_subtrees or [])
        return cls(
            permitted_dns=tuple(dns_subtrees(permitted)),
            permitted_ip=tuple(ip_subtrees(permitted)),
            permitted_email=tuple(email_subtrees(permitted)),
            permitted_uri=tuple(uri_subtrees(permitted)),
            excluded_dns=tuple(dns_subtrees(excluded)),
            excluded_ip=tuple(ip_subtrees(excluded)),
            excluded_email=tuple(email_subtrees(excluded)),
            excluded_uri=tuple(uri_subtrees(excluded)),
        )

    def extension(self) -> x509.NameConstraints:
        """The extension.

        Where neither permitted nor excluded address ranges are given, all addresses are excluded, in the form that the
        Baseline Requirements of the CA/Browser Forum ask for. Plans of former ceremonies leave it to that.
        """
        excluded_ip = self.excluded_ip
        if not self.permitted_ip and not excluded_ip:
            excluded_ip = tuple(ipaddress.ip_network(text) for text in EVERY_ADDRESS)
        permitted = _general_names(self.permitted_dns, self.permitted_ip, self.permitted_email, self.permitted_uri)
        excluded = _general_names(self.excluded_dns, excluded_ip, self.excluded_email, self.excluded_uri)
        return x509.NameConstraints(permitted_subtrees=permitted or None, excluded_subtrees=excluded or None)

    def beyond(self, other: ConstraintSet) -> list[str]:
        """What it permits and the other one does not, for messages. Both are `closed`."""
        return [
            str(tree)
            for kind, is_within in _WITHIN.items()
            for tree in getattr(self, f"permitted_{kind}")
            if str(tree) not in _NOBODIES
            and not any(is_within(tree, one) for one in getattr(other, f"permitted_{kind}"))
        ]

    def dead(self, above: ConstraintSet | None = None) -> list[str]:
        """What it permits, and it or the one above excludes as a whole: nothing could be issued there."""
        sides = [self] if above is None else [self, above]
        return [
            str(tree)
            for kind, is_within in _WITHIN.items()
            for tree in getattr(self, f"permitted_{kind}")
            if str(tree) not in _NOBODIES
            and any(is_within(tree, one) for side in sides for one in getattr(side, f"excluded_{kind}"))
        ]

    def dump(self) -> dict[str, list[str]]:
        """As a plan has it: plain lists, without those that are empty."""
        lists = {one.name: [str(value) for value in getattr(self, one.name)] for one in dataclasses.fields(self)}
        return {name: values for name, values in lists.items() if values}


def _range_within(own: Network, other: Network) -> bool:
    return own.version == other.version and own.subnet_of(other)  # type: ignore[arg-type]


def _tree_within(own: str, other: str) -> bool:
    """Of mailboxes and hosts of URIs: the same subtree, what is below a domain, or a mailbox at a host."""
    return own == other or host_within(own.rpartition("@")[2], other)


# Whether a subtree of a type is within another one of that type.
_WITHIN: dict[str, Callable[[Any, Any], bool]] = {
    "dns": dns_within,
    "ip": _range_within,
    "email": _tree_within,
    "uri": _tree_within,
}


def _general_names(
    dns: Iterable[str], ip: Iterable[Network], email: Iterable[str], uri: Iterable[str]
) -> list[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in dns),
        *(x509.IPAddress(network) for network in ip),
        *(x509.RFC822Name(name) for name in email),
        *(x509.UniformResourceIdentifier(name) for name in uri),
    ]


def parse_constraints(declared: Any, where: str) -> ConstraintSet | None:
    """Name constraints from a plain mapping, None for None.

    Raises:
        TrustAnchorError: an unknown key, a value that is not a subtree of its type, no permitted DNS domain.
    """
    if declared is None:
        return None
    where = f"{where}: name_constraints"
    found = check_keys(declared, [one.name for one in dataclasses.fields(ConstraintSet)], where)
    result = ConstraintSet(**{name: _SUBTREES[name.partition("_")[2]](found, name, where) for name in found})
    if not result.permitted_dns:
        raise TrustAnchorError(f"{where} permits no DNS domain", "then every DNS name would be permitted")
    return result


def require_alive(own: ConstraintSet, above: ConstraintSet | None, where: str) -> None:
    """Refuse constraints that take back what they permit.

    Args:
        own: of a certificate that is planned.
        above: of its issuer; None for a root, and for an issuer without.
        where: names the certificate in messages.

    Raises:
        TrustAnchorError: a permitted subtree lies within an excluded one.
    """
    if dead := own.dead(above):
        raise TrustAnchorError(
            f"{where} permits {', '.join(dead)}, and an excluded subtree of its own or its root's takes it back",
            "no certificate could be issued there",
            "Take the subtree out of one of the two lists",
        )


def closed(declared: Any) -> Any:
    """What a new plan says where this is declared: of each type of names nothing is permitted but what was declared.

    Plans of former ceremonies are read as they are: a type that they do not mention was left open.

    Args:
        declared: name constraints as a plain mapping; anything else is returned as it is, for `parse_constraints`.
    """
    if not isinstance(declared, Mapping):
        return declared
    result = dict(declared)
    for key in ("permitted_email", "permitted_uri"):
        result.setdefault(key, [NOBODY])
    ranges = declared.get("permitted_ip")
    if ranges is None and declared.get("excluded_ip") in (None, list(EVERY_ADDRESS)):
        result["excluded_ip"] = list(EVERY_ADDRESS)
    elif ranges is None or isinstance(ranges, (list, tuple)):
        result["permitted_ip"] = _both_versions([str(one) for one in ranges or []])
    return result


def _both_versions(ranges: list[str]) -> list[str]:
    """GnuTLS takes ranges of one version of IP as if they said nothing about the other."""
    four, six = any(":" not in one for one in ranges), any(":" in one for one in ranges)
    return [*ranges, *([] if four else [NO_IPV4]), *([] if six else [NO_IPV6])]


def _texts(pattern: re.Pattern[str], expected: str) -> Callable[[Mapping[str, Any], str, str], tuple[str, ...]]:
    def read(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
        names = read_texts(data, key, where)
        for name in names:
            if not pattern.fullmatch(name):
                raise TrustAnchorError(f"{where}: {key} has '{name}'", expected)
        return tuple(_lower(name) for name in names)

    return read


def _lower(name: str) -> str:
    """In small letters, but for the local part of a mailbox, where case matters."""
    local, at, host = name.rpartition("@")
    return f"{local}{at}{host.lower()}"


def _networks(data: Mapping[str, Any], key: str, where: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in read_texts(data, key, where))
    except ValueError as error:
        raise TrustAnchorError(f"{where}: {key}: {error}", "address ranges such as 10.0.0.0/8 are expected") from error


_SUBTREES: dict[str, Callable[[Mapping[str, Any], str, str], tuple[Any, ...]]] = {
    "dns": _texts(_DNS, "a domain without leading dot, trailing dot or wildcard is expected"),
    "ip": _networks,
    "email": _texts(_EMAIL, "a mailbox, a host, or a domain with a leading dot is expected"),
    "uri": _texts(_HOST, "the host of a URI, or a domain with a leading dot, is expected, without scheme and path"),
}
