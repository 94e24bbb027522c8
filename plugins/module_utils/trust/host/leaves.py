# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which root the service certificates of a host lead to. Standard library only."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...service_certificate import settings
from ..pem import fingerprint


@dataclass(frozen=True)
class Leaf:
    """A service certificate of the host.

    Args:
        name: of the certificate.
        root: fingerprint of the root that it was verified with when it was enrolled; empty where nobody knows.
    """

    name: str
    root: str


def measure() -> list[Leaf]:
    """All service certificates that are renewed on this host."""
    names = sorted(os.listdir(settings.BASE)) if os.path.isdir(settings.BASE) else []
    found = []
    for name in names:
        if os.path.isdir(os.path.join(settings.BASE, name, "current")):
            try:
                found.append(Leaf(name, fingerprint(settings.load(name).root_pem)))
            except (TrustAnchorError, ValueError):
                found.append(Leaf(name, ""))
    return found
