# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published, and how it is served; Standard library only."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from ..errors import TrustAnchorError
from ..host import openssl
from ..text import times
from ..trust.manifest import signed

DAY = 86400


@dataclass(frozen=True)
class Kind:
    """How one kind of artifact is served.

    Args:
        media_type: of the answer.
        max_age: seconds for which a cache may keep it: how long an emergency may take to be seen.
    """

    media_type: str
    max_age: int


# RFC 2585 for certificates and CRLs, RFC 8551 for the signed manifest; a bundle in PEM has no registered type.
KINDS = {
    "root": Kind("application/pkix-cert", 7 * DAY),  # a root of that name never becomes another one
    "intermediate": Kind("application/pkix-cert", 3600),
    "root_crl": Kind("application/pkix-crl", 300),
    "ca_crl": Kind("application/pkix-crl", 60),
    "manifest": Kind("application/pkcs7-mime", 60),
    "bundle": Kind("application/x-pem-file", 300),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Artifact:
    """One published file.

    Args:
        name: last part of its URL.
        kind: one of `KINDS`.
        content: its bytes.
        issuer: PEM of the certificate whose key must have signed it; empty where it is not a CRL.
    """

    name: str
    kind: str
    content: bytes = field(repr=False)
    issuer: str = field(default="", repr=False)

    def facts(self) -> dict[str, str]:
        """What a diff shows of it."""
        found = {"kind": self.kind, "sha256": hashlib.sha256(self.content).hexdigest()}
        try:
            return {**found, **self._versions()}
        except TrustAnchorError:  # what somebody damaged
            return found

    def version(self) -> tuple[str, int]:
        """What it is a version of, and a number that never falls within that: of the CRL, or of the manifest.

        Raises:
            TrustAnchorError: it cannot be read, or is not by its issuer.
        """
        if self.kind == "root_crl":
            openssl.require_crl_signed_by(self.content, self.issuer)
            return self.issuer, _number(openssl.read_crl(self.content))
        if self.kind == "manifest":
            manifest = signed.read_unverified(self.content)
            return manifest.id, manifest.sequence
        return "", 0

    def _versions(self) -> dict[str, str]:
        if self.kind == "root_crl":
            crl = openssl.read_crl(self.content)
            return {"crl_number": str(_number(crl)), "next_update": _iso(crl.next_update)}
        if self.kind == "manifest":
            manifest = signed.read_unverified(self.content)
            return {"sequence": str(manifest.sequence), "not_after": times.render(manifest.not_after)}
        return {}


def check_name(name: str) -> None:
    """Refuse a name that cannot be the last part of a URL.

    Raises:
        TrustAnchorError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise TrustAnchorError(
            f"'{name}' cannot be published under that name", "letters, digits, '-', '_' and '.' are allowed"
        )


def _number(crl: openssl.CrlFacts) -> int:
    """CRL number, -1 where it has none: less than any."""
    return -1 if crl.number is None else crl.number


def _iso(seconds: float) -> str:
    return times.render_epoch(seconds)
