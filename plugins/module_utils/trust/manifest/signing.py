# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the trust manifest of a public record (controller)."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7

from ...errors import TrustAnchorError
from ...host.files import read
from ...text import times
from ...x509 import certificates as certs
from ...x509.builders import PrivateKey, checked_key, digest_for
from ..root import Root
from . import manifest_store, signed
from .model import Manifest
from .signed import SignedManifest

_OPTIONS = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]


@dataclass(frozen=True)
class Signing:
    """A signature that has to be made.

    Args:
        manifest: what is to be signed.
        signer: who signs; a certificate that was issued directly by a trusted root.
        reason: why it has to be made; empty when what is in the record is good.
    """

    manifest: SignedManifest
    signer: x509.Certificate
    reason: str

    def sign(self, key: PrivateKey) -> bytes:
        """The signed manifest.

        Returns:
            CMS in DER, verified as a host does it.

        Raises:
            TrustAnchorError: hosts would refuse it.
        """
        digest = digest_for(checked_key(self.signer.public_key(), "the manifest signer"))
        builder = pkcs7.PKCS7SignatureBuilder().set_data(self.manifest.to_json())
        message = builder.add_signer(self.signer, key, digest).sign(Encoding.DER, _OPTIONS)
        signed.verify(message, "".join(root.pem for root in self.manifest.trusted))
        return message


def load_key(pem: str) -> PrivateKey:
    """The signer's private key; messages have nothing of it.

    Args:
        pem: unencrypted.

    Raises:
        TrustAnchorError: it cannot be read, or is of a type that signs nothing here.
    """
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise TrustAnchorError(
            "the key of the manifest signer cannot be read", "an unencrypted private key in PEM is expected"
        ) from error
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise TrustAnchorError("the key of the manifest signer is of another type", "an EC or RSA key is expected")
    return key


def plan(directory: str, key: PrivateKey, now: dt.datetime, valid: dt.timedelta, renew: dt.timedelta) -> Signing:
    """What has to be signed.

    Args:
        directory: the public record.
        key: of one of the record's manifest signers.
        now: present time, UTC.
        valid: how long hosts accept the manifest; not longer than the signer's certificate.
        renew: it is signed again when less than that is left.

    Raises:
        TrustAnchorError: no signer of the record has this key, its root is not trusted any more, it has expired; the
            record has no trusted root.
    """
    manifest = manifest_store.read(directory)
    roots = [
        Root(one.name, one.sha256, one.state, one.pem if one.is_trusted else "")
        for one in manifest.roots
        if one.state != "staged"
    ]
    signer = _signer(directory, key, manifest, now)
    end = min(now + valid, certs.not_after(signer))
    _require_valid(roots, now)
    content = SignedManifest(manifest.id, manifest.sequence, now.replace(microsecond=0), end, tuple(roots))
    signed.parse(content.to_json())  # what a host would refuse is not signed
    return Signing(content, signer, _reason(directory, content, signer, now + renew))


def _require_valid(roots: list[Root], now: dt.datetime) -> None:
    """A host refuses a manifest with an expired root."""
    for root in roots:
        if root.pem:
            end = certs.not_after(certs.load_certificate(root.pem.encode(), root.name))
            if end <= now:
                raise TrustAnchorError(
                    f"root '{root.name}' has expired ({times.render(end)})",
                    "hosts would refuse the manifest",
                    "Make it distrusted",
                )


def _signer(directory: str, key: PrivateKey, manifest: Manifest, now: dt.datetime) -> x509.Certificate:
    """The certificate of the key, with the latest end where there are several."""
    certificates = [one for one in _signers(directory) if one.public_key() == key.public_key()]
    if not certificates:
        raise TrustAnchorError(
            "no manifest signer of the record has this key",
            f"certificates are in {os.path.join(directory, 'signers')}",
            "Give the key of one of them, or have its request signed at a ceremony",
        )
    roots = {one.name: certs.load_certificate(one.pem.encode(), one.name) for one in manifest.trusted}
    under = [one for one in certificates if any(certs.signature_is_by(one, root) for root in roots.values())]
    if not under:
        raise TrustAnchorError(
            "the manifest signer was not issued by a root that hosts trust",
            f"trusted are: {', '.join(roots) or 'none'}; its issuer is '{certificates[0].issuer.rfc4514_string()}'",
            "Give the key of a signer below one of these",
        )
    newest = max(_known_to_hosts(directory, under, roots), key=certs.not_after)
    if certs.not_after(newest) <= now:
        raise TrustAnchorError(
            "the manifest signer has expired",
            f"its certificate ended at {times.render(certs.not_after(newest))}",
            "Plan a ceremony that renews it",
        )
    return newest


def _known_to_hosts(
    directory: str, signers: list[x509.Certificate], roots: dict[str, x509.Certificate]
) -> list[x509.Certificate]:
    """Those below a root that the manifest published last has too: hosts verify the next one with what they have.

    Raises:
        TrustAnchorError: there is none.
    """
    present = read(os.path.join(directory, signed.FILE_NAME))
    if present is None:
        return signers
    try:
        published = {root.sha256 for root in signed.read_unverified(present).trusted}
    except TrustAnchorError:
        return signers  # what is damaged is replaced
    introduced = [root for root in roots.values() if certs.fingerprint(root) in published]
    found = [one for one in signers if any(certs.signature_is_by(one, root) for root in introduced)]
    if not found:
        raise TrustAnchorError(
            "hosts that pull do not know the root of this manifest signer yet",
            "they verify a manifest with the roots of the one before",
            "Sign with a signer below a root that they have; with the new one when all have taken that up",
        )
    return found


def _signers(directory: str) -> list[x509.Certificate]:
    folder = os.path.join(directory, "signers")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    paths = [os.path.join(folder, name) for name in names if name.endswith(".crt")]
    return [certs.load_certificate(read(path) or b"", path) for path in paths]


def _reason(directory: str, wanted: SignedManifest, signer: x509.Certificate, horizon: dt.datetime) -> str:
    """Why what is in the record does not do; empty when it does."""
    present = read(os.path.join(directory, signed.FILE_NAME))
    if present is None:
        return "there is no signed manifest"
    try:
        # As hosts will verify it when they have taken up what it says.
        found = signed.verify(present, "".join(root.pem for root in wanted.trusted))
    except TrustAnchorError as error:
        return error.what
    if (found.id, found.sequence, found.roots) != (wanted.id, wanted.sequence, wanted.roots):
        return f"it says what the manifest was at sequence {found.sequence}"
    if found.not_after < min(horizon, certs.not_after(signer)):
        return f"it is valid until {times.render(found.not_after)} only"
    return ""
