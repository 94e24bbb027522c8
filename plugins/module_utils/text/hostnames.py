# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts that every client reads alike, in certificates and URLs. Standard library only.

RFC 1123 section 2.1 and RFC 5280 section 4.2.1.6 allow what follows; where clients differ, what one of them refuses is
refused here, before a certificate bears it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_PATTERN = rf"({_LABEL}[.])*{_LABEL}"
# Of a host, or of all below a domain that is not a top-level one, in letters of either case; the template of leaves has
# Go read it (RE2).
NAME_PATTERN = rf"({HOST_PATTERN}|[*][.]({_LABEL}[.])+{_LABEL})".replace("a-z", "A-Za-z")
HOST_LENGTH = 253  # RFC 1035 section 2.3.4, without the length bytes
COMMON_NAME_LENGTH = 64  # RFC 5280 appendix A.1, ub-common-name
_HOST = re.compile(HOST_PATTERN)


def is_address(name: str) -> bool:
    """Whether a name is an IP address. One with a zone is not: a zone means something on one host alone (RFC 4007)."""
    try:
        return "%" not in str(ipaddress.ip_address(name))
    except ValueError:
        return False


def is_host(name: str) -> bool:
    """Whether a name is that of a host, in lower case, without wildcard and without a dot at its end."""
    return len(name) <= HOST_LENGTH and _HOST.fullmatch(name) is not None


def why_unreadable(name: str) -> str:
    """Why some client would not accept a certificate for a name; empty where all of them do.

    Args:
        name: a DNS name, ``*.`` and a domain, or an IP address.
    """
    if is_address(name):
        return ""
    host = name.removeprefix("*.")
    if not name.isascii():
        return "clients differ about other letters than ASCII: write it in the form that begins with xn-- (RFC 5890)"
    if "_" in name:
        return "Java refuses an underscore in a server's name, and so do programs that use Python's cryptography"
    if name.endswith("."):
        return "clients differ about a dot at the end"
    if not is_host(host):
        return "names are lower case and have no port, labels have 63 characters at most and names 253"
    if host.rpartition(".")[2].isdigit():
        return "browsers take what ends in a number for an IPv4 address, and it is none"
    if host != name and "." not in host:
        return "OpenSSL, curl, Node.js and GnuTLS refuse a wildcard directly below a top-level domain"
    return ""


def common_name(names: Sequence[str]) -> str:
    """The common name of a certificate for these names: the first DNS name that is not too long, else none.

    OpenSSL (so curl, Python and Node.js) and GnuTLS read a common name that is an address as a DNS name: below name
    constraints they refuse the certificate, although the address is permitted.
    """
    fitting = (name for name in names if not is_address(name) and len(name) <= COMMON_NAME_LENGTH)
    return next(fitting, "")
