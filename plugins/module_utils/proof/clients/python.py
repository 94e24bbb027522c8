# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python's ssl module: it reads the bundle and the hash links by OpenSSL. Standard library only.

The one client that looks at each address of a name; the others take the first one that answers.
"""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from ...host import addresses
from ...text import times
from .client import TIMEOUT, Asked, Client, Said, TargetResult, address, told


def _perform(asked: Asked) -> Mapping[str, Said]:
    # Given a file, it loads no other roots; its flags are those of this Python either way.
    context = ssl.create_default_context(cafile=asked.roots or None)
    said = {one.target: told(functools.partial(_shake, one, context)) for one in asked.results}
    return {CLIENT.name: said}


def _shake(result: TargetResult, context: ssl.SSLContext) -> str:
    """At each address to which the name leads.

    An address at which nobody answers is passed over, as clients do (RFC 8305), unless it is so at all of them.
    """
    host, port = address(result.target)
    silent, shaken = [], {}
    for one in addresses.resolved(host):
        try:
            raw = socket.create_connection((one, int(port)), TIMEOUT)
        except OSError as error:
            silent.append(str(error))
            continue
        with raw:
            shaken[one] = _wrapped(raw, host, context)
    wrong = [f"{said} (at {one})" for one, said in shaken.items() if isinstance(said, str)]
    if not shaken or wrong:
        return [*wrong, *silent, f"{host} has no address"][0]
    _describe(result, next(said for said in shaken.values() if not isinstance(said, str)))
    return "ok"


def _wrapped(raw: socket.socket, host: str, context: ssl.SSLContext) -> Mapping[str, Any] | str:
    """The server's certificate, or why there is none."""
    try:
        with context.wrap_socket(raw, server_hostname=host) as tls:
            return tls.getpeercert() or {}
    except (OSError, ssl.SSLError) as error:
        return str(error)


def _describe(result: TargetResult, certificate: Mapping[str, Any]) -> None:
    issuer = {key: value for part in certificate["issuer"] for key, value in part}
    result.issuer = str(issuer.get("commonName", ""))
    result.not_after = times.render(times.parse_openssl(certificate["notAfter"], "the end of the certificate"))


CLIENT = Client("python", "python3", "the bundle and the hash links in /etc/ssl/certs", _perform)
