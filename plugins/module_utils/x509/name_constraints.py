# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate's name constraints permit a name (RFC 5280 section 4.2.1.10).

Runs on the CA host too, so it keeps to the API of cryptography 38.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import TypeVar, Union
from urllib.parse import urlsplit

from cryptography import x509

from ..errors import TrustAnchorError
from ..text.hostnames import is_address
from .certificates import extension

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007 (pylint of ansible-test)
_Tree = TypeVar("_Tree", str, Network)


def permits(certificate: x509.Certificate, name: str) -> bool:
    """Whether a leaf below ``certificate`` may carry a DNS name or an address; see `permits_name`.

    Args:
        certificate: the CA's certificate.
        name: a DNS name, a wildcard, or an IP address in text form.
    """
    bare = name.strip("[]")
    if is_address(bare):
        return permits_name(certificate, x509.IPAddress(ipaddress.ip_address(bare)))
    return permits_name(certificate, x509.DNSName(name))


def require_permitted(certificate: x509.Certificate, names: Sequence[str]) -> None:
    """Refuse names that a leaf below ``certificate`` may not carry, or that clients would differ about.

    Args:
        certificate: the CA's certificate.
        names: as `permits`.

    Raises:
        TrustAnchorError: the first such name.
    """
    subject = certificate.subject.rfc4514_string()
    for name in names:
        if not permits(certificate, name):
            raise TrustAnchorError(
                f"the name constraints of '{subject}' do not permit '{name}'",
                "the CA could not sign it, and clients would refuse it",
                "Take a name within them, or a root with wider ones",
            )
        if hidden := _hidden_below(certificate, name):
            raise TrustAnchorError(
                f"'{name}' spans {hidden}, which the name constraints of '{subject}' exclude",
                "Go and Python's cryptography then refuse the certificate for every host, others accept it",
                "List the hosts one by one",
            )


def _hidden_below(certificate: x509.Certificate, name: str) -> str:
    """An excluded DNS subtree below a wildcard's domain; empty: there is none."""
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is None or not name.startswith("*."):
        return ""
    excluded = dns_subtrees(list(constraints.excluded_subtrees or []))
    return next((tree for tree in excluded if dns_within(tree.lstrip("."), name[2:])), "")


def permits_name(certificate: x509.Certificate, name: x509.GeneralName) -> bool:
    """Whether a leaf below ``certificate`` may carry the name, as far as this one certificate says.

    Constraints of one type of name say nothing about another type: a certificate that permits DNS names only
    leaves IP addresses unrestricted.

    Args:
        certificate: the CA's certificate.
        name: of any type; of those that are not DNS name, address, mailbox or URI, none is ever restricted.
    """
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is None:
        return True
    permitted = list(constraints.permitted_subtrees or [])
    excluded = list(constraints.excluded_subtrees or [])
    if isinstance(name, x509.DNSName):
        dns = name.value
        return _decide(dns_subtrees(permitted), dns_subtrees(excluded), lambda tree: dns_within(dns, tree))
    if isinstance(name, x509.IPAddress):
        address = name.value
        return _decide(ip_subtrees(permitted), ip_subtrees(excluded), lambda tree: _ip_within(address, tree))
    if isinstance(name, x509.RFC822Name):
        mailbox = name.value
        return _decide(email_subtrees(permitted), email_subtrees(excluded), lambda tree: _email_within(mailbox, tree))
    if isinstance(name, x509.UniformResourceIdentifier):
        return _permits_uri(name.value, uri_subtrees(permitted), uri_subtrees(excluded))
    return True


def _decide(permitted: Sequence[_Tree], excluded: Sequence[_Tree], within: Callable[[_Tree], bool]) -> bool:
    if any(within(tree) for tree in excluded):
        return False
    return not permitted or any(within(tree) for tree in permitted)


def dns_subtrees(names: Sequence[x509.GeneralName]) -> list[str]:
    """The DNS subtrees of a permitted or excluded list."""
    return [name.value for name in names if isinstance(name, x509.DNSName)]


def email_subtrees(names: Sequence[x509.GeneralName]) -> list[str]:
    """The subtrees of mailboxes of a permitted or excluded list."""
    return [name.value for name in names if isinstance(name, x509.RFC822Name)]


def uri_subtrees(names: Sequence[x509.GeneralName]) -> list[str]:
    """The hosts of URIs of a permitted or excluded list."""
    return [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]


def ip_subtrees(names: Sequence[x509.GeneralName]) -> list[Network]:
    """The address ranges of a permitted or excluded list."""
    values = [name.value for name in names if isinstance(name, x509.IPAddress)]
    return [value for value in values if isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network))]


def dns_within(name: str, tree: str) -> bool:
    """Any name made by adding zero or more labels on the left of the subtree satisfies it."""
    labels = name.rstrip(".").lower().split(".")
    wanted = [label for label in tree.lower().split(".") if label]
    if tree.startswith(".") and len(labels) == len(wanted):
        return False  # a leading dot, outside of the RFC but in use, asks for at least one label more
    return not wanted or labels[-len(wanted) :] == wanted


def _ip_within(address: object, tree: Network) -> bool:
    if not isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return False
    return address.version == tree.version and address in tree


def host_within(host: str, tree: str) -> bool:
    """Of mailboxes and URIs: a leading dot means the hosts below the domain, without it that very host is meant."""
    host, tree = host.lower(), tree.lower()
    return host.endswith(tree) and host != tree if tree.startswith(".") else host == tree


def _email_within(mailbox: str, tree: str) -> bool:
    local, _at, host = mailbox.rpartition("@")
    wanted, at, tree_host = tree.rpartition("@")
    if at:
        return local == wanted and host.lower() == tree_host.lower()
    return host_within(host, tree)


def _permits_uri(uri: str, permitted: Sequence[str], excluded: Sequence[str]) -> bool:
    """A URI without a host's name is refused wherever URIs are restricted (RFC 5280 section 4.2.1.10)."""
    if not permitted and not excluded:
        return True
    host = _uri_host(uri)
    return bool(host) and _decide(permitted, excluded, lambda tree: host_within(host, tree))


def _uri_host(uri: str) -> str:
    """The host's name of a URI; empty where it has none, or an address."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return ""
    return "" if is_address(host) else host
