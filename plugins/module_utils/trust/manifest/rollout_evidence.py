# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report of a rollout proves: which hosts were measured, with which manifest, and when (controller).

A report speaks of the hosts that it measured, and of the moment of each measurement, never of that of its file. Of
every other declared host nothing is known: neither its stores nor its service certificates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...host.versioned import DamagedFileError
from ...text import times
from ..rollout import plan, report


@dataclass(frozen=True)
class Measurement:
    """What is known of one host.

    Args:
        outcome: as the report has it.
        time: when it was measured, UTC; None: never.
        leaves: fingerprint of a root and name of each service certificate; the fingerprint is empty where nobody knows
            the root. None: not measured.
    """

    outcome: str
    time: dt.datetime | None
    leaves: tuple[tuple[str, str], ...] | None

    def doubt(self, now: dt.datetime) -> str:
        """Why nothing is known of the host; empty: it was measured, and is as it should be."""
        if self.outcome != plan.CONVERGED:
            return self.outcome
        if self.time is None or self.leaves is None:
            return "not measured"
        return "" if plan.is_fresh(self.time, now) else f"measured {times.render(self.time)}"


@dataclass(frozen=True)
class Rollout:
    """What the report of a rollout says.

    Args:
        id: of the manifest that was rolled out.
        sequence: of that manifest.
        digest: of that manifest; empty in a report of a former version, which proves nothing.
        hosts: host to what is known of it.
        waived: host to the last day of its waiver.
        trusted: fingerprints of the roots that hosts were told to trust.
        complete: every declared host had converged when it was written, but for those with a waiver.
    """

    id: str
    sequence: int
    digest: str
    hosts: Mapping[str, Measurement]
    waived: Mapping[str, dt.date] = field(default_factory=dict)
    trusted: frozenset[str] = frozenset()
    complete: bool = False

    def doubts(self, declared: Iterable[str], now: dt.datetime) -> dict[str, str]:
        """Each declared host of which nothing is known, with the reason.

        Args:
            declared: all hosts that are declared today; one that came since the rollout, or was called none of the
                estate in it, was not measured.
            now: present time, UTC.
        """
        never = Measurement("not in the report", None, None)
        found = {host: self.hosts.get(host, never).doubt(now) for host in declared}
        return {host: why for host, why in found.items() if why}

    def missing(self, declared: Iterable[str], now: dt.datetime) -> dict[str, str]:
        """Those of `doubts` without a waiver that counts today."""
        waived = {host for host, until in self.waived.items() if until >= now.date()}
        return {host: why for host, why in self.doubts(declared, now).items() if host not in waived}

    def oldest(self, hosts: Iterable[str]) -> tuple[dt.datetime, str] | None:
        """The oldest measurement of these hosts, and whose it is; None where none was measured."""
        known = ((self.hosts[host].time, host) for host in hosts if host in self.hosts)
        return min(((time, host) for time, host in known if time is not None), default=None)

    def leaves(self, root: str) -> list[str]:
        """The services (``host: name``) that lead to a root, by its fingerprint; or, with an empty one, nobody knows
        where."""
        return [
            f"{host}: {name}"
            for host, one in sorted(self.hosts.items())
            for found, name in one.leaves or ()
            if found == root
        ]


def parse(content: bytes, source: str) -> Rollout:
    """Read a report.

    Raises:
        TrustAnchorError: it is damaged, of check mode, or of a later version.
    """
    try:
        found = report.FILE.parse(content, source)
        if found.get("check", False) is not False:
            raise ValueError("it is of check mode")
        release = found["manifest"]
        return Rollout(
            id=str(release["id"]),
            sequence=int(release["sequence"]),
            digest=str(release.get("digest", "")),
            hosts={str(host): _measurement(one, source) for host, one in found["hosts"].items()},
            waived={
                str(one["host"]): times.parse_date(one["expires"], f"{source}: a waiver")
                for one in found.get("waived", [])
            },
            trusted=frozenset(str(one) for one in release.get("trusted", [])),
            complete=found["complete"] is True,
        )
    except (DamagedFileError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrustAnchorError(f"{source} is not a report of a rollout", str(error), "Roll out again") from error


def _measurement(found: Mapping[str, Any], source: str) -> Measurement:
    measured, leaves = found.get("measured"), found.get("leaves")
    return Measurement(
        outcome=str(found["outcome"]),
        time=times.parse(measured, f"{source}: measured") if measured else None,
        leaves=None if leaves is None else tuple((str(leaf["root"]), str(leaf["name"])) for leaf in leaves),
    )
