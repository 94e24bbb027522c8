# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout of the trust manifest: which hosts are to do, when it stops, when it is complete (controller)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from .journal import Entry, Release
from .waivers import Waiver

# In a report, of a host.
CONVERGED, FAILED, UNREACHABLE = "converged", "failed", "unreachable"
UNKNOWN, NOT_REACHED, TO_CHANGE, OUTDATED = "unknown", "not reached", "to change", "outdated"
# In a report, of a store.
OK, INSTALLED, REPAIRED, WRONG = "ok", "installed", "repaired", "wrong"
# For so long a measurement says something about its host.
FRESH = dt.timedelta(days=7)


@dataclass(frozen=True)
class HostRollout:
    """What a journal says about one host.

    Args:
        last: its last line.
        converged: its last line that says converged; None where there is none.
        converged_before: whether an earlier line than the last one said so: what is wrong since is drift.
    """

    last: Entry
    converged: Entry | None
    converged_before: bool

    @property
    def outcome(self) -> str:
        """What a report says of the host: a store that nobody could look into makes it unknown."""
        if self.last.outcome != CONVERGED:
            return self.last.outcome
        if self.last.check and self.last.changed:
            return TO_CHANGE
        return UNKNOWN if any(one.get("state") == "unknown" for one in self.last.stores) else CONVERGED

    def stores(self) -> list[dict[str, Any]]:
        """The stores with what became of them."""
        return [{**one, "state": self._store(one)} for one in self.last.stores]

    def _store(self, store: Mapping[str, Any]) -> str:
        if store.get("state") == "unknown":
            return UNKNOWN
        if store.get("name") in self.last.repaired:
            return REPAIRED if self.converged_before else INSTALLED
        # Modules that do not say it list what is missing and unwanted.
        is_wrong = store.get("state") == "wrong" or bool(store.get("missing") or store.get("unwanted"))
        return WRONG if is_wrong else OK


def states(entries: Iterable[Entry], release: Release, check: bool = False) -> dict[str, HostRollout]:
    """Host to what its lines of this content of the manifest say.

    Args:
        entries: in their order.
        release: lines of others do not count.
        check: whether lines of check mode count.
    """
    found: dict[str, HostRollout] = {}
    for entry in entries:
        if not entry.is_of(release) or (entry.check and not check):
            continue
        before = found.get(entry.host)
        said_before = before.converged if before else None
        is_word = entry.outcome == CONVERGED and not entry.check
        found[entry.host] = HostRollout(entry, entry if is_word else said_before, said_before is not None)
    return found


def superseded(entries: Sequence[Entry], release: Release) -> list[Entry] | None:
    """What to keep of a journal that has grown long; None where it has not.

    The last two lines of each host that say converged and its very last line are all that `states` needs. Lines of
    check mode are of no use later.
    """
    hosts = {entry.host for entry in entries}
    if len(entries) <= 10 * len(hosts):
        return None
    keep: set[int] = set()
    for host in hosts:
        mine = [at for at, one in enumerate(entries) if one.host == host and one.is_of(release) and not one.check]
        good = [at for at in mine if entries[at].outcome == CONVERGED]
        keep |= {*good[-2:], *mine[-1:]}
    return [entry for at, entry in enumerate(entries) if at in keep]


@dataclass(frozen=True)
class RolloutPlan:
    """Which hosts a run has to do.

    Args:
        todo: in order, canaries first.
        waived: of those with a waiver; tried at the end, nothing waits for them.
        done: those that converged already, and when.
    """

    todo: tuple[str, ...]
    waived: tuple[str, ...]
    done: dict[str, str]


def is_fresh(measured: dt.datetime, now: dt.datetime) -> bool:
    """Whether a measurement of that moment still counts; none of the future does."""
    return dt.timedelta(0) <= now - measured <= FRESH


@dataclass(frozen=True)
class Scope:
    """The hosts of a rollout.

    Args:
        hosts: all that are declared, whomever a run is about.
        only: those that this run is about.
        canaries: those that come first.
        waivers: of hosts that are waived.
        outside: hosts of the inventory that are none of the estate, each with the reason; not among ``hosts``.
    """

    hosts: tuple[str, ...]
    only: tuple[str, ...]
    canaries: tuple[str, ...]
    waivers: tuple[Waiver, ...]
    outside: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.hosts:
            raise TrustAnchorError("no hosts are declared", "a rollout to none would be complete", "Name the hosts")
        if not self.only:
            raise TrustAnchorError(
                "this run is about no declared host", "its pattern matches none", "Correct the pattern, or leave it out"
            )
        for what, names in (("only", self.only), ("canaries", self.canaries)):
            if unknown := [name for name in names if name not in self.hosts]:
                raise TrustAnchorError(
                    f"{what}: '{unknown[0]}' is not among the declared hosts", "a rollout knows no others"
                )


