# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between the parts of a plan. All that can be known without a token is found here."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from ...errors import TrustAnchorError
from ...text import times
from ..acts.base import MadeRoot
from .model import GENERATED, MAX_WINDOW, ROLES, KeyPlan, Plan


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
    _check_unique("request", (act.request for act in plan.signing_acts if act.request))
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
    made = {root.name for root in plan.made_roots}
    twice = sorted(made & set(plan.roots))
    if twice:
        raise TrustAnchorError(f"the root '{twice[0]}' is both made and known", "a root is made once")
    used = {plan.sealed_by} | {act.signer for act in plan.signing_acts}
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
        _check_key(key, plan.made_root(key.name))
        _check_pin_holders(key, {person.name for person in plan.people})
    _check_unique("token", (token for key in plan.keys.values() for token in key.tokens))


def _check_key(key: KeyPlan, root: MadeRoot | None) -> None:
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
    """The acts in their order, each with what comes before it: what is used was made before, or is known."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.made: dict[str, MadeRoot] = {}

    def check(self) -> None:
        """Check each act."""
        for act in self.plan.acts:
            if act.made_root is not None:
                self.made[act.made_root.name] = act.made_root
            act.check(self)

    @property
    def start(self) -> dt.datetime:
        """Of the window."""
        return self.plan.window.start

    @property
    def paths(self) -> frozenset[str]:
        """Of what acts of this plan make, relative to the record."""
        return frozenset(act.path for act in self.plan.signing_acts)

    def require_root(self, name: str, act: str) -> MadeRoot | None:
        """The act that made the root before, None for a known root."""
        if name in self.plan.roots:
            return None
        if name not in self.made:
            raise TrustAnchorError(f"{act} comes before the root '{name}' is made", "acts are done in order")
        return self.made[name]

    def is_standby(self, name: str) -> bool:
        """Of a root that is made or known."""
        return self.plan.roots[name].standby if name in self.plan.roots else self.made[name].standby
