# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signed form of the trust manifest, as hosts fetch it: a CMS message (RFC 5652) around a JSON document.

One file, so content and signature cannot be of two versions. A host needs the standard library and the openssl program.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import TrustAnchorError
from ...host import openssl, pem
from ...schema import read_int, read_text, read_version
from ...text import times
from ...x509.fingerprints import normalise_fingerprint
from ..root import TRUSTED_STATES, Root
from .endorsement import Endorsement

VERSION = 1
FILE_NAME = "trust.p7m"
MAX_BYTES = 1 << 20  # a root is about 1 KiB
MAX_VALID = dt.timedelta(days=45)  # from the signature to its end; a host accepts no longer one
SKEW = dt.timedelta(minutes=5)  # by which clocks of the signer and of a host may differ
STATES = (*TRUSTED_STATES, "distrusted")


@dataclass(frozen=True)
class SignedManifest:
    """What the signature covers.

    Args:
        id: names the estate; sequences are compared within one.
        sequence: rises with each change of the roots.
        not_before: moment of the signature, UTC.
        not_after: a host refuses it afterwards, UTC.
        roots: all roots but the staged ones; distrusted ones without certificate.
        endorsements: cross-certificates for roots that may certify more names than those before them.
        refused_signers: SHA-256 of the public keys of signers that no host may believe any more, hex.
    """

    id: str
    sequence: int
    not_before: dt.datetime
    not_after: dt.datetime
    roots: tuple[Root, ...]
    endorsements: tuple[Endorsement, ...] = ()
    refused_signers: tuple[str, ...] = ()

    @property
    def trusted(self) -> list[Root]:
        """The roots that a host must trust."""
        return [root for root in self.roots if root.is_trusted]

    @property
    def distrusted(self) -> list[str]:
        """Fingerprints that no store of a host may trust."""
        return [root.sha256 for root in self.roots if root.is_distrusted]

    def to_json(self) -> bytes:
        """What is signed: the same manifest gives the same bytes.

        Former versions refuse keys that they do not know, so what is empty is left out.
        """
        content: dict[str, Any] = {
            "version": VERSION,
            "id": self.id,
            "sequence": self.sequence,
            "not_before": times.render(self.not_before),
            "not_after": times.render(self.not_after),
            "roots": [_plain(root) for root in self.roots],
        }
        if self.endorsements:
            content["endorsements"] = [{"root": one.sha256, "certificate": one.pem} for one in self.endorsements]
        if self.refused_signers:
            content["refused_signers"] = list(self.refused_signers)
        return (json.dumps(content, indent=1) + "\n").encode()


def _plain(root: Root) -> dict[str, str]:
    entry = {"name": root.name, "sha256": root.sha256, "state": root.state}
    return {**entry, "certificate": root.pem} if root.pem else entry


def verify(signed: bytes, anchors: str, refused: Collection[str] = ()) -> SignedManifest:
    """Verify the signature and read what it covers.

    The signer must be issued directly by an anchor (``-verify_depth 0``) for signing messages (``smimesign``), so
    neither a stolen intermediate nor a service's certificate can sign manifests. A signature ends with its signer's
    certificate and after `MAX_VALID`: who steals a signer's key cannot date a manifest beyond both.

    Args:
        signed: CMS in DER.
        anchors: PEM of the roots that may stand above the signer.
        refused: SHA-256 of public keys of signers that are not believed, hex.

    Raises:
        TrustAnchorError: no valid signature by one of them, a signer that is refused, a validity that is too long, or
            no manifest.
    """
    with tempfile.TemporaryDirectory(prefix="manifest-") as directory:
        trusted, signer = f"{directory}/anchors.pem", f"{directory}/signer.pem"
        with open(trusted, "w", encoding="utf-8") as handle:
            handle.write(anchors)
        options = ["-CAfile", trusted, "-no-CApath", "-no-CAstore", "-purpose", "smimesign", "-verify_depth", "0"]
        try:
            content = _opened(signed, [*options, "-signer", signer])
            facts = _read_signer(signer)
        except TrustAnchorError as error:
            raise TrustAnchorError(
                f"the trust manifest has no valid signature: {_reason(error)}",
                "its signer must be issued directly by a root that this host trusts",
                "Fetch it again; when that does not help, push the roots with trustanchor.private_ca.rollout_trust",
            ) from error
    manifest = parse(content)
    _check_refused(facts, (*refused, *manifest.refused_signers))
    _check_validity(manifest, facts)
    return manifest


def _check_refused(signer: openssl.CertificateFacts, refused: Collection[str]) -> None:
    if signer.public_key_sha256 in refused:
        raise TrustAnchorError(
            f"the trust manifest is signed by '{signer.subject}', which is refused",
            f"the owner said that its key ({signer.public_key_sha256}) is not to be believed any more",
            "Sign with another signer, and look at the host that serves this manifest",
        )


