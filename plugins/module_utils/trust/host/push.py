# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller tells a host to trust, and when the host refuses it. Standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import TrustAnchorError
from ..pem import Root
from .state import HostState


@dataclass(frozen=True)
class AssignedManifest:
    """What is pushed.

    Args:
        id: of the manifest, empty where it does not say.
        sequence: of the manifest, 0 where it does not say.
        roots: that must be trusted.
        absent: fingerprints that must not be.
    """

    id: str
    sequence: int
    roots: Sequence[Root]
    absent: Sequence[str]

    def check(self, host: HostState, override: bool = False) -> None:
        """Refuse what is older than what the host was told before.

        Args:
            host: what it knows.
            override: take it all the same. For the day on which a thief has signed a manifest of a high sequence.

        Raises:
            TrustAnchorError: a lower sequence of the same estate, or the same one with other roots.
        """
        known = host.manifest
        if override or not self.sequence or not self.id or known.get("id") != self.id:
            return
        if self.sequence < known["sequence"]:
            raise TrustAnchorError(
                f"the trust manifest has sequence {self.sequence}, this host was told {known['sequence']} before",
                "an older manifest would undo what a newer one did",
                "Bring the public record on this controller up to date (git pull); if the host was told by a thief, "
                "override",
            )
        if self.sequence == known["sequence"] and self._digest() != known.get("digest"):
            raise TrustAnchorError(
                f"there are two trust manifests of sequence {self.sequence} with different roots",
                "the public record was changed in two places, or by hand",
                "Bring both together; the sequence of the result must be higher than both",
            )

    def note(self, host: HostState) -> None:
        """Keep it as what the host was told last."""
        if self.sequence and self.id:  # else what it knows of the manifest stays: nobody rolls it back that way
            told: dict[str, Any] = {"id": self.id, "sequence": self.sequence, "digest": self._digest()}
            same_estate = host.manifest.get("id") == self.id
            if {**host.manifest, **told} != host.manifest:
                # Of the same estate, the end of what was signed last stays: a freeze is seen after a push, too.
                kept = [key for key in ("not_after", "contact") if same_estate and key in host.manifest]
                host.manifest = {**{key: host.manifest[key] for key in kept}, **told}
        host.roots = [{"pem": root.pem, "not_before": root.not_before} for root in self.roots]
        host.absent = sorted(self.absent)

    def _digest(self) -> str:
        return digest([root.sha256 for root in self.roots], self.absent)


def digest(trusted: Sequence[str], absent: Sequence[str]) -> str:
    """SHA-256 over what is to be trusted and what is not, hexadecimal; two manifests of one sequence have the same."""
    text = "".join([*(f"+{one}\n" for one in sorted(trusted)), *(f"-{one}\n" for one in sorted(absent))])
    return hashlib.sha256(text.encode()).hexdigest()
