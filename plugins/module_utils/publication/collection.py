# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect what is to be published from the public record, and refuse what clients would refuse (controller)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError
from ..host.files import read
from ..text import times
from ..trust.manifest import manifest_store, signed
from ..trust.manifest.anchors import RootCheck
from ..trust.root import Root
from ..x509 import certificates
from ..x509.builders import checked_key
from ..x509.crls import load_crl
from ..x509.signatures import signature_holds
from .artifacts import Artifact

BUNDLE = "roots.pem"


@dataclass(frozen=True)
class Collection:
    """What a record has to publish.

    Args:
        artifacts: the files.
        issuers: PEM of each published intermediate, by its name in the record.
        warnings: what somebody should know, and what stops nothing.
    """

    artifacts: tuple[Artifact, ...]
    issuers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Roots:
    """The roots of a record: all by name, and the names of those that hosts trust."""

    certificates: Mapping[str, x509.Certificate]
    distrusted: tuple[x509.Certificate, ...]
    trusted: tuple[str, ...]
    sequence: int
    refused_signers: tuple[str, ...] = ()


def collect(home: Path, url: str, now: dt.datetime, check: RootCheck) -> Collection:
    """Read a record.

    Args:
        home: directory of the record.
        url: where it is published, without a slash at its end.
        now: aware.
        check: knows which roots may be trusted.

    Raises:
        TrustAnchorError: no root; a trusted root that nothing but the record vouches for; a CRL or manifest that has expired or is signed by somebody else; an intermediate of
            an unknown issuer.
    """
    artifacts: list[Artifact] = []
    warnings: list[str] = []
    roots = _roots(home, check, warnings)
    for name, root in roots.certificates.items():
        artifacts.append(Artifact(f"root-{name}.crt", "root", root.public_bytes(Encoding.DER)))
        crl = _crl(home / "crls" / f"{name}.crl", root, now)
        if crl is None:
            warnings.append(f"The record has no crls/{name}.crl; certificates that name it cannot be checked.")
        else:
            artifacts.append(Artifact(f"root-{name}.crl", "root_crl", crl, certificates.to_pem(root).decode()))
    issuers: dict[str, str] = {}
    for name, intermediate in _intermediates(home, roots):
        if certificates.not_after(intermediate) <= now:
            warnings.append(f"intermediates/{name}.crt has expired and is not published; remove it from the record.")
            continue
        artifacts.append(Artifact(f"{name}.crt", "intermediate", intermediate.public_bytes(Encoding.DER)))
        issuers[name] = certificates.to_pem(intermediate).decode()
        warnings += _urls(f"intermediates/{name}.crt", intermediate, roots.certificates, url)
    artifacts += _bundle(roots, now, warnings)
    artifacts += _manifest(home, roots, now, warnings)
    return Collection(tuple(artifacts), issuers, tuple(warnings))


def _roots(home: Path, check: RootCheck, warnings: list[str]) -> _Roots:
    """All roots of the record but the distrusted ones: what is below those is to be refused, not to be found."""
    found = {path.stem: _certificate(path) for path in sorted((home / "roots").glob("*.crt"))}
    distrusted, trusted, sequence, refused = [], tuple(found), 0, ()
    if (home / "trust.yml").exists():
        manifest = manifest_store.read_for_hosts(str(home), check)
        distrusted = [found.pop(one.name) for one in manifest.roots if one.is_distrusted and one.pem]
        trusted = tuple(one.name for one in manifest.trusted)
        sequence, refused = manifest.sequence, tuple(one.key_sha256 for one in manifest.refused_signers)
    else:
        check.require(_listed(found))
    _leave_out_strangers(found, trusted, check, warnings)
    if not found:
        raise TrustAnchorError(
            f"the public record {home} has no root to publish",
            "a ceremony puts them there",
            "Run playbooks/ceremony.yml first, or set pki_directory to the directory of an existing record",
        )
    return _Roots(found, tuple(distrusted), trusted, sequence, refused)


def _listed(found: Mapping[str, x509.Certificate]) -> list[Root]:
    return [Root(name, certificates.fingerprint(certificate)) for name, certificate in found.items()]


def _leave_out_strangers(
    found: dict[str, x509.Certificate], trusted: tuple[str, ...], check: RootCheck, warnings: list[str]
) -> None:
    """Roots that hosts do not trust, and that nothing but the record vouches for, keep nothing else from clients."""
    for root in _listed({name: one for name, one in found.items() if name not in trusted}):
        try:
            check.require([root])
        except TrustAnchorError as error:
            warnings.append(f"roots/{root.name}.crt is not published: {error}")
            del found[root.name]


