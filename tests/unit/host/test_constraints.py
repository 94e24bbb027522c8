# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name constraints, read from certificates of hostile makers, and which are wider than others."""

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


@pytest.mark.parametrize("kind", ["DNS", "email", "URI"])
def test_who_excludes_all_names_of_a_kind_permits_none(kind: str) -> None:
    named = root([f"{kind}:corp.example"])
    assert within(root([], [f"{kind}:"]), named)
    assert not within(root([], [f"{kind}:example"]), named)
    other = "URI" if kind == "DNS" else "DNS"
    assert not within(root([], [f"{other}:"]), named)
    assert within(root([], [f"{kind}:"]), root([], [f"{kind}:corp.example"]))
    assert within(named, root([f"{kind}:"]))


@pytest.mark.parametrize("ranges", [["0.0.0.0/0"], ["::/0"], ["0.0.0.0/0", "::/0"]])
def test_all_addresses_are_of_two_families(ranges: list[str]) -> None:
    excluded = root([], [f"IP:{one}" for one in ranges])
    assert within(excluded, root(["IP:10.0.0.0/8"])) is (len(ranges) == 2)


def test_what_permits_nothing_of_an_excluded_tree_excludes_it() -> None:
    assert within(root(["DNS:a.example"]), root(["DNS:example"], ["DNS:b.example"]))
    assert not within(root(["DNS:example"]), root(["DNS:example"], ["DNS:b.example"]))
    assert not within(root(["DNS:a.b.example"]), root(["DNS:example"], ["DNS:b.example"]))


@pytest.mark.parametrize("kind", ["DNS", "email", "URI"])
def test_every_name_of_a_kind(kind: str) -> None:
    """Who excludes it needs no permitted tree; and whatever is of the kind is below it."""
    limit = root([f"{kind}:corp.example"])
    assert within(root([], [f"{kind}:"]), limit)
    assert not within(root([], [f"{kind}:x"]), limit)
    assert within(root([f"{kind}:corp.example"]), root([f"{kind}:"]))


@pytest.mark.parametrize(
    ("excluded", "expected"), [(["0.0.0.0/0", "::/0"], True), (["0.0.0.0/0"], False), (["::/0"], False)]
)
def test_every_address_is_of_two_versions(excluded: list[str], expected: bool) -> None:
    assert within(root([], [f"IP:{one}" for one in excluded]), root(["IP:10.0.0.0/8"])) is expected


def test_constraints_that_may_be_ignored_limit_nothing() -> None:
    assert not within(root(["DNS:corp.example"], critical=False), root(["DNS:corp.example"]))


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ((["email:joe@bad.corp.example"], []), (["email:.corp.example"], ["email:bad.corp.example"])),
        ((["email:corp.example"], []), (["email:corp.example"], ["email:joe@corp.example"])),
        ((["URI:corp.example"], []), (["URI:corp.example"], ["URI:bad.corp.example"])),
        ((["URI:.corp.example"], []), (["URI:.corp.example"], ["URI:bad.corp.example"])),
    ],
)
def test_what_may_meet_an_excluded_tree_does_not_exclude_it(
    new: tuple[list[str], list[str]], old: tuple[list[str], list[str]]
) -> None:
    assert not within(root(*new), root(*old))


@pytest.mark.parametrize(
    ("permitted", "excluded", "expected"),
    [
        (["DNS:a.example"], ["DNS:b.example"], True),
        (["email:a.example"], ["email:b.example"], True),
        (["URI:a.example"], ["URI:b.example"], True),
        (["DNS:a.example", "DNS:x.b.example"], ["DNS:b.example"], False),
        (["DNS:invalid"], ["DNS:x.invalid"], True),  # nobody is there
        (["email:"], ["email:b.example"], False),
        (["email:a.example"], ["email:"], False),
        (["URI:"], ["URI:b.example"], False),
        (["URI:a.example"], ["URI:"], False),
    ],
)
def test_what_is_permitted_beside_an_excluded_tree(permitted: list[str], excluded: list[str], expected: bool) -> None:
    assert within(root(permitted), root([], excluded)) is expected


@pytest.mark.parametrize("kind", ["DNS", "email", "URI"])
def test_what_begins_with_a_dot_is_above_its_hosts(kind: str) -> None:
    assert within(root([f"{kind}:a.corp.example"]), root([f"{kind}:.corp.example"]))
    assert not within(root([f"{kind}:a.other.example"]), root([f"{kind}:.corp.example"]))


