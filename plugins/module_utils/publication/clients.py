# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which addresses clients come to the published name, asked on the host that publishes. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from ..host import addresses

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Way:
    """An address at which the published name is asked for.

    Args:
        address: of IPv4 or IPv6.
        own: it is one of this host.
        named: clients are sent there by DNS; or nobody can say which of its own addresses they reach, so it may be any
            (a proxy or address translation in front, or no DNS yet).
    """

    address: str
    own: bool
    named: bool


def ways(host: str, ipv6: bool) -> list[Way]:
    """All addresses by which clients may come; at least one is the host's own and named.

    Args:
        host: DNS name or address of the publication URL.
        ipv6: whether this host serves by IPv6.
    """
    resolved = addresses.resolved(host)
    # On the host itself its name may lead to loopback (Debian writes 127.0.1.1 into /etc/hosts): no client comes there.
    direct = [one for one in resolved if addresses.is_own(one) and not addresses.is_internal(one)]
    present = [one for one in addresses.own() if ipv6 or ":" not in one]
    named = direct or present or [LOOPBACK]
    elsewhere = [one for one in resolved if not addresses.is_own(one) and (ipv6 or ":" not in one)]
    return [
        *(Way(one, own=True, named=True) for one in named),
        *(Way(one, own=True, named=False) for one in present if one not in named),
        *(Way(one, own=False, named=True) for one in elsewhere),
    ]
