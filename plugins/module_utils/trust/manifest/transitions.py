# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the trust manifest that cannot cut anybody off.

A root is replaced in steps, and each step waits for proof of the one before: the new root on every host, then the old
one retiring while nothing new is issued under it, then nothing left that leads to it, then distrusted. An incident
sets the proofs aside, never the rule that one trusted root remains.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ...errors import TrustAnchorError
from ...text import times
from ..root import TRUSTED_STATES, Root
from .model import Manifest

# From state to the states that may follow it without an incident.
_NEXT = {
    "staged": ("trusted",),
    "trusted": ("retiring",),
    "retiring": ("trusted", "distrusted"),
    "distrusted": (),
}
MAX_AGE = dt.timedelta(days=7)  # of a report that counts


@dataclass(frozen=True)
class Rollout:
    """What was measured of a rollout.

    Args:
        id: of the manifest.
        sequence: of the manifest.
        complete: every host has it, but for those with a waiver.
        leaves: fingerprint of a root to the services (``host: name``) whose certificate leads to it; those of which
            nobody knows are under the empty text.
        written: when, UTC.
    """

    id: str
    sequence: int
    complete: bool
    leaves: Mapping[str, tuple[str, ...]]
    written: dt.datetime


@dataclass(frozen=True)
class EstateEvidence:
    """What is known about the estate when a change is asked for.

    Args:
        now: present time, UTC.
        rollout: the latest rollout of the present sequence, None where there is none.
        intermediates: name of a root to the record's intermediates that are valid and lead to it.
        overlap: how long a root must have been retiring when the rollout was measured, before it is distrusted: longer
            than any leaf lives.
        expired: names of roots that have ended: nothing is verified with them, so they may go at once.
    """

    now: dt.datetime
    rollout: Rollout | None
    intermediates: Mapping[str, tuple[str, ...]]
    overlap: dt.timedelta
    expired: frozenset[str] = frozenset()


def change(manifest: Manifest, states: Mapping[str, str], evidence: EstateEvidence, incident: str = "") -> Manifest:
    """The manifest with roots in other states.

    Args:
        manifest: the present one.
        states: name of a root to its new state.
        evidence: what the rules ask for.
        incident: reference of an incident; it sets the order of states and all proofs aside.

    Raises:
        TrustAnchorError: no such root, a state that may not follow, a proof that is missing, no trusted root left.
    """
    for name, state in states.items():
        if state not in TRUSTED_STATES and state != "distrusted":
            raise TrustAnchorError(
                f"root '{name}' cannot become '{state}'", "known: trusted, retiring, distrusted", "Name one of these"
            )
    asked = {name: state for name, state in states.items() if manifest.named(name).state != state}
    proven = {name: state for name, state in asked.items() if not (name in evidence.expired and state == "distrusted")}
    for name, state in sorted(proven.items()):
        if not incident:
            _require_order(manifest.named(name), state)
    after = [
        replace(root, state=asked[root.name], since=evidence.now.replace(microsecond=0), incident=incident)
        if root.name in asked
        else root
        for root in manifest.roots
    ]
    _require_survivor(manifest, after, incident, evidence.expired)
    if not incident:
        for name, state in sorted(proven.items()):
            _require_proof(manifest, manifest.named(name), state, evidence)
    return manifest.changed(after)


def remove(manifest: Manifest, names: Iterable[str], evidence: EstateEvidence) -> Manifest:
    """The manifest without roots that nobody needs to know any more.

    Raises:
        TrustAnchorError: a root is in use, or is distrusted and may still be on some host.
    """
    leaving = {root.name for root in manifest.roots if root.name in set(names)}
    for name in sorted(leaving):
        root = manifest.named(name)
        if root.is_trusted:
            raise TrustAnchorError(
                f"root '{name}' is {root.state}",
                "only a root that no host trusts can leave the manifest",
                "Make it distrusted first, and roll that out",
            )
        if root.is_distrusted:
            _require_rollout(manifest, evidence, f"root '{name}' may still be in a trust store")
    return manifest.changed(root for root in manifest.roots if root.name not in leaving)


