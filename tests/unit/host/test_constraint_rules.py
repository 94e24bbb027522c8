# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name constraints are wider than others, subtree by subtree, and how they are read, byte by byte."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import constraints
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.constraints import Constraints, Subtree
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from factories import pki

KEY = pki.new_key()


def trees(*texts: str) -> tuple[Subtree, ...]:
    return tuple((kind, value) for kind, _colon, value in (text.partition(":") for text in texts))


def limits(permitted: Sequence[str] = (), excluded: Sequence[str] = (), critical: bool = True) -> Constraints:
    return Constraints(trees(*permitted), trees(*excluded), critical)


def test_where_nothing_is_said() -> None:
    assert Constraints() == Constraints((), (), critical=True)
    assert Constraints().unlimited
    assert not limits(["DNS:a"]).unlimited
    assert not limits([], ["DNS:a"]).unlimited


def test_who_is_not_limited_and_who_may_be_ignored() -> None:
    narrow = limits(["DNS:a"])
    assert narrow.is_within(limits())
    assert limits(critical=False).is_within(limits())
    assert narrow.is_within(narrow)
    assert not limits(["DNS:a"], critical=False).is_within(narrow)
    assert narrow.is_within(limits(["DNS:a"], critical=False))


# What may be certified below the first may be certified below the second.
BELOW = [
    ("DNS:a.example", "DNS:example", True),
    ("DNS:example", "DNS:example", True),
    ("DNS:a.example", "DNS:.example", True),
    ("DNS:example", "DNS:.example", False),
    ("DNS:badexample", "DNS:example", False),
    ("DNS:badexample", "DNS:.example", False),
    ("DNS:a.example", "DNS:", True),
    ("DNS:", "DNS:example", False),
    ("DNS:example", "DNS:a.example", False),
    ("email:joe@example", "email:joe@example", True),
    ("email:joe@example", "email:example", True),
    ("email:joe@example", "email:ann@example", False),
    ("email:joe@a.example", "email:example", False),
    ("email:a.example", "email:example", False),
    ("email:a.example", "email:.example", True),
    ("email:joe@a.example", "email:.example", True),
    ("email:joe@example", "email:.example", False),
    ("email:example", "email:joe@example", False),
    ("email:ann@joe@example", "email:joe@example", False),
    ("email:joe@example", "email:", True),
    ("email:", "email:example", False),
    ("URI:a.example", "URI:.example", True),
    ("URI:a.example", "URI:example", False),
    ("URI:example", "URI:example", True),
    ("URI:joe@example", "URI:example", False),
    ("URI:example", "URI:", True),
    ("URI:badexample", "URI:.example", False),
    ("IP:10.1.0.0/16", "IP:10.0.0.0/8", True),
    ("IP:10.0.0.0/8", "IP:10.1.0.0/16", False),
    ("IP:10.0.0.0/8", "IP:10.0.0.0/8", True),
    ("IP:fd00::/16", "IP:fd00::/8", True),
    ("IP:fd00::/8", "IP:fd00::/16", False),
    ("IP:10.0.0.0/8", "IP:::/0", False),
    ("IP:fd00::/8", "IP:0.0.0.0/0", False),
    ("DirName:3000", "DirName:3000", True),
    ("DirName:3000", "DirName:3001", False),
    ("DirName:3000", "DirName:", False),  # it is not known here what is below it
    ("Registered ID:2a", "Registered ID:", False),
    ("Registered ID:.2a", "Registered ID:.2a", True),
    ("DirName:a.b", "DirName:.b", False),
]


@pytest.mark.parametrize(("new", "old", "expected"), BELOW)
def test_what_is_below_what(new: str, old: str, expected: bool) -> None:
    assert limits([new]).is_within(limits([old])) is expected
    # What is excluded stays so when something above it is excluded.
    assert limits([], [old]).is_within(limits([], [new])) is expected


def test_a_kind_is_not_another_one() -> None:
    kinds = ("DNS:x", "email:x", "URI:x", "DirName:x", "Registered ID:x")
    for new in kinds:
        for old in kinds:
            assert limits([new]).is_within(limits([old])) is (new == old)
            assert limits([], [new]).is_within(limits([], [old])) is (new == old)


