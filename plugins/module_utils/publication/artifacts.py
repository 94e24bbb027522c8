# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published, and how it is served; Standard library only."""

from __future__ import annotations

import contextlib
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
class Version:
    """Which version of something a file is.

    Args:
        of: what it is a version of; others cannot be compared.
        number: never falls: CRL number, sequence of the manifest; 0 where there is none.
        moment: when it was made, seconds since the epoch: of one number the later one counts.
    """

    of: str
    number: int
    moment: int

    def is_older_than(self, published: Version, now: float) -> bool:
        """Whether this would take back what is published.

        Args:
            published: version of what is published.
            now: seconds since the epoch. What was dated ahead of it by a wrong clock must not stay for that.
        """
        if self.of != published.of or self.number != published.number:
            return self.of == published.of and self.number < published.number
        return self.moment < published.moment <= now


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

    def version(self) -> Version:
        """What it is a version of, and what tells a newer one from an older.

        Raises:
            TrustAnchorError: it cannot be read, or is not by its issuer.
        """
        if self.kind == "root_crl":
            openssl.require_crl_signed_by(self.content, self.issuer)
            crl = openssl.read_crl(self.content)
            return Version(self.issuer, _number(crl), crl.last_update)
        if self.kind == "manifest":
            manifest = signed.read_unverified(self.content)
            return Version(manifest.id, manifest.sequence, int(manifest.not_before.timestamp()))
        if self.kind in ("root", "intermediate"):
            certificate = openssl.read_certificate(self.content)
            return Version(certificate.subject, 0, certificate.not_before)
        return Version("", 0, 0)

    def is_kindred(self, content: bytes) -> bool:
        """Whether other bytes may be an earlier or later version of this: by its issuer, or of its kind."""
        other = Artifact(self.name, self.kind, content, self.issuer)
        with contextlib.suppress(TrustAnchorError):
            if self.kind == "bundle":
                return b"-----BEGIN CERTIFICATE-----" in content
            of = other.version().of
            return self.kind in ("root", "intermediate") or of == self.version().of
        return False

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
