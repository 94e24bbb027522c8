# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between the parts of a plan. All that can be known without a token is found at the desk."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from ...errors import TrustAnchorError
from ...text import times
from .model import (
    GENERATED,
    ROLES,
    Act,
    CrlAct,
    CrossAct,
    InspectAct,
    IntermediateAct,
    KeyPlan,
    ManifestSignerAct,
    Plan,
    RootAct,
)

MAX_WINDOW = dt.timedelta(days=31)


def check_plan(plan: Plan) -> None:
    """Check all rules.

    Raises:
        TrustAnchorError: the first rule that does not hold.
    """
    _check_window(plan)
    _check_people(plan)
    if not plan.acts:
        raise TrustAnchorError("the plan has no act", "a ceremony without an act does nothing")
    _check_unique("act", (act.id for act in plan.acts))
    _check_unique(
        "request", (act.request for act in plan.acts if isinstance(act, (IntermediateAct, ManifestSignerAct)))
    )
    _check_keys(plan)
    _Acts(plan).check()


def _check_unique(what: str, values: Iterable[str]) -> None:
    for value, count in Counter(value.casefold() for value in values).items():
        if count > 1:
            raise TrustAnchorError(f"the plan has the {what} '{value}' {count} times", "each is there once")


def _check_window(plan: Plan) -> None:
    start, end = plan.window.start, plan.window.end
    if not start < end <= start + MAX_WINDOW:
        raise TrustAnchorError(
            f"the window is from {times.render(start)} to {times.render(end)}",
            f"its end must be after its start, by at most {MAX_WINDOW.days} days",
        )


def _check_people(plan: Plan) -> None:
    _check_unique("person", (person.name for person in plan.people))
    for role in ROLES:
        if role not in {person.role for person in plan.people}:
            raise TrustAnchorError(f"the plan names no {role}", "at least one operator and one witness take part")


def _check_keys(plan: Plan) -> None:
    made = {act.name for act in plan.acts if isinstance(act, RootAct)}
    twice = sorted(made & set(plan.roots))
    if twice:
        raise TrustAnchorError(f"the root '{twice[0]}' is both made and known", "a root is made once")
    used = made | {plan.sealed_by} | {_issuer(act) for act in plan.acts} - {""}
    for name in sorted(used | set(plan.keys)):
        if name not in made and name not in plan.roots:
            raise TrustAnchorError(
                f"the plan neither makes the root '{name}' nor knows it",
                "a key belongs to the root of its name",
                f"Add an act 'root' for it, or pin it below roots: {{{name}: {{sha256: ...}}}}",
            )
        if name not in plan.keys:
            raise TrustAnchorError(f"the plan has no key '{name}'", "it says on which token the root's key is")
        if name not in used:
            raise TrustAnchorError(f"the plan does not use the key '{name}'", "it names only what the ceremony needs")
    for key in plan.keys.values():
        _check_key(key, plan.root_act(key.name))
        _check_pin_holders(key, {person.name for person in plan.people})
    _check_unique("token", (token for key in plan.keys.values() for token in key.tokens))


def _issuer(act: Act) -> str:
    if isinstance(act, CrossAct):
        return act.primary
    return "" if isinstance(act, (InspectAct, RootAct)) else act.issuer


def _check_key(key: KeyPlan, root: RootAct | None) -> None:
    if not key.tokens:
        raise TrustAnchorError(f"the key '{key.name}' is on no token", "tokens lists at least one")
    if key.origin == GENERATED and len(key.tokens) > 1:
        raise TrustAnchorError(
            f"the key '{key.name}' is generated and on {len(key.tokens)} tokens",
            "a key that was generated on a token never leaves it",
            "Name one token; for a spare plan a standby root, or choose origin: imported and lose the attestation",
        )
    if key.attested and key.origin != GENERATED:
        raise TrustAnchorError(
            f"the key '{key.name}' is imported and attested", "a token attests only what it made itself", "Leave it out"
        )
    if root is not None and key.algorithm == "ec-p256" and not root.profile.allow_weak_root:
        raise TrustAnchorError(
            f"the key of the root '{key.name}' is ec-p256",
            "a root lives for decades and its EC key is P-384",
            "Choose ec-p384, or allow_weak_root: true",
        )


def _check_pin_holders(key: KeyPlan, people: set[str]) -> None:
    _check_unique("PIN holder", key.pin_holders)
    strangers = [name for name in key.pin_holders if name not in people]
    if strangers:
        raise TrustAnchorError(
            f"key '{key.name}': the PIN holder '{strangers[0]}' is not among the people", "who holds a part is there"
        )
    if len(key.pin_holders) == 1:
        raise TrustAnchorError(
            f"key '{key.name}' has one PIN holder", "a PIN in parts has at least two holders", "Leave pin_holders out"
        )


