# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a small file by HTTP. What it says is trusted for its signature alone. Standard library only."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import urlsplit

from ...errors import TrustAnchorError
from ...host import children
from ...text.document import visible

TIMEOUT = 10.0  # seconds for each step of the connection
DEADLINE = 20.0  # seconds for all of it: whoever answers slowly must not keep a host from the next URL


def fetch(url: str, limit: int, deadline: float = DEADLINE) -> bytes:
    """The body that a URL answers with. Redirections are not followed.

    A child process does it, since nothing else ends everything in time: a name server that does not answer, one
    address after the other that swallows what it is sent, a body of which each byte is late.

    Args:
        url: http or https.
        limit: bytes; a longer body is refused.
        deadline: seconds for everything, on the wall clock.

    Raises:
        TrustAnchorError: not reached, not in time, a status other than 200, or too long.
    """
    try:
        body = children.call(lambda: base64.b64encode(_fetched(url, limit)).decode(), deadline, most=2 * limit + 1000)
    except children.NotInTimeError as error:
        raise TrustAnchorError(f"{url} cannot be reached", f"not within {deadline:.0f} seconds") from error
    return base64.b64decode(body)


def _fetched(url: str, limit: int) -> bytes:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("GET", target, headers={"User-Agent": "trust-agent", "Accept": "*/*"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise TrustAnchorError(f"{url} answers {answer.status} {visible(answer.reason[:100])}", "200 is expected")
        body = answer.read(limit + 1)
        if len(body) > limit:
            raise TrustAnchorError(f"{url} answers with more than {limit} bytes", "a manifest is much shorter")
        if answer.length:
            raise TrustAnchorError(f"the answer of {url} was cut off", f"{answer.length} bytes are missing")
        return body
    except (OSError, http.client.HTTPException) as error:
        why = visible(str(error)[:300]) or type(error).__name__
        raise TrustAnchorError(f"{url} cannot be reached", why) from error
    finally:
        connection.close()


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
