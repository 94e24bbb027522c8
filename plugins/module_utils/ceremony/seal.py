# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seal of a transcript: a detached CMS signature (RFC 5652) by the root that the plan names.

Anyone verifies it with openssl alone, and needs the transcript, the seal and the root's certificate for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ..errors import TrustAnchorError
from ..host import openssl
from ..x509.builders import PrivateKey, checked_key, digest_for
from ..x509.certificates import fingerprint, to_pem

_OPTIONS = [
    pkcs7.PKCS7Options.DetachedSignature,
    pkcs7.PKCS7Options.Binary,
    pkcs7.PKCS7Options.NoCapabilities,  # what its mail program could decrypt is nothing a root has to say
]


def seal(data: bytes, certificate: x509.Certificate, key: PrivateKey) -> bytes:
    """Sign ``data`` as it is, without a change of its line ends.

    Args:
        data: the whole transcript.
        certificate: the sealing root; it is put into the seal.
        key: its private key, on the token. One signature is made.

    Returns:
        The CMS in PEM form.

    Raises:
        TrustAnchorError: the key is not the certificate's, or the token refuses.
    """
    public = checked_key(certificate.public_key(), f"'{certificate.subject.rfc4514_string()}'")
    if key.public_key() != public:
        raise TrustAnchorError(
            f"the token's key is not the key of '{certificate.subject.rfc4514_string()}'",
            "the seal would not verify",
            "Check which token is inserted",
        )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, key, digest_for(public))
    return builder.sign(Encoding.PEM, _OPTIONS)


def verify_seal(data: Path, seal_file: Path, root: x509.Certificate) -> None:
    """Verify a seal with openssl.

    The signer must be the root itself (``-nointern``): what stands below it, a stolen intermediate above all,
    can seal nothing. The root's dates are not asked (``-no_check_time``): a record outlives them.

    Args:
        data: the transcript.
        seal_file: the seal, PEM.
        root: the certificate that the record has of the sealing root.

    Raises:
        TrustAnchorError: the seal does not hold, or openssl is missing.
    """
    try:
        verify_sealed_by(data, seal_file, [root])
    except TrustAnchorError as error:
        raise TrustAnchorError(
            error.what,
            f"expected: the signature of '{root.subject.rfc4514_string()}' ({fingerprint(root)})",
            "Restore the transcript and its seal from the copy of a witness",
        ) from error


def verify_sealed_by(data: Path, seal_file: Path, roots: Iterable[x509.Certificate]) -> None:
    """Verify with openssl that one of several roots has sealed; see `verify_seal`.

    Args:
        data: the transcript.
        seal_file: the seal, PEM.
        roots: certificates of roots that may have sealed it.

    Raises:
        TrustAnchorError: the seal does not hold or is by none of them, or openssl is missing.
    """
    with tempfile.NamedTemporaryFile(prefix="root-", suffix=".crt") as trusted:
        trusted.write(b"".join(to_pem(root) for root in roots))
        trusted.flush()
        command = ["cms", "-verify", "-binary", "-inform", "PEM", "-in", str(seal_file)]
        command += ["-content", str(data), "-certfile", trusted.name, "-nointern", "-CAfile", trusted.name]
        command += ["-no-CApath", "-no-CAstore", "-purpose", "any", "-no_check_time", "-out", "/dev/null"]
        try:
            openssl.run(command)
        except TrustAnchorError as error:
            raise TrustAnchorError(
                f"the seal {seal_file} does not hold: {error.why or error.what}",
                "it must be the signature of a root that counts",
                "Restore the transcript and its seal from the copy of a witness",
            ) from error
