# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name constraints as the real openssl prints them, and which are wider than others."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import constraints
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from factories import pki

KEY = pki.new_key()


def tree(text: str) -> x509.GeneralName:
    kind, _colon, value = text.partition(":")
    if kind == "IP":
        return x509.IPAddress(ipaddress.ip_network(value))
    kinds: dict[str, Any] = {"DNS": x509.DNSName, "email": x509.RFC822Name, "URI": x509.UniformResourceIdentifier}
    made: x509.GeneralName = kinds[kind]._init_without_validation(value)
    return made


def root(permitted: Sequence[str] = (), excluded: Sequence[str] = (), critical: bool = True) -> str:
    builder = pki.bare(pki.name("R"), pki.name("R"), KEY.public_key(), pki.NOW, pki.NOW + pki.DAY)
    if permitted or excluded:
        trees = [[tree(one) for one in part] or None for part in (permitted, excluded)]
        builder = builder.add_extension(x509.NameConstraints(*trees), critical)
    return pki.pem(builder.sign(KEY, hashes.SHA256()))


def within(new: str, old: str) -> bool:
    return constraints.read(new).is_within(constraints.read(old))


NARROW = root(["DNS:corp.example", "IP:10.0.0.0/8"], ["IP:::/0"])


def test_they_are_read() -> None:
    found = constraints.read(root(["DNS:Corp.Example", "IP:10.77.0.0/16", "IP:fd00::/8"], ["IP:::/0", "email:"]))
    assert found.permitted == (("DNS", "corp.example"), ("IP", "10.77.0.0/16"), ("IP", "fd00::/8"))
    assert found.excluded == (("IP", "::/0"), ("email", ""))
    assert found.critical
    assert constraints.read(root()).unlimited


@pytest.mark.parametrize(
    ("permitted", "excluded"),
    [
        (["DNS:corp.example", "IP:10.0.0.0/8"], ["IP:::/0"]),
        (["DNS:a.corp.example", "DNS:b.corp.example", "IP:10.1.0.0/16"], ["IP:::/0"]),
        (["DNS:corp.example", "IP:10.0.0.0/8"], []),  # IPv4 ranges permit no IPv6 address
        (["DNS:corp.example"], ["IP:0.0.0.0/0", "IP:::/0"]),
        (["DNS:corp.example", "IP:10.0.0.0/8", "email:x"], ["IP:::/0", "DNS:x.corp.example"]),
    ],
)
def test_no_wider(permitted: list[str], excluded: list[str]) -> None:
    assert within(root(permitted, excluded), NARROW)
    assert within(root(permitted, excluded), root())


@pytest.mark.parametrize(
    ("permitted", "excluded"),
    [
        ([], []),
        (["DNS:corp.example"], []),  # every address
        (["IP:10.0.0.0/8"], []),  # every name
        (["DNS:example", "IP:10.0.0.0/8"], []),
        (["DNS:", "IP:10.0.0.0/8"], []),
        (["DNS:evilcorp.example", "IP:10.0.0.0/8"], []),
        (["DNS:corp.example", "DNS:other.example", "IP:10.0.0.0/8"], []),
        (["DNS:corp.example", "IP:0.0.0.0/0"], []),
        (["DNS:corp.example", "IP:10.0.0.0/8", "IP:fd00::/8"], []),
        (["DNS:corp.example"], ["IP:0.0.0.0/0"]),  # IPv6 is left
        ([], ["DNS:corp.example", "IP:0.0.0.0/0", "IP:::/0"]),
    ],
)
def test_wider(permitted: list[str], excluded: list[str]) -> None:
    assert not within(root(permitted, excluded), NARROW)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("DNS:dev.corp.example", "DNS:dev.corp.example", True),
        ("DNS:dev.corp.example", "DNS:x.dev.corp.example", True),
        ("DNS:x.dev.corp.example", "DNS:dev.corp.example", False),
        ("email:", "email:other.example", True),
        ("email:.example", "email:.corp.example", True),
        ("email:.corp.example", "email:.example", False),
        ("URI:", "URI:", True),
        ("URI:corp.example", "URI:", False),
        ("IP:10.0.0.0/8", "IP:10.1.0.0/16", True),
        ("IP:10.1.0.0/16", "IP:10.0.0.0/8", False),
    ],
)
def test_what_is_excluded_stays_excluded(new: str, old: str, expected: bool) -> None:
    named = ["DNS:corp.example"]
    assert within(root(named, [new]), root(named, [old])) is expected


def test_what_permits_nothing_of_an_excluded_tree_excludes_it() -> None:
    assert within(root(["DNS:a.example"]), root(["DNS:example"], ["DNS:b.example"]))
    assert not within(root(["DNS:example"]), root(["DNS:example"], ["DNS:b.example"]))
    assert not within(root(["DNS:a.b.example"]), root(["DNS:example"], ["DNS:b.example"]))


def test_constraints_that_may_be_ignored_limit_nothing() -> None:
    assert not within(root(["DNS:corp.example"], critical=False), root(["DNS:corp.example"]))


@pytest.mark.parametrize(
    "value",
    [
        "x\n      DNS:corp.example\n      IP:10.0.0.0/255.0.0.0",
        "x\n    Excluded:\n      IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0",
        "x\r      DNS:corp.example",
        "x\x1b[2J",
        "x\nX509v3 Name Constraints: critical\n    Permitted:\n      DNS:corp.example",
    ],
)
def test_a_name_that_looks_like_several_is_refused(value: str) -> None:
    with pytest.raises(TrustAnchorError, match="not understood"):
        constraints.read(root([f"URI:{value}"]))


def test_what_is_not_a_certificate() -> None:
    with pytest.raises(TrustAnchorError):
        constraints.read("garbage")
