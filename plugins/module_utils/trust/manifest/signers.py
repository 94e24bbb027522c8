# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest signers of a public record, and those that hosts are not to believe any more (controller)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...x509 import certificates as certs
from .model import Manifest, RefusedSigner


@dataclass(frozen=True)
class Refusal:
    """Signers that are to be refused.

    Args:
        names: of certificates in ``signers/`` of the record.
        incident: reference of the incident; empty for none.
    """

    names: Collection[str] = ()
    incident: str = ""


def refuse(manifest: Manifest, record: Path, refusal: Refusal, now: dt.datetime) -> Manifest:
    """The manifest that says that signers are refused. A key is refused, with all certificates that it ever had.

    Nothing is ever taken off that list: hosts remember it whatever the manifest says.

    Raises:
        TrustAnchorError: the record has no signer of that name, or none would remain that hosts believe and no incident
            is named.
    """
    known = {one.key_sha256 for one in manifest.refused_signers}
    found = {name: _key_of(record, name) for name in refusal.names}
    new = {name: key for name, key in found.items() if key not in known}
    if not new:
        return manifest
    if not refusal.incident:
        _require_another(manifest, record, known | set(new.values()), now)
    since = now.replace(microsecond=0)
    listed = [RefusedSigner(name, key, since, refusal.incident) for name, key in sorted(new.items())]
    return replace(manifest, sequence=manifest.sequence + 1, refused_signers=(*manifest.refused_signers, *listed))


def certificates(record: Path) -> list[x509.Certificate]:
    """All signers in their places, by name; the archive does not count."""
    return [_load(path) for path in sorted((record / "signers").glob("*.crt"))]


def ends_soon(signer: x509.Certificate, now: dt.datetime, notice: dt.timedelta) -> bool:
    """Whether its successor has to be planned."""
    return certs.not_after(signer) - now < notice


def _load(path: Path) -> x509.Certificate:
    return certs.load_certificate(read(path) or b"", str(path))


def _key_of(record: Path, name: str) -> str:
    path = record / "signers" / f"{name}.crt"
    if read(path) is None:
        raise TrustAnchorError(
            f"the record has no manifest signer '{name}'",
            f"{path} does not exist; a signer is refused by the key in its certificate",
            "Name one of the files in signers/, without .crt",
        )
    return certs.spki_sha256(_load(path).public_key())


def _require_another(manifest: Manifest, record: Path, refused: Collection[str], now: dt.datetime) -> None:
    """One that hosts go on believing: below a root that they trust, under another key, and not at its end."""
    roots = [
        certs.load_certificate(read(record / "roots" / f"{root.name}.crt") or b"", root.name)
        for root in manifest.trusted
    ]
    if not any(_is_good(one, roots, refused, now) for one in certificates(record)):
        raise TrustAnchorError(
            "no manifest signer would remain that hosts believe",
            "hosts that pull could be told nothing any more",
            "Have another one signed at a ceremony first; in an incident name its reference, and push to these hosts",
        )


def _is_good(
    signer: x509.Certificate, roots: Iterable[x509.Certificate], refused: Collection[str], now: dt.datetime
) -> bool:
    if certs.spki_sha256(signer.public_key()) in refused or certs.not_after(signer) <= now:
        return False
    return any(certs.signature_is_by(signer, root) for root in roots)
