# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-256 fingerprints as people write them. Standard library only, so that every host can read them."""

from __future__ import annotations

import re

from ..errors import TrustAnchorError


def normalise_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as people write it (colons, spaces, capitals), as 64 lower-case hex digits.

    Raises:
        TrustAnchorError: the text is not a SHA-256 fingerprint.
    """
    digits = re.sub(r"[\s:]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise TrustAnchorError(
            f"'{text}' is not a SHA-256 fingerprint",
            "64 hexadecimal digits are expected, with or without colons",
            "Take it from: openssl x509 -noout -fingerprint -sha256 -in FILE",
        )
    return digits
