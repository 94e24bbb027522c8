# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published, and how it is served; CRLs and certificates as openssl tells them. Standard library only."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass, field

from ..errors import TrustAnchorError
from ..host.commands import run
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
            require_signed_by(self.content, self.issuer)
            return self.issuer, read_crl(self.content).number
        if self.kind == "manifest":
            manifest = signed.read_unverified(self.content)
            return manifest.id, manifest.sequence
        return "", 0

    def _versions(self) -> dict[str, str]:
        if self.kind == "root_crl":
            crl = read_crl(self.content)
            return {"crl_number": str(crl.number), "next_update": times.render_epoch(crl.next_update)}
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


@dataclass(frozen=True)
class Crl:
    """What a CRL says about itself.

    Args:
        number: CRL number, -1 where it has none.
        next_update: seconds since the epoch.
    """

    number: int
    next_update: float


def read_crl(der: bytes) -> Crl:
    """Number and end of a CRL.

    Raises:
        TrustAnchorError: it is not one in DER, or does not say when the next one comes.
    """
    try:
        done = run(["openssl", "crl", "-inform", "DER", "-noout", "-nextupdate", "-crlnumber"], stdin=der, timeout=30)
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a CRL in DER", error.why) from error
    values = dict(line.split("=", 1) for line in done.stdout.decode(errors="replace").splitlines() if "=" in line)
    number = re.fullmatch(r"(?:0x)?([0-9A-Fa-f]+)", values.get("crlNumber", "").strip())
    return Crl(int(number.group(1), 16) if number else -1, _moment(values.get("nextUpdate", ""), "nextUpdate"))


def certificate_end(der: bytes) -> float:
    """End of a certificate's validity, seconds since the epoch.

    Raises:
        TrustAnchorError: it is not one in DER.
    """
    try:
        done = run(["openssl", "x509", "-inform", "DER", "-noout", "-enddate"], stdin=der, timeout=30)
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a certificate in DER", error.why) from error
    return _moment(done.stdout.decode().strip().removeprefix("notAfter="), "notAfter")


def require_signed_by(der: bytes, issuer: str) -> None:
    """A CRL must be signed by a certificate's key.

    Args:
        der: the CRL.
        issuer: the certificate, PEM.

    Raises:
        TrustAnchorError: it is not.
    """
    with tempfile.NamedTemporaryFile(prefix="issuer-", suffix=".pem") as trusted:
        trusted.write(issuer.encode())
        trusted.flush()
        done = run(
            ["openssl", "crl", "-inform", "DER", "-noout", "-CAfile", trusted.name, "-no-CApath", "-no-CAstore"],
            stdin=der,
            timeout=30,
            accept=(0, 1),
        )
    said = done.stderr.decode(errors="replace").strip()  # the exit code does not tell in all versions
    if "verify OK" not in said:
        raise TrustAnchorError("the CRL is not signed by the certificate that is published for its issuer", said[:200])


def _moment(text: str, what: str) -> float:
    return times.parse_openssl(text, what).timestamp()
