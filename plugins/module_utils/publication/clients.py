# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which addresses clients come to the published name, asked on the host that publishes. Standard library only."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from ..host.files import read

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
    resolved = _resolved(host)
    # On the host itself its name may lead to loopback (Debian writes 127.0.1.1 into /etc/hosts): no client comes there.
    direct = [one for one in resolved if is_own(one) and not _is_internal(one)]
    present = [one for one in own_addresses() if ipv6 or ":" not in one]
    named = direct or present or [LOOPBACK]
    elsewhere = [one for one in resolved if not is_own(one) and (ipv6 or ":" not in one)]
    return [
        *(Way(one, own=True, named=True) for one in named),
        *(Way(one, own=True, named=False) for one in present if one not in named),
        *(Way(one, own=False, named=True) for one in elsewhere),
    ]


def _resolved(host: str) -> list[str]:
    """The addresses of a name in a fixed order; none where it has none."""
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return sorted({str(one[4][0]) for one in found})
    return []


def is_own(address: str) -> bool:
    """Whether an address is one of this host: nobody can listen at another host's (bind(2), EADDRNOTAVAIL)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as asked:
            asked.bind((address, 0))
    except OSError:
        return False
    return True


def own_addresses() -> list[str]:
    """The addresses of this host that others can reach, in a fixed order."""
    found = {*_ipv4((read("/proc/net/fib_trie") or b"").decode()), *_ipv6((read("/proc/net/if_inet6") or b"").decode())}
    return sorted(one for one in found if not _is_internal(one))


def _ipv4(table: str) -> Iterable[str]:
    """From the kernel's table of routes: ``|-- 10.0.0.5`` and on the next line ``/32 host LOCAL``."""
    return re.findall(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL\n", table)


def _ipv6(table: str) -> Iterable[str]:
    """From lines such as ``fd000000000000000000000000000001 02 40 00 80 eth0``."""
    return (str(ipaddress.IPv6Address(int(line.split()[0], 16))) for line in table.splitlines() if line.strip())


def _is_internal(address: str) -> bool:
    """Whether nobody reaches this host from elsewhere by it without a zone."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.is_loopback or found.is_link_local or found.is_unspecified
