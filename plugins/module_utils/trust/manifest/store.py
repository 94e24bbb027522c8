# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the trust manifest and its roots from the public record (controller)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...x509 import certificates
from . import model
from .signed import TRUSTED_STATES


@dataclass(frozen=True)
class Anchor:
    """One root of the manifest.

    Args:
        name: its file name in the record, without ``.crt``.
        sha256: declared fingerprint, lower-case hex.
        state: one of `manifest.STATES`.
        pem: the certificate; empty for a distrusted root whose file is gone.
    """

    name: str
    sha256: str
    state: str
    pem: str

    def as_dict(self) -> dict[str, str]:
        """For Jinja."""
        return {"name": self.name, "sha256": self.sha256, "state": self.state, "pem": self.pem}


def read(record: str) -> dict[str, Anchor]:
    """The roots of a public record, by name.

    Args:
        record: directory with trust.yml and roots/NAME.crt.

    Raises:
        TrustAnchorError: no manifest, unknown keys or states, a certificate that is missing, is not the declared one or
            is not a CA's.
    """
    return {root.name: _anchor(root, record) for root in read_manifest(record).roots}


def read_manifest(record: str) -> model.Manifest:
    """The manifest of a public record, without a look at the certificates.

    Raises:
        TrustAnchorError: there is none, or it is not as the strict schema wants it.
    """
    path = os.path.join(record, "trust.yml")
    return model.parse_manifest(_load(path), path)


def usable(record: str, name: str) -> Anchor:
    """One root that certificates may lead to.

    Raises:
        TrustAnchorError: as `read`; there is no such root, or it is not trusted (any more).
    """
    anchors = read(record)
    if name not in anchors:
        raise TrustAnchorError(
            f"the trust manifest has no root '{name}'", f"it has: {', '.join(anchors) or 'none'}", "Name one of these"
        )
    if anchors[name].state not in TRUSTED_STATES:
        raise TrustAnchorError(
            f"root '{name}' is {anchors[name].state} in the trust manifest",
            "hosts do not trust it, so nothing may be issued under it",
            "Name another root, or change its state",
        )
    return anchors[name]


def _load(path: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError as error:
        raise TrustAnchorError(
            f"the public record has no trust manifest ({path})",
            "the ceremony makes it",
            "Run playbooks/ceremony.yml first, or set pki_directory to the directory of an existing record",
        ) from error


def _anchor(root: model.Root, record: str) -> Anchor:
    """The root with its certificate, which must be the declared one."""
    path = os.path.join(record, "roots", f"{root.name}.crt")
    try:
        with open(path, "rb") as handle:
            certificate = certificates.load_certificate(handle.read(), path)
    except FileNotFoundError as error:
        if root.state == "distrusted":
            return Anchor(root.name, root.sha256, root.state, "")
        raise TrustAnchorError(
            f"{path} is missing", "the trust manifest names it", "Restore the record from its history"
        ) from error
    if certificates.fingerprint(certificate) != root.sha256:
        raise TrustAnchorError(
            f"{path} has fingerprint {certificates.fingerprint(certificate)}",
            f"the trust manifest declares {root.sha256}",
            "Find out which of the two was changed before anything trusts it",
        )
    if not certificates.is_ca(certificate):
        raise TrustAnchorError(f"{path} is not a CA certificate", "a trust anchor must be one")
    return Anchor(root.name, root.sha256, root.state, certificates.to_pem(certificate).decode())
