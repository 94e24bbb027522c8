# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name constraints of a CA certificate (RFC 5280 section 4.2.1.10), and which are wider than others.

They are read from the certificate's bytes, not from what a program prints: what is printed of a hostile name may look
like another name, like several or like none. What is not understood is refused. Standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Union

from ..errors import TrustAnchorError
from . import der, pem

_IDENTIFIER = bytes.fromhex("551d1e")  # 2.5.29.30
_PERMITTED, _EXCLUDED = 0xA0, 0xA1
# Tags of GeneralName (RFC 5280 section 4.2.1.6).
_TEXTS = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
_ADDRESSES = 0x87
_OTHERS = {0xA4: "DirName", 0x88: "Registered ID"}
_TEXT = re.compile(rb"[!-~]*")
_EVERYTHING = {"IP": {"0.0.0.0/0", "::/0"}, "DNS": {""}, "email": {""}, "URI": {""}}

# Subtrees that hold no name of anybody: with them a certificate says that it permits nothing of a type.
_NOBODY = {"invalid", "0.0.0.0/32", "::/128"}

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007 (pylint of ansible-test)
# Its kind in openssl's words, and its value: of an address range as ``10.0.0.0/8``, of what is not text in hexadecimal.
Subtree = tuple[str, str]


@dataclass(frozen=True)
class Constraints:
    """What a CA may certify names for, as far as its own certificate says.

    Args:
        permitted: subtrees; a kind of name that has none is not limited by them.
        excluded: subtrees; stronger than what is permitted.
        critical: whether who does not understand them must refuse the certificate.
    """

    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()
    critical: bool = True

    @property
    def unlimited(self) -> bool:
        """Whether they say nothing at all."""
        return not self.permitted and not self.excluded

    def is_within(self, other: Constraints) -> bool:
        """Whether nothing may be certified under these that may not be certified under others."""
        if other.unlimited:
            return True
        if not self.critical:
            return False
        kinds = {kind for kind, _value in other.permitted}
        return all(self._permits_less(kind, other) for kind in kinds) and all(map(self._excludes, other.excluded))

    def _permits_less(self, kind: str, other: Constraints) -> bool:
        mine = [tree for tree in self.permitted if tree[0] == kind]
        if not mine:
            excluded = {value for found, value in self.excluded if found == kind}
            return excluded.issuperset(_EVERYTHING.get(kind, {None}))
        inhabited = [tree for tree in mine if tree[1] not in _NOBODY]
        return all(any(_is_below(tree, above) for above in other.permitted) for tree in inhabited)

    def _excludes(self, tree: Subtree) -> bool:
        """Whether nothing in a subtree may be certified."""
        if any(_is_below(tree, above) for above in self.excluded):
            return True
        mine = [one for one in self.permitted if one[0] == tree[0]]
        inhabited = [one for one in mine if one[1] not in _NOBODY]
        return bool(mine) and not any(_may_meet(one, tree) for one in inhabited)


def _is_below(tree: Subtree, above: Subtree) -> bool:
    """Whether all names of a subtree are in another one."""
    (kind, value), (other, limit) = tree, above
    if kind != other:
        return False
    if kind == "IP":
        return _is_subnet(ipaddress.ip_network(value), ipaddress.ip_network(limit))
    if value == limit or (not limit and kind in _EVERYTHING):
        return True
    if kind == "DNS":
        return value.endswith(limit if limit.startswith(".") else f".{limit}")
    if kind == "email" and value.rpartition("@")[2] == limit:
        return True
    return kind in ("email", "URI") and limit.startswith(".") and value.endswith(limit)


def _may_meet(one: Subtree, other: Subtree) -> bool:
    """Whether a name may be in two subtrees of a kind, as any verifier reads them.

    Some take what is below a host for a part of it, in e-mail addresses and URIs, too; and of names of directories
    nobody here says what is below what.
    """
    kind, value, limit = one[0], one[1], other[1]
    if kind == "IP":
        return ipaddress.ip_network(value).overlaps(ipaddress.ip_network(limit))
    if kind not in ("DNS", "email", "URI"):
        return True
    first, second = (f".{host.rpartition('@')[2].strip('.')}" for host in (value, limit))
    return first == "." or second == "." or first.endswith(second) or second.endswith(first)


def _is_subnet(network: Network, other: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return network.subnet_of(other)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return network.subnet_of(other)
    return False


def read(certificate: str) -> Constraints:
    """The name constraints of a certificate; without any it is not limited.

    Args:
        certificate: PEM.

    Raises:
        TrustAnchorError: it is not one certificate, or its constraints are of a kind that is not understood here.
    """
    content = pem.only_certificate(certificate)
    try:
        found = der.extensions(content, _IDENTIFIER)
        if len(found) > 1:
            raise ValueError("they are there more than once")
        return _parse(*found[0]) if found else Constraints()
    except ValueError as error:
        raise TrustAnchorError(
            "the name constraints of a root are not understood",
            str(error),
            "Push the root with trustanchor.private_ca.rollout_trust, once people have looked at it",
        ) from error


def _parse(critical: bool, value: bytes) -> Constraints:
    sections = list(der.elements(der.only(value, der.SEQUENCE)))
    if [tag for tag, _content in sections] not in ([], [_PERMITTED], [_EXCLUDED], [_PERMITTED, _EXCLUDED]):
        raise ValueError("they do not hold permitted subtrees and excluded ones")
    trees = {tag: tuple(map(_subtree, der.elements(content))) for tag, content in sections}
    return Constraints(trees.get(_PERMITTED, ()), trees.get(_EXCLUDED, ()), critical)


def _subtree(element: der.Element) -> Subtree:
    """Its one element is the name: the distances that RFC 5280 does not allow would be further ones."""
    tag, content = element
    [(kind, value)] = der.elements(content)
    if tag != der.SEQUENCE:
        raise ValueError("an element has another type")
    if kind == _ADDRESSES:
        return "IP", _addresses(value)
    if kind in _OTHERS:
        return _OTHERS[kind], value.hex()
    if kind not in _TEXTS or not _TEXT.fullmatch(value):
        raise ValueError(f"a name is of an unknown kind, or has characters that no name has: {value[:100]!r}")
    return _TEXTS[kind], value.decode().lower()


def _addresses(value: bytes) -> str:
    """Address and mask, each of 4 or of 16 bytes."""
    half = len(value) // 2
    if half not in (4, 16) or len(value) % 2:
        raise ValueError("a range of addresses has another length")
    bits = format(int.from_bytes(value[half:], "big"), f"0{8 * half}b")
    if "01" in bits:
        raise ValueError("the mask of a range of addresses has holes")
    return str(ipaddress.ip_network((value[:half], bits.count("1"))))
