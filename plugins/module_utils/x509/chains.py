# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow a certificate to a root and say exactly why it does not get there.

Runs on the CA host too, so it keeps to the API of cryptography 38.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from cryptography import x509

from ..errors import TrustAnchorError
from ..text import times
from . import certificates as certs
from .name_constraints import permits_name


def check_chain(
    certificate: x509.Certificate,
    issuers: Iterable[x509.Certificate],
    root: x509.Certificate,
    at: dt.datetime,
) -> list[x509.Certificate]:
    """The path from the certificate to the root, once it holds (RFC 5280 section 6.1, without revocation).

    Args:
        certificate: a leaf or an intermediate.
        issuers: certificates that may lie between, in any order; extra ones do no harm.
        root: the trust anchor.
        at: the time for which the chain must hold, aware.

    Returns:
        The path: the certificate first, the root last.

    Raises:
        TrustAnchorError: not issued by any of the issuers or the root, expired, not yet valid, not a CA, path
            too long, or a name that is not permitted.
    """
    path = _build(certificate, list(issuers), root)
    for member in path:
        _check_dates(member, at)
    below = 1 if certs.is_ca(certificate) else 0
    for issuer in path[1:]:
        _check_issuer(issuer, below)
        _check_names(certificate, issuer)
        below += 0 if issuer.subject == issuer.issuer else 1
    return path


def check_served(bundle: Sequence[x509.Certificate], source: str) -> None:
    """Refuse in a file of intermediates what a server should not send: clients differ about it.

    OpenSSL and GnuTLS take the first of two certificates of one issuer and never go back. Clients have roots already.

    Args:
        bundle: the issuer of leaves first, then who is above it.
        source: names the file in messages.

    Raises:
        TrustAnchorError: a root, a second certificate of one subject, or one that issued none of the others.
    """
    issuers = {one.issuer.public_bytes() for one in bundle}
    subjects: set[bytes] = set()
    for index, certificate in enumerate(bundle):
        subject = certificate.subject.public_bytes()
        why = ""
        if certificate.subject == certificate.issuer:
            why = "it is a root, which clients have themselves"
        elif subject in subjects:
            why = "it is the second one of that name, and some clients try the first one only"
        elif index and subject not in issuers:
            why = "it issued none of the others"
        if why:
            raise TrustAnchorError(
                f"{source} holds {_name(certificate)}",
                why,
                "Take it out, or take the file from the record of the ceremony",
            )
        subjects.add(subject)


def _build(
    certificate: x509.Certificate, issuers: Sequence[x509.Certificate], root: x509.Certificate
) -> list[x509.Certificate]:
    path = [certificate]
    while path[-1] != root:
        candidates = [root, *(issuer for issuer in issuers if issuer not in path)]
        issuer = next((one for one in candidates if certs.signature_is_by(path[-1], one)), None)
        if issuer is None:
            raise TrustAnchorError(
                f"{_name(path[-1])} was not issued by {_name(root)} or an intermediate at hand",
                f"its issuer is {path[-1].issuer.rfc4514_string()}; at hand: {_listed(candidates)}",
                "Check that the right root and the whole chain are in the record",
            )
        path.append(issuer)
    return path


def _name(certificate: x509.Certificate) -> str:
    subject = certificate.subject.rfc4514_string() or "(empty subject)"
    return f"'{subject}' (serial {certificate.serial_number:x})"


def _listed(candidates: Sequence[x509.Certificate]) -> str:
    return ", ".join(f"{_name(one)} sha256 {certs.fingerprint(one)[:16]}" for one in candidates)


def _check_dates(certificate: x509.Certificate, at: dt.datetime) -> None:
    start, end = certs.not_before(certificate), certs.not_after(certificate)
    if at < start:
        raise TrustAnchorError(
            f"{_name(certificate)} is not yet valid",
            f"it starts at {times.render(start)}, and it is {times.render(at)}",
            "Check this host's clock",
        )
    if at > end:
        raise TrustAnchorError(f"{_name(certificate)} has expired", f"it ended at {times.render(end)}", "Renew it")


def _check_issuer(issuer: x509.Certificate, below: int) -> None:
    if not certs.is_ca(issuer):
        raise TrustAnchorError(f"{_name(issuer)} is not a CA", "basic constraints do not say so (RFC 5280 4.2.1.9)")
    usage = certs.extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise TrustAnchorError(f"{_name(issuer)} may not sign certificates", "key usage lacks keyCertSign")
    limit = certs.extension(issuer, x509.BasicConstraints).path_length
    if limit is not None and below > limit:
        raise TrustAnchorError(
            f"the path below {_name(issuer)} is too long",
            f"its path length is {limit}, and {below} CA certificate(s) follow",
        )


def _check_names(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    names = certs.extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return
    for name in names:
        if not permits_name(issuer, name):
            raise TrustAnchorError(
                f"{_name(certificate)} carries '{name.value}'", f"{_name(issuer)} does not permit that name"
            )
