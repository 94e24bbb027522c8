# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: hosts whose trust stores need not be as declared for a while, each with an owner and a date (controller)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ... import strict_yaml
from ...errors import TrustAnchorError
from ...schema import check_keys, read_text
from ...text import times

_KEYS = ("host", "owner", "reason", "expires")


@dataclass(frozen=True)
class Waiver:
    """One host that is waived.

    Args:
        host: its name in the inventory.
        owner: who answers for it.
        reason: why it cannot be converged.
        expires: last day on which the waiver counts.
    """

    host: str
    owner: str
    reason: str
    expires: dt.date

    def as_dict(self) -> dict[str, str]:
        """For a report."""
        return {
            "host": self.host,
            "owner": self.owner,
            "reason": self.reason,
            "expires": times.render_date(self.expires),
        }


def parse(text: bytes, source: str, hosts: Collection[str], today: dt.date) -> tuple[Waiver, ...]:
    """Read a file of waivers.

    Args:
        text: YAML, a list.
        source: where the text comes from, for messages.
        hosts: the declared hosts.
        today: a waiver counts up to and including its last day.

    Raises:
        TrustAnchorError: not of that form, a host that is unknown or listed twice, or a waiver that has expired.
    """
    data = strict_yaml.load(text, source)
    if data is None:
        return ()
    if not isinstance(data, list):
        raise TrustAnchorError(f"{source} is not a list", f"each waiver is a mapping with {', '.join(_KEYS)}")
    waivers = tuple(_waiver(entry, f"{source}: waiver {number}") for number, entry in enumerate(data, 1))
    _check_hosts(waivers, source, hosts)
    if over := [one for one in waivers if one.expires < today]:
        listed = "; ".join(f"{one.host} of {one.owner}, until {one.expires}: {one.reason}" for one in over)
        raise TrustAnchorError(
            f"{source}: {len(over)} waiver{'s' if len(over) > 1 else ''} expired: {listed}",
            "a host is waived for a while only, and its owner knows until when",
            "Converge the host and take its waiver out, or agree on a later day with its owner",
        )
    return waivers


def _waiver(entry: Any, where: str) -> Waiver:
    entry = check_keys(entry, _KEYS, where)
    host, owner, reason, expires = (read_text(entry, key, where) for key in _KEYS)
    return Waiver(host, owner, reason, times.parse_date(expires, where))


def _check_hosts(waivers: Collection[Waiver], source: str, hosts: Collection[str]) -> None:
    seen: set[str] = set()
    for one in waivers:
        if one.host not in hosts:
            raise TrustAnchorError(
                f"{source}: host '{one.host}' is not among the {len(hosts)} declared hosts",
                "a waiver of a host that is not there hides a spelling mistake",
                "Write the name as it is in the inventory, or take the waiver out",
            )
        if one.host in seen:
            raise TrustAnchorError(f"{source} has two waivers for host '{one.host}'", "each host has at most one")
        seen.add(one.host)
