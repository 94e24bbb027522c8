# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys on a token in the shape that cryptography's builders take.

The builders for certificates, requests and CRLs accept any subclass of the abstract key classes and call its
``sign`` with the bytes to be signed; pyca/cryptography names this as the way for keys in hardware.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import Attribute, Mechanism

from ..errors import TrustAnchorError
from .backends.pkcs11.keys import KeySpec, PublicKey, private_key
from .backends.pkcs11.sessions import TokenSpec, session

# DER of DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


class TokenSigner:
    """Signs a prepared block with one key, in a fresh session for each signature."""

    def __init__(self, spec: TokenSpec, key: KeySpec, pin: str) -> None:
        self._spec, self._key, self._pin = spec, key, pin

    def __call__(self, block: bytes, mechanism: Mechanism) -> bytes:
        """The raw signature of ``block``.

        Raises:
            TrustAnchorError: key absent, PIN wrong, token pulled, no touch.
        """
        with session(self._spec, self._pin) as opened:
            private = private_key(opened, self._spec, self._key)
            return bytes(private.sign(block, mechanism=mechanism, **self._context_login(private)))

    def _context_login(self, private: Any) -> dict[str, str]:
        # The second login is for keys that want a PIN per signature and only for those: without the attribute
        # SoftHSM answers CKR_OPERATION_NOT_INITIALIZED (PKCS#11 v2.40, C_Login with CKU_CONTEXT_SPECIFIC).
        return {"pin": self._pin} if private[Attribute.ALWAYS_AUTHENTICATE] else {}


Signer = Callable[[bytes, Mechanism], bytes]


def _refuse() -> NoReturn:
    raise NotImplementedError("the key is on a token and signs only")


def _digest(data: Any, algorithm: hashes.HashAlgorithm) -> bytes:
    """Hashed on this host: CKM_ECDSA and CKM_RSA_PKCS over a digest are what every token has."""
    hasher = hashes.Hash(algorithm)
    hasher.update(bytes(data))
    return hasher.finalize()


class TokenEcKey(ec.EllipticCurvePrivateKey):
    """An elliptic curve key on a token."""

    def __init__(self, sign: Signer, public: ec.EllipticCurvePublicKey) -> None:
        self._sign, self._public = sign, public

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve of the key."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half, as it was read before."""
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """ECDSA, DER-encoded (RFC 3279 section 2.2.3); PKCS#11 returns r and s side by side."""
        algorithm = signature_algorithm.algorithm
        if not isinstance(algorithm, hashes.HashAlgorithm):
            raise TrustAnchorError("a pre-hashed signature was asked of a token key", "it hashes itself")
        raw = self._sign(_digest(data, algorithm), Mechanism.ECDSA)
        half = len(raw) // 2
        r, s = (int.from_bytes(part, "big") for part in (raw[:half], raw[half:]))
        return utils.encode_dss_signature(r, s)

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Not offered."""
        _refuse()

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Not offered."""
        _refuse()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:  # noqa: A002
        """Not offered."""
        _refuse()

    def __copy__(self) -> TokenEcKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> TokenEcKey:
        return self


class TokenRsaKey(rsa.RSAPrivateKey):
    """An RSA key on a token; PKCS #1 v1.5 signatures."""

    def __init__(self, sign: Signer, public: rsa.RSAPublicKey) -> None:
        self._sign, self._public = sign, public

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        """The public half, as it was read before."""
        return self._public

    def sign(self, data: Any, padding_: Any, algorithm: Any) -> bytes:
        """RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2)."""
        if not isinstance(padding_, padding.PKCS1v15) or getattr(algorithm, "name", "") not in _DIGEST_INFO:
            raise TrustAnchorError("this RSA signature scheme is not offered", "PKCS #1 v1.5 with SHA-2 is")
        return self._sign(_DIGEST_INFO[algorithm.name] + _digest(data, algorithm), Mechanism.RSA_PKCS)

    def decrypt(self, ciphertext: bytes, padding: Any) -> bytes:
        """Not offered."""
        _refuse()

    def private_numbers(self) -> rsa.RSAPrivateNumbers:
        """Not offered."""
        _refuse()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:  # noqa: A002
        """Not offered."""
        _refuse()

    def __copy__(self) -> TokenRsaKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> TokenRsaKey:
        return self


def signing_key(spec: TokenSpec, key: KeySpec, pin: str, public: PublicKey) -> TokenEcKey | TokenRsaKey:
    """The private key that belongs to ``public``, for cryptography's builders.

    Args:
        spec: which token.
        key: which key on it.
        pin: user PIN, kept in memory only.
        public: the public key as read before the signature; signatures are verified with it.
    """
    signer = TokenSigner(spec, key, pin)
    if isinstance(public, rsa.RSAPublicKey):
        return TokenRsaKey(signer, public)
    return TokenEcKey(signer, public)