def _check_validity(manifest: SignedManifest, signer: openssl.CertificateFacts) -> None:
    span = manifest.not_after - manifest.not_before
    if manifest.not_after.timestamp() <= signer.not_after and span <= MAX_VALID:
        return
    raise TrustAnchorError(
        f"the trust manifest says that it is valid until {times.render(manifest.not_after)}",
        f"its signer ends at {times.render_epoch(signer.not_after)}, and a signature is good for {MAX_VALID.days} days "
        "at most",
        "Sign the manifest again, with the playbooks of this collection",
    )


def _read_signer(path: str) -> openssl.CertificateFacts:
    """OpenSSL's purpose smimesign is content with a certificate that says nothing of its purpose, even with a CA's.

    Args:
        path: PEM of all signers.
    """
    with open(path, encoding="ascii") as handle:
        signers = handle.read()
    signer = openssl.read_certificate(signers.encode())
    only_messages = openssl.Extension(critical=True, values=("E-mail Protection",))
    if len(pem.blocks(signers)) != 1 or signer.is_ca or signer.extended_key_usage != only_messages:
        raise TrustAnchorError("its signer is not a manifest signer", "its only purpose must be signing messages")
    return signer


def read_unverified(signed: bytes) -> SignedManifest:
    """What a signed manifest says, whoever signed it. For reports, never for trust.

    Raises:
        TrustAnchorError: it is not one.
    """
    try:
        return parse(_opened(signed, ["-noverify"]))
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a signed trust manifest", error.why or error.what) from error


def _opened(signed: bytes, options: list[str]) -> bytes:
    return openssl.run(["cms", "-verify", "-binary", "-inform", "DER", *options], stdin=signed).stdout


def _reason(error: TrustAnchorError) -> str:
    """The words of OpenSSL without its codes: what stands behind ``Verify error:``, or the end of the last line."""
    said = error.why.strip()
    if "Verify error:" in said:
        return said.partition("Verify error:")[2].splitlines()[0].strip()
    last = said.splitlines()[-1] if said else error.what
    return next((part for part in reversed(last.split(":")) if part and not part.isdigit()), last)


def parse(content: bytes) -> SignedManifest:
    """Read the JSON document. Keys that are not known here pass: a sister version has something more to say.

    Raises:
        TrustAnchorError: not JSON, a later version, a value that is not what it must be, no trusted root.
    """
    where = "trust manifest"
    try:
        found = json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise TrustAnchorError(f"the {where} is not JSON", str(error)) from error
    read_version(found, VERSION, f"the {where}")
    data: Mapping[str, Any] = found
    sequence = read_int(data, "sequence", where, 0, 1, 2**31)
    if not sequence:
        raise TrustAnchorError(f"{where}: 'sequence' is missing", "it is required")
    manifest = SignedManifest(
        id=read_text(data, "id", where),
        sequence=sequence,
        not_before=_moment(data, "not_before"),
        not_after=_moment(data, "not_after"),
        roots=_roots(data.get("roots")),
        endorsements=tuple(_endorsement(entry) for entry in _listed(data, "endorsements")),
        refused_signers=tuple(normalise_fingerprint(str(one)) for one in _listed(data, "refused_signers")),
    )
    if manifest.not_after <= manifest.not_before:
        raise TrustAnchorError(f"the {where} ends before it begins", times.render(manifest.not_after))
    return manifest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys occur once; usually the last one would win."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _moment(data: Mapping[str, Any], key: str) -> dt.datetime:
    return times.parse(read_text(data, key, "trust manifest"), f"trust manifest: '{key}'")


def _roots(entries: Any) -> tuple[Root, ...]:
    if not isinstance(entries, list):
        raise TrustAnchorError("trust manifest: 'roots' is not a list", "each root is a mapping")
    roots = tuple(_root(entry) for entry in entries)
    for field in ("name", "sha256"):
        values = [getattr(root, field) for root in roots]
        if len(set(values)) != len(values):
            raise TrustAnchorError(f"the trust manifest lists a {field} twice", "each root is listed once")
    if not any(root.is_trusted for root in roots):
        raise TrustAnchorError("the trust manifest has no trusted root", "a host must trust at least one")
    return roots


def _listed(data: Mapping[str, Any], key: str) -> list[Any]:
    found = data.get(key, [])
    if not isinstance(found, list):
        raise TrustAnchorError(f"trust manifest: '{key}' is not a list", f"it is {type(found).__name__}")
    return found


def _mapping(entry: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise TrustAnchorError(f"{where} is {type(entry).__name__}, not a mapping", "each entry has keys")
    return entry


def _endorsement(entry: Any) -> Endorsement:
    where = "trust manifest: endorsement"
    data = _mapping(entry, where)
    return Endorsement(normalise_fingerprint(read_text(data, "root", where)), read_text(data, "certificate", where))


def _root(entry: Any) -> Root:
    where = "trust manifest: root"
    data = _mapping(entry, where)
    state = read_text(data, "state", where)
    if state not in STATES:
        raise TrustAnchorError(f"{where}: state is '{state}'", f"known: {', '.join(STATES)}")
    certificate = "" if state == "distrusted" else read_text(data, "certificate", where)
    sha256 = normalise_fingerprint(read_text(data, "sha256", where))
    return Root(read_text(data, "name", where), sha256, state, certificate)