@pytest.mark.parametrize(
    ("kind", "everything"),
    [
        ("DNS", ["DNS:"]),
        ("email", ["email:"]),
        ("URI", ["URI:"]),
        ("IP", ["IP:0.0.0.0/0", "IP:::/0"]),
        ("DirName", []),
        ("Registered ID", []),
    ],
)
def test_a_kind_may_be_excluded_in_place_of_a_permission(kind: str, everything: list[str]) -> None:
    """All of it: of the kinds that are not read, nothing here is known to be all."""
    old = limits([f"{kind}:{'10.0.0.0/8' if kind == 'IP' else 'x'}"])
    assert limits(["DNS:x" if kind != "DNS" else "email:x"], everything).is_within(old) is bool(everything)
    for missing in everything:
        assert not limits([], [one for one in everything if one != missing] + [f"{kind}:0.0.0.0/1"]).is_within(old)
    assert not limits([], ["DNS:y" if kind != "DNS" else "email:y"]).is_within(old)


@pytest.mark.parametrize(
    ("kind", "nobody", "other"),
    [
        ("DNS", "invalid", "example"),
        ("email", "invalid", "example"),
        ("URI", "invalid", "example"),
        ("IP", "0.0.0.0/32", "10.0.0.0/8"),
        ("IP", "::/128", "fd00::/8"),
    ],
)
def test_what_is_nobodys_permits_nothing(kind: str, nobody: str, other: str) -> None:
    old = limits([f"{kind}:{other}"], [f"{kind}:{other}"])
    assert limits([f"{kind}:{nobody}"]).is_within(old)
    assert not limits([f"{kind}:{nobody}", f"{kind}:{other}"]).is_within(old)
    assert not limits([f"{kind}:{nobody}"]).is_within(limits(["DirName:x"]))


@pytest.mark.parametrize("nobody", ["DNS:invalid", "email:invalid", "URI:invalid", "IP:0.0.0.0/32", "IP:::/128"])
def test_what_is_nobodys_excludes_all_of_its_kind(nobody: str) -> None:
    """Also what it would be in itself."""
    kind = nobody.partition(":")[0]
    for everything in ("0.0.0.0/0", "::/0") if kind == "IP" else ("", "invalid"):
        assert limits([nobody]).is_within(limits([], [f"{kind}:{everything}"]))
        assert not limits(["DirName:x"]).is_within(limits([], [f"{kind}:{everything}"]))


@pytest.mark.parametrize("other", ["DNS", "email", "URI"])
def test_all_of_a_kind_is_nothing_of_another_one(other: str) -> None:
    for kind in ("DNS", "email", "URI"):
        assert limits([], [f"{other}:"]).is_within(limits([f"{kind}:x"])) is (kind == other)


def test_every_kind_and_every_exclusion_counts() -> None:
    old = limits(["DNS:a", "email:b"], ["URI:c", "IP:::/0"])
    assert old.is_within(old)
    for less in (
        limits(["DNS:a"], ["URI:c", "IP:::/0"]),
        limits(["email:b"], ["URI:c", "IP:::/0"]),
        limits(["DNS:a", "email:b"], ["URI:c"]),
        limits(["DNS:a", "email:b"], ["IP:::/0"]),
        limits(["DNS:a", "DNS:z", "email:b"], ["URI:c", "IP:::/0"]),
    ):
        assert not less.is_within(old)
        assert old.is_within(less) or ("DNS", "z") not in less.permitted


# Of what is permitted first, some may be in what is excluded then, as some verifier reads it.
MEETING = [
    ("DNS:a.example", "DNS:example", True),
    ("DNS:example", "DNS:a.example", True),
    ("DNS:example", "DNS:example", True),
    ("DNS:.example", "DNS:example", True),
    ("DNS:example", "DNS:.example", True),
    ("DNS:badexample", "DNS:example", False),
    ("DNS:example", "DNS:badexample", False),
    ("DNS:", "DNS:example", True),
    ("DNS:example", "DNS:", True),
    ("email:joe@a.example", "email:example", True),
    ("email:example", "email:joe@a.example", True),
    ("email:joe@example", "email:other", False),
    ("email:", "email:example", True),
    ("URI:a.example.", "URI:example", True),
    ("URI:other", "URI:example", False),
    ("IP:10.0.0.0/8", "IP:10.1.0.0/16", True),
    ("IP:10.1.0.0/16", "IP:10.0.0.0/8", True),
    ("IP:11.0.0.0/8", "IP:10.0.0.0/8", False),
    ("IP:fd00::/8", "IP:10.0.0.0/8", False),
    ("DirName:x", "DirName:y", True),
    ("Registered ID:x", "Registered ID:y", True),
]


