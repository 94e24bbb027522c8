# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is needed to install step-ca, checked on the controller before anything changes. Standard library only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import TrustAnchorError
from . import versions

LIBRARY = "python3-cryptography"


@dataclass(frozen=True)
class Installation:
    """How the programs get onto the host.

    Args:
        method: ``apt``, ``deb`` or ``file``.
        versions: wanted version of step-ca and step-cli.
        apt_key: path of the repository's signing key on the controller.
        debs: ``url`` or ``path``, and ``sha256``, of each package.
    """

    method: str
    versions: Mapping[str, str]
    apt_key: str
    debs: Sequence[Mapping[str, str]]

    def outdated(self, installed: Mapping[str, str]) -> bool:
        """Whether step-ca or step-cli is not installed in the wanted version."""
        return any(installed.get(name) != version for name, version in self.versions.items())

    def check_version(self) -> None:
        """Refuse a declared version with known holes, installed or not.

        Raises:
            TrustAnchorError: see `versions.require_safe`.
        """
        versions.require_safe(self.versions["step-ca"], "step_ca_version")

    def check(self, find: Callable[[str], str]) -> None:
        """Refuse an installation that could not work, or must not run.

        Args:
            find: resolves a path on the controller as Ansible does.

        Raises:
            TrustAnchorError: key or packages not declared, missing, not the declared ones, or of an unsafe version.
        """
        if self.method == "apt":
            self._check_key(find)
        elif not self.debs:
            raise TrustAnchorError(
                f"step_ca_install_method is '{self.method}' and step_ca_debs is empty",
                "step-ca is not installed in the declared version",
                "Declare the packages step-ca and step-cli with their SHA-256",
            )
        for package in self.debs if self.method != "apt" else []:
            self._check_package(package, find)

    def _check_key(self, find: Callable[[str], str]) -> None:
        if not self.apt_key or not os.path.exists(find(self.apt_key)):
            raise TrustAnchorError(
                f"the signing key of the apt repository is missing ('{self.apt_key}')",
                "packages are installed only with a signature that the host can check",
                "Save the repository's key on the controller and name it in step_ca_apt_key",
            )

    def _check_package(self, package: Mapping[str, str], find: Callable[[str], str]) -> None:
        wanted = "url" if self.method == "deb" else "path"
        versions.require_safe_file(str(package.get(wanted) or ""))
        if not package.get(wanted) or not package.get("sha256"):
            raise TrustAnchorError(
                f"an entry of step_ca_debs has no '{wanted}' or no 'sha256'", f"found {dict(package)}"
            )
        if self.method == "file" and (found := _sha256(find(package["path"]))) != package["sha256"].lower():
            raise TrustAnchorError(
                f"{package['path']} is not the package that was declared",
                f"its SHA-256 is {found}, but {package['sha256']} is declared",
                "Copy it again from its origin, and compare with the vendor's checksums",
            )


def _sha256(path: str) -> str:
    """Digest of a file, hex; 'missing' where there is none."""
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
