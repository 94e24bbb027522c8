# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The URL under which everything is published, and what a client gets there. Standard library only."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import TrustAnchorError
from ..text import hostnames

TIMEOUT = 20  # seconds; nginx waits a few seconds for step-ca
_ELSEWHERE = 5
MAX_BYTES = 32 << 20  # of a CRL with about half a million entries
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True)
class PublicationUrl:
    """A plain-HTTP URL in its parts.

    Args:
        host: DNS name or IPv4 address, lower case.
        port: TCP port.
        prefix: path before the names, without a slash at its end; may be empty.
    """

    host: str
    port: int = 80
    prefix: str = ""

    def path(self, name: str) -> str:
        """Path of an artifact."""
        return f"{self.prefix}/{name}"

    @property
    def authority(self) -> str:
        """What a client sends as Host."""
        return self.host if self.port == 80 else f"{self.host}:{self.port}"


def parse_url(url: str, where: str) -> tuple[PublicationUrl, str]:
    """Take a URL apart.

    Args:
        url: such as ``http://pki.corp.example``.
        where: for messages.

    Returns:
        The URL in its parts, with the whole path as its prefix, and the URL without a slash at its end.

    Raises:
        TrustAnchorError: not a plain http URL, or with parts that have no meaning here.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise _refused(url, where) from error
    host, prefix = parts.hostname or "", parts.path.rstrip("/")
    plain = parts.scheme == "http" and not (parts.query or parts.fragment or "@" in parts.netloc)
    if not plain or not hostnames.is_host(host) or not _PREFIX.fullmatch(prefix):
        raise _refused(url, where)
    return PublicationUrl(host, port, prefix), url.rstrip("/")


def _refused(url: str, where: str) -> TrustAnchorError:
    return TrustAnchorError(
        f"{where} has '{url}'",
        "a plain http URL is expected: https would need the very chain that is checked (RFC 5280 section 8)",
        "Write for example http://pki.corp.example",
    )


@dataclass(frozen=True)
class Answer:
    """What the web server said."""

    status: int
    media_type: str
    content: bytes


class NoAnswer(TrustAnchorError):
    """Nobody answers at an address."""


def patience(own: bool) -> float:
    """How long an answer of this host, or of another one, is waited for, seconds: that may not be reachable at all."""
    return TIMEOUT if own else _ELSEWHERE


def get(url: PublicationUrl, name: str, address: str, timeout: float = TIMEOUT) -> Answer:
    """Fetch an artifact as a client does that was sent to an address.

    Args:
        url: where it is published.
        name: of the artifact.
        address: of IPv4 or IPv6.
        timeout: seconds for each step.

    Raises:
        NoAnswer: no answer, one that was cut off, or one of more than `MAX_BYTES`.
    """
    connection = http.client.HTTPConnection(address, url.port, timeout=timeout)
    try:
        connection.request("GET", url.path(name), headers={"Host": url.authority})
        answer = connection.getresponse()
        content = answer.read(MAX_BYTES + 1)
        if answer.length or len(content) > MAX_BYTES:  # else a part would count as the whole
            raise http.client.IncompleteRead(content, answer.length)
        return Answer(answer.status, answer.headers.get_content_type(), content)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(
            f"nobody answers for {url.path(name)} at {address} port {url.port}", str(error) or type(error).__name__
        ) from error
    finally:
        connection.close()


def fetch(url: PublicationUrl, name: str, address: str, timeout: float = TIMEOUT) -> bytes:
    """Content of an artifact, as a client gets it at an address.

    Raises:
        NoAnswer: no answer.
        TrustAnchorError: a status other than 200.
    """
    answer = get(url, name, address, timeout)
    if answer.status != 200:
        raise TrustAnchorError(
            f"{url.path(name)} cannot be fetched from {address}", f"the web server answers {answer.status}"
        )
    return answer.content
