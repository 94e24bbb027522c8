# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker's and containerd's registries have in common: their names. Standard library only."""

from __future__ import annotations

import re
from typing import Any

from ...errors import TrustAnchorError

_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?")


def check(name: Any, where: str) -> None:
    """Raises: TrustAnchorError: it is not ``host`` or ``host:port``."""
    if not _REGISTRY.fullmatch(name):
        raise TrustAnchorError(f"{where} has '{name}'", "HOST or HOST:PORT is expected")