def _certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file: an intermediate may have its chain behind it."""
    return certificates.load_bundle(read(str(path)) or b"", str(path))[0]


def _crl(path: Path, root: x509.Certificate, now: dt.datetime) -> bytes | None:
    der = read(str(path))
    if der is None:
        return None
    crl = load_crl(der, str(path))
    if crl.issuer != root.subject or not signature_holds(crl, checked_key(root.public_key(), "the root")):
        raise TrustAnchorError(
            f"{path} is not signed by the root of its name",
            "every client would refuse it",
            "Restore it from the record's history",
        )
    if crl.next_update_utc is None or crl.next_update_utc <= now:
        end = times.render(crl.next_update_utc) if crl.next_update_utc else "no nextUpdate"
        raise TrustAnchorError(
            f"{path} has expired ({end})",
            "every client would refuse it",
            "Renew it (plan_ceremony, ceremony), or bring the record up to date",
        )
    return der


def _intermediates(home: Path, roots: _Roots) -> Iterator[tuple[str, x509.Certificate]]:
    """Those below a published root."""
    for path in sorted((home / "intermediates").glob("*.crt")):
        found = _certificate(path)
        if any(certificates.signature_is_by(found, root) for root in roots.certificates.values()):
            yield path.stem, found
        elif not any(certificates.signature_is_by(found, root) for root in roots.distrusted):
            raise TrustAnchorError(
                f"{path} was issued by no root of the record",
                f"its issuer is {found.issuer.rfc4514_string()}",
                "Restore the root's certificate, or remove the file",
            )


def _urls(source: str, certificate: x509.Certificate, roots: Mapping[str, x509.Certificate], url: str) -> Iterable[str]:
    """Clients look where a certificate says, and that was decided when it was signed."""
    points = certificates.extension(certificate, x509.CRLDistributionPoints) or ()
    accesses = certificates.extension(certificate, x509.AuthorityInformationAccess) or ()
    named = {name.value for point in points for name in point.full_name or ()}
    named |= {
        one.access_location.value
        for one in accesses
        if one.access_method == x509.oid.AuthorityInformationAccessOID.CA_ISSUERS
    }
    published = {f"{url}/root-{name}.{suffix}" for name in roots for suffix in ("crl", "crt")}
    for missing in sorted(named - published):
        yield f"{source} names {missing}, which is not what is published here ({url}); clients will look there."


def _bundle(roots: _Roots, now: dt.datetime, warnings: list[str]) -> Iterator[Artifact]:
    """The roots that hosts trust, in an order that does not depend on names. One that has expired is of no use."""
    named = {name: root for name, root in roots.certificates.items() if name in roots.trusted}
    expired = [name for name, root in named.items() if certificates.not_after(root) <= now]
    warnings += [f"root '{name}' has expired and is not in {BUNDLE}; make it distrusted." for name in expired]
    trusted = [root for name, root in named.items() if name not in expired]
    text = b"".join(certificates.to_pem(root) for root in sorted(trusted, key=certificates.fingerprint))
    if text:
        yield Artifact(BUNDLE, "bundle", text)


def _manifest(home: Path, roots: _Roots, now: dt.datetime, warnings: list[str]) -> Iterator[Artifact]:
    path = home / signed.FILE_NAME
    message = read(str(path))
    if message is None:
        return
    trusted = (root for name, root in roots.certificates.items() if name in roots.trusted)
    anchors = "".join(certificates.to_pem(root).decode() for root in trusted)
    manifest = signed.verify(message, anchors, roots.refused_signers)
    if manifest.not_before > now + signed.SKEW:
        raise TrustAnchorError(
            f"{path} is dated into the future ({times.render(manifest.not_before)})",
            "every host would refuse it until then; the clock of who signed it was ahead, or this one is behind",
            "Correct the clock, and sign it again",
        )
    if manifest.not_after <= now:
        raise TrustAnchorError(
            f"{path} has expired ({times.render(manifest.not_after)})", "every host would refuse it", "Sign it again"
        )
    if manifest.sequence < roots.sequence:
        warnings.append(
            f"{signed.FILE_NAME} has sequence {manifest.sequence}, trust.yml has {roots.sequence}: hosts will "
            "not see the change before it is signed."
        )
    yield Artifact(signed.FILE_NAME, "manifest", message)
