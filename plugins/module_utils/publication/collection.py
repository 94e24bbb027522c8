# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect what is to be published from the public record, and refuse what clients would refuse (controller)."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError, joined
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
        kept: those of which the record has none that clients would accept, without content: what is published of them
            stays, since it is not worse.
        issuers: PEM of each published intermediate, by its name in the record.
        id: names the estate by its trust manifest; empty where the record has none.
        sequence: of the trust manifest.
        warnings: what somebody should know, and what stops nothing.
        faults: why something was left out; everything else is published.
    """

    artifacts: tuple[Artifact, ...]
    kept: tuple[Artifact, ...] = ()
    issuers: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    sequence: int = 0
    warnings: tuple[str, ...] = ()
    faults: tuple[TrustAnchorError, ...] = ()


@dataclass
class _Roots:
    """The roots of a record: those to publish by name, the names of those that hosts trust, and those of the past.

    Args:
        certificates: of roots that are neither distrusted nor gone from the trust manifest.
        past: of the others: what is below them is to be refused, not to be found.
        trusted: names.
        id: of the trust manifest; empty where there is none.
        sequence: the same; 0.
        refused_signers: fingerprints of keys whose signature hosts refuse.
    """

    certificates: dict[str, x509.Certificate] = field(default_factory=dict)
    past: list[x509.Certificate] = field(default_factory=list)
    trusted: tuple[str, ...] = ()
    id: str = ""
    sequence: int = 0
    refused_signers: tuple[str, ...] = ()


@dataclass
class _Draft:
    """A collection under way. One bad file leaves itself out, and nothing else."""

    artifacts: list[Artifact] = field(default_factory=list)
    kept: list[Artifact] = field(default_factory=list)
    issuers: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    faults: list[TrustAnchorError] = field(default_factory=list)

    @contextlib.contextmanager
    def leaving_out(self, *kept: Artifact) -> Iterator[None]:
        """What a fault in the block leaves out; ``kept``: it stays as it is published."""
        try:
            yield
        except TrustAnchorError as error:
            self.faults.append(error)
            self.kept += kept


def collect(home: Path, url: str, now: dt.datetime, check: RootCheck) -> Collection:
    """Read a record.

    Args:
        home: directory of the record.
        url: where it is published, without a slash at its end.
        now: aware.
        check: knows which roots may be trusted.

    Raises:
        TrustAnchorError: there is no root to publish, or nobody can say which are trusted. What concerns one file is
            in `Collection.faults`: a CRL or manifest that has expired or is signed by somebody else, a root that is not
            the declared one or that nothing but the record vouches for, an intermediate of an unknown issuer.
    """
    draft = _Draft()
    roots = _roots(home, check, draft)
    for name, root in roots.certificates.items():
        draft.artifacts.append(Artifact(f"root-{name}.crt", "root", root.public_bytes(Encoding.DER)))
        _add_crl(home / "crls" / f"{name}.crl", root, now, draft)
    for path in sorted((home / "intermediates").glob("*.crt")):
        with draft.leaving_out():
            _add_intermediate(path, roots, url, now, draft)
    draft.artifacts += _bundle(roots, now, draft.warnings)
    with draft.leaving_out(Artifact(signed.FILE_NAME, "manifest", b"")):
        draft.artifacts += _manifest(home, roots, now, draft.warnings)
    return Collection(
        tuple(draft.artifacts),
        tuple(draft.kept),
        draft.issuers,
        roots.id,
        roots.sequence,
        tuple(draft.warnings),
        tuple(draft.faults),
    )


def _roots(home: Path, check: RootCheck, draft: _Draft) -> _Roots:
    """All roots of the record but the distrusted ones and those that were removed from the manifest after that."""
    found = _Roots()
    paths = {path.stem: path for path in sorted((home / "roots").glob("*.crt"))}
    if (home / "trust.yml").exists():
        manifest = manifest_store.read_declared(str(home))
        found.id, found.sequence = manifest.id, manifest.sequence
        found.refused_signers = tuple(one.key_sha256 for one in manifest.refused_signers)
        found.trusted = tuple(one.name for one in manifest.trusted)
        for one in manifest.roots:
            paths.pop(one.name, None)
            with draft.leaving_out():
                _sort(manifest_store.with_certificate(one, str(home)), check, found)
        _add_removed(paths, found, draft)
    else:
        found.trusted = tuple(paths)
        for name, path in paths.items():
            with draft.leaving_out():
                certificate = _certificate(path)
                check.require([Root(name, certificates.fingerprint(certificate))])
                found.certificates[name] = certificate
    if not found.certificates:
        why = str(joined(draft.faults)) if draft.faults else "a ceremony puts them there"
        raise TrustAnchorError(
            f"the public record {home} has no root to publish",
            why,
            "Run trustanchor.private_ca.ceremony first, or set pki_directory to the directory of an existing record",
        )
    return found


def _sort(root: Root, check: RootCheck, roots: _Roots) -> None:
    certificate = certificates.load_certificate(root.pem.encode(), root.name) if root.pem else None
    if certificate is not None and root.is_distrusted:
        roots.past.append(certificate)
    elif certificate is not None:
        check.require([root])
        roots.certificates[root.name] = certificate


def _add_removed(paths: Mapping[str, Path], roots: _Roots, draft: _Draft) -> None:
    """A ceremony lists each root in the manifest, so one that is not listed was removed from it."""
    for path in paths.values():
        with draft.leaving_out():
            roots.past.append(_certificate(path))
            draft.warnings.append(
                f"roots/{path.name} is not in trust.yml, so nothing of it is published; move it to roots/archive."
            )


def _certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file: an intermediate may have its chain behind it."""
    return certificates.load_bundle(read(str(path)) or b"", str(path))[0]


