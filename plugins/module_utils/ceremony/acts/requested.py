# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of act that start from a request have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from ...errors import TrustAnchorError
from ...host.files import read, sha256
from ...schema import read_text
from ...x509.profiles import parse_subject
from ..plan.schema import matching, read_sha256, take_name
from ..requests import load_request
from .base import Drafting, Entry

_REQUEST = re.compile(r"requests/[A-Za-z0-9][A-Za-z0-9._-]*\.csr")


class Requested(Protocol):
    """An act that starts from a request."""

    @property
    def name(self) -> str:
        """In the record."""

    @property
    def issuer(self) -> str:
        """Name of the root that signs."""

    @property
    def request(self) -> str:
        """The request's path, relative to the record."""

    @property
    def request_sha256(self) -> str:
        """Of the request file's bytes, lower-case hex."""


def take_request(entry: Entry, where: str) -> tuple[str, str, str, str]:
    """Name, issuer, path of the request and its SHA-256, taken out so that what remains is the profile.

    Raises:
        TrustAnchorError: one of them is missing, or not what it should be.
    """
    name, issuer = take_name(entry, "name", where), take_name(entry, "issuer", where)
    request = request_path(entry, name, where)
    digest = read_sha256(entry, "request_sha256", where)
    for key in ("request", "request_sha256"):
        entry.pop(key, None)
    return name, issuer, request, digest


def dump_request(act: Requested) -> Entry:
    """The same as a plan has them."""
    request = {} if act.request == _default_path(act.name) else {"request": act.request}
    return {"name": act.name, "issuer": act.issuer, **request, "request_sha256": act.request_sha256}


def request_path(mapping: Mapping[str, Any], name: str, where: str) -> str:
    """Where the request for ``name`` is, relative to the record: ``requests/NAME.csr`` unless the mapping says.

    Raises:
        TrustAnchorError: another place.
    """
    text = _default_path(name) if mapping.get("request") is None else read_text(mapping, "request", where)
    return matching(text, _REQUEST, f"{where}: 'request'", "requests/NAME.csr is expected")


def _default_path(name: str) -> str:
    return f"requests/{name}.csr"


def with_request(drafting: Drafting, act: Entry, path: str) -> list[Entry]:
    """The act with digest and subject of its request; nothing where there is a certificate and no request.

    Args:
        drafting: what acts are drafted from.
        act: as a plan has it, but for the digest.
        path: of the certificate.

    Raises:
        TrustAnchorError: there is neither request nor certificate, or the request cannot be read.
    """
    request = request_path(act, act["name"], act["act"])
    pem = read(drafting.record / request)
    if pem is None:
        if read(drafting.record / path) is not None:
            return []
        raise TrustAnchorError(
            f"the record has no {request}",
            f"the certificate of '{act['name']}' is signed from it",
            "Make the request where the key is, and put it into the record",
        )
    subject = act.get("subject") or load_request(pem, request).subject.rfc4514_string()
    parse_subject(subject)
    return [{**act, "subject": subject, "request_sha256": sha256(pem)}]
