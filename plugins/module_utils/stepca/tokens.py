# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-time tokens of a JWK provisioner, and the public key that ca.json holds for it.

Format: authority/provisioner/jwk.go of step-ca v0.30.2; JWT RFC 7519, JWK RFC 7517, thumbprint RFC 7638.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ..errors import TrustAnchorError
from ..text import hostnames

LIFETIME = 300  # seconds: what `step ca token` gives (cli token.go)
_CURVES = {"secp256r1": ("P-256", "ES256", 32), "secp384r1": ("P-384", "ES384", 48)}


def load_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """A provisioner's private key.

    Args:
        pem: PKCS#8 or SEC1 PEM, P-256 or P-384, not encrypted.

    Raises:
        TrustAnchorError: it is none of these. The text is never part of the message.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrustAnchorError(
            "the provisioner's private key cannot be read",
            "an unencrypted PEM private key is expected",
            "Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
        raise TrustAnchorError("the provisioner's private key is not of type P-256 or P-384")
    return key


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public JWK with its RFC 7638 thumbprint as key id, for a provisioner in ca.json."""
    name, algorithm, size = _CURVES[key.curve.name]
    numbers = key.public_key().public_numbers()
    jwk = {
        "crv": name,
        "kty": "EC",
        "x": _encode(numbers.x.to_bytes(size, "big")),
        "y": _encode(numbers.y.to_bytes(size, "big")),
    }
    thumbprint = hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest()
    return {**jwk, "alg": algorithm, "kid": _encode(thumbprint), "use": "sig"}


def mint(
    key: ec.EllipticCurvePrivateKey,
    provisioner: str,
    audience: str,
    names: Sequence[str],
    root_sha256: str,
    csr_der_sha256: bytes | None = None,
) -> str:
    """A one-time token that lets its bearer have one certificate for ``names``.

    Args:
        key: the provisioner's private key.
        provisioner: its name.
        audience: ``https://<one of dnsNames[:port]>/1.0/sign``.
        names: subject alternative names; the first DNS name is the common name, too, which a request has to have or to
            leave out (commonNameValidator in authority/provisioner/sign_options.go).
        root_sha256: fingerprint of the root, lower-case hex.
        csr_der_sha256: digest of the one request that the token is good for (``cnf`` claim, RFC 7800; checked by
            csrFingerprintValidator in authority/provisioner/sign_options.go).
    """
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": provisioner,
        "aud": audience,
        "sub": hostnames.common_name(names) or names[0],
        "sans": list(names),
        "sha": root_sha256,
        "jti": secrets.token_hex(32),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
    }
    if csr_der_sha256 is not None:
        claims["cnf"] = {"x5rt#S256": _encode(csr_der_sha256)}
    jwk = public_jwk(key)
    header = {"alg": jwk["alg"], "kid": jwk["kid"], "typ": "JWT"}
    signed = ".".join(_encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{_encode(_sign(key, signed.encode()))}"


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ES256 or ES384: r and s side by side (RFC 7518 section 3.4)."""
    size = _CURVES[key.curve.name][2]
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
