# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the trust stores of a host to a set of roots, and read every one back. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ..root import Root
from ..stores import debian
from ..stores.base import OK, UNKNOWN, WRONG, Store, StoreFinding, Wanted, name_of
from ..stores.cache import Cache
from ..stores.declaration import StoreDeclaration
from .state import HostState

FOUND_SECONDS = 120.0  # for all stores together that were found, in one run
Findings = Mapping[str, Sequence[StoreFinding]]  # by the name of their store
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
    findings: Findings
    cache: Cache

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return any(self.needs(store) for store in self.stores)

    @property
    def listed(self) -> list[StoreFinding]:
        """All findings, in the order of the stores."""
        return [finding for store in self.stores for finding in self.findings[store.name]]

    @property
    def notes(self) -> list[str]:
        """What is to be known of stores with which all is right, as far as anybody can see to it here."""
        return [f"{one.name}: {one.why}" for one in self.listed if one.state == OK and one.why]

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
        check: nothing was done.
        in_vain: names of stores of which a former run has learned that trying changes nothing.
    """

    plan: ConvergencePlan
    after: ConvergencePlan
    failures: dict[str, TrustAnchorError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    check: bool = False
    in_vain: frozenset[str] = frozenset()

    @property
    def changed(self) -> bool:
        """Whether anything was, or in check mode would be, changed: what was tried in vain is not a change."""
        return any(map(self._is_change, filter(self.plan.needs, self.plan.stores)))

    def _is_change(self, store: Store) -> bool:
        if self.check:
            return store.name not in self.in_vain
        return self.plan.findings[store.name] != self.after.findings[store.name]

    @property
    def repaired(self) -> list[str]:
        """Names of stores that were not right and are."""
        if self.check:
            return []
        right = {finding.name for finding in self.after.listed if finding.state == OK}
        return [one.name for one in self.plan.listed if one.state != OK and one.name in right]

    @property
    def reported(self) -> list[StoreFinding]:
        """Each store: as it is now where it is not right, else as it was found."""
        now = {finding.name: finding for finding in self.after.listed if finding.state != OK}
        before = {finding.name: finding for finding in self.plan.listed}
        return [now.get(name) or before[name] for name in dict.fromkeys([*before, *now])]

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


def _wanted(roots: Sequence[Root], distrusted: Collection[str], state: HostState, cache: Cache) -> Wanted:
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
    of_others = debian.distributed()  # once declared by us, it is the distribution's all the same
    former = set(state.ever_installed) - set(sha256s) - of_others
    names = cache.names(debian.former_names(former | set(distrusted)) | {one.sha256: name_of(one) for one in roots})
    issuers = frozenset(name for sha256, name in names.items() if name and sha256 not in of_others)
    below = debian.names_below(issuers)
    cache.names(below)  # it is known later, too, when it is gone
    forbidden = frozenset(former | set(distrusted))
    return Wanted(tuple(roots), forbidden, frozenset(distrusted), issuers | frozenset(below.values()))


class _Measurement:
    """Looks at stores. Those that were found, users' mostly, have a limited time together: no user can stop the rest.

    Args:
        wanted: what every store must be.
        cache: what was learned while measuring.
    """

    def __init__(self, wanted: Wanted, cache: Cache) -> None:
        self.wanted, self.cache = wanted, cache
        self._left = FOUND_SECONDS

    def plan(self, stores: Sequence[Store], known: Findings | None = None) -> ConvergencePlan:
        """Measure stores.

        Args:
            stores: these.
            known: findings of those that need not be looked at.
        """
        findings: dict[str, Sequence[StoreFinding]] = dict(known or {})
        for store in stores:
            if store.name not in findings:
                findings[store.name] = self._find(store)
        return ConvergencePlan(self.wanted, stores, findings, self.cache)

    def _find(self, store: Store) -> list[StoreFinding]:
        try:
            with self._time_of(store):
                return store.find(self.wanted)
        except TrustAnchorError as error:
            return [StoreFinding(store.name, store.path, UNKNOWN, why=str(error))]
        except OSError as error:
            return [StoreFinding(store.name, store.path, UNKNOWN, why=str(_failure(store, error)))]

    def converge(self, store: Store) -> list[str]:
        """What a person should know though the store is right.

        Raises:
            TrustAnchorError: it cannot be done, or not in time.
        """
        try:
            with self._time_of(store):
                return store.converge(self.wanted)
        except OSError as error:
            raise _failure(store, error) from error

    @contextlib.contextmanager
    def _time_of(self, store: Store) -> Iterator[None]:
        if not store.declared and self._left <= 0:
            raise TrustAnchorError(
                f"the stores that were found took more than {FOUND_SECONDS:.0f} seconds together", "", "Run again"
            )
        began = time.monotonic()
        try:
            yield
        finally:
            if not store.declared:
                self._left -= time.monotonic() - began


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
    wanted, stores = _wanted(roots, distrusted, state, cache), declaration.stores(cache)
    parts = []
    for declared in (True, False):
        measurement = _Measurement(wanted, cache)
        todo = measurement.plan([store for store in stores if store.declared == declared])
        parts.append(ConvergenceOutcome(todo, todo, check=True) if check else _apply(todo, measurement, state))
    own, found = parts
    return ConvergenceOutcome(
        plan=_joined(own.plan, found.plan, stores),
        after=_joined(own.after, found.after, stores),
        failures=own.failures | found.failures,
        warnings=[*own.warnings, *found.warnings, *own.after.notes, *found.after.notes],
        check=check,
        in_vain=frozenset(name for name, digest in state.in_vain.items() if digest == _digest(found.plan, name)),
    )


def _digest(plan: ConvergencePlan, name: str) -> str:
    """Of what was found in a store; empty of one that is not there."""
    return hashlib.sha256(repr(plan.findings[name]).encode()).hexdigest() if name in plan.findings else ""


def _joined(one: ConvergencePlan, other: ConvergencePlan, stores: Sequence[Store]) -> ConvergencePlan:
    return ConvergencePlan(one.wanted, stores, {**one.findings, **other.findings}, one.cache)


def _apply(todo: ConvergencePlan, measurement: _Measurement, state: HostState) -> ConvergenceOutcome:
    """Carry out a plan and read back what was touched; the host's own stores, which feed each other, all of them.

    A store that fails does not keep the others from being right. What is put into a store is remembered before, so a
    run that is killed at any moment is finished by the next one.

    Args:
        todo: the plan.
        measurement: that has made it.
        state: is changed and saved.
    """
    needy = [store for store in todo.stores if todo.needs(store)]
    state.ever_installed = sorted(set(state.ever_installed) | todo.wanted.sha256s)
    clocks = state.clocks()
    moved = [store for store in needy if any(one.missing or one.unwanted for one in todo.findings[store.name])]
    state.note_change(_readers(moved))  # even when this run is killed
    state.save()
    failures: dict[str, TrustAnchorError] = {}
    warnings: list[str] = []
    for store in needy:
        try:
            warnings += measurement.converge(store)
        except TrustAnchorError as error:
            failures[store.name] = error
    untouched = {store.name for store in todo.stores if not store.declared} - {store.name for store in needy}
    known = {name: todo.findings[name] for name in untouched}
    after = measurement.plan(todo.stores, known) if needy else todo
    for store in [store for store in todo.stores if after.needs(store)]:
        failures.setdefault(store.name, _still_wrong(after.findings[store.name]))
    _downgrade_discovered(todo.stores, failures, warnings)
    state.restore(clocks)
    # A process that began before this moment may have read what was before.
    state.note_change(_readers(store for store in needy if _roots(todo, store) != _roots(after, store)))
    state.cache = todo.cache.as_dict()
    vain = [
        store.name for store in needy if not store.declared and todo.findings[store.name] == after.findings[store.name]
    ]
    state.in_vain = {name: _digest(todo, name) for name in vain}
    state.save()
    return ConvergenceOutcome(todo, after, failures, warnings)


def _readers(stores: Iterable[Store]) -> set[int | None]:
    return {store.user for store in stores}


def _roots(plan: ConvergencePlan, store: Store) -> list[tuple[object, ...]]:
    """What is trusted in a store, as far as it matters: an attempt that changes none of it moves no clock."""
    return [(one.name, one.state == UNKNOWN, one.missing, one.unwanted) for one in plan.findings[store.name]]


def _downgrade_discovered(stores: Sequence[Store], failures: dict[str, TrustAnchorError], warnings: list[str]) -> None:
    """A store that was found and is wrong is reported, not failed: else a user could keep a host from being right, or
    stop a rollout. The report says that the host has a store that is wrong, and the rollout is not complete.
    """
    names = [store.name for store in stores if not store.declared and store.name in failures]
    warnings += [f"{name}: {failures.pop(name)}" for name in names]


def _still_wrong(findings: Sequence[StoreFinding]) -> TrustAnchorError:
    bad = next(finding for finding in findings if finding.state != OK)
    missing, unwanted = (", ".join(one) or "nothing" for one in (bad.missing, bad.unwanted))
    return TrustAnchorError(
        f"the {bad.name} store is still wrong after it was converged",
        bad.why or f"missing: {missing}, still trusted: {unwanted}",
        "Run update-ca-certificates by hand and look at what its hooks say" if bad.name.startswith("system") else "",
    )
