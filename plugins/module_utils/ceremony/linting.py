# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public linter next to the project's own rules: pkilint knows RFC 5280, our own rules know the policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from ..errors import TrustAnchorError
from ..version import VERSION
from ..x509 import pkilint

# A rehearsal is signed with an ephemeral key. What the token signs is verified with the issuer's key before it is
# linted (`Draft.check`), so this finding says nothing new there.
_OF_SIGNATURE = "pkix.signature_verification_failed"
_OWN, _PKILINT = f"trustanchor.private_ca {VERSION}", "pkilint: "


@dataclass(frozen=True)
class Lint:
    """What pkilint says, as problems.

    Args:
        pkilint: its version, None where it is not run.
    """

    pkilint: str | None

    @classmethod
    def choose(cls, required: bool) -> Lint:
        """Run pkilint where it is installed.

        Raises:
            TrustAnchorError: the plan requires it and it is not there.
        """
        version = pkilint.version()
        if required and version is None:
            raise TrustAnchorError(
                "pkilint is not installed on this machine",
                "the plan says pkilint: required",
                "Install it (it is in requirements.txt), or plan with pkilint: optional",
            )
        return cls(version)

    def linters(self) -> list[str]:
        """Names and versions, for the transcript."""
        return [_OWN, *([f"pkilint {self.pkilint}"] if self.pkilint else [])]

    def linter_of(self, finding: str) -> str:
        """Name and version of the linter that has a finding."""
        return f"pkilint {self.pkilint}" if finding.startswith(_PKILINT) else _OWN

    def certificate(self, certificate: x509.Certificate, issuer: x509.Certificate | None = None) -> Iterator[str]:
        """Problems of a certificate, and of it below its issuer."""
        if self.pkilint is not None:
            found = [*pkilint.certificate_findings(certificate)]
            found += pkilint.chain_findings(certificate, issuer) if issuer is not None else []
            yield from (_text(one) for one in found if one.code != _OF_SIGNATURE)

    def crl(self, crl: x509.CertificateRevocationList) -> Iterator[str]:
        """Problems of a CRL."""
        if self.pkilint is not None:
            yield from (_text(one) for one in pkilint.crl_findings(crl))


def _text(finding: pkilint.LintFinding) -> str:
    return f"{_PKILINT}{finding.severity} {finding.code} {finding.message}".strip()
