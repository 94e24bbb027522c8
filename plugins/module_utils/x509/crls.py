# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read CRLs."""

from __future__ import annotations

from cryptography import x509

from ..errors import TrustAnchorError


def load_crl(der: bytes, source: str) -> x509.CertificateRevocationList:
    """A CRL in DER form, as it is published (RFC 5280 section 4.2.1.13).

    Raises:
        TrustAnchorError: it cannot be parsed.
    """
    try:
        return x509.load_der_x509_crl(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise TrustAnchorError(
            f"{source} holds no DER-encoded CRL", str(error), "Restore it from the record"
        ) from error


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """The CRL number (RFC 5280 section 5.2.3).

    Raises:
        TrustAnchorError: it has none.
    """
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound as error:
        raise TrustAnchorError("the CRL has no number", "RFC 5280 section 5.2.3 wants one") from error