def declared(
    inventory: Sequence[str], groups: Mapping[str, Sequence[str]], outside: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The hosts of the estate, and those of the inventory that are none of it.

    Args:
        inventory: all hosts that could be declared.
        groups: name of a group to its hosts.
        outside: host or group to the reason why it has neither trust stores nor certificates of the estate.

    Returns:
        The declared hosts, in the inventory's order; and each other host to its reason.

    Raises:
        TrustAnchorError: a name that the inventory does not have, or no reason.
    """
    reasons: dict[str, str] = {}
    for name, reason in outside.items():
        if not isinstance(reason, str) or not reason.strip():
            raise TrustAnchorError(
                f"outside: no reason is given for '{name}'",
                "what is left out of a rollout is known by its reason",
                "Write the reason behind the name",
            )
        named = groups.get(name, [name])
        if not (here := [host for host in named if host in inventory]) and name not in groups:
            raise TrustAnchorError(f"outside: '{name}' is neither a host nor a group of the inventory", "")
        reasons |= dict.fromkeys(here, reason)
    return tuple(host for host in inventory if host not in reasons), reasons


def plan(scope: Scope, journaled: Mapping[str, HostRollout], now: dt.datetime, max_age: dt.timedelta) -> RolloutPlan:
    """Which hosts are to do.

    Args:
        scope: the hosts.
        journaled: what the journal says.
        now: present time, UTC.
        max_age: a host that converged longer ago is looked at again.
    """
    done = {
        host: state.last.time
        for host, state in journaled.items()
        if state.outcome == CONVERGED and is_fresh(state.last.moment, now) and now - state.last.moment < max_age
    }
    waived = {one.host for one in scope.waivers}
    chosen = [host for host in scope.hosts if host in scope.only and host not in done]
    first = [host for host in chosen if host in scope.canaries]
    ordered = first + [host for host in chosen if host not in scope.canaries]
    return RolloutPlan(
        todo=tuple(host for host in ordered if host not in waived),
        waived=tuple(host for host in ordered if host in waived),
        done={host: done[host] for host in scope.hosts if host in done},
    )


def check_waves(waves: Any, canaries: int) -> list[int | str]:
    """Sizes of the waves: numbers of hosts, or shares such as ``10%``.

    Args:
        waves: as declared.
        canaries: hosts of a wave of their own before these; 0 for none.

    Raises:
        TrustAnchorError: a size is neither.
    """
    if not isinstance(waves, (list, tuple)) or not waves:
        raise TrustAnchorError(
            f"waves are {waves!r}", "a list of sizes is expected", "Write for example [1, 10%, 100%]"
        )
    sizes: list[int | str] = [canaries] if canaries else []
    for size in waves:
        text = str(size)
        if isinstance(size, bool) or not re.fullmatch("[1-9][0-9]{0,5}|([1-9][0-9]?|100)%", text):
            raise TrustAnchorError(
                f"a wave of {size!r} hosts is not possible", "a number, or a share from 1% to 100%, is expected"
            )
        sizes.append(text if text.endswith("%") else int(text))
    return sizes


@dataclass(frozen=True)
class Gate:
    """Whether the next wave may begin.

    Args:
        failed: hosts of the wave that did not converge, each with the reason.
        share: them, of 100.
        passed: whether these are few enough.
    """

    failed: dict[str, str]
    share: int
    passed: bool


def gate(
    wave: Collection[str], journaled: Mapping[str, HostRollout], since: dt.datetime, max_fail_percentage: int
) -> Gate:
    """Look back at a wave.

    Args:
        wave: its hosts.
        journaled: what the journal says.
        since: start of this run; an older word does not count.
        max_fail_percentage: the share of failed hosts that is accepted.
    """
    failed = {}
    for host in wave:
        state = journaled.get(host)
        if state is None or state.last.moment < since:
            failed[host] = "nothing was heard of it in this run"
        elif state.last.outcome != CONVERGED:
            failed[host] = reason(state.last)
    share = -(-100 * len(failed) // max(1, len(wave)))
    return Gate(failed, share, 100 * len(failed) <= max_fail_percentage * len(wave))


def reason(entry: Entry) -> str:
    """Why a host did not converge, in one line."""
    parts = [str(entry.error.get(part) or "").rstrip(".") for part in ("what", "why")]
    return ": ".join([entry.outcome, *[part for part in parts if part]])
