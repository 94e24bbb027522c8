# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the trust stores of a host to a set of roots, and read every one back. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ..root import Root
from ..stores import debian
from ..stores.base import OK, UNKNOWN, WRONG, Store, StoreFinding, Wanted
from ..stores.cache import Cache
from ..stores.declaration import StoreDeclaration
from .state import HostState

DISCOVERED_SECONDS = 120.0  # for all stores together that were found


_TOLD = 20  # failures in one message; the findings have them all


@dataclass
class ConvergencePlan:
    """What has to change on the host.

    Args:
        wanted: what every store must be.
        stores: all stores of the host.
        findings: how each was found, by the name of its store.
        cache: what was learned while measuring.
    """

    wanted: Wanted
    stores: Sequence[Store]
    findings: Mapping[str, Sequence[StoreFinding]]
    cache: Cache

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return any(self.needs(store) for store in self.stores)

    @property
    def listed(self) -> list[StoreFinding]:
        """All findings, in the order of the stores."""
        return [finding for store in self.stores for finding in self.findings[store.name]]

    def needs(self, store: Store) -> bool:
        """Whether a store is to be converged: one that was discovered and cannot be measured is left alone."""
        states = {finding.state for finding in self.findings[store.name]}
        return WRONG in states or (UNKNOWN in states and store.declared)


@dataclass
class ConvergenceOutcome:
    """What was done.

    Args:
        plan: how the stores were before.
        after: how they are now.
        failures: name of a store to why it is not as wanted.
        warnings: what a person should know though all is right.
    """

    plan: ConvergencePlan
    after: ConvergencePlan
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
        faults = [
            f"{name}: {error.what}{f' ({error.why})' if error.why else ''}" for name, error in self.failures.items()
        ]
        more = [f"and {len(faults) - _TOLD} more"] if len(faults) > _TOLD else []
        listed = "; ".join([*faults[:_TOLD], *more])
        return TrustAnchorError(f"not every trust store is as it should be: {listed}", "", first.next_step)


def _wanted(roots: Sequence[Root], distrusted: Collection[str], state: HostState) -> Wanted:
    debian.require()
    sha256s = [root.sha256 for root in roots]
    if not roots:
        raise TrustAnchorError(
            "no root is to be trusted", "the host would lose all of ours", "Declare at least one root"
        )
    if len(set(sha256s)) != len(sha256s):
        twice = next(one for one in sha256s if sha256s.count(one) > 1)
        raise TrustAnchorError(f"root {twice} is declared twice", "perhaps under two names", "Declare it once")
    if both := set(sha256s) & set(distrusted):
        raise TrustAnchorError(
            f"root {min(both)} is declared both as trusted and as distrusted", "it can be only one of them"
        )
    former = set(state.ever_installed) - set(sha256s)
    if former:
        former -= debian.distributed()  # once declared by us, it is the distribution's all the same
    return Wanted(tuple(roots), frozenset(former | set(distrusted)), frozenset(distrusted))


def _measured(wanted: Wanted, stores: Sequence[Store], cache: Cache) -> ConvergencePlan:
    """Measure stores. Those that were found, users' mostly, have a limited time together: no user can stop the rest."""
    findings: dict[str, list[StoreFinding]] = {}
    left = DISCOVERED_SECONDS
    for store in stores:
        began = time.monotonic()
        if store.declared or left > 0:
            findings[store.name] = _found(store, wanted)
        else:
            why = f"the stores that were found took more than {DISCOVERED_SECONDS:.0f} seconds together"
            findings[store.name] = [StoreFinding(store.name, store.path, UNKNOWN, why=why)]
        if not store.declared:
            left -= time.monotonic() - began
    return ConvergencePlan(wanted, stores, findings, cache)


def _found(store: Store, wanted: Wanted) -> list[StoreFinding]:
    try:
        return store.find(wanted)
    except TrustAnchorError as error:
        return [StoreFinding(store.name, store.path, UNKNOWN, why=str(error))]
    except OSError as error:
        return [StoreFinding(store.name, store.path, UNKNOWN, why=str(_failure(store, error)))]