def test_who_excludes_every_name_of_another_kind_is_not_limited() -> None:
    assert not within(root([], ["email:"]), root(["DNS:corp.example"]))


def test_a_mailbox_is_at_its_host() -> None:
    assert within(root(["email:joe@corp.example"]), root(["email:corp.example"]))
    assert not within(root(["email:joe@corp.example"]), root(["email:example"]))


def directory(*parts: str) -> x509.GeneralName:
    oids = (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
    return x509.DirectoryName(x509.Name([x509.NameAttribute(*one) for one in zip(oids, parts, strict=False)]))


def test_names_of_directories_are_the_same_or_may_be_below_each_other() -> None:
    narrow = encoded([directory("Corp")], [directory("Corp", "Bad")])
    assert within(narrow, narrow)
    assert not within(encoded([directory("Corp")], []), narrow)
    assert not within(encoded([directory("Other")], [directory("Corp", "Bad")]), narrow)


def encoded(permitted: Sequence[x509.GeneralName], excluded: Sequence[x509.GeneralName]) -> str:
    builder = pki.bare(pki.name("R"), pki.name("R"), KEY.public_key(), pki.NOW, pki.NOW + pki.DAY)
    builder = builder.add_extension(x509.NameConstraints(permitted or None, excluded or None), True)
    return pki.pem(builder.sign(KEY, hashes.SHA256()))


@pytest.mark.parametrize(
    "value",
    [
        "x\n      DNS:corp.example\n      IP:10.0.0.0/255.0.0.0",
        "x\n    Excluded:\n      IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0",
        "x\r      DNS:corp.example",
        "x\x1b[2J",
        " ",  # without its blank it would be every name
        "bad.corp.example ",
        "bad\x01corp.example",  # openssl prints a dot for it
        "bad\x7fcorp.example",
        "x\nX509v3 Name Constraints: critical\n    Permitted:\n      DNS:corp.example",
    ],
)
@pytest.mark.parametrize("kind", ["DNS", "email", "URI"])
def test_a_name_that_looks_like_another_is_refused(kind: str, value: str) -> None:
    with pytest.raises(TrustAnchorError, match="not understood"):
        constraints.read(root([f"{kind}:{value}"]))
    with pytest.raises(TrustAnchorError, match="not understood"):
        constraints.read(root(["DNS:bad.corp.example"], [f"{kind}:{value}"]))


def raw(value: str, times: int = 1) -> str:
    """A root whose extension has these bytes."""
    builder = pki.bare(pki.name("R"), pki.name("R"), KEY.public_key(), pki.NOW, pki.NOW + pki.DAY)
    extension = x509.UnrecognizedExtension(x509.OID_NAME_CONSTRAINTS, bytes.fromhex(value))
    builder._extensions = [*builder._extensions, *[x509.Extension(extension.oid, True, extension)] * times]
    return pki.pem(builder.sign(KEY, hashes.SHA256()))


GOOD = "3007a0053003820161"  # permitted: DNS:a


@pytest.mark.parametrize(
    "value",
    [
        "",
        "3000" + "00",  # something behind it
        "308107a0053003820161",  # a length that DER writes shorter
        "300ea1053003820161a0053003820161",  # excluded before permitted
        "300ea0053003820161a0053003820161",  # twice
        "300aa0083006820161800101",  # a minimum
        "3009a00730058703010203",  # a range of another length
        "300ea00c300a87080a000000ff00ff00",  # a mask with holes
        "300ea00c300a87080a000001ff000000",  # bits behind the mask
        "3006a0043002a000",  # another name
    ],
)
def test_what_is_not_as_rfc_5280_has_it_is_refused(value: str) -> None:
    with pytest.raises(TrustAnchorError, match="not understood"):
        constraints.read(raw(value))


def test_an_extension_that_is_there_twice_is_refused() -> None:
    assert constraints.read(raw(GOOD)).permitted == (("DNS", "a"),)
    with pytest.raises(TrustAnchorError, match="more than once"):
        constraints.read(raw(GOOD, 2))


def test_what_is_not_a_certificate() -> None:
    for text in ("garbage", NARROW + NARROW, NARROW.replace("CERTIFICATE", "X509 CERTIFICATE")):
        with pytest.raises(TrustAnchorError):
            constraints.read(text)
