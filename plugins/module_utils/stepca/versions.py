# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of step-ca are safe to run. Standard library only.

The step program is not looked at: what is wrong in the older versions is in the server's answers to SCEP, ACME and
device attestation, and step serves nobody.
"""

from __future__ import annotations

import re

from ..errors import TrustAnchorError
from ..host import commands

MINIMUM = (0, 30, 0)
_WHY = (
    "versions below 0.30.0 issue certificates without authentication over SCEP (CVE-2026-30836), and can be stopped by "
    "a forged device attestation (CVE-2026-40097)"
)
# Of a package (deb-version(7)) or of the program: an epoch, up to three numbers, and whatever comes after them.
_VERSION = re.compile(r"(?:[0-9]{1,9}:)?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?((?:[~+-].*)?)")
_PRERELEASE = re.compile(r"~|-?(alpha|beta|dev|pre|rc)|[-.]0\.[0-9]{14}-")  # the last is a pseudo-version of Go
_SAID = re.compile(r"Smallstep CA/(\S+) \([^()\n]*\)(?:\n.*)?", re.DOTALL)
_PACKAGE = re.compile(r"step-ca_([^_/]+)_[^_/]+\.deb")


def require_safe(version: str, what: str) -> None:
    """Refuse a version with known holes, and one that does not say which it is.

    Args:
        version: of the package or the program, such as ``0.30.2-1``.
        what: whose it is, for messages.

    Raises:
        TrustAnchorError: it is below 0.30.0, or not a version.
    """
    found = _VERSION.fullmatch(version)
    if not found:
        raise TrustAnchorError(
            f"{what} is '{version[:80]}', which says no version",
            _WHY,
            "Use a release, or build it with its version in it",
        )
    numbers = tuple(int(number or 0) for number in found.groups()[:3])
    if numbers < MINIMUM or (numbers == MINIMUM and _PRERELEASE.match(found[4])):
        raise TrustAnchorError(f"{what} is {version}", _WHY, "Use 0.30.0 or newer: step_ca_version, step_ca_debs")


def require_safe_file(path: str) -> None:
    """Refuse a package of step-ca whose name says that it is an older version; other names say nothing.

    Args:
        path: or URL.

    Raises:
        TrustAnchorError: as `require_safe`.
    """
    name = path.rpartition("/")[2]
    if found := _PACKAGE.fullmatch(name):
        require_safe(found[1].replace("%7E", "~").replace("%2B", "+"), f"the version of {name} in step_ca_debs")


def require_safe_program(path: str) -> None:
    """Refuse a program, however it got to the host.

    Args:
        path: of step-ca.

    Raises:
        TrustAnchorError: it is missing or cannot be run; or as `require_safe`.
    """
    said = commands.run([path, "version"]).stdout.decode(errors="replace")
    found = _SAID.fullmatch(said)
    require_safe(found[1] if found else said.partition("\n")[0][:80], f"the version of {path}")