def _require_order(root: Root, state: str) -> None:
    if state not in _NEXT[root.state]:
        allowed = " or ".join(_NEXT[root.state]) or "nothing"
        raise TrustAnchorError(
            f"root '{root.name}' is {root.state} and cannot become {state}",
            f"from {root.state} it can become {allowed}",
            "Go step by step; an incident may skip steps, when its reference is given",
        )


def _require_survivor(manifest: Manifest, after: Iterable[Root], incident: str, expired: Collection[str]) -> None:
    """One root that is trusted before and after: then no host is without a root between the two.

    One that has ended is none.
    """
    before = {root.name for root in manifest.roots if root.state == "trusted"}
    trusted = {root.name for root in after if root.state == "trusted"}
    if not manifest.roots or not before:  # the first roots of an estate: nobody can be cut off
        return
    if not trusted.difference(expired):
        raise TrustAnchorError(
            "no trusted root would remain", "hosts would trust nobody", "Make another root trusted first"
        )
    if not incident and before.difference(expired) and not before.difference(expired) & trusted:
        raise TrustAnchorError(
            f"{_listed(trusted)} would take the place of {_listed(before)} without an overlap",
            "hosts that have the old manifest trust nothing of the new one",
            "Make the new root trusted, roll that out to every host, and retire the old one after that",
        )


def _require_proof(manifest: Manifest, root: Root, state: str, evidence: EstateEvidence) -> None:
    if state == "retiring":
        _require_rollout(manifest, evidence, f"root '{root.name}' cannot retire: hosts may lack the other roots")
    if state == "distrusted" and root.state == "retiring":
        _require_unused(manifest, root, evidence)


def _require_unused(manifest: Manifest, root: Root, evidence: EstateEvidence) -> None:
    """Nothing that lives leads to the root any more."""
    if below := evidence.intermediates.get(root.name):
        raise TrustAnchorError(
            f"root '{root.name}' still has {_listed(below)} below it",
            "what these intermediates issue would be refused everywhere",
            "Have them signed under another root at a ceremony, or say that they are retired, their CA being off",
        )
    rollout = _require_rollout(manifest, evidence, f"services may still have certificates under '{root.name}'")
    waited = rollout.written - root.since if root.since else None
    if waited is None or waited < evidence.overlap:
        raise TrustAnchorError(
            f"root '{root.name}' had been retiring for {_hours(waited)} hours when the hosts were measured last",
            f"certificates under it may live for {_hours(evidence.overlap)} hours after the last one was issued",
            "Wait until then after the last one, roll out again; or set overlap to what the longest-lived one needs",
        )
    leaves = (*rollout.leaves.get(root.sha256, ()), *rollout.leaves.get("", ()))
    if leaves:
        raise TrustAnchorError(
            f"root '{root.name}' still has live certificates below it, or nobody knows: {', '.join(leaves[:10])}",
            "they would be refused everywhere",
            "Have these services enrolled under another root, and roll out again",
        )


def _require_rollout(manifest: Manifest, evidence: EstateEvidence, consequence: str) -> Rollout:
    rollout = evidence.rollout
    if rollout is None or (rollout.id, rollout.sequence) != (manifest.id, manifest.sequence):
        raise TrustAnchorError(
            f"there is no report of a rollout of sequence {manifest.sequence}",
            consequence,
            "Run playbooks/rollout_trust.yml, and try again",
        )
    if evidence.now - rollout.written > MAX_AGE:
        raise TrustAnchorError(
            f"the report of the rollout of sequence {manifest.sequence} is of {times.render(rollout.written)}",
            "hosts may have come since, or changed",
            "Run playbooks/rollout_trust.yml again",
        )
    if not rollout.complete:
        raise TrustAnchorError(
            f"the rollout of sequence {manifest.sequence} is not complete",
            consequence,
            "Look into its report, correct or waive the hosts that it names, and roll out again",
        )
    return rollout


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def _hours(duration: dt.timedelta | None) -> str:
    return "an unknown number of" if duration is None else f"{duration.total_seconds() / 3600:.1f}"
