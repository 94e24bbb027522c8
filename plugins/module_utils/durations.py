# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them. Standard library only."""

from __future__ import annotations

import re

from .errors import TrustAnchorError

_UNITS = {"h": 3600, "m": 60, "s": 1}


def seconds(text: str, where: str) -> int:
    """A duration such as ``24h``, ``1h30m`` or ``300s``, in seconds.

    Raises:
        TrustAnchorError: it is not one.
    """
    parts = re.findall("([0-9]+)([hms])", text)
    total = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if not total or "".join(number + unit for number, unit in parts) != text:
        raise TrustAnchorError(
            f"{where}: '{text}' is not a duration",
            "a number and h, m or s are expected",
            "Write for example 24h",
        )
    return total
