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
from dataclasses import dataclass, field, replace

from ...errors import TrustAnchorError
from ..root import TRUSTED_STATES, Root
from .model import Manifest
from .rollout_evidence import Rollout

# From state to the states that may follow it without an incident.
_NEXT = {
    "staged": ("trusted",),
    "trusted": ("retiring",),
    "retiring": ("trusted", "distrusted"),
    "distrusted": (),
}


@dataclass(frozen=True)
class Exceptions:
    """What an operator answers for where nothing was measured.

    Args:
        overlap: how long a root must have been retiring when each host was measured, before it is distrusted: longer
            than any leaf lives.
        retired_intermediates: names of intermediates that issue no more.
        unmeasured: declared host, of which nothing is known, to the reason why it has no certificate below a root that
            is to go, and does not trust one that is to be forgotten.
    """

    overlap: dt.timedelta
    retired_intermediates: Collection[str] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EstateEvidence:
    """What is known about the estate when a change is asked for.

    Args:
        now: present time, UTC.
        rollout: the report of the present sequence, None where there is none.
        intermediates: name of a root to the record's intermediates that are valid and lead to it.
        declared: all hosts that are declared today.
        exceptions: what the operator answers for.
        expired: names of roots that have ended: nothing is verified with them, so they may go at once.
    """

    now: dt.datetime
    rollout: Rollout | None
    intermediates: Mapping[str, tuple[str, ...]]
    declared: tuple[str, ...]
    exceptions: Exceptions
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
    since = evidence.now.replace(microsecond=0)
    after = [
        replace(root, state=asked[root.name], since=since, incident=incident)
        if root.name in asked
        else _noted(root, incident if root.name in states else "")
        for root in manifest.roots
    ]
    _require_survivor(manifest, after, incident, evidence.expired)
    if not incident:
        for name, state in sorted(proven.items()):
            _require_proof(manifest, manifest.named(name), state, evidence)
    return manifest.changed(after)


def _noted(root: Root, incident: str) -> Root:
    """A root that is trusted already: an incident is the reason to issue under it before a rollout has shown it."""
    return replace(root, incident=incident) if incident and root.state == "trusted" and not root.incident else root


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
            consequence = f"root '{name}' may still be in a trust store"
            _require_measured(evidence, _require_rollout(manifest, evidence, consequence), consequence)
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
    consequence = f"services may still have certificates under '{root.name}'"
    rollout = _require_rollout(manifest, evidence, consequence)
    _require_overlap(root, evidence, rollout, _require_measured(evidence, rollout, consequence))
    if leaves := [*rollout.leaves(root.sha256), *rollout.leaves("")]:
        raise TrustAnchorError(
            f"root '{root.name}' still has live certificates below it, or nobody knows: {_first(leaves)}",
            "they would be refused everywhere",
            "Have these services enrolled under another root, and roll out again",
        )


def _require_overlap(root: Root, evidence: EstateEvidence, rollout: Rollout, measured: Iterable[str]) -> None:
    """Each host was measured when nothing below the root could live any more."""
    oldest, overlap = rollout.oldest(measured), evidence.exceptions.overlap
    waited = oldest[0] - root.since if root.since and oldest else None
    if waited is None or waited < overlap:
        host = f"'{oldest[1]}' was" if oldest else "the hosts were"
        raise TrustAnchorError(
            f"root '{root.name}' had been retiring for {_hours(waited)} hours when {host} measured last",
            f"certificates under it may live for {_hours(overlap)} hours after the last one was issued",
            "Wait until then after the last one, roll out again; or set overlap to what the longest-lived one needs",
        )


def _require_rollout(manifest: Manifest, evidence: EstateEvidence, consequence: str) -> Rollout:
    """The report of this very manifest, once it shows every declared host but those with a waiver."""
    rollout = evidence.rollout
    if rollout is None or (rollout.id, rollout.sequence) != (manifest.id, manifest.sequence):
        raise TrustAnchorError(
            f"there is no report of a rollout of sequence {manifest.sequence}",
            consequence,
            "Run trustanchor.private_ca.rollout_trust, and try again",
        )
    if rollout.digest != manifest.digest:
        raise TrustAnchorError(
            f"the report of the rollout of sequence {manifest.sequence} is of another content of the trust manifest",
            f"{consequence}; or it was written by a former version of the collection, which did not note the content",
            "Find out whether trust.yml was changed by hand, then run trustanchor.private_ca.rollout_trust",
        )
    if not evidence.declared:
        raise TrustAnchorError(
            "nobody said which hosts are declared", consequence, "Name all hosts of the inventory as `hosts`"
        )
    if missing := rollout.missing(evidence.declared, evidence.now):
        raise TrustAnchorError(
            f"the rollout of sequence {manifest.sequence} is not complete: {_with_reasons(missing)}",
            f"{consequence}; a measurement counts for a week",
            "Look into its report, correct or waive these hosts, and roll out again",
        )
    return rollout


def _require_measured(evidence: EstateEvidence, rollout: Rollout, consequence: str) -> list[str]:
    """The declared hosts that were measured, once there is a reason by name for each other one.

    A waiver says that a host's stores may be wrong for a while. It does not say that nothing on the host is in use.
    """
    reasons = evidence.exceptions.unmeasured
    for host, reason in reasons.items():
        if host not in evidence.declared or not reason.strip():
            raise TrustAnchorError(
                f"unmeasured: '{host}' is not a declared host with a reason",
                "an exception is known by its host and its reason",
                "Write the name as it is in the inventory, and the reason behind it",
            )
    doubts = rollout.doubts(evidence.declared, evidence.now)
    if unknown := {host: why for host, why in doubts.items() if host not in reasons}:
        raise TrustAnchorError(
            f"nothing is known of {_with_reasons(unknown)}",
            f"{consequence}; what was not measured is unknown, and a waiver does not change that",
            "Bring these hosts back and roll out again; or name each of them in `unmeasured`, with the reason why it "
            "has nothing that needs the root",
        )
    return [host for host in evidence.declared if host not in doubts]


def _with_reasons(hosts: Mapping[str, str]) -> str:
    return _first([f"{host} ({why})" for host, why in sorted(hosts.items())])


def _first(items: Collection[str]) -> str:
    listed = list(items)
    return ", ".join(listed[:10]) + (f" and {len(listed) - 10} more" if len(listed) > 10 else "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def _hours(duration: dt.timedelta | None) -> str:
    return "an unknown number of" if duration is None else f"{duration.total_seconds() / 3600:.1f}"
