# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One subtree at a time: what lies within it (RFC 5280 section 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.name_constraints import (
    permits,
    permits_name,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from factories import pki


def dns_or_network(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_network(text)) if "/" in text else x509.DNSName(text)


def constrained(
    permitted: list[str], excluded: list[str], kind: Callable[[str], x509.GeneralName] = dns_or_network
) -> x509.Certificate:
    """A CA with these trees; an address with a prefix is a network."""

    def trees(texts: list[str]) -> list[x509.GeneralName] | None:
        return [kind(one) for one in texts] or None

    key = pki.new_key()
    builder = pki.bare(pki.name("CA"), pki.name("CA"), key.public_key(), pki.NOW, pki.NOW + pki.DAY)
    constraints = x509.NameConstraints(trees(permitted), trees(excluded))
    return builder.add_extension(constraints, critical=True).sign(key, hashes.SHA256())


@pytest.mark.parametrize(
    ("tree", "inside", "outside"),
    [
        ("corp.example", ["corp.example", "a.corp.example", "A.B.CORP.EXAMPLE", "corp.example."], ["xcorp.example"]),
        ("CORP.example", ["a.corp.example"], ["example", "corp.example.org", "corp", "corp.exampleX"]),
        (".corp.example", ["a.corp.example", "b.a.corp.example"], ["corp.example", "x.example"]),
        ("", ["corp.example", "a", "a.b.c"], []),
        (".", ["corp.example"], []),
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "::ffff:10.0.0.1", "fd00::1"]),
        ("fd00::/8", ["fd00::1", "[fdff::1]"], ["fe00::1", "10.0.0.1"]),
        ("192.0.2.7/32", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
    ],
)
def test_within_a_tree(tree: str, inside: list[str], outside: list[str]) -> None:
    permitted, excluded = constrained([tree], []), constrained([], [tree])
    for name in inside:
        assert permits(permitted, name) and not permits(excluded, name), name
    for name in outside:
        assert not permits(permitted, name) and permits(excluded, name), name


@pytest.mark.parametrize(
    ("permitted", "excluded", "name", "expected"),
    [
        # Excluded wins; one of several is enough; a type of which nothing is said is free.
        (["corp.example"], ["a.corp.example"], "a.corp.example", False),
        (["a.corp.example"], ["corp.example"], "a.corp.example", False),
        (["a.example", "b.example"], [], "b.example", True),
        (["a.example", "b.example"], [], "c.example", False),
        ([], ["a.example", "b.example"], "b.example", False),
        ([], ["a.example", "b.example"], "c.example", True),
        (["corp.example"], [], "10.0.0.1", True),
        (["10.0.0.0/8"], [], "www.example.org", True),
        ([], ["10.0.0.0/8"], "www.example.org", True),
        (["10.0.0.0/8", "fd00::/8"], [], "fd00::1", True),
        (["10.0.0.0/8"], ["10.1.0.0/16"], "10.1.0.1", False),
        (["10.0.0.0/8"], ["10.1.0.0/16"], "10.2.0.1", True),
    ],
)
def test_permitted_and_excluded(permitted: list[str], excluded: list[str], name: str, expected: bool) -> None:
    assert permits(constrained(permitted, excluded), name) is expected


@pytest.mark.parametrize(
    ("tree", "inside", "outside"),
    [
        ("corp.example", ["ada@corp.example", "x@CORP.example"], ["ada@a.corp.example", "ada@xcorp.example"]),
        (".Corp.example", ["ada@a.corp.example", "ada@b.a.CORP.example"], ["ada@corp.example", "ada@xcorp.example"]),
        ("ada@corp.example", ["ada@corp.example", "ada@Corp.Example"], ["Ada@corp.example", "eve@corp.example"]),
    ],
)
def test_mailboxes(tree: str, inside: list[str], outside: list[str]) -> None:
    permitted, excluded = constrained([tree], [], x509.RFC822Name), constrained([], [tree], x509.RFC822Name)
    for name in map(x509.RFC822Name, inside):
        assert permits_name(permitted, name) and not permits_name(excluded, name), name
    for name in map(x509.RFC822Name, outside):
        assert not permits_name(permitted, name) and permits_name(excluded, name), name


@pytest.mark.parametrize(
    ("tree", "inside", "outside"),
    [
        ("corp.example", ["https://corp.example/x", "spiffe://CORP.example"], ["https://a.corp.example"]),
        (".corp.example", ["https://a.corp.example:8443/"], ["https://corp.example/", "https://xcorp.example/"]),
    ],
)
def test_uris(tree: str, inside: list[str], outside: list[str]) -> None:
    kind = x509.UniformResourceIdentifier
    permitted, excluded = constrained([tree], [], kind), constrained([], [tree], kind)
    for name in map(kind, inside):
        assert permits_name(permitted, name) and not permits_name(excluded, name), name
    for name in map(kind, outside):
        assert not permits_name(permitted, name) and permits_name(excluded, name), name
    for name in map(kind, ["urn:x:y", "https://10.0.0.5/", "https://[fd00::5]/", "https://[x/"]):  # no host's name
        assert not permits_name(permitted, name) and not permits_name(excluded, name), name
        assert permits_name(constrained(["corp.example"], []), name)
