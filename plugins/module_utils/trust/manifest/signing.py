# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the trust manifest of a public record (controller)."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7

from ...errors import TrustAnchorError
from ...host.files import read
from ...text import times
from ...x509 import certificates as certs
from ...x509.builders import PrivateKey, checked_key, digest_for
from ..root import Root
from . import endorsement, manifest_store, signed, signers
from .anchors import RootCheck
from .endorsement import Endorsement
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
        problems: what is left out of it or ends soon. None of them stops a signature: it may distrust another root.
    """

    manifest: SignedManifest
    signer: x509.Certificate
    reason: str
    problems: tuple[str, ...] = ()

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


@dataclass(frozen=True)
class Span:
    """How long a signature is good.

    Args:
        valid: how long hosts accept the manifest; not longer than `signed.MAX_VALID`, nor than the signer's
            certificate.
        renew: it is signed again when less than that is left.
    """

    valid: dt.timedelta
    renew: dt.timedelta

    def __post_init__(self) -> None:
        if self.valid > signed.MAX_VALID:
            raise TrustAnchorError(
                f"a manifest cannot be signed for {self.valid.days} days",
                f"hosts accept {signed.MAX_VALID.days} days at most",
                f"Set valid to {signed.MAX_VALID.days}d or less",
            )


def plan(directory: str, key: PrivateKey, now: dt.datetime, span: Span, check: RootCheck) -> Signing:
    """What has to be signed.

    Args:
        directory: the public record.
        key: of one of the record's manifest signers.
        now: present time, UTC.
        span: how long it is to be good.
        check: knows which roots may be trusted.

    Raises:
        TrustAnchorError: no signer of the record has this key, its root is not trusted any more, it has expired or is
            refused; the record has no trusted root, or one that nothing but the record vouches for.
    """
    manifest = manifest_store.read_for_hosts(directory, check)
    roots = [
        Root(one.name, one.sha256, one.state, one.pem if one.is_trusted else "")
        for one in manifest.roots
        if one.state != "staged"
    ]
    signer = _signer(directory, key, manifest, now)
    content = SignedManifest(
        id=manifest.id,
        sequence=manifest.sequence,
        not_before=now.replace(microsecond=0),
        not_after=min(now.replace(microsecond=0) + span.valid, certs.not_after(signer)),
        roots=tuple(roots),
        endorsements=_endorsements(directory, manifest),
        refused_signers=tuple(one.key_sha256 for one in manifest.refused_signers),
    )
    signed.parse(content.to_json())  # what a host would refuse is not signed
    # An expired root stays in what is signed, and hosts leave it out: the same sequence must not say two things.
    expired = (str(TrustAnchorError(*one)) for one in manifest_store.expired(manifest, now))
    problems = (*expired, *_ending(signer, now))
    return Signing(content, signer, _reason(directory, content, signer, now, span.renew), problems)


def _ending(signer: x509.Certificate, now: dt.datetime) -> Iterator[str]:
    if signers.ends_soon(signer, now, signed.SIGNER_NOTICE):
        yield (
            f"the manifest signer '{signer.subject.rfc4514_string()}' ends at {times.render(certs.not_after(signer))}: "
            "plan a ceremony that renews it"
        )


def _loaded(root: Root) -> x509.Certificate:
    return certs.load_certificate(root.pem.encode(), root.name)


def _endorsements(directory: str, manifest: Manifest) -> tuple[Endorsement, ...]:
    """Cross-certificates that hosts need: of roots that may certify more than the root which endorses them."""
    crosses = [(path, read(path) or b"") for path in sorted(Path(directory, "cross").glob("*.crt"))]
    return tuple(
        Endorsement(root.sha256, certs.to_pem(certs.load_certificate(cross, str(path))).decode())
        for root in manifest.trusted
        for path, cross in crosses
        if any(_is_needed(root, above, cross.decode()) for above in manifest.trusted if above != root)
    )


def _is_needed(root: Root, above: Root, cross: str) -> bool:
    return endorsement.is_endorsed(root, cross, [above]) and not endorsement.is_within(root, [above])


def _signer(directory: str, key: PrivateKey, manifest: Manifest, now: dt.datetime) -> x509.Certificate:
    """The certificate of the key, with the latest end where there are several."""
    certificates = [one for one in signers.certificates(Path(directory)) if one.public_key() == key.public_key()]
    if not certificates:
        raise TrustAnchorError(
            "no manifest signer of the record has this key",
            f"certificates are in {os.path.join(directory, 'signers')}",
            "Give the key of one of them, or have its request signed at a ceremony",
        )
    if certs.spki_sha256(key.public_key()) in {one.key_sha256 for one in manifest.refused_signers}:
        raise TrustAnchorError(
            "the manifest signer is refused",
            "trust.yml says so, and no host believes its key any more",
            "Give the key of another signer, which a ceremony has certified",
        )
    roots = {one.name: _loaded(one) for one in manifest.trusted if certs.not_after(_loaded(one)) > now}
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
    directory: str, candidates: list[x509.Certificate], roots: dict[str, x509.Certificate]
) -> list[x509.Certificate]:
    """Those below a root that the manifest published last has too: hosts verify the next one with what they have.

    Raises:
        TrustAnchorError: there is none.
    """
    present = read(os.path.join(directory, signed.FILE_NAME))
    if present is None:
        return candidates
    try:
        published = {root.sha256 for root in signed.read_unverified(present).trusted}
    except TrustAnchorError:
        return candidates  # what is damaged is replaced
    introduced = [root for root in roots.values() if certs.fingerprint(root) in published]
    found = [one for one in candidates if any(certs.signature_is_by(one, root) for root in introduced)]
    if not found:
        raise TrustAnchorError(
            "hosts that pull do not know the root of this manifest signer yet",
            "they verify a manifest with the roots of the one before",
            "Sign with a signer below a root that they have; with the new one when all have taken that up",
        )
    return found


def _reason(
    directory: str, wanted: SignedManifest, signer: x509.Certificate, now: dt.datetime, renew: dt.timedelta
) -> str:
    """Why what is in the record does not do; empty when it does."""
    present = read(os.path.join(directory, signed.FILE_NAME))
    if present is None:
        return "there is no signed manifest"
    try:
        # As hosts will verify it when they have taken up what it says.
        anchors = "".join(root.pem for root in wanted.trusted)
        found = signed.verify(present, anchors, wanted.refused_signers)
    except TrustAnchorError as error:
        return error.what
    if replace(found, not_before=wanted.not_before, not_after=wanted.not_after) != wanted:
        return f"it says what the manifest was at sequence {found.sequence}"
    if found.not_before > now + signed.SKEW:
        return f"it is dated into the future ({times.render(found.not_before)}): a clock was ahead"
    if found.not_after < min(now + renew, certs.not_after(signer)):
        return f"it is valid until {times.render(found.not_after)} only"
    return ""
