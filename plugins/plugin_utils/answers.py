# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strict reading of what a host answered: the host may be broken, or somebody else's by now.

A reader takes a value and the name of its place, and gives the value in its type or raises TrustAnchorError. Messages
name the place and the type that was found, never the value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.document import visible

T = TypeVar("T")
Reader = Callable[[Any, str], T]

LONGEST = 64 * 1024  # characters of one text
MOST = 20_000  # entries of one list or mapping
DEEPEST = 20  # levels of a free value
_YEAR_9999 = 253_370_764_800  # seconds since the epoch
LARGEST = 16 * 1024 * 1024  # bytes of one file


def refusal(where: str, expected: str, value: Any) -> TrustAnchorError:
    """Why an answer is not taken."""
    return TrustAnchorError(
        f"the host's answer cannot be used: {visible(where[:100])} is {type(value).__name__}, {expected} is expected",
        "a module of this collection does not answer like that: the host is damaged, or is not what it should be",
        "Find out what changed the answer before you trust this host",
    )


def text(value: Any, where: str) -> str:
    """A text of reasonable length, which can be written as UTF-8; Ansible's own marked texts become plain ones."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise refusal(where, f"a text of at most {LONGEST} characters", value)
    return value.encode("utf-8", "backslashreplace").decode()


def flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refusal(where, "true or false", value)
    return value


def number(value: Any, where: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
        raise refusal(where, "a finite number", value)
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float can hold
        return False


def moment(value: Any, where: str) -> float:
    """Seconds since the epoch, in a year that can be written: a host's clock may be wrong, but not that wrong."""
    found = number(value, where)
    if not 0 <= found < _YEAR_9999:
        raise refusal(where, "seconds since the epoch", value)
    return found


def whole(value: Any, where: str) -> int:
    """A whole number that fits into 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise refusal(where, "a whole number", value)
    return value


def choice(*values: str) -> Reader[str]:
    """One of these texts."""

    def read(value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in values:
            raise refusal(where, f"one of {', '.join(values)}", value)
        return str(value)

    return read


def optional(reader: Reader[T]) -> Reader[T | None]:
    """None, or what the reader takes."""

    def read(value: Any, where: str) -> T | None:
        return None if value is None else reader(value, where)

    return read


def each(reader: Reader[T]) -> Reader[list[T]]:
    """A list."""

    def read(value: Any, where: str) -> list[T]:
        if not isinstance(value, (list, tuple)) or len(value) > MOST:
            raise refusal(where, f"a list of at most {MOST} entries", value)
        return [reader(item, f"{where}[{at}]") for at, item in enumerate(value)]

    return read


def table(reader: Reader[T]) -> Reader[dict[str, T]]:
    """A mapping whose keys are any texts."""

    def read(value: Any, where: str) -> dict[str, T]:
        return {text(key, f"a key of {where}"): reader(one, f"{where}.{key}") for key, one in _mapping(value, where)}

    return read


def fields(required: Mapping[str, Reader[Any]], **others: Reader[Any]) -> Reader[dict[str, Any]]:
    """A mapping with these keys; a key that nobody asks for is left out.

    Args:
        required: key to its reader.
        others: the same for keys that may be absent.
    """

    def read(value: Any, where: str) -> dict[str, Any]:
        found = dict(_mapping(value, where))
        for name in required:
            if name not in found:
                raise refusal(f"{where}.{name}", "a value", None)
        readers = {**required, **others}
        return {name: readers[name](found[name], f"{where}.{name}") for name in readers if name in found}

    return read


def within(size: int, reader: Reader[T]) -> Reader[T]:
    """What the reader takes, of at most so many bytes as JSON."""

    def read(value: Any, where: str) -> T:
        found = reader(value, where)
        if len(json.dumps(found)) > size:
            raise refusal(where, f"at most {size} bytes", value)
        return found

    return read


def plain(value: Any, where: str) -> Any:
    """Any value that JSON has, of reasonable depth."""
    return _plain(value, where, DEEPEST)


def _plain(value: Any, where: str, levels: int) -> Any:
    if levels == 0:
        raise refusal(where, f"at most {DEEPEST} levels", value)
    if isinstance(value, Mapping):
        return table(lambda one, at: _plain(one, at, levels - 1))(value, where)
    if isinstance(value, (list, tuple)):
        return each(lambda one, at: _plain(one, at, levels - 1))(value, where)
    if value is None or isinstance(value, bool):
        return value
    return text(value, where) if isinstance(value, str) else number(value, where)


def content(value: Any, where: str) -> bytes:
    """Bytes in base64."""
    try:
        if isinstance(value, str) and len(value) <= LARGEST * 4 // 3:
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise refusal(where, f"base64 of at most {LARGEST} bytes", value)


def digest(value: Any, where: str) -> bytes:
    """A SHA-256 in base64."""
    found = content(value, where)
    if len(found) != hashlib.sha256().digest_size:
        raise refusal(where, "a SHA-256 in base64", value)
    return found


def part(answer: Mapping[str, Any], name: str, reader: Reader[T]) -> T:
    """One required entry of an answer.

    Raises:
        TrustAnchorError: it is absent, or not what the reader takes.
    """
    found: T = fields({name: reader})(answer, "the answer")[name]
    return found


def _mapping(value: Any, where: str) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping) or len(value) > MOST:
        raise refusal(where, f"a mapping of at most {MOST} entries", value)
    return list(value.items())
