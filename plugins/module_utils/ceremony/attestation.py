# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the attestations of a ceremony's keys must lead to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AttestationFiles:
    """Certificates (PEM) against which attestations are checked; the operator pinned them."""

    roots: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
