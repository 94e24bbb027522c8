# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the manifests that were fetched a host takes up, and why it refuses the others.

Refused are strangers' signatures, manifests of another estate, older ones (rollback), expired ones (freeze), those from
the future, and a second one of the same sequence that says something else. Standard library only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ...text import times
from .. import pem
from ..host import push
from ..host.state import HostState
from ..manifest import signed
from ..manifest.signed import SignedManifest
from ..root import Root

TOLERANCE = dt.timedelta(minutes=5)  # by which clocks of the signer and of the host may differ
MAX_JUMP = 1000  # of the sequence; a thief who signs a huge one could keep the owner's next one from all hosts


@dataclass(frozen=True)
class Offer:
    """What a URL answered with.

    Args:
        url: where it was fetched.
        signed: the file, DER.
    """

    url: str
    signed: bytes

    @property
    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        return hashlib.sha256(self.signed).hexdigest()


@dataclass(frozen=True)
class Accepted:
    """The manifest that is taken up.

    Args:
        manifest: what it says.
        roots: its trusted roots, each checked.
        offer: where it came from.
    """

    manifest: SignedManifest
    roots: tuple[Root, ...]
    offer: Offer

    def note(self, host: HostState) -> None:
        """Keep it as what the host was told last."""
        manifest = self.manifest
        push.AssignedManifest(manifest.id, manifest.sequence, self.roots, manifest.distrusted).note(host)
        host.manifest |= {
            "not_before": self.manifest.not_before.timestamp(),
            "not_after": self.manifest.not_after.timestamp(),
            "signed": self.offer.sha256,
        }


@dataclass
class Decision:
    """What becomes of the offers.

    Args:
        accepted: the newest good one; None when the host has it already, or there is none.
        current: URL of an offer that is what the host has; empty where none is.
        refused: URL to why its offer is refused.
    """

    accepted: Accepted | None = None
    current: str = ""
    refused: dict[str, TrustAnchorError] = field(default_factory=dict)


def decide(offers: Sequence[Offer], host: HostState, now: dt.datetime) -> Decision:
    """Choose the newest good offer.

    Args:
        offers: what was fetched.
        host: what the host knows.
        now: present time, UTC.
    """
    decision = Decision()
    for offer in offers:
        try:
            if _is_current(offer, host.manifest, now):
                decision.current = decision.current or offer.url
                continue
            found = _accept(offer, host, now)
        except TrustAnchorError as error:
            decision.refused[offer.url] = error
            continue
        if decision.accepted is None or _age(found.manifest) > _age(decision.accepted.manifest):
            decision.accepted = found
    return decision


def _age(manifest: SignedManifest) -> tuple[int, dt.datetime]:
    return manifest.sequence, manifest.not_before


def _is_current(offer: Offer, former: Mapping[str, object], now: dt.datetime) -> bool:
    """Byte for byte what was verified before, and not expired: no need to verify it again."""
    end = former.get("not_after")
    return former.get("signed") == offer.sha256 and isinstance(end, (int, float)) and now.timestamp() < end


def _accept(offer: Offer, host: HostState, now: dt.datetime) -> Accepted:
    anchors = "".join(root.pem for root in host.roots)
    if not anchors:
        raise TrustAnchorError(
            "this host trusts none of our roots yet",
            "a manifest is verified with roots that the host already trusts",
            "Run the role trust_store on it once",
        )
    manifest = signed.verify(offer.signed, anchors)
    _check_time(manifest, now)
    roots = tuple(_checked_roots(manifest))
    _check_sequence(manifest, roots, host)
    return Accepted(manifest, roots, offer)


def _check_time(manifest: SignedManifest, now: dt.datetime) -> None:
    if manifest.not_after <= now:
        raise TrustAnchorError(
            f"the trust manifest expired at {times.render(manifest.not_after)}",
            "an old manifest may be shown to hosts to keep newer ones from them",
            "Sign the manifest again, and look at the host that serves it",
        )
    if manifest.not_before > now + TOLERANCE:
        raise TrustAnchorError(
            f"the trust manifest is from the future ({times.render(manifest.not_before)})",
            f"this host's clock says {times.render(now)}",
            "Correct the clock of this host, or that of the controller",
        )


def _checked_roots(manifest: SignedManifest) -> Iterable[Root]:
    for entry in manifest.trusted:
        yield pem.parse_root(entry.pem, f"root '{entry.name}' of the trust manifest", entry.name, entry.sha256)


def _check_sequence(manifest: SignedManifest, roots: Sequence[Root], host: HostState) -> None:
    former = host.manifest if "id" in host.manifest else {}
    if former and former["id"] != manifest.id:
        raise TrustAnchorError(
            f"the trust manifest belongs to the estate {manifest.id}",
            f"this host belongs to {former['id']}",
            "To move the host, run the role trust_store with the other public record",
        )
    push.AssignedManifest(manifest.id, manifest.sequence, roots, manifest.distrusted).check(host)
    if former and manifest.sequence > former["sequence"] + MAX_JUMP:
        raise TrustAnchorError(
            f"the trust manifest has sequence {manifest.sequence}, this host was told {former['sequence']} before",
            f"a jump of more than {MAX_JUMP} is not its owner's work",
            "Find out who signed it; a push may jump further",
        )
    if former.get("sequence") == manifest.sequence and manifest.not_before.timestamp() < former.get("not_before", 0.0):
        raise TrustAnchorError(
            "the trust manifest was signed before the one that this host has",
            "both have the same sequence",
            "Look at the host that serves it: it has an old copy",
        )
