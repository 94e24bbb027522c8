# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a small file by HTTP. What it says is trusted for its signature alone. Standard library only."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from urllib.parse import urlsplit

from ...errors import TrustAnchorError

TIMEOUT = 10.0  # seconds for each step of the connection
DEADLINE = 20.0  # seconds for all of it: whoever answers slowly must not keep a host from the next URL


def fetch(url: str, limit: int, deadline: float = DEADLINE) -> bytes:
    """The body that a URL answers with. Redirections are not followed.

    Args:
        url: http or https.
        limit: bytes; a longer body is refused.
        deadline: seconds for everything.

    Raises:
        TrustAnchorError: not reached, a status other than 200, or too long.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    watchdog = threading.Timer(deadline, _cut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("GET", target, headers={"User-Agent": "trust-agent", "Accept": "*/*"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise TrustAnchorError(f"{url} answers {answer.status} {answer.reason}", "200 is expected")
        body = answer.read(limit + 1)
        if len(body) > limit:
            raise TrustAnchorError(f"{url} answers with more than {limit} bytes", "a manifest is much shorter")
        if answer.length:
            raise TrustAnchorError(f"the answer of {url} was cut off", f"{answer.length} bytes are missing")
        return body
    except (OSError, http.client.HTTPException) as error:
        raise TrustAnchorError(f"{url} cannot be reached", str(error) or type(error).__name__) from error
    finally:
        watchdog.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    """End a connection that takes too long; what waits for it gets an error."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def check_url(url: str) -> str:
    """The URL, when it is one that can be fetched.

    Raises:
        TrustAnchorError: it is not.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(character <= " " for character in url):
        raise TrustAnchorError(f"'{url}' is not a URL that can be fetched", "http://HOST/PATH is expected")
    return url
