# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of the canary provisioner: made on the CA host, readable by root alone, never leaves it."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import TrustAnchorError
from ..host.files import File, Kept, read
from . import tokens
from .layout import Layout


def ensure_key(layout: Layout, check: bool) -> tuple[bool, dict[str, str]]:
    """Make the key where there is none.

    Returns:
        Whether it was (or would be) made, and its public JWK (in check mode of a key that is then forgotten).
    """
    pem = read(layout.canary_key)
    if pem is not None:
        return False, tokens.public_jwk(tokens.load_key(pem.decode()))
    key = ec.generate_private_key(ec.SECP256R1())
    if not check:
        encoded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        File(layout.canary_key, encoded, 0o600, secret=True).write()
    return True, tokens.public_jwk(key)


def files(layout: Layout) -> list[Kept]:
    """Who may read the key."""
    return [Kept(layout.canary_key, 0o600)]


def load_key(layout: Layout) -> ec.EllipticCurvePrivateKey:
    """The key.

    Raises:
        TrustAnchorError: it is missing or unreadable.
    """
    pem = read(layout.canary_key)
    if pem is None:
        raise TrustAnchorError(f"{layout.canary_key} is missing", "step_ca_config makes it", "Run the whole role")
    return tokens.load_key(pem.decode())
