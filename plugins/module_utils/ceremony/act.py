# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The act of signing: rehearse with a throw-away key, lint, sign on the token, compare, verify, lint again.

The order is the one of letsencrypt/boulder's cmd/ceremony: what is signed is byte for byte what was looked at
before, and the result is verified with the public key that was read before the token was asked to sign.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ..errors import TrustAnchorError
from ..x509.builders import PrivateKey, PublicKey, digest_for
from ..x509.lint import require_clean

Signed = TypeVar("Signed", x509.Certificate, x509.CertificateRevocationList)


@functools.cache
def throwaway_key(curve: str | None) -> PrivateKey:
    """A key that signs rehearsals and is forgotten. The size of an RSA key leaves no trace in the TBS."""
    if curve is None:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key({"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1}[curve]())


def throwaway_like(public: PublicKey) -> PrivateKey:
    """A throw-away key of the same kind, so that the signature algorithm is the same."""
    return throwaway_key(public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else None)


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
        """Sign with a throw-away key and lint.

        Raises:
            TrustAnchorError: the draft breaks a rule.
        """
        rehearsed = self._signed_by(throwaway_like(self.issuer_key))
        require_clean(self.what, list(self.lint(rehearsed)))
        return rehearsed

    def sign(self, key: PrivateKey) -> Signed:
        """The whole act with the real key.

        Raises:
            TrustAnchorError: a rule is broken, the token refuses, or the result is not what was rehearsed.
        """
        rehearsed = self.rehearse()
        signed = self._signed_by(key)
        if tbs(signed) != tbs(rehearsed):
            raise TrustAnchorError(f"what was signed differs from the rehearsal: {self.what}", "nothing was written")
        if not signature_holds(signed, self.issuer_key):
            raise TrustAnchorError(
                f"the token's signature does not verify: {self.what}",
                "the private key does not belong to the public key that was read before; nothing was written",
                "Check which token is inserted",
            )
        require_clean(self.what, list(self.lint(signed)))
        return signed

    def _signed_by(self, key: PrivateKey) -> Signed:
        try:
            signed: Signed = self.builder.sign(key, digest_for(self.issuer_key))
        except ValueError as error:
            raise TrustAnchorError(f"{self.what} cannot be built", str(error)) from error
        return signed


def tbs(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """The bytes that the signature covers."""
    if isinstance(signed, x509.Certificate):
        return signed.tbs_certificate_bytes
    return signed.tbs_certlist_bytes


def signature_holds(signed: x509.Certificate | x509.CertificateRevocationList, key: PublicKey) -> bool:
    """Whether ``key`` verifies the signature."""
    digest = signed.signature_hash_algorithm
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signed.signature, tbs(signed), padding.PKCS1v15(), digest)
        else:
            key.verify(signed.signature, tbs(signed), ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def utc_now() -> dt.datetime:
    """The time of this host, aware, whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True)
class SigningPlan(Generic[Signed]):
    """What to do about one signed file. No draft: it is there as wanted.

    Args:
        path: of the file.
        existing: what it holds now, None where it is absent.
        draft: what has to be signed, None where nothing has to.
    """

    path: Path
    existing: Signed | None
    draft: Draft[Signed] | None

    @property
    def changed(self) -> bool:
        """Whether a signature is needed."""
        return self.draft is not None

    def rehearse(self) -> Signed:
        """What the file holds or would hold; a would-be content has a throw-away signature.

        Raises:
            TrustAnchorError: the draft breaks a rule.
        """
        if self.draft is not None:
            return self.draft.rehearse()
        if self.existing is None:
            raise TrustAnchorError(f"there is neither {self.path} nor a draft of it")
        return self.existing

    def sign(self, key: PrivateKey) -> Signed:
        """The whole act; writing is the caller's.

        Raises:
            TrustAnchorError: no work, a rule is broken, or the token refuses.
        """
        if self.draft is None:
            raise TrustAnchorError(f"{self.path} needs no signature")
        return self.draft.sign(key)