@pytest.mark.parametrize(("permitted", "excluded", "may"), MEETING)
def test_what_may_meet_what(permitted: str, excluded: str, may: bool) -> None:
    old = limits([], [excluded])
    assert limits([permitted]).is_within(old) is not may
    assert limits([permitted], [excluded]).is_within(old)
    other = "email:q" if not permitted.startswith("email") else "DNS:q"
    assert limits([other, permitted]).is_within(old) is not may
    assert not limits([other]).is_within(old)  # nothing limits the kind that is excluded


# Bytes.


def certificate(value: bytes, critical: bool = True) -> str:
    """A root whose name constraints are these bytes."""
    builder = pki.bare(pki.name("R"), pki.name("R"), KEY.public_key(), pki.NOW, pki.NOW + pki.DAY)
    extension = x509.UnrecognizedExtension(x509.OID_NAME_CONSTRAINTS, value)
    return pki.pem(builder.add_extension(extension, critical).sign(KEY, hashes.SHA256()))


def element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return bytes([tag, len(content)]) + content


def read(tag: int, value: bytes, outer: int = 0x30) -> Subtree:
    """How one permitted name is read."""
    (found,) = constraints.read(
        certificate(element(0x30, element(0xA0, element(outer, element(tag, value)))))
    ).permitted
    return found


@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [
        (0x81, b"Joe@Example", ("email", "joe@example")),
        (0x82, b"Example", ("DNS", "example")),
        (0x86, b".Example", ("URI", ".example")),
        (0x82, b"", ("DNS", "")),
        (0x82, b"!~", ("DNS", "!~")),
        (0xA4, b"\x30\x00", ("DirName", "3000")),
        (0x88, b"\x2a\x03", ("Registered ID", "2a03")),
        (0x87, bytes([10, 0, 0, 0, 255, 0, 0, 0]), ("IP", "10.0.0.0/8")),
        (0x87, bytes(8), ("IP", "0.0.0.0/0")),
        (0x87, bytes([1, 2, 3, 4]) + b"\xff" * 4, ("IP", "1.2.3.4/32")),
        (0x87, b"\xfd" + bytes(15) + b"\xff" + bytes(15), ("IP", "fd00::/8")),
        (0x87, bytes(32), ("IP", "::/0")),
    ],
)
def test_how_names_are_read(tag: int, value: bytes, expected: Subtree) -> None:
    assert read(tag, value) == expected


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        *((tag, value) for tag in (0x81, 0x82, 0x86) for value in (b"a b", b"a\x7f", b"\xe4")),
        *((tag, b"x") for tag in (0x80, 0x83, 0x84, 0x85, 0xA0, 0xA3, 0xA5)),
        *((0x87, bytes(size)) for size in (0, 4, 7, 9, 10, 16, 31, 33, 34)),
        (0x87, bytes([10, 0, 0, 0, 255, 0, 255, 0])),
        (0x87, bytes([10, 0, 0, 1, 255, 0, 0, 0])),
    ],
)
def test_names_that_are_not_understood(tag: int, value: bytes) -> None:
    with pytest.raises(TrustAnchorError, match="not understood"):
        read(tag, value)


def test_a_subtree_is_a_sequence_of_one_name() -> None:
    assert read(0x82, b"a") == ("DNS", "a")
    with pytest.raises(TrustAnchorError, match="not understood"):
        read(0x82, b"a", outer=0x31)


def test_sections_in_their_order() -> None:
    one, two = (element(0x30, element(0x82, value)) for value in (b"a", b"b"))
    permitted, excluded = element(0xA0, one, two), element(0xA1, two)
    for value, expected in (
        (b"", limits()),
        (permitted, limits(["DNS:a", "DNS:b"])),
        (excluded, limits([], ["DNS:b"])),
        (permitted + excluded, limits(["DNS:a", "DNS:b"], ["DNS:b"])),
    ):
        assert constraints.read(certificate(element(0x30, value))) == expected
    for bad in (excluded + permitted, permitted + permitted, element(0xA2, one), permitted + element(0xA2, one)):
        with pytest.raises(TrustAnchorError, match="not understood"):
            constraints.read(certificate(element(0x30, bad)))
    assert not constraints.read(certificate(element(0x30, permitted), critical=False)).critical
