# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the trust stores of a host to a set of roots, and read every one back. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import TrustAnchorError
from .declaration import Declaration
from .pem import Root
from .state import State
from .stores import debian
from .stores.base import OK, UNKNOWN, WRONG, Finding, Store, Wanted
from .stores.cache import Cache


@dataclass
class Plan:
    """What has to change on the host.

    Args:
        wanted: what every store must be.
        stores: all stores of the host.
        findings: how each was found, by the name of its store.
        cache: what was learned while measuring.
    """

    wanted: Wanted
    stores: Sequence[Store]
    findings: Mapping[str, Sequence[Finding]]
    cache: Cache

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return any(self.needs(store) for store in self.stores)

    @property
    def listed(self) -> list[Finding]:
        """All findings, in the order of the stores."""
        return [finding for store in self.stores for finding in self.findings[store.name]]

    def needs(self, store: Store) -> bool:
        """Whether a store is to be converged: one that was discovered and cannot be measured is left alone."""
        states = {finding.state for finding in self.findings[store.name]}
        return WRONG in states or (UNKNOWN in states and store.declared)


@dataclass
class Outcome:
    """What was done.

    Args:
        plan: how the stores were before.
        after: how they are now.
        failures: name of a store to why it is not as wanted.
        warnings: what a person should know though all is right.
    """

    plan: Plan
    after: Plan
    failures: dict[str, TrustAnchorError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def repaired(self) -> list[str]:
        """Names of stores that were wrong and are right."""
        right = {finding.name for finding in self.after.listed if finding.state == OK}
        return [one.name for one in self.plan.listed if one.state == WRONG and one.name in right]

    def failure(self) -> TrustAnchorError | None:
        """The failures as one, None where there is none."""
        if not self.failures:
            return None
        first = next(iter(self.failures.values()))
        told = "; ".join(
            f"{name}: {error.what}{f' ({error.why})' if error.why else ''}" for name, error in self.failures.items()
        )
        return TrustAnchorError(f"not every trust store is as it must be: {told}", "", first.next_step)


def plan(roots: Sequence[Root], absent: Collection[str], declaration: Declaration, state: State) -> Plan:
    """Compare the host with what is wanted.

    Args:
        roots: the roots that every store must trust.
        absent: fingerprints that no store may trust, whoever put them there.
        declaration: which stores the host has.
        state: what the host knows.

    Raises:
        TrustAnchorError: a root is wanted and must be absent, is listed twice; no root is wanted; the host has no
            system store.
    """
    debian.require()
    sha256s = [root.sha256 for root in roots]
    if not roots:
        raise TrustAnchorError(
            "no root is to be trusted", "the host would lose all of ours", "Declare at least one root"
        )
    if len(set(sha256s)) != len(sha256s):
        twice = next(one for one in sha256s if sha256s.count(one) > 1)
        raise TrustAnchorError(f"root {twice} is declared twice", "perhaps under two names", "Declare it once")
    if both := set(sha256s) & set(absent):
        raise TrustAnchorError(
            f"root {min(both)} is declared both as trusted and as absent", "it can be only one of them"
        )
    gone = frozenset((set(state.known) | set(absent)) - set(sha256s))
    cache = Cache(state.cache)
    return _measured(Wanted(tuple(roots), gone, frozenset(absent)), declaration.stores(cache), cache)


def _measured(wanted: Wanted, stores: Sequence[Store], cache: Cache) -> Plan:
    return Plan(wanted, stores, {store.name: _found(store, wanted) for store in stores}, cache)


def _found(store: Store, wanted: Wanted) -> list[Finding]:
    try:
        return store.find(wanted)
    except TrustAnchorError as error:
        return [Finding(store.name, store.path, UNKNOWN, why=str(error))]


def apply(todo: Plan, state: State) -> Outcome:
    """Carry out a plan and read every store back.

    A store that fails does not keep the others from being right. What is put into a store is remembered before, and
    forgotten only when no store has it any more; so a run that is killed at any moment is finished by the next one.

    Args:
        todo: the plan.
        state: is changed and saved.
    """
    wanted = todo.wanted
    remembered = set(state.known) | wanted.sha256s
    state.known = sorted(remembered)
    moves = any(finding.missing or finding.unwanted for finding in todo.listed)
    if moves:
        state.changed_at = time.time()  # also when this run is killed
    state.save()
    failures: dict[str, TrustAnchorError] = {}
    warnings: list[str] = []
    for store in todo.stores:
        if todo.needs(store):
            try:
                warnings += store.converge(wanted)
            except TrustAnchorError as error:
                failures[store.name] = error
    after = _measured(wanted, todo.stores, todo.cache) if todo.changed else todo
    for store in todo.stores:
        if after.needs(store) and store.name not in failures:
            failures[store.name] = _still_wrong(after.findings[store.name])
    if moves:
        state.changed_at = time.time()  # a process that began before this moment may have read what was before
    settled = all(finding.state == OK for finding in after.listed)
    state.known = sorted(wanted.sha256s if settled else remembered)
    state.cache = todo.cache.as_dict()
    state.save()
    return Outcome(todo, after, failures, warnings)


def _still_wrong(findings: Sequence[Finding]) -> TrustAnchorError:
    bad = next(finding for finding in findings if finding.state != OK)
    detail = (
        bad.why
        or f"missing: {', '.join(bad.missing) or 'nothing'}, still trusted: {', '.join(bad.unwanted) or 'nothing'}"
    )
    return TrustAnchorError(
        f"the {bad.name} store is still wrong after it was converged",
        detail,
        "Run update-ca-certificates by hand and look at what its hooks say" if bad.name.startswith("system") else "",
    )
