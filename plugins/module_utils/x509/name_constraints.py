# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate's name constraints permit a DNS name or an IP address (RFC 5280 section 4.2.1.10).

Runs on the CA host too, so it keeps to the API of cryptography 38.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import TypeVar, Union

from cryptography import x509

from .certificates import extension

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007 (pylint of ansible-test)
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007
_Tree = TypeVar("_Tree", str, Network)


def permits(certificate: x509.Certificate, name: str) -> bool:
    """Whether a leaf below ``certificate`` may carry the name, as far as this one certificate says.

    Constraints of one type of name say nothing about another type: a certificate that permits DNS names only
    leaves IP addresses unrestricted.

    Args:
        certificate: the CA's certificate.
        name: a DNS name, a wildcard, or an IP address in text form.
    """
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is None:
        return True
    permitted = list(constraints.permitted_subtrees or [])
    excluded = list(constraints.excluded_subtrees or [])
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return _decide(dns_subtrees(permitted), dns_subtrees(excluded), lambda tree: _dns_within(name, tree))
    return _decide(ip_subtrees(permitted), ip_subtrees(excluded), lambda tree: _ip_within(address, tree))


def _decide(permitted: Sequence[_Tree], excluded: Sequence[_Tree], within: Callable[[_Tree], bool]) -> bool:
    if any(within(tree) for tree in excluded):
        return False
    return not permitted or any(within(tree) for tree in permitted)


def dns_subtrees(names: Sequence[x509.GeneralName]) -> list[str]:
    """The DNS subtrees of a permitted or excluded list."""
    return [name.value for name in names if isinstance(name, x509.DNSName)]


def ip_subtrees(names: Sequence[x509.GeneralName]) -> list[Network]:
    """The address ranges of a permitted or excluded list."""
    values = [name.value for name in names if isinstance(name, x509.IPAddress)]
    return [value for value in values if isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network))]


def _dns_within(name: str, tree: str) -> bool:
    """Any name made by adding zero or more labels on the left of the subtree satisfies it."""
    labels = name.rstrip(".").lower().split(".")
    wanted = [label for label in tree.lower().split(".") if label]
    if tree.startswith(".") and len(labels) == len(wanted):
        return False  # a leading dot, outside of the RFC but in use, asks for at least one label more
    return not wanted or labels[-len(wanted) :] == wanted


def _ip_within(address: Address, tree: Network) -> bool:
    return address.version == tree.version and address in tree
