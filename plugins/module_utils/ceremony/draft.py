# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The act of signing: rehearse with an ephemeral key, lint, sign on the token, compare, verify, lint again.

The order is the one of letsencrypt/boulder's cmd/ceremony: what is signed is byte for byte what was looked at
before, and the result is verified with the public key that was read before the token was asked to sign.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..errors import TrustAnchorError
from ..x509.builders import PrivateKey, PublicKey, digest_for
from ..x509.lint import require_clean
from ..x509.signatures import signature_holds, tbs

Signed = TypeVar("Signed", x509.Certificate, x509.CertificateRevocationList)


@functools.cache
def ephemeral_key(curve: str | None) -> PrivateKey:
    """A key that signs rehearsals and is forgotten. The size of an RSA key leaves no trace in the TBS."""
    if curve is None:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key({"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1}[curve]())


def placeholder_key(algorithm: str) -> PublicKey:
    """A public key in place of one that is not made yet. Its private half is forgotten at once."""
    kind, _dash, size = algorithm.partition("-")
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size)).public_key()
    return ec.generate_private_key(ec.SECP384R1() if size == "p384" else ec.SECP256R1()).public_key()


def ephemeral_like(public: PublicKey) -> PrivateKey:
    """An ephemeral key of the same kind, so that the signature algorithm is the same."""
    return ephemeral_key(public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else None)


@dataclass(frozen=True)
class Draft(Generic[Signed]):
    """All that is to be signed, but the signature.

    Args:
        what: names it for people.
        builder: a certificate or CRL builder, complete.
        issuer_key: public key of the signer, read before the signature.
        lint: tells the problems of the signed form.
    """

    what: str
    builder: Any
    issuer_key: PublicKey
    lint: Callable[[Signed], Iterable[str]]

    def rehearse(self) -> Signed:
        """Sign with an ephemeral key and lint.

        Raises:
            TrustAnchorError: the draft breaks a rule.
        """
        rehearsed = self.sign_ephemeral()
        require_clean(self.what, list(self.lint(rehearsed)))
        return rehearsed

    def tbs_sha256(self) -> str:
        """SHA-256 of the bytes to be signed, hexadecimal."""
        return hashlib.sha256(tbs(self.sign_ephemeral())).hexdigest()

    def sign(self, key: PrivateKey) -> Signed:
        """The signature alone; `check` decides whether the result is any good.

        Raises:
            TrustAnchorError: it cannot be built, or the token refuses.
        """
        try:
            signed: Signed = self.builder.sign(key, digest_for(self.issuer_key))
        except ValueError as error:
            raise TrustAnchorError(f"{self.what} cannot be built", str(error)) from error
        return signed

    def check(self, signed: Signed) -> None:
        """What was signed is what was rehearsed, by the right key, and breaks no rule.

        Raises:
            TrustAnchorError: it is not.
        """
        if tbs(signed) != tbs(self.sign_ephemeral()):
            raise TrustAnchorError(f"what was signed differs from the rehearsal: {self.what}", "nothing was written")
        if not signature_holds(signed, self.issuer_key):
            raise TrustAnchorError(
                f"the token's signature does not verify: {self.what}",
                "the private key does not belong to the public key that was read before; nothing was written",
                "Check which token is inserted",
            )
        require_clean(self.what, list(self.lint(signed)))

    def sign_ephemeral(self) -> Signed:
        """The form it will have, with a signature that is worth nothing."""
        return self.sign(ephemeral_like(self.issuer_key))
