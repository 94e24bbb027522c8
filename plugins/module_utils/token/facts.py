# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token tells about itself without any secret."""

from __future__ import annotations

from .backends.registry import backend_of
from .model import Device, SlotFacts, TokenFacts

__all__ = ["SlotFacts", "TokenFacts", "inspect"]


def inspect(device: Device) -> TokenFacts:
    """Look at a token.

    Raises:
        TokenAbsent: it is not there.
        TrustAnchorError: it cannot be read, or a program for it is missing.
    """
    return backend_of(device).inspect(device)
