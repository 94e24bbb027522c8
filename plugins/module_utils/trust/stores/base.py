# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all trust stores have in common: what is wanted of them, and what was found. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import TrustAnchorError
from ...host import der
from ..root import Root

OK, WRONG, UNKNOWN = "ok", "wrong", "unknown"
Certificates = Mapping[str, str]  # fingerprint to `der.foreign_issuer`
PREFIX = "trustanchor-"


def entry_name(sha256: str) -> str:
    """The name of a root as a file, alias or nickname: 32 hex digits of its fingerprint keep it readable and unique."""
    return f"{PREFIX}{sha256[:32]}"


@dataclass(frozen=True)
class Wanted:
    """What every store of the host must be.

    Args:
        roots: that it must trust.
        forbidden: fingerprints that it must not trust: those that once were ours, and `distrusted`.
        distrusted: fingerprints that it must not trust whoever put them there.
        issuers: digests of the names of our roots (`names_of`). What these have issued, intermediates and
            cross-certificates, is not a root: in a store it would be an anchor that outlives the distrust of its root.
    """

    roots: tuple[Root, ...]
    forbidden: frozenset[str] = frozenset()
    distrusted: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()

    @property
    def sha256s(self) -> frozenset[str]:
        """Fingerprints of the roots."""
        return frozenset(root.sha256 for root in self.roots)

    def intermediates(self, found: Certificates) -> set[str]:
        """Fingerprints of what our roots have issued."""
        return {sha256 for sha256, issuer in found.items() if issuer in self.issuers} - self.sha256s

    def unwanted(self, found: Certificates) -> set[str]:
        """Fingerprints of what a store must not trust."""
        return (found.keys() & (self.forbidden - self.sha256s)) | self.intermediates(found)

    def banned(self, found: Certificates) -> set[str]:
        """Fingerprints of what must not be there whoever put it there."""
        return (found.keys() & (self.distrusted - self.sha256s)) | self.intermediates(found)

    @property
    def pem(self) -> str:
        """All roots, in the order of their fingerprints: the same set gives the same bytes."""
        return "".join(root.pem for root in sorted(self.roots, key=lambda root: root.sha256))


@dataclass(frozen=True)
class StoreFinding:
    """How a store was found.

    Args:
        name: of the store, unique on the host.
        path: where it is.
        state: `OK`, `WRONG`, or `UNKNOWN` for one that could not be measured.
        missing: wanted fingerprints that it does not trust.
        unwanted: fingerprints that it trusts and must not.
        why: what else is wrong with it, or why it could not be measured.
    """

    name: str
    path: str
    state: str = OK
    missing: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    why: str = ""


class Store(Protocol):
    """One trust store, or several that are converged together."""

    declared: bool  # the host's own, or by the operator: that it cannot be converged is a fault, of others a report

    @property
    def name(self) -> str:
        """For people; unique on the host."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def user(self) -> int | None:
        """Uid of the one user whose programs read it; None: anybody's do."""

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Measure it.

        Raises:
            TrustAnchorError: it cannot be measured.
        """

    def converge(self, wanted: Wanted) -> list[str]:
        """Make it as wanted, so that it is at no moment empty or half written.

        Returns:
            What a person should know though the store is right.

        Raises:
            TrustAnchorError: it cannot be done.
        """

    def writes(self, wanted: Wanted) -> list[str]:
        """The files that `converge` may make, replace or remove."""


@dataclass
class Unmeasured:
    """Stores that could not even be looked for.

    Args:
        name: of them.
        fault: why.
    """

    name: str
    fault: TrustAnchorError
    path: str = ""
    declared: bool = False
    user: int | None = None

    def find(self, _wanted: Wanted) -> list[StoreFinding]:
        """Raises: TrustAnchorError: always."""
        raise self.fault

    def converge(self, _wanted: Wanted) -> list[str]:
        """Nothing."""
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """Nothing."""
        return []


def name_of(root: Root) -> str:
    """Digest of the subject of a root; empty where its certificate does not read as one."""
    return der.name_digests(root.der)[1]


def names_of(roots: Iterable[Root]) -> frozenset[str]:
    """`name_of` each root that has one."""
    return frozenset(filter(None, map(name_of, roots)))


def compared(
    name: str, path: str, trusted: Certificates, wanted: Wanted, forbidden: Iterable[str] = (), why: str = ""
) -> StoreFinding:
    """A finding by fingerprints.

    Args:
        name: of the store.
        path: of the store.
        trusted: what it trusts.
        wanted: what it must be.
        forbidden: further fingerprints that it must not trust, such as those that bear our name in it.
        why: what else is wrong with it.
    """
    missing = sorted(wanted.sha256s - trusted.keys())
    unwanted = sorted(wanted.unwanted(trusted) | ((trusted.keys() & set(forbidden)) - wanted.sha256s))
    issued = [f"{one[:16]} is not a root: one of ours has issued it" for one in sorted(wanted.intermediates(trusted))]
    return found(name, path, missing, unwanted, "; ".join([why] * bool(why) + issued))


def found(name: str, path: str, missing: Sequence[str], unwanted: Sequence[str], why: str = "") -> StoreFinding:
    """A finding that is wrong when anything is."""
    state = WRONG if missing or unwanted or why else OK
    return StoreFinding(name, path, state, tuple(missing), tuple(unwanted), why)
