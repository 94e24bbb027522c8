# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where names lead, and which addresses are this host's own. Standard library only."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterable

from .files import read


def resolved(host: str) -> list[str]:
    """The addresses of a name, in a fixed order; of an address itself; none where it has none."""
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


def own() -> list[str]:
    """The addresses of this host that others can reach, in a fixed order."""
    found = {*_ipv4((read("/proc/net/fib_trie") or b"").decode()), *_ipv6((read("/proc/net/if_inet6") or b"").decode())}
    return sorted(one for one in found if not is_internal(one))


def _ipv4(table: str) -> Iterable[str]:
    """From the kernel's table of routes: ``|-- 10.0.0.5`` and on the next line ``/32 host LOCAL``."""
    return re.findall(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL\n", table)


def _ipv6(table: str) -> Iterable[str]:
    """From lines such as ``fd000000000000000000000000000001 02 40 00 80 eth0``."""
    return (str(ipaddress.IPv6Address(int(line.split()[0], 16))) for line in table.splitlines() if line.strip())


def is_internal(address: str) -> bool:
    """Whether nobody reaches this host from elsewhere by it without a zone."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.is_loopback or found.is_link_local or found.is_unspecified
