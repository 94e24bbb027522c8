# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rollout: one line of JSON for each host at once, so that a killed controller loses nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...host import versioned
from ...journal import lines
from ...text import times

VERSION = 1  # of a line
_LAST_MOMENT = 253_370_764_800  # seconds since the epoch: the year 9999
OUTCOMES = ("converged", "failed", "unreachable")


@dataclass(frozen=True)
class Release:
    """Which content of which trust manifest.

    Args:
        id: of the manifest; names the estate.
        sequence: of the manifest.
        digest: `Manifest.digest`: a sequence may have had another content, in another clone or before an edit by hand.
        told: `push.told`: the digest of what hosts are told.
        trusted: fingerprints of the roots that hosts are told to trust.
    """

    id: str
    sequence: int
    digest: str
    told: str
    trusted: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain form."""
        return {**asdict(self), "trusted": list(self.trusted)}


@dataclass(frozen=True)
class Entry:
    """What one run of trust_bundle found on one host.

    Args:
        host: name in the inventory.
        time: when it ended, such as ``2026-11-26T12:00:00Z``.
        outcome: one of `OUTCOMES`.
        check: it was check mode: nothing was changed.
        changed: something was, or would be, changed.
        manifest: id and sequence of what was rolled out, and the digest of what the host was told.
        stores: each store as it was found.
        repaired: stores that were wrong and are right.
        effective: whether all processes have the new roots, and which have not.
        leaves: service certificates on the host.
        handshakes: what the host's clients said about the probed services.
        error: why it failed: what, why, next_step.
        more: what else a sister version of the collection noted; kept as it is.
    """

    host: str
    time: str
    outcome: str
    check: bool = False
    changed: bool = False
    manifest: Mapping[str, Any] = field(default_factory=dict)
    stores: list[dict[str, Any]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    effective: Mapping[str, Any] = field(default_factory=dict)
    leaves: list[dict[str, Any]] = field(default_factory=list)
    handshakes: list[dict[str, Any]] = field(default_factory=list)
    error: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> dt.datetime:
        """Its time."""
        return times.parse(self.time, f"the time of {self.host}")

    def is_of(self, release: Release) -> bool:
        """Whether it is of this content of the manifest; a line without a digest, of a former version, is of none."""
        of = tuple(self.manifest.get(key) for key in ("id", "sequence", "digest"))
        return of == (release.id, release.sequence, release.told)


def of(path: str) -> lines.Journal[Entry]:
    """The journal in a file. A line that was torn by a kill is left out: its host counts as it did before."""
    return lines.Journal(path, _FORM)


def _plain(entry: Entry) -> dict[str, Any]:
    plain = asdict(entry)
    return {**plain.pop("more"), **plain, "version": VERSION}


def _entry(data: Mapping[str, Any]) -> Entry:
    known = versioned.known(Entry, {key: value for key, value in data.items() if key != "more"})
    entry = Entry(**known, more=versioned.others(data, known))
    if entry.outcome not in OUTCOMES or not isinstance(entry.manifest, Mapping) or not times.parsed(entry.time):
        raise ValueError("its values are not known")
    if fault := _fault(entry):
        # A host's bad answer is a fault of that host, and of no report or plan about the others.
        nothing = {name: value for name, value in asdict(Entry("", "", "")).items() if name in _MEASURED}
        error = {"what": f"its line in the journal cannot be used: {fault}"}
        return replace(entry, **{**nothing, "outcome": "failed", "error": error})
    return entry


_MEASURED = ("stores", "repaired", "effective", "leaves", "handshakes", "error")


def _fault(entry: Entry) -> str:
    """What is not as it must be of what a host said; empty where all is."""
    effective = entry.effective if isinstance(entry.effective, Mapping) else {"processes": entry.effective}
    processes = effective.get("processes", [])
    good = {
        "stores": _are(entry.stores, "name") and all(map(_has_lists, entry.stores)),
        "repaired": isinstance(entry.repaired, list) and all(isinstance(one, str) for one in entry.repaired),
        "effective": _are(processes) and all(map(_has_begin, processes)),
        "leaves": _are(entry.leaves),
        "handshakes": _are(entry.handshakes, "target") and all(_has_clients(one) for one in entry.handshakes),
        "error": isinstance(entry.error, Mapping),
    }
    return ", ".join(name for name, is_good in good.items() if not is_good)


def _are(found: Any, *texts: str) -> bool:
    """Whether it is a list of mappings that have these texts."""
    return isinstance(found, list) and all(
        isinstance(one, Mapping) and all(isinstance(one.get(key), str) for key in texts) for one in found
    )


def _has_lists(store: Mapping[str, Any]) -> bool:
    return all(isinstance(store.get(key, []), list) for key in ("missing", "unwanted"))


def _has_begin(process: Mapping[str, Any]) -> bool:
    begin = process.get("started", 0)
    return isinstance(begin, (int, float)) and 0 <= begin < _LAST_MOMENT


def _has_clients(handshake: Mapping[str, Any]) -> bool:
    return isinstance(handshake.get("clients"), Mapping)


_FORM = lines.EventForm("a rollout", _plain, _entry, VERSION)