def _add_crl(path: Path, root: x509.Certificate, now: dt.datetime, draft: _Draft) -> None:
    found = Artifact(f"root-{path.stem}.crl", "root_crl", b"", certificates.to_pem(root).decode())
    with draft.leaving_out(found):
        der = _crl(path, root, now)
        if der is None:
            draft.warnings.append(f"The record has no crls/{path.name}; certificates that name it cannot be checked.")
        else:
            draft.artifacts.append(replace(found, content=der))


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
    if crl.last_update_utc > now:
        raise _from_the_future(path, crl.last_update_utc, now)
    return der


def _from_the_future(path: Path, begin: dt.datetime, now: dt.datetime) -> TrustAnchorError:
    return TrustAnchorError(
        f"{path} is from the future ({times.render(begin)})",
        f"every client would refuse it; the clock here says {times.render(now)}",
        "Correct the clock that is wrong, and have it made again",
    )


def _add_intermediate(path: Path, roots: _Roots, url: str, now: dt.datetime, draft: _Draft) -> None:
    """One below a published root."""
    found = _certificate(path)
    if not any(certificates.signature_is_by(found, root) for root in roots.certificates.values()):
        if any(certificates.signature_is_by(found, root) for root in roots.past):
            return
        raise TrustAnchorError(
            f"{path} was issued by no root of the record",
            f"its issuer is {found.issuer.rfc4514_string()}",
            "Restore the root's certificate, or remove the file",
        )
    if certificates.not_after(found) <= now:
        draft.warnings.append(f"intermediates/{path.name} has expired and is not published; remove it from the record.")
        return
    draft.artifacts.append(Artifact(path.name, "intermediate", found.public_bytes(Encoding.DER)))
    draft.issuers[path.stem] = certificates.to_pem(found).decode()
    draft.warnings += _urls(f"intermediates/{path.name}", found, roots.certificates, url)


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
    if manifest.not_after <= now:
        raise TrustAnchorError(
            f"{path} has expired ({times.render(manifest.not_after)})", "every host would refuse it", "Sign it again"
        )
    if manifest.not_before > now + signed.SKEW:
        raise _from_the_future(path, manifest.not_before, now)
    if manifest.sequence < roots.sequence:
        warnings.append(
            f"{signed.FILE_NAME} has sequence {manifest.sequence}, trust.yml has {roots.sequence}: hosts will "
            "not see the change before it is signed."
        )
    yield Artifact(signed.FILE_NAME, "manifest", message)