class _Acts:
    """Rules of the acts, in their order: what is used was made before, or is known."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.made: dict[str, RootAct] = {}

    def check(self) -> None:
        """Check each act."""
        for act in self.plan.acts:
            if isinstance(act, RootAct):
                self.made[act.name] = act
            elif isinstance(act, CrossAct):
                self._check_cross(act)
            elif isinstance(act, IntermediateAct):
                self._check_intermediate(act)
            elif isinstance(act, ManifestSignerAct):
                self._check_nested(act, act.issuer)
            elif isinstance(act, CrlAct):
                self._check_crl(act)

    def _require(self, name: str, act: Act) -> RootAct | None:
        """The act that made the root before, None for a known root."""
        if name in self.plan.roots:
            return None
        if name not in self.made:
            raise TrustAnchorError(f"{act.id} comes before the root '{name}' is made", "acts are done in order")
        return self.made[name]

    def _is_standby(self, name: str) -> bool:
        return self.plan.roots[name].standby if name in self.plan.roots else self.made[name].standby

    def _check_nested(self, act: IntermediateAct | CrossAct | ManifestSignerAct, issuer: str) -> RootAct | None:
        above = self._require(issuer, act)
        if above is not None and act.not_before < above.not_before:
            raise TrustAnchorError(f"{act.id} starts before its issuer ({times.render(above.not_before)})", "it cannot")
        if above is not None and act.not_after > above.not_after:
            raise TrustAnchorError(f"{act.id} outlives its issuer ({times.render(above.not_after)})", "it cannot")
        return above

    def _check_intermediate(self, act: IntermediateAct) -> None:
        above = self._check_nested(act, act.issuer)
        if above is None:
            return
        _require_shorter(act, act.profile.path_length, above, act.issuer)
        if act.subject == above.profile.subject:
            raise TrustAnchorError(f"{act.id} has its issuer's subject", "then a verifier takes it for self-issued")
        if above.profile.constraints is None and act.profile.constraints is None and not act.profile.unconstrained:
            raise TrustAnchorError(
                f"neither {act.id} nor its issuer has name constraints",
                "without them whoever holds the key can speak for every name on earth",
                "Set name_constraints, or unconstrained: true",
            )

    def _check_cross(self, act: CrossAct) -> None:
        standby = self._require(act.standby, act)
        primary = self._check_nested(act, act.primary)
        if not self._is_standby(act.standby) or self._is_standby(act.primary):
            raise TrustAnchorError(
                f"{act.id} does not put a standby root under a primary one",
                "were the primary under the standby, distrusting the primary would not kill what the primary's"
                " intermediates sign: their chains would go on to the standby",
                "Name a root with standby: true as standby, and one without as primary",
            )
        if standby is not None and not standby.not_before <= act.not_before < act.not_after <= standby.not_after:
            raise TrustAnchorError(f"{act.id} is not within the validity of '{act.standby}'", "it has the same key")
        if standby is not None and primary is not None:
            _require_shorter(act, standby.profile.path_length, primary, act.primary)

    def _check_crl(self, act: CrlAct) -> None:
        self._require(act.issuer, act)
        if not self.plan.window.start - MAX_WINDOW <= act.this_update <= self.plan.window.start:
            raise TrustAnchorError(
                f"{act.id} is of {times.render(act.this_update)}",
                f"this_update is at the window's start or up to {MAX_WINDOW.days} days before it",
            )
        _check_unique("serial", (f"{entry.serial:x}" for entry in act.revoked if entry.serial is not None))
        _check_unique("revoked certificate", (e.certificate for e in act.revoked if e.certificate is not None))
        replaced = {other.path for other in self.plan.acts if isinstance(other, (IntermediateAct, ManifestSignerAct))}
        for entry in act.revoked:
            if entry.date > act.this_update:
                raise TrustAnchorError(
                    f"{act.id} revokes at {times.render(entry.date)}", "that is after the CRL's date"
                )
            if entry.certificate in replaced:
                raise TrustAnchorError(
                    f"{act.id} revokes {entry.certificate}, which this plan makes again",
                    "it is not clear which of the two is meant",
                    "Give the serial",
                )


def _require_shorter(act: Act, path_length: int, above: RootAct, issuer: str) -> None:
    if path_length >= above.profile.path_length:
        raise TrustAnchorError(
            f"{act.id} has path length {path_length} and its issuer '{issuer}' has {above.profile.path_length}",
            "a chain through both would be refused",
            "Make the issuer's path length greater: 2 for a primary root that cross-certifies a standby of 1",
        )
