# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Push: which manifest a host is assigned, when the host refuses it, and what becomes of its stores.

Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import TrustAnchorError
from ...host.pem import fingerprint
from ...text import times
from ...x509.fingerprints import normalise_fingerprint
from .. import pem
from ..root import Root
from ..stores.declaration import StoreDeclaration
from . import convergence, state
from .convergence import ConvergenceOutcome
from .state import HostState

# The option of modules, in the form of an argument spec: what the lookup trust_manifest gives, or a person writes.
SPEC: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "id": {"type": "str", "default": ""},
        "sequence": {"type": "int", "default": 0},
        "trusted": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "default": ""},
                "sha256": {"type": "str", "default": ""},
                "pem": {"type": "str", "required": True},
            },
        },
        "distrusted": {"type": "list", "elements": "str", "default": []},
        "refused_signers": {"type": "list", "elements": "str", "default": []},
    },
}


@dataclass(frozen=True)
class AssignedManifest:
    """The manifest that a host is to follow.

    Args:
        id: names the estate, empty where nobody says.
        sequence: of the manifest, 0 where nobody says.
        trusted: roots that every store must trust, each checked.
        distrusted: fingerprints that no store may trust, whoever put them there.
        refused_signers: SHA-256 of public keys of manifest signers that the host must not believe any more, hex.
    """

    id: str
    sequence: int
    trusted: Sequence[Root]
    distrusted: Sequence[str]
    refused_signers: Sequence[str] = ()

    @property
    def alive(self) -> list[Root]:
        """The roots that go into stores: an expired one is of no use, and must not keep the others out."""
        return [root for root in self.trusted if not root.has_expired(time.time())]

    @property
    def warnings(self) -> list[str]:
        """What a person should know of the manifest."""
        return [
            f"root '{root.name or root.sha256}' has expired ({times.render_epoch(root.not_after)}) and is left out; "
            "make it distrusted."
            for root in self.trusted
            if root not in self.alive
        ]

    def check(self, host: HostState, override: bool = False) -> None:
        """Refuse what is older than what the host was told before.

        Args:
            host: what it knows.
            override: take it all the same. For the day on which a thief has signed a manifest of a high sequence.

        Raises:
            TrustAnchorError: a lower sequence of the same estate, or the same one with other roots.
        """
        former = host.manifest
        if override or not self.sequence or not self.id or former.get("id") != self.id:
            return
        if self.sequence < former["sequence"]:
            raise TrustAnchorError(
                f"the trust manifest has sequence {self.sequence}, this host was told {former['sequence']} before",
                "an older manifest would undo what a newer one did",
                "Bring the public record on this controller up to date (git pull); if the host was told by a thief, "
                "override",
            )
        if self.sequence == former["sequence"] and self._digest() != former.get("digest"):
            raise TrustAnchorError(
                f"there are two trust manifests of sequence {self.sequence} with different roots",
                "the public record was changed in two places, or by hand",
                "Bring both together; the sequence of the result must be higher than both",
            )

    def note(self, host: HostState, override: bool = False) -> None:
        """Keep it as what the host was told last. What signers are refused is only ever added to, but by override."""
        if self.sequence and self.id:  # else what it knows of the manifest stays: nobody rolls it back that way
            assigned: dict[str, Any] = {"id": self.id, "sequence": self.sequence, "digest": self._digest()}
            same_estate = host.manifest.get("id") == self.id
            if {**host.manifest, **assigned} != host.manifest:
                # Of the same estate, the end of what was signed last stays: a freeze is seen after a push, too.
                kept = [key for key in ("not_after", "contact") if same_estate and key in host.manifest]
                host.manifest = {**{key: host.manifest[key] for key in kept}, **assigned}
        kept_refusals = set() if override else set(host.refused_signers)
        host.refused_signers = sorted(kept_refusals | set(self.refused_signers))
        host.roots = self.alive
        told = set() if override else {*host.ever_distrusted, *host.distrusted}
        host.distrusted = sorted(self.distrusted)
        host.ever_distrusted = sorted((told | set(self.distrusted)) - {root.sha256 for root in self.trusted})

    def _digest(self) -> str:
        return digest([root.sha256 for root in self.trusted], self.distrusted, self.refused_signers)


def parse(option: Mapping[str, Any]) -> AssignedManifest:
    """Read the option of a module that has the form of `SPEC`.

    Raises:
        TrustAnchorError: a root is not one CA certificate, or not the one of its declared fingerprint; a fingerprint
            is none.
    """
    return AssignedManifest(
        id=option.get("id") or "",
        sequence=option.get("sequence") or 0,
        trusted=tuple(_root(entry, number) for number, entry in enumerate(option["trusted"])),
        distrusted=tuple(normalise_fingerprint(text) for text in option.get("distrusted") or ()),
        refused_signers=tuple(normalise_fingerprint(text) for text in option.get("refused_signers") or ()),
    )


def _root(entry: Mapping[str, Any], number: int) -> Root:
    name = entry.get("name") or ""
    where = f"root '{name}' of the trust manifest" if name else f"manifest.trusted[{number}]"
    declared = normalise_fingerprint(entry["sha256"]) if entry.get("sha256") else ""
    return pem.parse_root(entry["pem"], where, name, declared, may_have_ended=True)


def push(
    assigned: AssignedManifest,
    stores: StoreDeclaration,
    override: bool = False,
    check: bool = False,
    forget: bool = False,
) -> tuple[ConvergenceOutcome, HostState]:
    """Make a host follow a manifest.

    Args:
        assigned: the manifest.
        stores: which trust stores the host has.
        override: take it whatever the host was told before.
        check: change nothing, neither stores nor what the host knows.
        forget: go on where what the host was told is damaged.

    Returns:
        What was, or would be, done; and what the host knows afterwards.

    Raises:
        TrustAnchorError: the host refuses the manifest, or cannot follow it; nothing was changed.
    """
    with contextlib.nullcontext() if check else state.locked():
        host = state.load(forget)
        assigned.check(host, override)
        if not check:
            assigned.note(host, override)
        outcome = convergence.converge(assigned.alive, assigned.distrusted, stores, host, check)
        outcome.warnings += assigned.warnings
        return outcome, host


def told(option: Mapping[str, Any]) -> str:
    """`digest` of what an option that has the form of `SPEC` tells a host, for the controller's journal.

    A certificate counts, whatever fingerprint is declared beside it; where only that is known (in ``trust.yml``), it.
    Empty where a certificate cannot be read; `parse` says what is wrong with it.
    """
    try:
        trusted = [fingerprint(entry["pem"]) if entry["pem"] else entry["sha256"] for entry in option["trusted"]]
        return digest(trusted, option.get("distrusted") or (), option.get("refused_signers") or ())
    except ValueError:
        return ""


def digest(trusted: Sequence[str], distrusted: Sequence[str], refused: Sequence[str] = ()) -> str:
    """SHA-256 over what is to be trusted and what is not, hexadecimal; two manifests of one sequence have the same."""
    marked = (("+", trusted), ("-", distrusted), ("!", refused))
    text = "".join(f"{mark}{one}\n" for mark, listed in marked for one in sorted(listed))
    return hashlib.sha256(text.encode()).hexdigest()
