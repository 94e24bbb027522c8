# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkilint (RFC 5280, PKIX) run inside this process. It is optional: without it `version` is None.

pkilint knows the standards, `lint` knows this project's policy; what is signed has to satisfy both. Loading
it takes longer than using it, so it is imported with the first certificate and its validators are made once.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError

if TYPE_CHECKING:
    from types import ModuleType

# Codes of pkilint that are not a problem here, each with its reason.
ACCEPTED: dict[str, str] = {
    "pkix.invalid_domain_name_syntax": "wants two labels; a private estate may be all of 'internal' (own rule: _DNS)",
}

# The same, inside name constraints only: a subtree of mailboxes or URIs may be a host of one label (RFC 5280 section
# 4.2.1.10), and pkilint wants two (findings/). The own rules for subtrees are in `constraint_set`.
ACCEPTED_SUBTREES = ("pkix.invalid_email_address_syntax", "pkix.invalid_uri_syntax")

_PROBLEMS = ("FATAL", "ERROR", "WARNING")
_CHAIN_PROBLEMS = (*_PROBLEMS, "NOTICE")  # names that differ in their encoding only: this project makes both


@dataclass(frozen=True)
class LintFinding:
    """What pkilint says: severity (FATAL, ERROR, WARNING, NOTICE), code, and a message that may be empty."""

    severity: str
    code: str
    message: str


def version() -> str | None:
    """The installed version, None where pkilint is not installed."""
    try:
        return importlib.metadata.version("pkilint")
    except importlib.metadata.PackageNotFoundError:
        return None


def certificate_findings(certificate: x509.Certificate) -> tuple[LintFinding, ...]:
    """Problems of one certificate.

    Raises:
        TrustAnchorError: pkilint is not installed.
    """
    lint = _pkilint()
    return _run([(lint.certificate, [_document(lint, certificate)])])


def chain_findings(certificate: x509.Certificate, issuer: x509.Certificate) -> tuple[LintFinding, ...]:
    """Problems between a certificate and its issuer: names, key identifiers, policies, the signature.

    Raises:
        TrustAnchorError: pkilint is not installed.
    """
    lint = _pkilint()
    documents: dict[str, Any] = {}
    above = documents["issuer"] = _document(lint, issuer, "issuer", documents)
    below = documents["subject"] = _document(lint, certificate, "subject", documents)
    work = [(lint.decoding, [above, below]), (lint.issuer, [above]), (lint.subject, [below])]
    return _run(work, _CHAIN_PROBLEMS)


def crl_findings(crl: x509.CertificateRevocationList) -> tuple[LintFinding, ...]:
    """Problems of a CRL of CA certificates, by RFC 5280 and the rules of the CA/Browser Forum.

    Raises:
        TrustAnchorError: pkilint is not installed.
    """
    lint = _pkilint()
    loaded = lint.loader.RFC5280CertificateListDocumentLoader().load_der_document(crl.public_bytes(Encoding.DER))
    return _run([(lint.crl, [loaded])])


@dataclass(frozen=True)
class _Pkilint:
    loader: ModuleType
    certificate: Any
    decoding: Any
    issuer: Any
    subject: Any
    crl: Any


@functools.cache
def _pkilint() -> _Pkilint:
    """pkilint's validators, put together as its own command line programs do."""
    try:
        from pkilint import loader
        from pkilint.bin import lint_pkix_signer_signee_cert_chain as chain
    except ImportError as error:
        raise TrustAnchorError("pkilint cannot be imported", str(error), "Install it: pip install pkilint") from error
    return _Pkilint(
        loader=loader,
        certificate=_certificate_validator(),
        decoding=chain.create_decoder_validation_container(),
        issuer=chain.create_issuer_validation_container(),
        subject=chain.create_subject_validation_container(),
        crl=_crl_validator(),
    )


def _certificate_validator() -> Any:
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


def _crl_validator() -> Any:
    from pkilint import pkix
    from pkilint.cabf import cabf_crl
    from pkilint.pkix import crl, extension, name

    kind = crl.CertificateRevocationListType.ARL
    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([cabf_crl.create_validity_period_validator(kind)]),
            crl.create_extensions_validator_container([]),
            cabf_crl.CabfCrlReasonCodeAllowlistValidator(kind),
        ],
    )


def _document(lint: _Pkilint, certificate: x509.Certificate, name: str | None = None, parent: Any = None) -> Any:
    der = certificate.public_bytes(Encoding.DER)
    return lint.loader.RFC5280CertificateDocumentLoader().load_der_document(der, name, name, parent)


def _run(work: Iterable[tuple[Any, list[Any]]], problems: Sequence[str] = _PROBLEMS) -> tuple[LintFinding, ...]:
    results = [result for validator, documents in work for one in documents for result in validator.validate(one.root)]
    found = {
        LintFinding(str(said.finding.severity), said.finding.code, said.message or "")
        for result in results
        for said in result.finding_descriptions
        if not _is_subtree(result.node, said.finding.code)
    }
    kept = [one for one in found if one.severity in problems and one.code not in ACCEPTED]
    return tuple(sorted(kept, key=lambda one: (problems.index(one.severity), one.code, one.message)))


def _is_subtree(node: Any, code: str) -> bool:
    return code in ACCEPTED_SUBTREES and ".nameConstraints." in str(node.path)
