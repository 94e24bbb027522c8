# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them, ``90d`` or ``1h30m``, and as step-ca reads them. Standard library only.

There is one grammar for everything that this collection reads itself. The keys of ca.json are step-ca's own and have
Go's grammar: no unit for days, but fractions, signs and units down to nanoseconds. What is written there is checked and
given to step-ca as it is; a duration of ours is given to it in Go's form by `go_text`.
"""

from __future__ import annotations

import datetime as dt
import re

from ..errors import TrustAnchorError

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+)([dhms])")
_MAX_SECONDS = 100 * 366 * _UNITS["d"]
_MAX_LENGTH = 64  # characters: longer than any duration, and short enough for int()

# time.ParseDuration of Go's standard library (time/format.go): a zero needs no unit.
_GO_UNITS = {
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek small letter mu
    "ns": 1,
}
_GO_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_GO_MAX = 2**63 - 1  # nanoseconds


def seconds(text: str, where: str, *, zero: bool = False) -> int:
    """A duration such as ``90d``, ``24h``, ``1h30m`` or ``300s``.

    Args:
        text: the sum of its parts, each a whole number and d, h, m or s.
        where: names the place for messages, such as ``margins: root``.
        zero: a duration of zero is good, too; it needs no unit.

    Returns:
        Seconds.

    Raises:
        TrustAnchorError: it is not a duration, is zero, or is longer than a century.
    """
    total = _sum_of_parts(text) if text != "0" else 0
    if total is None:
        raise TrustAnchorError(
            f"{where}: '{text}' is not a duration",
            "a number and d, h, m or s are expected",
            "Write for example 30d, 24h or 1h30m",
        )
    if total == 0 and not zero:
        raise TrustAnchorError(f"{where}: '{text}' is a duration of zero", "a duration above zero is expected")
    if total > _MAX_SECONDS:
        raise TrustAnchorError(f"{where}: '{text}' is more than a century", "a shorter duration is expected")
    return total


def delta(text: str, where: str, *, zero: bool = False) -> dt.timedelta:
    """As `seconds`, for arithmetic with times."""
    return dt.timedelta(seconds=seconds(text, where, zero=zero))


def _sum_of_parts(text: str) -> int | None:
    """Seconds, None where something else is in the text."""
    parts = _PART.findall(text)
    if not parts or len(text) > _MAX_LENGTH or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def go_text(total: int) -> str:
    """A duration in seconds in the form that step-ca reads, such as ``86400s``."""
    return f"{total}s"


def go_nanoseconds(text: object, where: str) -> int:
    """A duration in Go's grammar, such as ``1.5h``, ``-1m``, ``300ms`` or ``0``.

    Returns:
        Nanoseconds, as Go counts them.

    Raises:
        TrustAnchorError: Go would refuse it.
    """
    total = _go_sum(text) if isinstance(text, str) and len(text) <= _MAX_LENGTH else None
    if total is None or abs(total) > _GO_MAX:
        raise TrustAnchorError(
            f"{where}: {text!r} is not a duration",
            "step-ca reads Go durations: a number and ns, us, ms, s, m or h; there is no unit for days",
            "Write for example 24h or 5m",
        )
    return total


def _go_sum(text: str) -> int | None:
    sign, body = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if body == "0":
        return 0
    parts = _GO_PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        return None
    total = sum(_times(number, _GO_UNITS[unit]) for number, unit in parts)
    return -total if sign == "-" else total


def _times(number: str, unit: int) -> int:
    """A decimal fraction such as ``1.5``, ``1.`` or ``.5`` of a unit, rounded down."""
    whole, _dot, rest = number.partition(".")
    return int(whole or "0") * unit + int(rest or "0") * unit // int("1" + "0" * len(rest))
