# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a token wants its PIN or a touch for a signature."""

from __future__ import annotations

from ..errors import TrustAnchorError
from .backends.registry import backend_of
from .model import Device

PIN_POLICIES = ("always", "once", "never")
TOUCH_POLICIES = ("always", "cached", "never")


def check_policies(device: Device, pin_policy: str, touch_policy: str) -> None:
    """Refuse policies that are unknown, or that the token has not got.

    Raises:
        TrustAnchorError: they are.
    """
    if pin_policy not in PIN_POLICIES or touch_policy not in TOUCH_POLICIES:
        raise TrustAnchorError(
            f"PIN policy '{pin_policy}' with touch policy '{touch_policy}' is unknown",
            f"PIN: {', '.join(PIN_POLICIES)}; touch: {', '.join(TOUCH_POLICIES)}",
        )
    if pin_policy not in backend_of(device).pin_policies:
        raise TrustAnchorError(
            f"a private key on the {device.spec} always wants a login", f"PIN policy {pin_policy} is not available"
        )
