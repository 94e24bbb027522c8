# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a small file by HTTP. What it says is trusted for its signature alone. Standard library only."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from ...errors import TrustAnchorError

TIMEOUT = 10.0  # seconds for each step of the connection


def fetch(url: str, limit: int) -> bytes:
    """The body that a URL answers with. Redirections are not followed.

    Args:
        url: http or https.
        limit: bytes; a longer body is refused.

    Raises:
        TrustAnchorError: not reached, another status than 200, or too long.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
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
        raise TrustAnchorError(f"'{url}' is no URL that can be fetched", "http://HOST/PATH is expected")
    return url
