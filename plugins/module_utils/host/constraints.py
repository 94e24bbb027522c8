# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name constraints of a CA certificate (RFC 5280 section 4.2.1.10), as openssl prints them, and which are wider.

A name in them may hold line ends and so look like several; a certificate in which one could is not understood, which
is to say refused. Standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Union

from ..errors import TrustAnchorError
from . import openssl, pem

_HEAD = re.compile("X509v3 Name Constraints: ?(critical)?")
_TREE = re.compile(r" {6}(DNS|IP|email|URI|DirName|Registered ID):([ -~]*)")
_FORGED = re.compile(rb"[\r\n]\s*(DNS|IP|email|URI|DirName|othername|Registered ID|Permitted|Excluded|X509v3)")
_EVERYTHING = {"IP": {"0.0.0.0/0", "::/0"}, "DNS": {""}, "email": {""}, "URI": {""}}

# Subtrees that hold no name of anybody: with them a certificate says that it permits nothing of a type.
_NOBODY = {"invalid", "0.0.0.0/32", "::/128"}

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007 (pylint of ansible-test)
Subtree = tuple[str, str]  # its kind in openssl's words, and its value; of an address range as ``10.0.0.0/8``


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
        return bool(mine) and not any(_is_below(one, tree) or _is_below(tree, one) for one in inhabited)


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
    return kind in ("email", "URI") and limit.startswith(".") and value.endswith(limit)


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
        TrustAnchorError: it is not a certificate, or its constraints are of a kind that is not understood here.
    """
    done = openssl.run(["x509", "-noout", "-ext", "nameConstraints"], stdin=certificate.encode())
    lines = done.stdout.decode(errors="replace").rstrip("\n").split("\n")
    if lines == [""]:
        return Constraints()
    head = _HEAD.fullmatch(lines[0].rstrip())
    der = pem.decode(pem.blocks(certificate)[0])
    if head is None or _FORGED.search(der):
        raise _unreadable(lines[0])
    permitted, excluded = _sections(lines[1:])
    for kind, value in (*permitted, *excluded):  # openssl prints a dot for what is not printable
        if kind in ("DNS", "email", "URI") and value.encode() not in der.lower():
            raise _unreadable(value)
    return Constraints(permitted, excluded, critical=bool(head[1]))


def _sections(lines: list[str]) -> tuple[tuple[Subtree, ...], tuple[Subtree, ...]]:
    """Permitted subtrees, then excluded ones; each section is there once or not at all."""
    found: dict[str, list[Subtree]] = {}
    for line in lines:
        title = line.strip().removesuffix(":")
        if line.startswith("    ") and title in ("Permitted", "Excluded") and line.rstrip().endswith(":"):
            if title in found or (title == "Permitted" and found):
                raise _unreadable(line)
            found[title] = []
        elif found:
            found[list(found)[-1]].append(_subtree(line))
        else:
            raise _unreadable(line)
    return tuple(found.get("Permitted", ())), tuple(found.get("Excluded", ()))


def _subtree(line: str) -> Subtree:
    matched = _TREE.fullmatch(line)
    if matched is None:
        raise _unreadable(line)
    kind, value = matched[1], matched[2].strip()
    if kind != "IP":
        return kind, value.lower() if kind in ("DNS", "email", "URI") else value
    try:
        address, _slash, mask = value.partition("/")
        bits = format(int(ipaddress.ip_address(mask)), "b") if int(ipaddress.ip_address(mask)) else ""
        if bits and (len(bits) != ipaddress.ip_address(mask).max_prefixlen or "01" in bits):
            raise ValueError("the mask has holes")
        return kind, str(ipaddress.ip_network(f"{address}/{bits.count('1')}"))
    except ValueError as error:
        raise _unreadable(line) from error


def _unreadable(line: str) -> TrustAnchorError:
    return TrustAnchorError(
        "the name constraints of a root are not understood",
        f"openssl printed {line.strip()[:200]!r}",
        "Push the root with trustanchor.private_ca.rollout_trust, once people have looked at it",
    )