def _failure(store: Store, error: OSError) -> TrustAnchorError:
    return TrustAnchorError(f"{error.filename or store.path}: {error.strerror or error}")


def converge(
    roots: Sequence[Root],
    distrusted: Collection[str],
    declaration: StoreDeclaration,
    state: HostState,
    check: bool = False,
) -> ConvergenceOutcome:
    """Plan and apply: first the stores of the host itself, then those that were found, so that these never keep the
    former waiting.

    Args:
        roots: the roots that every store must trust.
        distrusted: fingerprints that no store may trust, whoever put them there.
        declaration: which stores the host has.
        state: what the host knows; it is changed and saved, but for check mode.
        check: measure and plan all the same, and apply nothing.

    Raises:
        TrustAnchorError: a root is wanted and distrusted, is listed twice; no root is wanted; the host has no system
            store. Nothing was changed.
    """
    cache = Cache(state.cache)
    wanted, stores = _wanted(roots, distrusted, state), declaration.stores(cache)
    parts = []
    for declared in (True, False):
        todo = _measured(wanted, [store for store in stores if store.declared == declared], cache)
        parts.append(ConvergenceOutcome(todo, after=todo) if check else apply(todo, state))
    own, found = parts
    return ConvergenceOutcome(
        plan=_joined(own.plan, found.plan, stores),
        after=_joined(own.after, found.after, stores),
        failures=own.failures | found.failures,
        warnings=[*own.warnings, *found.warnings],
    )


def _joined(one: ConvergencePlan, other: ConvergencePlan, stores: Sequence[Store]) -> ConvergencePlan:
    return ConvergencePlan(one.wanted, stores, {**one.findings, **other.findings}, one.cache)


def apply(todo: ConvergencePlan, state: HostState) -> ConvergenceOutcome:
    """Carry out a plan and read every store back.

    A store that fails does not keep the others from being right. What is put into a store is remembered before, so a
    run that is killed at any moment is finished by the next one.

    Args:
        todo: the plan.
        state: is changed and saved.
    """
    wanted = todo.wanted
    state.ever_installed = sorted(set(state.ever_installed) | wanted.sha256s)
    moves = any(finding.missing or finding.unwanted for finding in todo.listed)
    if moves:
        state.changed_at = time.time()  # even when this run is killed
    state.save()
    failures: dict[str, TrustAnchorError] = {}
    warnings: list[str] = []
    for store in [store for store in todo.stores if todo.needs(store)]:
        try:
            warnings += store.converge(wanted)
        except TrustAnchorError as error:
            failures[store.name] = error
        except OSError as error:
            failures[store.name] = _failure(store, error)
    after = _measured(wanted, todo.stores, todo.cache) if todo.changed else todo
    for store in [store for store in todo.stores if after.needs(store)]:
        failures.setdefault(store.name, _still_wrong(after.findings[store.name]))
    _downgrade_discovered(todo.stores, after, failures, warnings)
    if moves:
        state.changed_at = time.time()  # a process that began before this moment may have read what was before
    state.cache = todo.cache.as_dict()
    state.save()
    return ConvergenceOutcome(todo, after, failures, warnings)


def _downgrade_discovered(
    stores: Sequence[Store], after: ConvergencePlan, failures: dict[str, TrustAnchorError], warnings: list[str]
) -> None:
    """A store that was found and lacks a root is reported, not failed: else a user could keep a host from being right.

    One that still trusts what it must not is a failure, no matter whose it is.
    """
    for store in stores:
        unwanted = any(finding.unwanted for finding in after.findings[store.name])
        if not store.declared and not unwanted and store.name in failures:
            warnings.append(f"{store.name}: {failures.pop(store.name)}")


def _still_wrong(findings: Sequence[StoreFinding]) -> TrustAnchorError:
    bad = next(finding for finding in findings if finding.state != OK)
    missing, unwanted = (", ".join(one) or "nothing" for one in (bad.missing, bad.unwanted))
    return TrustAnchorError(
        f"the {bad.name} store is still wrong after it was converged",
        bad.why or f"missing: {missing}, still trusted: {unwanted}",
        "Run update-ca-certificates by hand and look at what its hooks say" if bad.name.startswith("system") else "",
    )
