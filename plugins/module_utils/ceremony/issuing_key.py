# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public key of the issuer, read from the token before anything is signed."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..token.keys import KeySpec, public_key
from ..token.sessions import TokenAbsent, TokenSpec
from ..x509.builders import PublicKey
from .act import throwaway_key


@dataclass(frozen=True)
class IssuingKey:
    """The public key that signs; ``missing`` says why it is a throw-away one."""

    public: PublicKey
    missing: str | None = None


def issuing_key(spec: TokenSpec, key: KeySpec, rehearsal: bool) -> IssuingKey:
    """The issuing public key from the token. A rehearsal goes on without token or key, with a throw-away one.

    Raises:
        TrustAnchorError: token or key is absent and this is no rehearsal.
    """
    try:
        found = public_key(spec, key)
        if found is not None:
            return IssuingKey(found)
        absent = TrustAnchorError(f"the {spec} has no {key}", "it signs", "Generate it with the module token_key")
    except TokenAbsent as error:
        absent = error
    if not rehearsal:
        raise absent
    return IssuingKey(throwaway_key("secp384r1").public_key(), str(absent))
