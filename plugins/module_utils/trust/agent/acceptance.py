# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the manifests that were fetched a host takes up, and why it refuses the others.

Refused are strangers' signatures, those of signers that the owner has refused, manifests of another estate, older ones
(rollback), expired ones (freeze), those from the future, a second one of the same sequence that says something else,
roots that widen what the host trusts, and numbers that run away. Standard library only.
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
from ..manifest import endorsement, signed
from ..manifest.signed import SignedManifest
from ..root import Root

# By this the sequence may rise in so much time, in however many steps: a thief who signs a huge one could keep the
# owner's next one from all hosts. An estate changes its manifest a few times a year.
MAX_JUMP = 1000
JUMP_WINDOW = dt.timedelta(days=30)
# What a host remembers of signed manifests: in many of them a thief could name so many that the host's state cannot be
# read any more, and no push would help. An estate has a handful; a push that overrides begins again with none.
MOST_REMEMBERED = 1000
MOST_ROOTS = 100  # that are to be trusted


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
        jump: from which sequence, and since when (seconds since the epoch), the rise of the sequence is measured.
    """

    manifest: SignedManifest
    roots: tuple[Root, ...]
    offer: Offer
    jump: Mapping[str, float]

    @property
    def assigned(self) -> push.AssignedManifest:
        """As a push would assign it."""
        said = self.manifest
        return push.AssignedManifest(said.id, said.sequence, self.roots, said.distrusted, said.refused_signers)

    def note(self, host: HostState) -> None:
        """Keep it as what the host was told last."""
        self.assigned.note(host)
        host.manifest |= {
            "not_before": self.manifest.not_before.timestamp(),
            "not_after": self.manifest.not_after.timestamp(),
            "signed": self.offer.sha256,
            "jump": dict(self.jump),
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
    """Byte for byte what was verified before, and not expired: no need to verify it again.

    Former versions noted an end without a limit; what they noted is verified again.
    """
    begin, end = former.get("not_before"), former.get("not_after")
    if former.get("signed") != offer.sha256 or not isinstance(begin, (int, float)) or not isinstance(end, (int, float)):
        return False
    return now.timestamp() < end <= begin + signed.MAX_VALID.total_seconds()


def _accept(offer: Offer, host: HostState, now: dt.datetime) -> Accepted:
    anchors = "".join(root.pem for root in host.roots)
    if not anchors:
        raise TrustAnchorError(
            "this host trusts none of our roots yet",
            "a manifest is verified with roots that the host already trusts",
            "Run the role trust_store on it once",
        )
    manifest = signed.verify(offer.signed, anchors, host.refused_signers)
    _check_time(manifest, now)
    accepted = Accepted(manifest, tuple(_checked_roots(manifest)), offer, _jump(host, manifest, now))
    _check_sequence(accepted, host)
    _check_amount(accepted, host)
    _check_returns(accepted, host)
    endorsement.require(accepted.assigned.alive, manifest.endorsements, host.roots)
    return accepted


def _jump(host: HostState, manifest: SignedManifest, now: dt.datetime) -> Mapping[str, float]:
    """Where the rise of the sequence is measured from: a window begins again when it has passed."""
    found, sequence = host.manifest.get("jump"), host.manifest.get("sequence", manifest.sequence)
    fresh = {"sequence": sequence, "since": now.timestamp()}
    if not isinstance(found, Mapping) or not all(isinstance(found.get(key), (int, float)) for key in fresh):
        return fresh
    return found if 0 <= fresh["since"] - found["since"] < JUMP_WINDOW.total_seconds() else fresh


def _check_amount(offered: Accepted, host: HostState) -> None:
    said = offered.manifest
    distrusted = {*host.ever_distrusted, *host.distrusted, *said.distrusted}
    amounts = (
        ("trusted roots", len(offered.roots), MOST_ROOTS),
        ("distrusted roots", len(distrusted), MOST_REMEMBERED),
        ("refused signers", len({*host.refused_signers, *said.refused_signers}), MOST_REMEMBERED),
    )
    for what, number, most in amounts:
        if number > most:
            raise TrustAnchorError(
                f"with the trust manifest this host would know {number} {what}",
                f"more than {most} are not its owner's work",
                "Find out who signed it; a push may bring more",
            )


def _check_returns(offered: Accepted, host: HostState) -> None:
    """What was distrusted comes back by a push: a signer's key is in software, and an endorsement never ends."""
    for root in offered.roots:
        if root.sha256 in (*host.distrusted, *host.ever_distrusted):
            raise TrustAnchorError(
                f"the trust manifest brings back '{root.name}', which this host was told to distrust",
                "whoever has the key of the manifest signer could bring back a stolen root",
                "Push it with trustanchor.private_ca.rollout_trust, if its owner wants it back",
            )


def _check_time(manifest: SignedManifest, now: dt.datetime) -> None:
    if manifest.not_after <= now:
        raise TrustAnchorError(
            f"the trust manifest expired at {times.render(manifest.not_after)}",
            "an old manifest may be shown to hosts to keep newer ones from them",
            "Sign the manifest again, and look at the host that serves it",
        )
    if manifest.not_before > now + signed.SKEW:
        raise TrustAnchorError(
            f"the trust manifest is from the future ({times.render(manifest.not_before)})",
            f"this host's clock says {times.render(now)}",
            "Correct the clock of this host, or that of the controller",
        )


def _checked_roots(manifest: SignedManifest) -> Iterable[Root]:
    for entry in manifest.trusted:
        where = f"root '{entry.name}' of the trust manifest"
        yield pem.parse_root(entry.pem, where, entry.name, entry.sha256, may_have_ended=True)


def _check_sequence(offered: Accepted, host: HostState) -> None:
    manifest = offered.manifest
    former = host.manifest if "id" in host.manifest else {}
    if former and former["id"] != manifest.id:
        raise TrustAnchorError(
            f"the trust manifest belongs to the estate {manifest.id}",
            f"this host belongs to {former['id']}",
            "To move the host, run the role trust_store with the other public record",
        )
    offered.assigned.check(host)
    start, since = int(offered.jump["sequence"]), times.render_epoch(offered.jump["since"])
    if former and manifest.sequence > start + MAX_JUMP:
        raise TrustAnchorError(
            f"the trust manifest has sequence {manifest.sequence}, this host was told {former['sequence']} before, and "
            f"{start} at {since}",
            f"a jump of more than {MAX_JUMP} in {JUMP_WINDOW.days} days is not its owner's work",
            "Find out who signed it; a push may jump further",
        )
    if former.get("sequence") == manifest.sequence and manifest.not_before.timestamp() < former.get("not_before", 0.0):
        raise TrustAnchorError(
            "the trust manifest was signed before the one that this host has",
            "both have the same sequence",
            "Look at the host that serves it: it has an old copy",
        )
