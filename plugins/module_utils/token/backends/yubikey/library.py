# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that only a machine with YubiKeys has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ....errors import TrustAnchorError


@contextlib.contextmanager
def yubikit_needed() -> Iterator[None]:
    """Within it the files are imported that need yubikit or pyscard.

    Raises:
        TrustAnchorError: yubikit or pyscard is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise TrustAnchorError(
            f"a Python library for YubiKeys is missing: {error}",
            "it tells a token's retry counts, defaults, policies and attestation",
            "Install yubikey-manager (Debian: yubikey-manager) where this Python finds it",
        ) from error
