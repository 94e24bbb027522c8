# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the trust manifest and its roots from the public record (controller)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import TrustAnchorError
from ..schema import check_keys
from ..x509 import certificates

STATES = ("staged", "trusted", "retiring", "distrusted")


@dataclass(frozen=True)
class Anchor:
    """One root of the manifest.

    Args:
        name: its file name in the record, without ``.crt``.
        sha256: declared fingerprint, lower-case hex.
        state: one of `STATES`.
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
    path = os.path.join(record, "trust.yml")
    manifest = _load(path)
    check_keys(manifest, ("version", "sequence", "roots"), path)
    anchors: dict[str, Anchor] = {}
    for index, entry in enumerate(manifest.get("roots") or []):
        anchor = _anchor(entry, record, f"{path}: roots[{index}]")
        if anchor.name in anchors:
            raise TrustAnchorError(f"{path}: two roots are called {anchor.name}", "names are unique in the record")
        anchors[anchor.name] = anchor
    return anchors


def _load(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            manifest = yaml.safe_load(handle)
    except FileNotFoundError as error:
        raise TrustAnchorError(
            f"the public record has no trust manifest ({path})",
            "the ceremony makes it",
            "Run playbooks/ceremony.yml first, or set pki_directory to the directory of an existing record",
        ) from error
    except yaml.YAMLError as error:
        raise TrustAnchorError(f"{path} is no YAML", str(error)) from error
    if not isinstance(manifest, Mapping) or manifest.get("version") != 1:
        raise TrustAnchorError(f"{path} is no trust manifest of version 1")
    return manifest


def _anchor(entry: Any, record: str, where: str) -> Anchor:
    if not isinstance(entry, Mapping):
        raise TrustAnchorError(f"{where} is no mapping")
    check_keys(entry, ("name", "sha256", "state"), where)
    name, state = str(entry.get("name")), entry.get("state")
    sha256 = certificates.normalise_fingerprint(str(entry.get("sha256")))
    if state not in STATES:
        raise TrustAnchorError(f"{where}: state '{state}' is unknown", f"it is one of {', '.join(STATES)}")
    return Anchor(name, sha256, state, _certificate(os.path.join(record, "roots", f"{name}.crt"), sha256, state))


def _certificate(path: str, sha256: str, state: str) -> str:
    try:
        with open(path, "rb") as handle:
            pem = handle.read()
    except FileNotFoundError as error:
        if state == "distrusted":
            return ""
        raise TrustAnchorError(f"{path} is missing", "the trust manifest names it", "Restore the record from Git") from error
    certificate = certificates.load_certificate(pem, path)
    if certificates.fingerprint(certificate) != sha256:
        raise TrustAnchorError(
            f"{path} has fingerprint {certificates.fingerprint(certificate)}",
            f"the trust manifest declares {sha256}",
            "Find out which of the two was changed before anything trusts it",
        )
    if not certificates.is_ca(certificate):
        raise TrustAnchorError(f"{path} is not a CA certificate", "a trust anchor must be one")
    return certificates.to_pem(certificate).decode()
